import {kinds} from './kind.ts';
import type {ObjectRef} from './kind-client.ts';
import {objectPath} from './object-path.ts';
import type {Transport} from './transport.ts';

export interface PodLogOptions {
  /** Needed when the Pod has several. */
  container?: string;
  /** Go on until the container ends. Default false. */
  follow?: boolean;
  /** Of the container's previous instance. */
  previous?: boolean;
  /** RFC 3339. */
  sinceTime?: string;
  sinceSeconds?: number;
  /** Only the last lines. */
  tailLines?: number;
  limitBytes?: number;
  /** Put the time before each line. */
  timestamps?: boolean;
  signal?: AbortSignal;
}

/** Bytes of a container's log, on a connection of its own. */
export async function* podLogs(
  transport: Transport,
  pod: ObjectRef,
  options: PodLogOptions,
): AsyncGenerator<Uint8Array> {
  const {signal, ...query} = options;
  const stream = await transport.stream({
    method: 'GET',
    path: objectPath(kinds.Pod, pod.name, pod.namespace, 'log'),
    query,
    accept: '*/*',
    signal,
  });
  try {
    yield* stream.body;
  } finally {
    stream.close();
  }
}
