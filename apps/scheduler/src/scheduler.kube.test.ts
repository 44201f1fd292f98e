import {randomUUID} from 'node:crypto';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {runKind} from '@kruntimes/api-types';
import {type ClusterConfig, Manager, silentLogger, systemClock} from '@kruntimes/reconciler-kit';
import {FaultProxy, waitFor, waitForObject} from '@kruntimes/reconciler-kit/testing';
import {type AddSchedulerOptions, addScheduler} from './add-scheduler.ts';
import {KubeWorld} from './kube-world.fixture.ts';

let world: KubeWorld;
const cleanups: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  world = await KubeWorld.create();
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await world[Symbol.asyncDispose]();
});

/** A scheduler of this namespace; the function that stops it. */
function startScheduler(config: ClusterConfig, options: Partial<AddSchedulerOptions> = {}): () => Promise<void> {
  const manager = new Manager({name: 'kruntimes-scheduler', config, logger: silentLogger});
  addScheduler(manager, {namespace: world.namespace, clock: systemClock, logger: silentLogger, ...options});
  const stop = new AbortController();
  const running = manager.start(stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  cleanups.push(end);
  return end;
}

const phaseOf = (run: {status?: {phase?: string}}) => run.status?.phase;
const runs = () => world.client.kind(runKind);

describe('scheduler on a real API server', () => {
  test('500 Runs over 20 Pods: each bound once by one write, never over capacity, through restarts, cut watches and conflicts', async () => {
    const owner = await world.addRuntime('bash', 4);
    for (let i = 0; i < 20; i++) await world.addReadyPod('bash', `pod-${i}`, owner);
    const executor = world.execute();
    const mark = await world.controlPlane.auditMark();

    const user = `scheduler-${world.namespace}`;
    const proxy = await FaultProxy.start(await world.schedulerConfig(user));
    cleanups.push(() => proxy.close());
    const cutting = proxy.cutEvery(200, {watch: true});
    // One bind comes after another writer for certain.
    proxy.inject({kind: 'delay', ms: 3_000}, {match: {method: 'PUT'}, times: 1});
    const firstBind = proxy.nextRequest({method: 'PUT'}, 60_000);
    const loseAnswers = proxy.inject({kind: 'lose-answer'}, {match: {method: 'PUT'}, times: 5});
    // Nobody is to wait long enough to be told why: 500 Runs are 500 writes.
    const options = {unschedulableDelayMs: 600_000};
    let stop = startScheduler(proxy.config, options);

    const touch = async (name: string): Promise<void> => {
      const body = {metadata: {labels: {touched: randomUUID()}}};
      await runs().patch({name, namespace: world.namespace}, {type: 'merge', body});
    };
    const names = Array.from({length: 500}, (_, i) => `run-${i}`);
    for (let start = 0; start < names.length; start += 25) {
      const batch = names.slice(start, start + 25);
      await Promise.all(batch.map((name) => world.createRun(name)));
      // Another writer: what the scheduler knows of these Runs is old by now.
      await Promise.all(batch.slice(0, 3).map(touch));
      if (start === 0) await touch((await firstBind).path.split('/').at(-2) ?? '');
      if (start === 150 || start === 350) {
        await stop();
        stop = startScheduler(proxy.config, options);
      }
    }
    await waitFor(runs(), (all) => all.length === 500 && all.every((run) => phaseOf(run) === 'Succeeded'), {
      namespace: world.namespace,
      timeoutMs: 60_000,
      description: 'the end of all Runs',
    });
    cutting.stop();
    await stop();

    expect(loseAnswers.hits).toBe(5);
    expect(cutting.hits).toBeGreaterThan(10);
    expect(executor.binds).toHaveLength(500);
    expect(new Set(executor.binds.map(({run}) => run)).size).toBe(500);
    expect(executor.binds.every(({attempt}) => attempt === 1)).toBe(true);
    expect(executor.mostOnOnePod).toBeLessThanOrEqual(4);
    expect(new Set(executor.binds.map(({podUID}) => podUID)).size).toBe(20);

    const writes = (await world.controlPlane.auditEvents(mark)).filter(
      ({user: who, verb}) => who.username === user && !['get', 'list', 'watch'].includes(verb),
    );
    expect(
      new Set(writes.map(({verb, objectRef}) => `${verb} ${objectRef?.resource}/${objectRef?.subresource}`)),
    ).toEqual(new Set(['update runs/status']));
    expect(writes.filter(({responseStatus}) => responseStatus?.code === 200)).toHaveLength(500);
    expect(writes.filter(({responseStatus}) => responseStatus?.code === 409).length).toBeGreaterThan(0);
  }, 120_000);

  test('only Pods that belong to the Runtime in their own namespace are targets', async () => {
    const owner = await world.addRuntime('bash', 1);
    await world.addReadyPod('bash', 'label-only', undefined);
    await world.addReadyPod('bash', 'old-owner', {...owner, uid: '11111111-2222-3333-4444-555555555555'});
    const elsewhere = await world.controlPlane.createNamespace();
    const foreignOwner = await world.addRuntime('bash', 10, elsewhere);
    await world.addReadyPod('bash', 'foreign', foreignOwner, elsewhere);
    startScheduler(world.controlPlane.config, {namespace: undefined, unschedulableDelayMs: 50});
    await world.createRun('a');
    const waiting = await waitForObject(runs(), {name: 'a', namespace: world.namespace}, (run) =>
      (run.status?.conditions ?? []).some(({type, status}) => type === 'Scheduled' && status === 'False'),
    );
    expect(waiting.status).toMatchObject({phase: 'Pending', reason: 'NoReadyPods'});

    await world.addReadyPod('bash', 'real', owner);
    const bound = await waitForObject(
      runs(),
      {name: 'a', namespace: world.namespace},
      (run) => phaseOf(run) === 'Scheduled',
    );
    expect(bound.status).toMatchObject({assignedPod: 'real', attempt: 1});
  });

  test('a waiting Run is cancelled; a deleted one leaves no trace', async () => {
    startScheduler(world.controlPlane.config);
    await world.createRun('a');
    await world.createRun('b');
    const ref = {name: 'a', namespace: world.namespace};
    await runs().patch(ref, {type: 'merge', body: {spec: {cancelRequested: true}}});
    const ended = await waitForObject(runs(), ref, (run) => phaseOf(run) === 'Cancelled');
    expect(ended.status).toMatchObject({reason: 'CancelRequested'});
    await runs().delete({name: 'b', namespace: world.namespace});
    const owner = await world.addRuntime('bash', 1);
    await world.addReadyPod('bash', 'pod', owner);
    await world.createRun('c');
    await waitForObject(runs(), {name: 'c', namespace: world.namespace}, (run) => phaseOf(run) === 'Scheduled');
  });

  test('two schedulers at the same time bind each Run once', async () => {
    const owner = await world.addRuntime('bash', 50);
    await world.addReadyPod('bash', 'pod-1', owner);
    await world.addReadyPod('bash', 'pod-2', owner);
    const executor = world.execute();
    startScheduler(world.controlPlane.config);
    startScheduler(world.controlPlane.config);
    const created = await Promise.all(Array.from({length: 60}, (_, i) => world.createRun(`run-${i}`)));
    await waitFor(runs(), (all) => all.length === created.length && all.every((run) => phaseOf(run) === 'Succeeded'), {
      namespace: world.namespace,
      timeoutMs: 30_000,
    });
    expect(executor.binds).toHaveLength(60);
  });

  test('a status PUT without spec and metadata keeps both', async () => {
    const owner = await world.addRuntime('bash', 1);
    await world.addReadyPod('bash', 'pod', owner);
    await runs().create({
      metadata: {name: 'a', namespace: world.namespace, labels: {mine: 'yes'}, annotations: {note: 'kept'}},
      spec: {runtime: 'bash', source: {inline: 'true'}, env: {A: 'b'}, timeoutSeconds: 5},
    });
    startScheduler(world.controlPlane.config);
    const bound = await waitForObject(
      runs(),
      {name: 'a', namespace: world.namespace},
      (run) => phaseOf(run) === 'Scheduled',
    );
    expect(bound.spec).toEqual({runtime: 'bash', source: {inline: 'true'}, env: {A: 'b'}, timeoutSeconds: 5});
    expect(bound.metadata).toMatchObject({labels: {mine: 'yes'}, annotations: {note: 'kept'}});
  });
});
