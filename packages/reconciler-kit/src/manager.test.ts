import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {kinds} from './kind.ts';
import {Manager, type ManagerOptions} from './manager.ts';
import {Metrics} from './metrics.ts';
import type {Runnable} from './runnable-group.ts';
import {ManualClock} from './testing/manual-clock.ts';
import {Transport} from './transport.ts';

/** Nobody listens there; what these tests do needs no answer. */
const config = {server: 'http://127.0.0.1:1', namespace: 'default'};

let clock: ManualClock;
let stop: AbortController;
let order: string[];
let runs: Promise<unknown>[];
beforeEach(() => {
  clock = new ManualClock();
  stop = new AbortController();
  order = [];
  runs = [];
});
afterEach(async () => {
  stop.abort();
  await clock.advance(60_000);
  await Promise.all(runs);
});

function manager(options: Partial<ManagerOptions> = {}): Manager {
  return new Manager({config, clock, metrics: new Metrics(), ...options});
}

/** Starts it; the promise resolves with the error of start(), or undefined. */
function start(started: Manager): Promise<unknown> {
  const run = started.start(stop.signal).then(
    () => undefined,
    (error: unknown) => error,
  );
  runs.push(run);
  return run;
}

/** Says when it starts and stops; stopping takes a second. */
function part(name: string, needsLeaderElection = false): Runnable {
  return {
    name,
    needsLeaderElection,
    start: (signal) =>
      new Promise((resolve) => {
        order.push(`${name} starts`);
        signal.addEventListener('abort', () => {
          order.push(`${name} stops`);
          clock.setTimeout(() => {
            order.push(`${name} has stopped`);
            resolve();
          }, 1_000);
        });
      }),
  };
}

function transform<T>(object: T): T {
  return object;
}

/** A few turns of the event loop, for sockets. */
async function untilListening(started: Manager): Promise<void> {
  for (let i = 0; i < 100 && !started.healthAddress; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function status(started: Manager, path: string): Promise<number> {
  return (await fetch(`http://${started.healthAddress}${path}`)).status;
}

describe('Manager', () => {
  test('starts leader runnables last and stops them after the others', async () => {
    const started = manager();
    started.add(part('leader', true));
    started.add(part('other'));
    void started.elected.then(() => order.push('elected'));
    const run = start(started);
    await clock.advance(0);
    expect(order).toEqual(['other starts', 'leader starts', 'elected']);
    expect(started.isLeader).toBe(true);
    order = [];
    stop.abort();
    await clock.advance(5_000);
    expect(await run).toBeUndefined();
    expect(order).toEqual(['other stops', 'other has stopped', 'leader stops', 'leader has stopped']);
    expect(clock.pendingTimers).toBe(0);
  });

  test('starts at once what is added later, and refuses it when it stops', async () => {
    const started = manager();
    void start(started);
    await clock.advance(0);
    started.add(part('late'));
    expect(order).toEqual(['late starts']);
    stop.abort();
    await clock.advance(5_000);
    expect(() => started.add(part('too late'))).toThrow(expect.objectContaining({code: 'INVALID_ARGUMENT'}));
  });

  test('a runnable that fails stops all others in order, and start() rejects with its error', async () => {
    const failure = new Error('broken');
    const {promise: broken, reject} = Promise.withResolvers<void>();
    const started = manager();
    started.add(part('leader', true));
    started.add(part('other'));
    started.add({name: 'broken', start: () => broken});
    const run = start(started);
    await clock.advance(0);
    order = [];
    reject(failure);
    await clock.advance(5_000);
    expect(await run).toBe(failure);
    expect(order).toEqual(['other stops', 'other has stopped', 'leader stops', 'leader has stopped']);
  });

  test('a runnable that ends early, or with the reason of the stop, is no failure', async () => {
    const started = manager();
    started.add({start: () => Promise.resolve()});
    started.add({
      start: (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    const run = start(started);
    await clock.advance(1_000);
    stop.abort();
    await clock.advance(0);
    expect(await run).toBeUndefined();
  });

  test('names what did not stop in time', async () => {
    const started = manager({gracefulShutdownMs: 500});
    started.add(part('slow'));
    started.add(part('unreached', true));
    const run = start(started);
    await clock.advance(0);
    stop.abort();
    await clock.advance(500);
    expect(await run).toMatchObject({code: 'SHUTDOWN_TIMEOUT', message: expect.stringContaining('slow, unreached')});
  });

  test('is ready while it runs, and not when it stops; it is healthy all the time', async () => {
    const started = manager({healthProbeBindAddress: '127.0.0.1:0', metricsBindAddress: '127.0.0.1:0'});
    started.add(part('slow'));
    started.addReadyCheck('own', () => {
      if (order.length === 0) throw new Error('not yet');
    });
    const run = start(started);
    await untilListening(started);
    await clock.advance(0);
    expect(await status(started, '/readyz')).toBe(200);
    expect(await status(started, '/readyz/own')).toBe(200);
    expect(await status(started, '/healthz')).toBe(200);
    expect((await fetch(`http://${started.metricsAddress}/metrics`)).status).toBe(200);
    stop.abort();
    await clock.advance(0);
    expect(await status(started, '/readyz')).toBe(500);
    expect(await status(started, '/healthz')).toBe(200);
    await clock.advance(1_000);
    await run;
    expect(started.healthAddress).toBeUndefined();
    expect(started.metricsAddress).toBeUndefined();
  });

  test('fails when it cannot listen', async () => {
    const first = manager({healthProbeBindAddress: '127.0.0.1:0'});
    void start(first);
    await untilListening(first);
    const second = start(manager({healthProbeBindAddress: first.healthAddress ?? ''}));
    expect(await second).toMatchObject({code: 'LISTEN_FAILED'});
  });

  test('fails when the caches do not sync in time, and says which', async () => {
    const started = manager({cacheSyncTimeoutMs: 1_000});
    started.cache(kinds.Pod);
    started.add(part('never', true));
    const run = start(started);
    await clock.advance(1_000);
    expect(await run).toMatchObject({code: 'CACHE_SYNC_TIMEOUT', message: expect.stringContaining('pods')});
    expect(order).toEqual([]);
  });

  test('can be stopped while it waits for its caches', async () => {
    const started = manager();
    started.cache(kinds.Pod);
    const run = start(started);
    await clock.advance(0);
    stop.abort();
    await clock.advance(0);
    expect(await run).toBeUndefined();
  });

  test('shares caches of the same kind, namespace, selectors and transform', () => {
    const started = manager();
    const pods = started.cache(kinds.Pod, {indexers: {node: (pod) => [pod.spec?.nodeName ?? '']}});
    expect(started.cache(kinds.Pod)).toBe(pods);
    expect(started.cache(kinds.Pod, {namespace: 'a'})).not.toBe(pods);
    expect(started.cache(kinds.Pod, {labelSelector: 'a=b'})).not.toBe(pods);
    expect(started.cache(kinds.Pod, {metadataOnly: true})).not.toBe(pods);
    expect(started.cache(kinds.Pod, {transform})).not.toBe(pods);
    expect(started.cache(kinds.Pod, {transform})).toBe(started.cache(kinds.Pod, {transform}));
    expect(() => started.cache(kinds.Pod, {indexers: {owner: () => []}})).toThrow(
      expect.objectContaining({code: 'INVALID_ARGUMENT', message: expect.stringContaining('no index owner')}),
    );
  });

  test('takes either a configuration or a transport, and leaves the latter open', async () => {
    const transport = new Transport(config);
    expect(() => new Manager({})).toThrow(expect.objectContaining({code: 'INVALID_ARGUMENT'}));
    expect(() => new Manager({config, transport})).toThrow(expect.objectContaining({code: 'INVALID_ARGUMENT'}));
    const started = new Manager({transport, clock, metrics: new Metrics()});
    const run = start(started);
    await clock.advance(0);
    stop.abort();
    await clock.advance(0);
    await run;
    await expect(transport.request({method: 'GET', path: '/version'})).rejects.not.toMatchObject({
      code: 'TRANSPORT_CLOSED',
    });
    await transport.close();
  });

  test('can be started once', async () => {
    const started = manager();
    void start(started);
    await expect(started.start(stop.signal)).rejects.toMatchObject({code: 'ALREADY_STARTED'});
  });
});
