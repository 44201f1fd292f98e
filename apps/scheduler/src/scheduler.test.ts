import {afterEach, describe, expect, test} from '@jest/globals';
import {endAttemptStatus, fenceOf, type Run} from '@kruntimes/api-types';
import {Metrics, silentLogger} from '@kruntimes/reconciler-kit';
import {ManualClock} from '@kruntimes/reconciler-kit/testing';
import {trace} from '@opentelemetry/api';
import {Scheduler, type SchedulerOptions} from './scheduler.ts';
import {SimulatedCluster} from './simulated-cluster.fixture.ts';

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

function setUp(): {
  cluster: SimulatedCluster;
  clock: ManualClock;
  metrics: Metrics;
  start(options?: Partial<SchedulerOptions>): void;
} {
  const cluster = new SimulatedCluster();
  const clock = new ManualClock();
  const metrics = new Metrics();
  const start = (options: Partial<SchedulerOptions> = {}): void => {
    const stop = new AbortController();
    const scheduler = new Scheduler({
      runs: cluster.runs,
      sources: cluster.sources,
      write: cluster.write,
      clock,
      random: () => 1,
      logger: silentLogger,
      metrics,
      tracer: trace.getTracer('test'),
      ...options,
    });
    const running = scheduler.start(stop.signal);
    stops.push(async () => {
      stop.abort();
      for (const held of [...cluster.heldWrites]) held.fail(0);
      await running;
    });
  };
  return {cluster, clock, metrics, start};
}

/** A cluster with Runtime default/bash, one Pod with so many slots. */
function withBash(slots = 1) {
  const env = setUp();
  env.cluster.addRuntime('default', 'bash', {runs: slots});
  env.cluster.addPod('default', 'bash', 'p1');
  return env;
}

const phase = (cluster: SimulatedCluster, name: string) => cluster.run(`default/${name}`).status?.phase;
const scheduledCondition = (cluster: SimulatedCluster, name: string) =>
  cluster.run(`default/${name}`).status?.conditions?.find(({type}) => type === 'Scheduled');

/** What runtimed does at the end of an attempt. */
function end(cluster: SimulatedCluster, name: string, clock: ManualClock): void {
  cluster.changeRun(`default/${name}`, (run) => {
    const fence = fenceOf(run);
    if (fence === undefined) throw new Error(`${name} is not bound`);
    const outcome = {kind: 'exited', exitCode: 0} as const;
    return {...run, status: endAttemptStatus(run, fence, {outcome}, {now: new Date(clock.now()), random: () => 0})};
  });
}

describe('binding', () => {
  test('a Run is bound to a ready Pod by one write', async () => {
    const {cluster, clock, start, metrics} = withBash();
    start();
    cluster.addRun('default', 'a');
    await clock.advance(0);
    expect(cluster.run('default/a').status).toEqual({
      phase: 'Scheduled',
      attempt: 1,
      assignedPod: 'p1',
      assignedPodUID: 'default-p1',
      scheduledTime: '2026-01-01T00:00:00.000000Z',
    });
    await clock.advance(60_000);
    expect(cluster.written).toHaveLength(1);
    const text = await metrics.text();
    expect(text).toContain('kruntimes_scheduler_binds_total{result="success"} 1');
    const labels = 'runtime_namespace="default",runtime="bash"';
    expect(text).toContain(`kruntimes_scheduler_bound_runs_total{${labels},pool="hit"} 1`);
    expect(text).toContain(`kruntimes_scheduler_queue_duration_seconds_count{${labels}} 1`);
    expect(text).toContain(`kruntimes_scheduler_active_runs{${labels}} 1`);
    expect(text).toContain(`kruntimes_scheduler_slots_used{${labels}} 1`);
  });

  test('a slot is given on as soon as its Run has ended', async () => {
    const {cluster, clock, start} = withBash();
    start();
    cluster.addRun('default', 'a');
    cluster.addRun('default', 'b');
    await clock.advance(0);
    expect([phase(cluster, 'a'), phase(cluster, 'b')]).toEqual(['Scheduled', 'Pending']);
    end(cluster, 'a', clock);
    await clock.advance(0);
    expect(phase(cluster, 'b')).toBe('Scheduled');
  });

  test('nothing is bound before everything is known, and taken slots count', async () => {
    const {cluster, clock, start} = withBash(2);
    cluster.pods.isSynced = false;
    cluster.addRun(
      'default',
      'old',
      {},
      {phase: 'Running', attempt: 1, assignedPod: 'p1', assignedPodUID: 'default-p1'},
    );
    cluster.addRun('default', 'a');
    cluster.addRun('default', 'b');
    start();
    await clock.advance(0);
    expect(cluster.written).toEqual([]);
    cluster.pods.finishSync();
    await clock.advance(0);
    expect(cluster.written.map(({run}) => run)).toEqual(['default/a']);
  });

  test('so many binds are in flight at the same time, and no more', async () => {
    const {cluster, clock, start} = withBash(10);
    cluster.holdWrites = true;
    start({maxConcurrentBinds: 3});
    for (const name of ['a', 'b', 'c', 'd', 'e']) cluster.addRun('default', name);
    await clock.advance(0);
    expect(cluster.heldWrites).toHaveLength(3);
    cluster.heldWrites[0]?.commit();
    await clock.advance(0);
    expect(cluster.heldWrites).toHaveLength(3);
    while (cluster.heldWrites.length > 0) {
      cluster.heldWrites[0]?.commit();
      await clock.advance(0);
    }
    expect(cluster.written).toHaveLength(5);
  });

  test('a Run that is being deleted is not bound', async () => {
    const {cluster, clock, start} = withBash();
    start();
    const run: Run = {
      metadata: {
        namespace: 'default',
        name: 'a',
        uid: 'a',
        deletionTimestamp: '2026-01-01T00:00:00Z',
        finalizers: ['x/y'],
      },
      spec: {runtime: 'bash', cancelRequested: true},
      status: {phase: 'Pending'},
    };
    cluster.putRun(run);
    await clock.advance(60_000);
    expect(cluster.written).toEqual([]);
  });

  test('stopping waits for the writes under way', async () => {
    const {cluster, clock, start} = withBash();
    cluster.holdWrites = true;
    start();
    cluster.addRun('default', 'a');
    await clock.advance(0);
    const stopped = stops.pop()?.();
    await stopped;
    expect(cluster.heldWrites).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('other writers', () => {
  test('after a conflict the Run is bound from its fresh state', async () => {
    const {cluster, clock, start, metrics} = withBash();
    cluster.holdWrites = true;
    start();
    cluster.addRun('default', 'a');
    await clock.advance(0);
    cluster.runs.lagging = true;
    cluster.changeRun('default/a', (run) => ({...run, metadata: {...run.metadata, labels: {touched: 'yes'}}}));
    cluster.heldWrites[0]?.commit();
    await clock.advance(0);
    expect(cluster.heldWrites).toEqual([]);
    cluster.runs.deliver();
    await clock.advance(0);
    cluster.heldWrites[0]?.commit();
    await clock.advance(0);
    expect(phase(cluster, 'a')).toBe('Scheduled');
    expect(await metrics.text()).toContain('kruntimes_scheduler_binds_total{result="conflict"} 1');
  });

  test('a Run that another scheduler has bound keeps its slot, wherever that is', async () => {
    const {cluster, clock, start} = withBash(1);
    cluster.addPod('default', 'bash', 'p2');
    cluster.holdWrites = true;
    start();
    cluster.addRun('default', 'a');
    await clock.advance(0);
    const other = cluster.heldWrites[0]?.status.assignedPod === 'p1' ? 'p2' : 'p1';
    cluster.changeRun('default/a', (run) => ({
      ...run,
      status: {phase: 'Scheduled', attempt: 1, assignedPod: other, assignedPodUID: `default-${other}`},
    }));
    cluster.heldWrites[0]?.commit();
    cluster.addRun('default', 'b');
    cluster.addRun('default', 'c');
    await clock.advance(0);
    expect(cluster.heldWrites.map(({status}) => status.assignedPod)).toEqual([other === 'p1' ? 'p2' : 'p1']);
  });

  test('a Run that is deleted meanwhile frees its slot', async () => {
    const {cluster, clock, start} = withBash();
    cluster.holdWrites = true;
    start();
    cluster.addRun('default', 'a');
    cluster.addRun('default', 'b');
    await clock.advance(0);
    cluster.deleteRun('default/a');
    cluster.heldWrites[0]?.commit();
    await clock.advance(0);
    expect(cluster.heldWrites.map(({run}) => run.metadata?.name)).toEqual(['b']);
  });

  test('an old event after the answer changes nothing', async () => {
    const {cluster, clock, start} = withBash(2);
    start();
    cluster.addRun('default', 'a');
    const stale = structuredClone(cluster.run('default/a'));
    await clock.advance(0);
    cluster.runs.change({type: 'set', object: stale});
    cluster.addRun('default', 'b');
    await clock.advance(0);
    expect(cluster.written.map(({run}) => run)).toEqual(['default/a', 'default/b']);
  });
});

describe('failures', () => {
  test('a refused bind gives its slot to others and is tried again later', async () => {
    const {cluster, clock, start} = withBash();
    cluster.holdWrites = true;
    start();
    cluster.addRun('default', 'a');
    cluster.addRun('default', 'b');
    await clock.advance(0);
    cluster.heldWrites[0]?.fail(422);
    await clock.advance(0);
    expect(cluster.heldWrites.map(({run}) => run.metadata?.name)).toEqual(['b']);
    cluster.heldWrites[0]?.commit();
    await clock.advance(200);
    end(cluster, 'b', clock);
    await clock.advance(0);
    cluster.heldWrites[0]?.commit();
    expect(phase(cluster, 'a')).toBe('Scheduled');
  });

  test('a bind whose answer was lost keeps its slot until the Run is seen', async () => {
    const {cluster, clock, start} = withBash();
    cluster.holdWrites = true;
    cluster.runs.lagging = true;
    start();
    cluster.addRun('default', 'a');
    cluster.addRun('default', 'b');
    cluster.runs.deliver();
    await clock.advance(0);
    cluster.heldWrites[0]?.commitUnheard();
    await clock.advance(99);
    expect(cluster.heldWrites).toEqual([]);
    await clock.advance(1);
    expect(cluster.heldWrites.map(({run, status}) => [run.metadata?.name, status.assignedPod])).toEqual([['a', 'p1']]);
    cluster.heldWrites[0]?.commit();
    await clock.advance(0);
    cluster.runs.deliver();
    await clock.advance(60_000);
    expect(phase(cluster, 'a')).toBe('Scheduled');
    expect(cluster.written.filter(({status}) => status.phase === 'Scheduled')).toHaveLength(1);
  });

  test('back-off grows with each failure, up to 30 s', async () => {
    const {cluster, clock, start} = withBash();
    cluster.holdWrites = true;
    start();
    cluster.addRun('default', 'a');
    await clock.advance(0);
    for (const delayMs of [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]) {
      cluster.heldWrites[0]?.fail(500);
      await clock.advance(delayMs - 1);
      expect(cluster.heldWrites).toEqual([]);
      await clock.advance(1);
      expect(cluster.heldWrites).toHaveLength(1);
      cluster.renewLease('default', 'bash', 'default-p1');
    }
  });
});

describe('targets', () => {
  test('a Pod that only carries the label is never used', async () => {
    const {cluster, clock, start} = setUp();
    cluster.addRuntime('default', 'bash');
    cluster.addPod('default', 'bash', 'unowned', (pod) => ({...pod, metadata: {...pod.metadata, ownerReferences: []}}));
    cluster.addPod('default', 'bash', 'impostor', (pod) => ({
      ...pod,
      metadata: {
        ...pod.metadata,
        ownerReferences: [
          {apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'bash-runtime-1', uid: 'another', controller: true},
        ],
      },
    }));
    start();
    cluster.addRun('default', 'a');
    await clock.advance(5_000);
    expect(scheduledCondition(cluster, 'a')?.reason).toBe('NoReadyPods');
  });

  test('a Runtime of the same name in another namespace is never used', async () => {
    const {cluster, clock, start} = setUp();
    cluster.addRuntime('other', 'bash');
    cluster.addPod('other', 'bash', 'p1');
    start();
    cluster.addRun('default', 'a');
    await clock.advance(5_000);
    expect(scheduledCondition(cluster, 'a')).toMatchObject({
      status: 'False',
      reason: 'RuntimeNotFound',
      message: 'There is no Runtime "bash" in namespace "default".',
    });
  });

  test('a Pod whose Lease has expired takes no Runs until it is renewed', async () => {
    const {cluster, clock, start} = withBash();
    start();
    await clock.advance(40_000);
    cluster.addRun('default', 'a');
    await clock.advance(0);
    expect(phase(cluster, 'a')).toBe('Pending');
    cluster.renewLease('default', 'bash', 'default-p1');
    await clock.advance(0);
    expect(phase(cluster, 'a')).toBe('Scheduled');
  });

  test('a Pod counts with the capacity that its own runtimed was started with', async () => {
    const {cluster, clock, start} = setUp();
    cluster.addRuntime('default', 'bash', {runs: 4});
    cluster.addPod('default', 'bash', 'p1', (pod) => ({
      ...pod,
      spec: {containers: [], initContainers: [{name: 'runtimed', args: ['--capacity={"runs":1}']}]},
    }));
    start();
    cluster.addRun('default', 'a');
    cluster.addRun('default', 'b');
    await clock.advance(0);
    expect(cluster.written).toHaveLength(1);
  });

  test('Pods become targets when their owner is seen after them', async () => {
    const {cluster, clock, start} = setUp();
    cluster.addPod('default', 'bash', 'p1');
    start();
    cluster.addRun('default', 'a');
    await clock.advance(0);
    cluster.addRuntime('default', 'bash');
    await clock.advance(0);
    expect(phase(cluster, 'a')).toBe('Scheduled');
  });
});

describe('waiting', () => {
  test('a Run that has to wait says why once, after a while', async () => {
    const {cluster, clock, start} = withBash();
    start();
    cluster.addRun('default', 'a');
    cluster.addRun('default', 'b');
    await clock.advance(999);
    expect(cluster.written).toHaveLength(1);
    await clock.advance(1);
    expect(scheduledCondition(cluster, 'b')).toMatchObject({status: 'False', reason: 'InsufficientCapacity'});
    for (let i = 0; i < 30; i++) {
      await clock.advance(10_000);
      cluster.renewLease('default', 'bash', 'default-p1');
    }
    expect(cluster.written).toHaveLength(2);
    end(cluster, 'a', clock);
    await clock.advance(0);
    expect(scheduledCondition(cluster, 'b')?.status).toBe('True');
    expect(cluster.written).toHaveLength(3);
  });

  test('another reason is written when it lasts', async () => {
    const {cluster, clock, start} = setUp();
    start();
    cluster.addRun('default', 'a', {resources: {requests: {gpu: 1}}});
    await clock.advance(1_000);
    expect(scheduledCondition(cluster, 'a')?.reason).toBe('RuntimeNotFound');
    cluster.addRuntime('default', 'bash');
    await clock.advance(9_999);
    expect(scheduledCondition(cluster, 'a')?.reason).toBe('RuntimeNotFound');
    await clock.advance(1);
    expect(scheduledCondition(cluster, 'a')).toMatchObject({
      reason: 'RequestTooLarge',
      message: 'The Run requests 1 of "gpu"; no Pod of Runtime "bash" offers so many.',
    });
  });

  test('a slot that becomes free while the reason is being written is used at once after', async () => {
    const {cluster, clock, start} = setUp();
    start();
    cluster.addRun('default', 'a');
    cluster.holdWrites = true;
    await clock.advance(1_000);
    expect(cluster.heldWrites[0]?.status.phase).toBe('Pending');
    cluster.addRuntime('default', 'bash');
    cluster.addPod('default', 'bash', 'p1');
    await clock.advance(0);
    expect(cluster.heldWrites).toHaveLength(1);
    cluster.heldWrites[0]?.commit();
    await clock.advance(0);
    cluster.heldWrites[0]?.commit();
    expect(phase(cluster, 'a')).toBe('Scheduled');
  });

  test('a Run is not bound before its nextAttemptTime', async () => {
    const {cluster, clock, start} = withBash();
    start();
    cluster.addRun('default', 'a', {}, {phase: 'Pending', attempt: 1, nextAttemptTime: '2026-01-01T00:00:30.500000Z'});
    await clock.advance(30_499);
    expect(cluster.written).toEqual([]);
    await clock.advance(1);
    expect(cluster.run('default/a').status).toMatchObject({phase: 'Scheduled', attempt: 2});
    expect(cluster.run('default/a').status?.nextAttemptTime).toBeUndefined();
  });

  test('a waiting Run is cancelled by one write', async () => {
    const {cluster, clock, start} = withBash();
    start();
    cluster.addRun('default', 'a');
    cluster.addRun('default', 'b');
    await clock.advance(0);
    cluster.changeRun('default/b', (run) => ({...run, spec: {...run.spec, cancelRequested: true}}));
    await clock.advance(0);
    expect(cluster.run('default/b').status).toMatchObject({phase: 'Cancelled', reason: 'CancelRequested'});
    end(cluster, 'a', clock);
    await clock.advance(60_000);
    expect(cluster.written).toHaveLength(2);
  });

  test('a Run that is cancelled while its bind is under way is left to its Pod', async () => {
    const {cluster, clock, start} = withBash();
    cluster.holdWrites = true;
    start();
    cluster.addRun('default', 'a');
    await clock.advance(0);
    cluster.heldWrites[0]?.commit();
    cluster.changeRun('default/a', (run) => ({...run, spec: {...run.spec, cancelRequested: true}}));
    await clock.advance(60_000);
    expect(phase(cluster, 'a')).toBe('Scheduled');
    expect(cluster.heldWrites).toEqual([]);
  });
});
