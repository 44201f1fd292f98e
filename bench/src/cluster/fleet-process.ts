/** Simulated Runtime Pods: objects with a Lease that is renewed, and the writes of a runtimed whose programs take no time. */
import {
  API_VERSION,
  endAttemptStatus,
  fenceOf,
  leaseName,
  RUNTIME_KIND,
  RUNTIME_LABEL,
  RUNTIMED_READY_CONDITION,
  type Run,
  runKind,
  terminalPhases,
} from '@kruntimes/api-types';
import {Client, kinds, microTime, Transport, Watcher} from '@kruntimes/reconciler-kit';
import {inParallel} from '../measure/in-parallel.ts';
import {type ClientAccess, configOf} from './bench-identity.ts';
import {serve} from './child-service.ts';

export interface FleetOptions {
  access: ClientAccess;
  namespace: string;
  runtime: {name: string; uid: string};
  /** Whether each Pod watches its Runs and ends them; else they stay bound. */
  execute: boolean;
}

export type FleetMethods = {
  start(options: FleetOptions): Promise<void>;
  /** Adds Pods until there are so many; resolves when all are ready and, if they execute, watch. */
  grow(pods: number): Promise<void>;
};

/** Half as often as a runtimed: 5,000 of these on one machine are load enough. A Lease expires after 40 s. */
const RENEWAL_MS = 20_000;
const CONCURRENCY = 32;

interface SimulatedPod {
  name: string;
  uid: string;
}

const stopping = new AbortController();
const pods: SimulatedPod[] = [];
let options: FleetOptions;
let transport: Transport;
let client: Client;

const methods: FleetMethods = {
  async start(given) {
    options = given;
    transport = new Transport(configOf(given.access), {connections: CONCURRENCY, userAgent: 'simulated-runtimed'});
    client = new Client(transport);
    void renewForEver();
    await Promise.resolve();
  },
  async grow(count) {
    const first = pods.length;
    await inParallel(count - first, CONCURRENCY, async (index) => {
      const pod = await createPod(`${options.runtime.name}-${first + index}`);
      pods.push(pod);
      if (options.execute) await watchRuns(pod);
    });
  },
};

async function createPod(name: string): Promise<SimulatedPod> {
  const {namespace, runtime} = options;
  const labels = {[RUNTIME_LABEL]: runtime.name};
  const owner = {apiVersion: API_VERSION, kind: RUNTIME_KIND, name: runtime.name, uid: runtime.uid, controller: true};
  const {metadata} = await client.kind(kinds.Pod).create({
    metadata: {name, namespace, labels, ownerReferences: [owner]},
    // On a node that nobody is, so that nobody starts it.
    spec: {
      nodeName: 'simulated',
      terminationGracePeriodSeconds: 0,
      containers: [{name: 'runtime', image: 'simulated'}],
    },
  });
  const uid = metadata?.uid ?? '';
  const holder = {apiVersion: 'v1', kind: 'Pod', name, uid};
  await client.kind(kinds.Lease).create({
    metadata: {name: leaseName(uid), namespace, labels, ownerReferences: [holder]},
    spec: {holderIdentity: name, leaseDurationSeconds: 40, renewTime: microTime(Date.now())},
  });
  const conditions = ['Ready', RUNTIMED_READY_CONDITION].map((type) => ({type, status: 'True'}));
  await client
    .kind(kinds.Pod)
    .patchStatus({name, namespace}, {type: 'merge', body: {status: {phase: 'Running', conditions}}});
  return {name, uid};
}

async function renewForEver(): Promise<void> {
  while (!stopping.signal.aborted) {
    const started = performance.now();
    await inParallel(pods.length, 8, async (index) => {
      const pod = pods[index]!;
      const body = {spec: {renewTime: microTime(Date.now())}};
      const ref = {name: leaseName(pod.uid), namespace: options.namespace};
      await client
        .kind(kinds.Lease)
        .patch(ref, {type: 'merge', body})
        .catch((error: unknown) => stopping.signal.aborted || console.error('a simulated Pod cannot renew', error));
      // Over the whole time, as Pods that were not started together do.
      const left = RENEWAL_MS - (performance.now() - started);
      const share = (left * 8) / Math.max(8, pods.length - index);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, Math.min(share, RENEWAL_MS / 8))));
    });
    const rest = RENEWAL_MS - (performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, pods.length === 0 ? 100 : Math.max(0, rest)));
  }
}

async function watchRuns({name}: SimulatedPod): Promise<void> {
  const {namespace} = options;
  const runs = client.kind(runKind);
  const fieldSelector = [`status.assignedPod=${name}`, ...terminalPhases.map((phase) => `status.phase!=${phase}`)].join(
    ',',
  );
  const begun = new Set<string>();
  const execute = (run: Run): void => {
    const fence = fenceOf(run);
    if (run.status?.phase !== 'Scheduled' || fence === undefined || begun.has(fence.uid)) return;
    begun.add(fence.uid);
    const now = new Date();
    const output = {stdoutBytes: 6, stderrBytes: 0, truncated: false, tail: ''};
    const end = {outcome: {kind: 'exited', exitCode: 0} as const, startTime: now, output};
    runs
      .updateStatus({...run, status: endAttemptStatus(run, fence, end, {now, random: Math.random})})
      .catch((error: unknown) => stopping.signal.aborted || console.error('a simulated Pod cannot end a Run', error))
      .finally(() => begun.delete(fence.uid));
  };
  const opened = Promise.withResolvers<void>();
  new Watcher(runs, {namespace, fieldSelector})
    .run(
      {
        replace(objects) {
          for (const run of objects) execute(run);
          opened.resolve();
        },
        event(type, run) {
          if (type !== 'DELETED') execute(run);
        },
      },
      stopping.signal,
    )
    .catch(opened.reject);
  await opened.promise;
}

serve(methods, async () => {
  stopping.abort();
  await transport?.close();
});
