import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import type {ConfigMap} from 'kubernetes-types/core/v1.d.ts';
import {ManualCacheSource} from './cache-source.fixture.ts';
import {Controller, type ControllerOptions, type ReconcileContext, type Reconciler} from './controller.ts';
import {ApiError, ReconcilerKitError, TerminalError} from './errors.ts';
import {kinds} from './kind.ts';
import type {Logger} from './logger.ts';
import {Metrics} from './metrics.ts';
import {generationChanged} from './predicates.ts';
import {ManualClock} from './testing/manual-clock.ts';

let clock: ManualClock;
let metrics: Metrics;
let source: ManualCacheSource<ConfigMap>;
let stop: AbortController;
/** Keys, in the order in which they were reconciled. */
let reconciled: string[];
let log: {level: string; message: string; fields: Record<string, unknown>}[];
let running: Promise<void>[];

beforeEach(() => {
  clock = new ManualClock();
  metrics = new Metrics();
  source = new ManualCacheSource(kinds.ConfigMap);
  stop = new AbortController();
  reconciled = [];
  log = [];
  running = [];
});
afterEach(async () => {
  stop.abort();
  await clock.advance(60_000);
  await Promise.all(running);
});

function recordingLogger(bound: object = {}): Logger {
  const record =
    (level: string) =>
    (message: string, fields: object = {}) => {
      log.push({level, message, fields: {...bound, ...fields}});
    };
  return {
    debug: record('debug'),
    info: record('info'),
    warn: record('warn'),
    error: record('error'),
    child: (fields) => recordingLogger({...bound, ...fields}),
  };
}

function controller(reconcile: Reconciler, options: Partial<ControllerOptions> = {}): Controller {
  return new Controller({
    name: 'test',
    clock,
    metrics,
    logger: recordingLogger(),
    reconcile: (request, context) => {
      reconciled.push(request.key);
      return reconcile(request, context);
    },
    ...options,
  });
}

/** More turns of the event loop than a controller gives way for when the machine is busy. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await clock.advance(0);
}

async function start(started: Controller): Promise<void> {
  running.push(started.start(stop.signal));
  source.sync();
  await turns();
}

function configMap(name: string, metadata: object = {}): ConfigMap {
  return {metadata: {name, namespace: 'ns', resourceVersion: '1', ...metadata}};
}

function ownedBy(name: string, reference: object = {}): ConfigMap {
  return configMap('owned', {
    resourceVersion: name,
    ownerReferences: [
      {apiVersion: 'v1', kind: 'Pod', name: 'not-controller', uid: 'u'},
      {apiVersion: 'example.com/v1', kind: 'Site', name, uid: 'u', controller: true, ...reference},
    ],
  });
}

const series = async (name: string): Promise<Record<string, number>> => {
  const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith(`controller_runtime_${name}{`));
  return Object.fromEntries(
    lines.map((line) => [line.slice(line.indexOf('{'), line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  );
};
const result = async (name: string) => (await series('reconcile_total'))[`{controller="test",result="${name}"}`];
/** Reconciles that end when a test says so. */
function gated() {
  const open = new Map<string, {end: (error?: unknown) => void; context: ReconcileContext}>();
  const reconcile: Reconciler = ({key}, context) =>
    new Promise((resolve, reject) => {
      open.set(key, {
        context,
        end: (error) => {
          open.delete(key);
          if (error) reject(error);
          else resolve();
        },
      });
    });
  return {open, reconcile};
}

const nothing: Reconciler = () => Promise.resolve();

describe('Controller: what is reconciled', () => {
  test('waits for its caches before the first reconcile', async () => {
    const started = controller(nothing).for(source);
    running.push(started.start(stop.signal));
    source.add(configMap('a'));
    await clock.advance(1_000);
    expect(reconciled).toEqual([]);
    source.sync();
    await turns();
    expect(reconciled).toEqual(['ns/a']);
  });

  test('changes overtake objects of the initial list', async () => {
    const started = controller(nothing).for(source);
    running.push(started.start(stop.signal));
    source.sync(configMap('old-1'), configMap('old-2'));
    source.add(configMap('new'));
    source.update(configMap('old-2'), configMap('old-2', {resourceVersion: '2'}));
    await turns();
    expect(reconciled).toEqual(['ns/new', 'ns/old-2', 'ns/old-1']);
  });

  test('updates that bring no new version are no changes', async () => {
    const started = controller(nothing).for(source);
    await start(started);
    source.update(configMap('first'), configMap('first', {resourceVersion: '2'}));
    source.update(configMap('resync'), configMap('resync'));
    source.delete(configMap('gone'));
    await turns();
    expect(reconciled).toEqual(['ns/first', 'ns/gone', 'ns/resync']);
  });

  test('asks predicates', async () => {
    const notB = {create: (object: {metadata?: {name?: string}}) => object.metadata?.name !== 'b'};
    await start(controller(nothing).for(source, [generationChanged(), notB]));
    source.add(configMap('a'));
    source.add(configMap('b'));
    source.update(configMap('c', {generation: 1}), configMap('c', {generation: 1, resourceVersion: '2'}));
    source.update(configMap('d', {generation: 1}), configMap('d', {generation: 2, resourceVersion: '2'}));
    await turns();
    expect(reconciled).toEqual(['ns/a', 'ns/d']);
  });

  test('maps owned objects to their controller owner of that kind, of any version, before and after a change', async () => {
    const site = {group: 'example.com', kind: 'Site'};
    await start(
      controller(nothing)
        .owns(source, {ownerKind: site})
        .watches(source, () => []),
    );
    source.add(ownedBy('a', {apiVersion: 'example.com/v2'}));
    source.add(ownedBy('b', {kind: 'Page'}));
    source.add(ownedBy('c', {apiVersion: 'other.com/v1'}));
    source.add(ownedBy('d', {controller: false}));
    source.update(ownedBy('e'), ownedBy('f'));
    await turns();
    expect(reconciled).toEqual(['ns/a', 'ns/e', 'ns/f']);
  });

  test('leaves the namespace out for owners that have none', async () => {
    const owned = configMap('owned', {
      ownerReferences: [{apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'u', controller: true}],
    });
    await start(controller(nothing).owns(source, {ownerKind: kinds.Node}));
    source.add(owned);
    await turns();
    expect(reconciled).toEqual(['n1']);
  });

  test('splits keys into namespace and name', async () => {
    const requests: object[] = [];
    const started = controller(async (request) => void requests.push(request));
    await start(started);
    started.enqueue('ns/a');
    started.enqueue('node-1');
    await turns();
    expect(requests).toEqual([
      {key: 'ns/a', namespace: 'ns', name: 'a'},
      {key: 'node-1', name: 'node-1'},
    ]);
  });

  test('fails with the names of what did not sync', async () => {
    const failed = controller(nothing, {cacheSyncTimeoutMs: 500}).for(source).start(stop.signal);
    const error = failed.catch((reason: unknown) => reason);
    await clock.advance(500);
    expect(await error).toMatchObject({code: 'CACHE_SYNC_TIMEOUT', message: expect.stringContaining('configmaps')});
    expect(source.handlers.size).toBe(0);
  });

  test('can be started once, and not be added to afterwards', async () => {
    const started = controller(nothing);
    await start(started);
    await expect(started.start(stop.signal)).rejects.toMatchObject({code: 'ALREADY_STARTED'});
    expect(() => started.for(source)).toThrow(ReconcilerKitError);
    expect(() => controller(nothing, {maxConcurrent: 0})).toThrow(ReconcilerKitError);
  });
});

describe('Controller: what follows from a reconcile', () => {
  test('success: nothing, and the back-off starts anew', async () => {
    const outcomes = [new Error('1'), new Error('2'), undefined, new Error('3')];
    const times: number[] = [];
    const started = controller(async () => {
      times.push(clock.monotonic());
      const outcome = outcomes.shift();
      if (outcome) throw outcome;
    });
    await start(started);
    started.enqueue('a');
    await clock.advance(1_000);
    expect(times).toEqual([0, 5, 15]);
    started.enqueue('a');
    await clock.advance(1_000);
    expect(times.slice(3)).toEqual([1_015 - 15, 1_005]);
    expect(await result('success')).toBe(2);
    expect(await result('error')).toBe(3);
    expect(await series('reconcile_errors_total')).toEqual({'{controller="test"}': 3});
    expect(log.filter((line) => line.level === 'error')).toHaveLength(3);
    expect(log.find((line) => line.level === 'error')).toMatchObject({
      message: 'reconcile failed',
      fields: {controller: 'test', key: 'a', retries: 1},
    });
  });

  test('requeueAfterMs: once more at that time, or earlier after a change', async () => {
    const times: number[] = [];
    const started = controller(async () => {
      times.push(clock.monotonic());
      return times.length < 3 ? {requeueAfterMs: 100} : {};
    });
    await start(started);
    started.enqueue('a');
    await clock.advance(30);
    started.enqueue('a');
    await clock.advance(1_000);
    expect(times).toEqual([0, 30, 130]);
    expect(await result('requeue_after')).toBe(2);
    expect(await result('success')).toBe(1);
  });

  test('TerminalError: counted, logged, not tried again', async () => {
    const started = controller(() => Promise.reject(new TerminalError('hopeless')));
    await start(started);
    started.enqueue('a');
    await clock.advance(1_000_000);
    expect(reconciled).toEqual(['a']);
    expect(await series('terminal_reconcile_errors_total')).toEqual({'{controller="test"}': 1});
    expect(await result('error')).toBe(1);
    expect(log.at(-1)).toMatchObject({level: 'error', message: 'reconcile failed for good'});
  });

  test('programming errors and thrown values that are no errors: tried again, counted as panics', async () => {
    const outcomes: unknown[] = [new TypeError('undefined is not a function'), 'a string', new ApiError({status: 500})];
    const started = controller(async () => {
      const outcome = outcomes.shift();
      if (outcome) throw outcome;
    });
    await start(started);
    started.enqueue('a');
    await clock.advance(1_000);
    expect(reconciled).toHaveLength(4);
    expect(await series('reconcile_panics_total')).toEqual({'{controller="test"}': 2});
  });

  test('a reconciler that throws without a promise is like one that rejects', async () => {
    const started = controller(() => {
      if (reconciled.length < 2) throw new Error('sync');
      return Promise.resolve();
    });
    await start(started);
    started.enqueue('a');
    await clock.advance(1_000);
    expect(reconciled).toHaveLength(2);
  });

  test('a conflict is tried again without noise', async () => {
    const started = controller(async () => {
      if (reconciled.length === 1) throw new ApiError({status: 409, body: {reason: 'Conflict'}});
    });
    await start(started);
    started.enqueue('a');
    await clock.advance(1_000);
    expect(reconciled).toHaveLength(2);
    expect(log.filter((line) => line.level === 'error')).toEqual([]);
  });

  test('a reconcile that is too slow is told so, counted and tried again', async () => {
    const reasons: unknown[] = [];
    const started = controller(
      (_request, {signal}) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason);
            reject(signal.reason);
          });
        }),
      {reconcileTimeoutMs: 50},
    );
    await start(started);
    started.enqueue('a');
    await clock.advance(54);
    expect(reasons).toEqual([expect.objectContaining({code: 'RECONCILE_TIMEOUT'})]);
    expect(await series('reconcile_timeouts_total')).toEqual({'{controller="test"}': 1});
    await clock.advance(1);
    expect(reconciled).toHaveLength(2);
  });

  test('the logger of a reconcile carries controller, key and an ID of its own', async () => {
    const started = controller(async (_request, {logger}) => logger.info('hello', {n: 1}));
    await start(started);
    started.enqueue('ns/a');
    started.enqueue('ns/b');
    await turns();
    const lines = log.filter((line) => line.message === 'hello');
    expect(lines.map((line) => line.fields)).toEqual([
      {controller: 'test', key: 'ns/a', reconcileID: expect.any(String), n: 1},
      {controller: 'test', key: 'ns/b', reconcileID: expect.any(String), n: 1},
    ]);
    expect(lines[0]?.fields.reconcileID).not.toBe(lines[1]?.fields.reconcileID);
  });

  test('all series of a controller are there, at 0, before anything happens', async () => {
    controller(nothing, {maxConcurrent: 4});
    expect(await series('reconcile_total')).toEqual({
      '{controller="test",result="success"}': 0,
      '{controller="test",result="error"}': 0,
      '{controller="test",result="requeue"}': 0,
      '{controller="test",result="requeue_after"}': 0,
    });
    for (const name of [
      'reconcile_errors_total',
      'terminal_reconcile_errors_total',
      'reconcile_panics_total',
      'reconcile_timeouts_total',
      'active_workers',
      'reconcile_time_seconds_count',
    ]) {
      expect(await series(name)).toEqual({'{controller="test"}': 0});
    }
    expect(await series('max_concurrent_reconciles')).toEqual({'{controller="test"}': 4});
    expect(await metrics.text()).toContain('workqueue_adds_total{name="test",controller="test"} 0');
  });
});

describe('Controller: several at once, and the end', () => {
  test('reconciles maxConcurrent keys at once', async () => {
    const {open, reconcile} = gated();
    const started = controller(reconcile, {maxConcurrent: 2});
    await start(started);
    for (const key of ['a', 'b', 'c']) started.enqueue(key);
    await turns();
    expect([...open.keys()]).toEqual(['a', 'b']);
    expect(await series('active_workers')).toEqual({'{controller="test"}': 2});
    open.get('a')?.end();
    await turns();
    expect([...open.keys()]).toEqual(['b', 'c']);
    open.get('b')?.end();
    open.get('c')?.end();
  });

  test('a stop lets running reconciles end and starts no more', async () => {
    const {open, reconcile} = gated();
    const started = controller(reconcile);
    let ended = false;
    const run = started.start(stop.signal).finally(() => {
      ended = true;
    });
    started.enqueue('a');
    started.enqueue('b');
    await turns();
    const a = open.get('a');
    stop.abort();
    await clock.advance(9_000);
    expect(ended).toBe(false);
    expect(a?.context.signal.aborted).toBe(false);
    await clock.advance(1_000);
    expect(a?.context.signal.aborted).toBe(true);
    expect(ended).toBe(false);
    a?.end();
    await run;
    expect(reconciled).toEqual(['a']);
    expect(clock.pendingTimers).toBe(0);
  });

  test('lost leadership aborts running reconciles at once', async () => {
    const {open, reconcile} = gated();
    const started = controller(reconcile);
    await start(started);
    started.enqueue('a');
    await turns();
    const a = open.get('a');
    stop.abort(new ReconcilerKitError('LEADERSHIP_LOST', 'lost'));
    expect(a?.context.signal.aborted).toBe(true);
    a?.end(new Error('aborted'));
  });

  test('reconciles that never wait let timers and sockets have their turn', async () => {
    const started = controller(async ({key}) => {
      const until = performance.now() + 1;
      while (performance.now() < until);
      if (!stop.signal.aborted) started.enqueue(key);
    });
    await start(started);
    started.enqueue('busy');
    // Without turns of the event loop this timer would never fire, and the test never end.
    await new Promise((resolve) => setTimeout(resolve, 50));
    stop.abort();
    expect(reconciled.length).toBeGreaterThan(0);
  });

  test('whatever happens, no key is ever reconciled twice at once, and each change is followed by a reconcile', async () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant('change' as const),
        key: fc.constantFrom('a', 'b', 'c', 'd'),
        priority: fc.constantFrom(-100, 0, 5),
      }),
      fc.record({
        do: fc.constant('end' as const),
        which: fc.nat(5),
        how: fc.constantFrom('ok', 'error', 'terminal', 'later'),
      }),
      fc.record({do: fc.constant('wait' as const), ms: fc.constantFrom(0, 5, 100)}),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, {maxLength: 60}), fc.integer({min: 1, max: 3}), async (steps, maxConcurrent) => {
        clock = new ManualClock();
        const abort = new AbortController();
        const active = new Map<string, (how: string) => void>();
        /** Changes not yet seen by a reconcile that began after them. */
        const unseen = new Set<string>();
        const subject = new Controller({
          name: 'property',
          clock,
          maxConcurrent,
          reconcile: ({key}) => {
            expect(active.has(key)).toBe(false);
            expect(active.size).toBeLessThan(maxConcurrent);
            unseen.delete(key);
            return new Promise((resolve, reject) => {
              active.set(key, (how) => {
                active.delete(key);
                if (how === 'error') reject(new Error('again'));
                else if (how === 'terminal') reject(new TerminalError('never'));
                else resolve(how === 'later' ? {requeueAfterMs: 50} : undefined);
              });
            });
          },
        });
        const run = subject.start(abort.signal);
        const end = (which: number, how: string) => {
          const held = [...active.values()];
          held[which % Math.max(1, held.length)]?.(how);
        };
        for (const action of steps) {
          if (action.do === 'change') {
            unseen.add(action.key);
            subject.enqueue(action.key, {priority: action.priority});
          } else if (action.do === 'end') end(action.which, action.how);
          await clock.advance(action.do === 'wait' ? action.ms : 0);
        }
        for (let i = 0; i < 30; i++) {
          end(0, 'ok');
          await turns();
        }
        expect([...unseen]).toEqual([]);
        abort.abort();
        for (const finish of active.values()) finish('ok');
        await turns();
        await run;
        expect(clock.pendingTimers).toBe(0);
      }),
      {numRuns: 200},
    );
  });
});
