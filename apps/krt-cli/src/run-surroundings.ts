import {isTerminal, RUNTIME_LABEL, type Run} from '@kruntimes/api-types';
import {kinds} from '@kruntimes/reconciler-kit';
import type {Connection} from './connection.ts';
import {type Lookup, lookUp} from './lookup.ts';
import type {EventState, RunSurroundings} from './run-explanation.ts';

/** Reads what stands around a Run. What may not be read is not known, and no error. */
export async function readSurroundings(connection: Connection, run: Run, nowMs: number): Promise<RunSurroundings> {
  const {client, runtimes} = connection;
  const {namespace = '', uid} = run.metadata ?? {};
  const {assignedPod, assignedPodUID} = run.status ?? {};
  const ended = isTerminal(run.status?.phase);
  const bound = assignedPod !== undefined && !ended;
  const waits = (run.status?.phase ?? 'Pending') === 'Pending';
  const pods = client.kind(kinds.Pod);
  const [runtime, pod, runtimePods] = await Promise.all([
    lookUp('get runtimes', () => runtimes.get(run.spec.runtime, {namespace})),
    bound ? lookUp('get pods', () => pods.get(assignedPod, {namespace})) : undefined,
    waits
      ? lookUp(
          'list pods',
          async () =>
            (await pods.list({namespace, labelSelector: `${RUNTIME_LABEL}=${run.spec.runtime}`, limit: 100})).items,
        )
      : undefined,
  ]);
  const uids = [
    uid,
    bound ? assignedPodUID : undefined,
    runtime.kind === 'found' ? runtime.object.metadata?.uid : undefined,
  ];
  const events = await readEvents(
    connection,
    namespace,
    uids.filter((each) => each !== undefined),
  );
  return {run, runtime, pod, runtimePods, events, nowMs};
}

async function readEvents(
  {client}: Connection,
  namespace: string,
  uids: readonly string[],
): Promise<Lookup<readonly EventState[]>> {
  return await lookUp('list events', async () => {
    const lists = await Promise.all(
      uids.map((uid) =>
        client.transport.request<{items?: EventState[]}>({
          method: 'GET',
          path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`,
          query: {fieldSelector: `involvedObject.uid=${uid}`, limit: 100},
        }),
      ),
    );
    const time = ({lastTimestamp, eventTime}: EventState): string => lastTimestamp ?? eventTime ?? '';
    return lists.flatMap(({items = []}) => items).toSorted((a, b) => (time(a) < time(b) ? -1 : 1));
  });
}
