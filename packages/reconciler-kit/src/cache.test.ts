import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {Cache, type CacheHandler, type CacheOptions, cloneForEdit, objectKey} from './cache.ts';
import type {ClientMetrics} from './client-metrics.ts';
import {ApiError} from './errors.ts';
import {type Logger, silentLogger} from './logger.ts';
import {bookmark, ScriptedClient, type Thing, thing} from './scripted-client.fixture.ts';
import {ManualClock} from './testing/manual-clock.ts';
import type {RawWatchEvent} from './watch-stream.ts';

let clock: ManualClock;
let client: ScriptedClient;
let controller: AbortController;
let running: Promise<void>;

beforeEach(() => {
  clock = new ManualClock();
  client = new ScriptedClient(clock);
  controller = new AbortController();
  running = Promise.resolve();
});

afterEach(async () => {
  controller.abort();
  await running;
});

async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await clock.advance(0);
}

function added(...objects: Thing[]): RawWatchEvent[] {
  return objects.map((object) => ({type: 'ADDED', object}));
}

function started(options: CacheOptions<Thing> = {}): Cache<Thing> {
  const cache = new Cache(client, {clock, freeze: true, ...options});
  running = cache.start(controller.signal);
  return cache;
}

async function synced(objects: Thing[], options: CacheOptions<Thing> = {}): Promise<Cache<Thing>> {
  const cache = started(options);
  await settle();
  client.stream.push(...added(...objects), bookmark(10, true));
  await cache.synced();
  return cache;
}

async function relisted(objects: Thing[]): Promise<void> {
  client.stream.fail(new ApiError({status: 410}));
  await settle();
  client.stream.push(...added(...objects), bookmark(100, true));
  await settle();
}

function show(object: {metadata?: {readonly uid?: string; readonly resourceVersion?: string}}): string {
  return `${object.metadata?.uid}@${object.metadata?.resourceVersion}`;
}

function fail(): never {
  throw new Error('handler');
}

function recorder(): {handler: CacheHandler<Thing>; seen: string[]} {
  const seen: string[] = [];
  return {
    seen,
    handler: {
      add: (object, {initial}) => void seen.push(`add ${show(object)}${initial ? ' initial' : ''}`),
      update: (before, after) => void seen.push(`update ${show(before)} ${show(after)}`),
      delete: (object, {exact}) => void seen.push(`delete ${show(object)}${exact ? '' : ' unseen'}`),
    },
  };
}

describe('reading', () => {
  test('by key, by namespace, by index', async () => {
    const other = {...thing('c', 3), metadata: {...thing('c', 3).metadata, namespace: 'other'}};
    const cache = await synced([thing('a', 1, {value: 1}), thing('b', 2, {value: 2}), other], {
      indexers: {value: (object) => [String(object.spec?.value), 'any']},
    });
    expect(cache.size).toBe(3);
    expect(cache.get('ns/a')?.spec?.value).toBe(1);
    expect(cache.get('a')).toBeUndefined();
    expect(cache.list().map(objectKey)).toEqual(['ns/a', 'ns/b', 'other/c']);
    expect(cache.list('other').map(objectKey)).toEqual(['other/c']);
    expect(cache.list('none')).toEqual([]);
    expect(cache.byIndex('value', '2').map(objectKey)).toEqual(['ns/b']);
    expect(cache.byIndex('value', 'any')).toHaveLength(3);
    expect(cache.byIndex('value', '4')).toEqual([]);
    expect(() => cache.byIndex('nmae', 'x')).toThrow(expect.objectContaining({code: 'INVALID_ARGUMENT'}));
  });

  test('an index follows its objects', async () => {
    const cache = await synced([thing('a', 1, {value: 1})], {indexers: {value: ({spec}) => [String(spec?.value)]}});
    client.stream.push({type: 'MODIFIED', object: thing('a', 11, {value: 2})});
    await settle();
    expect(cache.byIndex('value', '1')).toEqual([]);
    expect(cache.byIndex('value', '2')).toHaveLength(1);
    client.stream.push({type: 'DELETED', object: thing('a', 12, {value: 2})});
    await settle();
    expect(cache.byIndex('value', '2')).toEqual([]);
    expect(cache.list('ns')).toEqual([]);
  });

  test('frozen objects cannot be changed, a clone can', async () => {
    const cache = await synced([thing('a', 1)]);
    const object = cache.get('ns/a');
    if (object?.spec === undefined) throw new Error('not there');
    expect(() => {
      (object as Thing).spec = {value: 9};
    }).toThrow(TypeError);
    const copy = cloneForEdit<Thing>(object);
    copy.spec = {value: 9};
    expect(cache.get('ns/a')?.spec?.value).toBe(1);
  });
});

describe('handlers', () => {
  test('hear the initial state, then each change, and the cache has it already', async () => {
    const cache = started();
    const {handler, seen} = recorder();
    const sizes: number[] = [];
    cache.subscribe(handler);
    cache.subscribe({add: () => void sizes.push(cache.size), delete: () => void sizes.push(cache.size)});
    await settle();
    client.stream.push(...added(thing('a', 1), thing('b', 2)), bookmark(10, true));
    await settle();
    client.stream.push(
      {type: 'MODIFIED', object: thing('a', 11)},
      {type: 'ADDED', object: thing('c', 12)},
      {type: 'DELETED', object: thing('b', 13)},
    );
    await settle();
    expect(seen).toEqual([
      'add uid-a@1 initial',
      'add uid-b@2 initial',
      'update uid-a@1 uid-a@11',
      'add uid-c@12',
      'delete uid-b@13',
    ]);
    expect(sizes).toEqual([2, 2, 3, 2]);
  });

  test('that come late hear of everything that is there first', async () => {
    const cache = await synced([thing('a', 1), thing('b', 2)]);
    const {handler, seen} = recorder();
    const end = cache.subscribe(handler);
    expect(seen).toEqual(['add uid-a@1 initial', 'add uid-b@2 initial']);
    end();
    client.stream.push({type: 'MODIFIED', object: thing('a', 11)});
    await settle();
    expect(seen).toHaveLength(2);
  });

  test('that are subscribed by a handler hear of nothing twice', async () => {
    const cache = started();
    const {handler, seen} = recorder();
    let subscribed = false;
    cache.subscribe({
      add: () => {
        if (!subscribed) cache.subscribe(handler);
        subscribed = true;
      },
    });
    await settle();
    client.stream.push(...added(thing('a', 1), thing('b', 2)), bookmark(10, true));
    await settle();
    expect(seen).toEqual(['add uid-a@1 initial', 'add uid-b@2 initial']);
  });

  test('that end themselves or another one hear nothing more', async () => {
    const cache = await synced([]);
    const {handler, seen} = recorder();
    const ends: (() => void)[] = [];
    cache.subscribe({add: () => ends.forEach((end) => end())});
    ends.push(cache.subscribe(handler));
    client.stream.push(...added(thing('a', 11)));
    await settle();
    expect(seen).toEqual([]);
  });

  test('that throw break neither the cache nor the others; so do indexers', async () => {
    const errors: string[] = [];
    const failures: object[] = [];
    const logger: Logger = {...silentLogger, error: (message) => errors.push(message), child: () => logger};
    const metrics = {
      client: new Proxy({} as ClientMetrics, {
        get: (_, name) => (labels: object) => (name === 'handlerFailed' ? failures.push(labels) : undefined),
      }),
    };
    const cache = started({
      logger,
      metrics,
      indexers: {
        bad: () => {
          throw new Error('index');
        },
      },
    });
    cache.subscribe({add: fail, update: fail, delete: fail});
    const {handler, seen} = recorder();
    cache.subscribe(handler);
    await settle();
    client.stream.push(...added(thing('a', 1)), bookmark(10, true));
    client.stream.push({type: 'MODIFIED', object: thing('a', 11)}, {type: 'DELETED', object: thing('a', 12)});
    await settle();
    expect(seen).toEqual(['add uid-a@1 initial', 'update uid-a@1 uid-a@11', 'delete uid-a@12']);
    expect(cache.byIndex('bad', 'x')).toEqual([]);
    expect(errors.filter((message) => message === 'cache handler failed')).toHaveLength(3);
    expect(failures).toHaveLength(5);
    expect(failures[0]).toEqual({resource: 'things.example.com'});
  });
});

describe('taking the state anew', () => {
  test('tells only what is different', async () => {
    const cache = await synced([thing('a', 1), thing('b', 2), thing('c', 3)]);
    const kept = cache.get('ns/a');
    const {handler, seen} = recorder();
    cache.subscribe(handler);
    seen.length = 0;
    await relisted([thing('a', 1), thing('b', 20), thing('d', 30)]);
    expect(seen).toEqual(['delete uid-c@3 unseen', 'update uid-b@2 uid-b@20', 'add uid-d@30']);
    expect(cache.get('ns/a')).toBe(kept);
    expect(cache.size).toBe(3);
  });

  test('an object that was deleted and made again is two objects', async () => {
    const cache = await synced([thing('a', 1)]);
    const {handler, seen} = recorder();
    cache.subscribe(handler);
    seen.length = 0;
    await relisted([thing('a', 50, {uid: 'second'})]);
    expect(seen).toEqual(['delete uid-a@1 unseen', 'add second@50']);
    expect(cache.size).toBe(1);
    // News of the first that come late do not touch the second.
    client.stream.push({type: 'DELETED', object: thing('a', 101)});
    await settle();
    expect(cache.get('ns/a')?.metadata?.uid).toBe('second');
  });
});

describe('synced', () => {
  test('waits until every handler has had the initial state', async () => {
    const cache = started();
    const states: boolean[] = [];
    cache.subscribe({add: () => void states.push(cache.hasSynced)});
    const waiting = [cache.synced(), cache.synced(new AbortController().signal)];
    await settle();
    client.stream.push(...added(thing('a', 1)));
    await settle();
    expect(cache.hasSynced).toBe(false);
    client.stream.push(bookmark(10, true));
    await Promise.all(waiting);
    expect(states).toEqual([false]);
    expect(cache.hasSynced).toBe(true);
    await cache.synced();
  });

  test('of nothing at all is synced too', async () => {
    const cache = await synced([]);
    expect(cache.hasSynced).toBe(true);
  });

  test('gives up when its signal is aborted, and says what is in the way', async () => {
    client.onWatch = () => {
      throw new ApiError({status: 403});
    };
    const cache = started();
    const reason = new Error('too long');
    const waiting = new AbortController();
    const waited = cache.synced(waiting.signal);
    await settle();
    waiting.abort(reason);
    await expect(waited).rejects.toBe(reason);
    await expect(cache.synced(waiting.signal)).rejects.toBe(reason);
    expect(cache.lastError).toMatchObject({code: 'API_FORBIDDEN'});
  });
});

test('a cache is started once, and ends with its signal', async () => {
  const cache = await synced([]);
  await expect(cache.start(controller.signal)).rejects.toMatchObject({code: 'ALREADY_STARTED'});
  controller.abort();
  await expect(running).resolves.toBeUndefined();
  expect(clock.pendingTimers).toBe(0);
});
