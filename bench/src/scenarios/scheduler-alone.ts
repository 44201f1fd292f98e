/** Binds to simulated Pods: what the scheduler itself costs, whatever there is beside. */
import {setTimeout as delay} from 'node:timers/promises';
import {API_VERSION, bindStatus, endAttemptStatus, fenceOf, type Run, runtimeKind} from '@kruntimes/api-types';
import {Fleet} from '../cluster/fleet.ts';
import type {Target} from '../cluster/target.ts';
import {inParallel} from '../measure/in-parallel.ts';
import {sampleProcesses} from '../measure/process-sample.ts';
import {hello} from './loads.ts';
import type {Figure, Scenario} from './scenario.ts';

const CONCURRENCY = 64;
const PATIENCE_MS = 600_000;
/** Pods of the cases that are not about Pods. */
const PODS = 100;
const SIMULATED = 'scheduler scenarios: Pods are simulated, their Runs stay bound; nothing is executed';

export const schedulerPods: Scenario = {
  name: 'scheduler-pods',
  title: 'binds with more and more simulated Pods',
  needsWorld: true,
  async run(target, {scale}) {
    const figures: Figure[] = [];
    await withoutController(target, async () => {
      await using fleet = await Fleet.start(target, {name: 'sim-pods', slots: 1000, execute: false});
      for (const pods of scale.schedulerPods) {
        await fleet.grow(pods);
        figures.push(
          ...(await binds(target, fleet, {scenario: 'scheduler-pods', load: String(pods), count: scale.binds})),
        );
      }
    });
    return {figures, notes: [SIMULATED]};
  },
};

export const schedulerFinished: Scenario = {
  name: 'scheduler-finished',
  title: 'binds with more and more finished Runs stored',
  needsWorld: true,
  async run(target, {scale}) {
    const figures: Figure[] = [];
    await withoutController(target, async () => {
      await using fleet = await Fleet.start(target, {name: 'sim-finished', slots: 1000, execute: false});
      await fleet.grow(PODS);
      let stored = 0;
      for (const finished of scale.finished) {
        await storeFinished(target, stored, finished - stored);
        stored = finished;
        const what = {scenario: 'scheduler-finished', load: String(finished), count: scale.binds};
        figures.push(...(await binds(target, fleet, what)));
      }
    });
    return {figures, notes: [SIMULATED]};
  },
};

export const schedulerPending: Scenario = {
  name: 'scheduler-pending',
  title: 'binds with more and more Runs that wait for a Runtime without Pods',
  needsWorld: true,
  async run(target, {scale}) {
    const figures: Figure[] = [];
    await withoutController(target, async () => {
      await using fleet = await Fleet.start(target, {name: 'sim-pending', slots: 1000, execute: false});
      await fleet.grow(PODS);
      await createWaitingRuntime(target);
      let waiting = 0;
      for (const pending of scale.pending) {
        process.stderr.write(`  ${pending} waiting Runs\n`);
        const first = waiting;
        await inParallel(pending - first, CONCURRENCY, (index) =>
          target.runs('kruntimes').create(run(WAITING, `waiting-${first + index}`, WAITING)),
        );
        waiting = pending;
        await untilQuiet(target);
        const what = {scenario: 'scheduler-pending', load: String(pending), count: scale.binds};
        figures.push(...(await binds(target, fleet, what)));
      }
      // All of it before the next scenario, which would measure it, too.
      await target.runs('kruntimes').deleteCollection({namespace: WAITING, timeoutMs: 600_000});
      await target.admin.kind(runtimeKind).delete({name: WAITING, namespace: WAITING});
    });
    return {figures, notes: [SIMULATED]};
  },
};

const WAITING = 'sim-waiting';

function run(namespace: string, name: string, runtime: string): Run {
  return {metadata: {name, namespace, labels: {app: 'kruntimes-bench'}}, spec: {runtime, ...hello}};
}

/** Creates Runs as fast as the API server takes them, until all are seen bound; twice, the second time with the Runs there first. */
async function binds(
  target: Target,
  fleet: Fleet,
  {scenario, load, count}: {scenario: string; load: string; count: number},
): Promise<Figure[]> {
  const {namespace, runtime} = fleet;
  const figure = (name: string, value: number, unit: string): Figure => ({scenario, load, name, value, unit});
  const client = target.runs('kruntimes');
  const seen = await boundRuns(target, namespace);
  const scheduler = async (): Promise<{cpuSeconds: number; residentMiB: number}> => {
    const {scheduler: pids = []} = await target.processes();
    return (await sampleProcesses({scheduler: pids}))['scheduler']!;
  };
  try {
    // A scheduler that has just been started compiles its code first.
    const warm = Math.ceil(count / 2);
    await inParallel(warm, CONCURRENCY, (index) => client.create(run(namespace, `warm-${index}`, runtime)));
    await seen.until(warm);
    const before = await scheduler();
    const started = performance.now();
    await inParallel(count, CONCURRENCY, (index) => client.create(run(namespace, `live-${index}`, runtime)));
    const createdMs = performance.now() - started;
    await seen.until(warm + count);
    const after = await scheduler();
    const live = [
      figure('scheduler CPU per bind', ((after.cpuSeconds - before.cpuSeconds) * 1000) / count, 'ms'),
      figure('scheduler memory', after.residentMiB, 'MiB'),
      figure('creates', (count * 1000) / createdMs, 'per s'),
    ];
    // Those that wait for a scheduler that is just starting are bound at its own pace.
    await target.world!.call('setApp', {app: 'scheduler', running: false});
    await inParallel(count, CONCURRENCY, (index) => client.create(run(namespace, `ahead-${index}`, runtime)));
    await target.world!.call('setApp', {app: 'scheduler', running: true});
    const {firstMs, lastMs} = await seen.until(warm + 2 * count, warm + count);
    const bindsPerSecond = ((count - 1) * 1000) / (lastMs - firstMs);
    process.stderr.write(
      `  ${scenario} ${load}: ${bindsPerSecond.toFixed(0)} binds per s, ${live[0]!.value.toFixed(2)} ms\n`,
    );
    return [...live, figure('binds of Runs that were there first', bindsPerSecond, 'per s')];
  } finally {
    await seen.stop();
    await fleet.clear();
  }
}

/** Counts Runs of a namespace that a watch tells to be bound. */
async function boundRuns(target: Target, namespace: string) {
  const stop = new AbortController();
  const stream = await target.runs('kruntimes').openWatch({
    namespace,
    fieldSelector: 'status.phase=Scheduled',
    signal: stop.signal,
  });
  /** When each was seen. */
  const times: number[] = [];
  let wake = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const batch of stream.batches) {
      const now = performance.now();
      for (const {type} of batch) if (type === 'ADDED') times.push(now);
      wake.resolve();
      wake = Promise.withResolvers();
    }
  })();
  // When it is stopped, or waited for below.
  reading.catch(() => {});
  return {
    /** Resolves when so many are bound, with the times of the first after `from` and of the last. */
    async until(count: number, from = 0): Promise<{firstMs: number; lastMs: number}> {
      const late = new AbortController();
      const timeout = delay(PATIENCE_MS, undefined, {signal: late.signal}).then(() => {
        throw new Error(`${times.length} of ${count} Runs were bound`);
      });
      timeout.catch(() => {});
      const ended = reading.then(() => {
        throw new Error('the watch of bound Runs ended');
      });
      ended.catch(() => {});
      while (times.length < count) await Promise.race([wake.promise, timeout, ended]);
      late.abort();
      return {firstMs: times[from]!, lastMs: times[count - 1]!};
    },
    async stop(): Promise<void> {
      stop.abort();
      await reading.catch(() => {});
    },
  };
}

/** In a namespace where nobody looks; without the scheduler, which would bind them. */
async function storeFinished(target: Target, from: number, count: number): Promise<void> {
  if (count <= 0) return;
  process.stderr.write(`  storing ${count} finished Runs\n`);
  const namespace = 'sim-stored';
  await target.world!.call('createNamespace', namespace);
  await target.world!.call('setApp', {app: 'scheduler', running: false});
  const client = target.runs('kruntimes');
  const pod = {name: 'gone', uid: '00000000-0000-4000-8000-000000000000'};
  await inParallel(count, CONCURRENCY, async (index) => {
    const created = await client.create(run(namespace, `finished-${from + index}`, 'gone'));
    const now = new Date();
    const bound = await client.updateStatus({...created, status: bindStatus(created, pod, now)});
    const end = {outcome: {kind: 'exited', exitCode: 0} as const, startTime: now};
    const status = endAttemptStatus(bound, fenceOf(bound)!, end, {now, random: Math.random});
    await client.updateStatus({...bound, status});
  });
  await target.world!.call('setApp', {app: 'scheduler', running: true});
}

async function createWaitingRuntime(target: Target): Promise<void> {
  await target.world!.call('createNamespace', WAITING);
  await target.admin.kind(runtimeKind).create({
    apiVersion: API_VERSION,
    kind: 'Runtime',
    metadata: {name: WAITING, namespace: WAITING},
    spec: {replicas: 0, template: {spec: {containers: [{name: 'runtime', image: 'simulated'}]}}},
  });
}

/** Until the API server counts no more writes of Runs: each Run that waits is told once why. */
async function untilQuiet(target: Target): Promise<void> {
  const updates = async (): Promise<number> => (await target.requests())?.['update runs'] ?? 0;
  for (let last = await updates(); ; ) {
    await delay(2_000);
    const next = await updates();
    if (next === last) return;
    last = next;
  }
}

/** It would look after the Pods, and what is measured is the scheduler. */
async function withoutController(target: Target, work: () => Promise<void>): Promise<void> {
  await target.world!.call('setApp', {app: 'controller', running: false});
  try {
    await work();
  } finally {
    await target.world!.call('setApp', {app: 'controller', running: true});
  }
}
