import {once} from 'node:events';
import {type IncomingMessage, request} from 'node:http';
import {ARTIFACT_STORE_LABEL, artifactStoreHash, LOGS_ARTIFACT, MAINTAINER_PORT, type Run} from '@kruntimes/api-types';
import {type Clock, type DeepReadonly, isApiError, kinds, ReconcilerKitError, Watcher} from '@kruntimes/reconciler-kit';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {type ArtifactBody, type ArtifactSource, type ExpectedArtifact, RetryLater} from './artifact-download.ts';
import type {Connection} from './connection.ts';
import {formatDuration} from './duration.ts';
import {KrtError} from './krt-error.ts';
import {openPodTunnel, PodPortError} from './pod-tunnel.ts';

export interface MaintainerSourceOptions {
  connection: Connection;
  run: Run;
  clock: Clock;
  /** Longest wait for a maintainer that is ready, and for bytes. */
  timeoutMs: number;
  onWait?: ((what: string) => void) | undefined;
}

const maxErrorBytes = 64 * 1024;
/** Some bytes must come in this time, else the connection counts as broken. */
const silenceMs = 30_000;

/**
 * The artifacts of one Run, from the maintainer of its store: a Pod that serves them on its loopback address only, so that
 * whoever may forward its port may read them.
 */
export class MaintainerSource implements ArtifactSource {
  readonly #options: MaintainerSourceOptions;

  constructor(options: MaintainerSourceOptions) {
    this.#options = options;
  }

  async open(artifact: ExpectedArtifact, offset: number, signal: AbortSignal): Promise<ArtifactBody> {
    const headers = {
      // Should the object be another one by now, the whole of it comes, and its ETag tells.
      ...(offset > 0 ? {range: `bytes=${offset}-`, 'if-range': `"${artifact.digest}"`} : {}),
    };
    const response = await this.#get(`artifacts/${encodeURIComponent(artifact.name)}`, headers, signal);
    return artifactBody(response, artifact.name, offset, this.#options.clock);
  }

  /**
   * The log of an attempt as its Pod printed it.
   * @throws KrtError `NOT_FOUND` when it was not stored; RetryLater
   */
  async openLog(attempt: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const response = await this.#get(`artifacts/${LOGS_ARTIFACT}?attempt=${attempt}`, {}, signal);
    return untilSilence(response, this.#options.clock);
  }

  async #get(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
    const {connection, run} = this.#options;
    const pod = await this.#readyPod(signal);
    const {namespace = connection.namespace, uid = ''} = run.metadata ?? {};
    try {
      const config = connection.client.transport.config;
      const tunnel = await openPodTunnel(config, {namespace, pod, port: MAINTAINER_PORT}, {signal});
      const asked = request({
        path: `/v1/runs/${encodeURIComponent(uid)}/${path}`,
        headers: {host: '127.0.0.1', connection: 'close', ...headers},
        createConnection: () => tunnel,
        signal,
      });
      asked.end();
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      if (response.statusCode === 200 || response.statusCode === 206) return response;
      throw await refusalOf(response, run);
    } catch (error) {
      signal.throwIfAborted();
      throw retryable(error);
    }
  }

  /** Name of a maintainer Pod that is ready, as soon as there is one. */
  async #readyPod(signal: AbortSignal): Promise<string> {
    const {connection, run, clock, timeoutMs, onWait} = this.#options;
    const store = run.status?.artifactStore;
    if (!store) throw noStore(run);
    const {namespace = connection.namespace} = run.metadata ?? {};
    const labelSelector = `${ARTIFACT_STORE_LABEL}=${artifactStoreHash(store)}`;
    const pods = connection.client.kind(kinds.Pod);
    // A list first: unlike a watch, it tells at once what is not allowed.
    const {items} = await pods.list({namespace, labelSelector, signal});
    const present = items.find(isReady)?.metadata?.name;
    if (present !== undefined) return present;

    const known = new Map<string, DeepReadonly<Pod>>();
    const found = Promise.withResolvers<string>();
    const look = (): void => {
      const ready = [...known.values()].find(isReady);
      if (ready) found.resolve(ready.metadata?.name ?? '');
      else onWait?.(`waiting for the maintainer of the artifact store (${describeMaintainer(known)})`);
    };
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const timer = clock.setTimeout(() => {
      found.reject(
        new KrtError(
          'ARTIFACTS_UNAVAILABLE',
          `no maintainer of the artifact store of Run "${run.metadata?.name}" was ready in ${formatDuration(timeoutMs)}: ${describeMaintainer(known)}`,
          {retryable: true, hint: `kubectl describe pods -n ${namespace} -l ${labelSelector} shows what it waits for`},
        ),
      );
    }, timeoutMs);
    const aborted = (): void => found.reject(signal.reason);
    signal.addEventListener('abort', aborted, {once: true});
    const watching = new Watcher(pods, {namespace, labelSelector, clock}).run(
      {
        replace: (list) => {
          known.clear();
          for (const pod of list) known.set(pod.metadata?.uid ?? '', pod);
          look();
        },
        event: (type, pod) => {
          if (type === 'DELETED') known.delete(pod.metadata?.uid ?? '');
          else known.set(pod.metadata?.uid ?? '', pod);
          look();
        },
      },
      either,
    );
    watching.catch(found.reject);
    try {
      return await found.promise;
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', aborted);
      stop.abort();
      await watching.catch(() => undefined);
    }
  }
}

/** The error for a Run whose status names no store. */
function noStore(run: Run): KrtError {
  const name = run.metadata?.name ?? '';
  return new KrtError('ARTIFACTS_UNAVAILABLE', `Run "${name}" has stored nothing: its status names no artifact store`, {
    hint: 'a Runtime keeps artifacts when its spec.artifactStore says where',
  });
}

function isReady({metadata, status}: DeepReadonly<Pod>): boolean {
  if (metadata?.deletionTimestamp) return false;
  return status?.conditions?.some(({type, status: value}) => type === 'Ready' && value === 'True') ?? false;
}

function describeMaintainer(pods: ReadonlyMap<string, DeepReadonly<Pod>>): string {
  const [pod] = [...pods.values()].filter(({metadata}) => !metadata?.deletionTimestamp);
  if (!pod) return 'it has no Pod yet';
  const {waiting, terminated} = pod.status?.containerStatuses?.[0]?.state ?? {};
  const detail = waiting?.message ?? waiting?.reason ?? terminated?.message ?? terminated?.reason;
  const unscheduled = pod.status?.conditions?.find(({type, status}) => type === 'PodScheduled' && status === 'False');
  const why = detail ?? unscheduled?.message ?? 'it is starting';
  return `Pod ${pod.metadata?.name} is not ready: ${why}`;
}

async function refusalOf(response: IncomingMessage, run: Run): Promise<Error> {
  const {statusCode = 500} = response;
  const {code = '', message = `it answered ${statusCode}`} = await errorBody(response);
  // The maintainer watches: it may learn of a Run a moment after us.
  if (statusCode === 404 && code === 'RUN_UNKNOWN') return new RetryLater(message);
  if (statusCode === 404) {
    return new KrtError('NOT_FOUND', `the artifact store of Run "${run.metadata?.name}" does not have it: ${message}`, {
      hint: 'somebody has deleted it from the store',
    });
  }
  if (statusCode === 503 || statusCode === 429)
    return new RetryLater(`the artifact store is not available: ${message}`);
  return new KrtError('ARTIFACTS_UNAVAILABLE', `the maintainer of the artifact store failed: ${message}`, {
    retryable: statusCode >= 500,
    ...(code === 'ACCESS_DENIED' || code === 'CREDENTIALS_MISSING'
      ? {hint: 'the Secret of the artifact store does not let it read'}
      : {}),
  });
}

async function errorBody(response: IncomingMessage): Promise<{code?: string; message?: string}> {
  let text = '';
  try {
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
      text += chunk;
      if (text.length > maxErrorBytes) break;
    }
    const {code, message} = JSON.parse(text) as {code?: unknown; message?: unknown};
    return {...(typeof code === 'string' ? {code} : {}), ...(typeof message === 'string' ? {message} : {})};
  } catch {
    return text.trim() === '' ? {} : {message: text.trim().slice(0, 300)};
  }
}

/** What a new connection may cure: a Pod that has just gone or is starting, a cut. */
function retryable(error: unknown): unknown {
  if (error instanceof KrtError || error instanceof RetryLater) return error;
  if (error instanceof PodPortError) return new RetryLater(`the maintainer does not answer: ${error.message}`);
  if (isApiError(error)) {
    // 404: the Pod went between the list and this; 400: it is not bound to a node.
    return error.retryable || error.status === 404 || error.status === 400 ? new RetryLater(error.message) : error;
  }
  if (error instanceof ReconcilerKitError) return error.retryable ? new RetryLater(error.message) : error;
  const {code} = error as NodeJS.ErrnoException;
  return code === undefined ? error : new RetryLater(`the connection to the maintainer broke (${code})`);
}

function artifactBody(response: IncomingMessage, name: string, asked: number, clock: Clock): ArtifactBody {
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers['content-range'] ?? '');
  const partial = response.statusCode === 206;
  if (partial && !range) {
    response.destroy();
    throw new KrtError('ARTIFACTS_UNAVAILABLE', `the maintainer sent a part of artifact "${name}" without its place`);
  }
  const offset = partial ? Number(range?.[1]) : 0;
  const length = Number(response.headers['content-length'] ?? Number.NaN);
  const totalBytes = partial ? Number(range?.[2]) : length;
  if (offset > asked || !Number.isSafeInteger(totalBytes)) {
    response.destroy();
    throw new KrtError('ARTIFACTS_UNAVAILABLE', `the maintainer does not say where its part of "${name}" belongs`);
  }
  const digest = /^(?:W\/)?"(sha256:[0-9a-f]{64})"$/.exec(response.headers.etag ?? '')?.[1];
  return {offset, totalBytes, digest, bytes: untilSilence(response, clock)};
}

/** The bytes of an answer; an end before its end is thrown as {@link RetryLater}. A reader may take its time. */
async function* untilSilence(response: IncomingMessage, clock: Clock): AsyncGenerator<Uint8Array> {
  const silent = (): void => void response.destroy(new RetryLater(`nothing came for ${formatDuration(silenceMs)}`));
  const chunks = response[Symbol.asyncIterator]();
  try {
    for (;;) {
      const timer = clock.setTimeout(silent, silenceMs);
      const next = (await chunks.next().finally(() => timer.cancel())) as IteratorResult<Buffer>;
      if (next.done) return;
      yield next.value;
    }
  } catch (error) {
    throw retryable(error);
  } finally {
    response.destroy();
  }
}
