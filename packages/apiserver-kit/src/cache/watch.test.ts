import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {ManualClock} from '../manual-clock.fixture.ts';
import {createMemoryStorage} from '../storage/memory-storage.ts';
import type {Storage} from '../storage/storage.ts';
import {colorOf, describeEvent, forever, objectOf, openCache, put, take} from './cache.fixture.ts';
import type {ResourceCache} from './resource-cache.ts';
import type {WatchOptions} from './watch.ts';
import {watchEventLine} from './watch-event.ts';

let storage: Storage;
let cache: ResourceCache;
let clock: ManualClock;

beforeEach(async () => {
  clock = new ManualClock();
  storage = createMemoryStorage();
  cache = await openCache(storage, {clock});
});

afterEach(async () => {
  cache.close();
  expect(clock.pending).toBe(0);
  await storage.close();
});

const isRed: WatchOptions['matches'] = (object) => colorOf(object) === 'red';

describe('events', () => {
  test('come in order with the revision of each', async () => {
    const watch = cache.watch({bookmarks: false, signal: forever});
    await put(cache, 'a/one', 'red');
    await put(cache, 'a/one', 'blue');
    await put(cache, 'a/one', undefined);
    expect(await take(watch, 3)).toEqual(['ADDED a/one red @2', 'MODIFIED a/one blue @3', 'DELETED a/one blue @4']);
  });

  test('wake one who waits', async () => {
    const watch = cache.watch({bookmarks: false, signal: forever});
    const next = watch.next();
    await put(cache, 'a/one', 'red');
    expect((await next).map(describeEvent)).toEqual(['ADDED a/one red @2']);
  });

  test('of a selection: what comes to match is added, what matches no more is deleted with its last state', async () => {
    const watch = cache.watch({bookmarks: false, signal: forever, matches: isRed});
    for (const color of ['blue', 'red', 'red!', 'red', 'blue', 'green', 'red', undefined])
      await put(cache, 'a/one', color);
    await put(cache, 'a/two', 'red');
    expect(await take(watch, 7)).toEqual([
      'ADDED a/one red @3',
      'DELETED a/one red @4',
      'ADDED a/one red @5',
      'DELETED a/one red @6',
      'ADDED a/one red @8',
      'DELETED a/one red @9',
      'ADDED a/two red @10',
    ]);
  });

  test('of a namespace or of one object leave the others out', async () => {
    const namespace = cache.watch({bookmarks: false, signal: forever, prefix: 'a/'});
    const object = cache.watch({bookmarks: false, signal: forever, key: 'a/two'});
    const waiting = [namespace.next(), object.next()];
    for (const key of ['b/one', 'a/one', 'a-b/one', 'a/two', 'a/twofold', 'b/two']) await put(cache, key, 'red');
    await put(cache, 'a/two', undefined);
    expect((await waiting[0]!).map(describeEvent)).toEqual(['ADDED a/one red @3']);
    expect(await take(namespace, 3)).toEqual(['ADDED a/two red @5', 'ADDED a/twofold red @6', 'DELETED a/two red @8']);
    expect((await waiting[1]!).map(describeEvent)).toEqual(['ADDED a/two red @5']);
    expect(await take(object, 1)).toEqual(['DELETED a/two red @8']);
  });

  test('of one change are one line for all who see it alike', async () => {
    const all = [1, 2].map(() => cache.watch({bookmarks: false, signal: forever}));
    const selected = cache.watch({bookmarks: false, signal: forever, matches: isRed});
    await put(cache, 'a/one', 'blue');
    await put(cache, 'a/one', 'red');
    const [first, second] = await Promise.all(all.map((watch) => watch.next()));
    expect(first?.[1]).toBe(second?.[1]);
    const kind = {apiVersion: 'v1', kind: 'Pod'};
    const json = cache.get('a/one')?.json;
    expect(watchEventLine(first![1]!, kind)).toBe(`{"type":"MODIFIED","object":${json}}\n`);
    expect(watchEventLine((await selected.next())[0]!, kind)).toBe(`{"type":"ADDED","object":${json}}\n`);
    expect(watchEventLine(first![1]!, {apiVersion: 'v2', kind: 'Pod'})).toContain('"apiVersion":"v2"');
  });
});

describe('beginnings', () => {
  beforeEach(async () => {
    for (const key of ['a/two', 'b/one', 'a/one']) await put(cache, key, key === 'a/two' ? 'blue' : 'red');
  });

  test('the present state comes first, ordered by key', async () => {
    const watch = cache.watch({bookmarks: false, signal: forever});
    expect(await take(watch, 3)).toEqual(['ADDED a/one red @4', 'ADDED a/two blue @2', 'ADDED b/one red @3']);
    await put(cache, 'a/one', 'blue');
    expect(await take(watch, 1)).toEqual(['MODIFIED a/one blue @5']);
  });

  test('a bookmark ends the present state, for one who asks so', async () => {
    const options = {bookmarks: true, sendInitialEvents: true, signal: forever};
    expect(await take(cache.watch({...options, matches: isRed}), 3)).toEqual([
      'ADDED a/one red @4',
      'ADDED b/one red @3',
      'BOOKMARK (initial) @4',
    ]);
    expect(await take(cache.watch({...options, prefix: 'c/'}), 1)).toEqual(['BOOKMARK (initial) @4']);
    const without = cache.watch({...options, bookmarks: false, prefix: 'c/'});
    const next = without.next();
    await put(cache, 'c/one', 'red');
    expect((await next).map(describeEvent)).toEqual(['ADDED c/one red @5']);
  });

  test('the present state is that of the beginning, however late it is read', async () => {
    const watch = cache.watch({bookmarks: true, sendInitialEvents: true, signal: forever});
    await put(cache, 'a/one', 'green');
    await put(cache, 'a/two', undefined);
    await put(cache, 'a/new', 'red');
    expect(await take(watch, 7)).toEqual([
      'ADDED a/one red @4',
      'ADDED a/two blue @2',
      'ADDED b/one red @3',
      'BOOKMARK (initial) @4',
      'MODIFIED a/one green @5',
      'DELETED a/two blue @6',
      'ADDED a/new red @7',
    ]);
  });

  test('a watch goes on after a revision', async () => {
    expect(await take(cache.watch({bookmarks: false, signal: forever, after: 2}), 2)).toEqual([
      'ADDED b/one red @3',
      'ADDED a/one red @4',
    ]);
  });

  test('a watch from the future begins there', async () => {
    const watch = cache.watch({bookmarks: true, signal: forever, after: 6});
    const next = watch.next();
    await put(cache, 'a/one', 'c5');
    await put(cache, 'a/one', 'c6');
    await put(cache, 'a/one', 'c7');
    expect((await next).map(describeEvent)).toEqual(['MODIFIED a/one c7 @7']);
  });

  test('many objects come in parts', async () => {
    for (let n = 0; n < 1_200; n += 1) await put(cache, `many/${n}`, 'red');
    const watch = cache.watch({bookmarks: true, sendInitialEvents: true, signal: forever, prefix: 'many/'});
    const sizes: number[] = [];
    let last = '';
    do {
      const batch = await watch.next();
      sizes.push(batch.length);
      last = describeEvent(batch.at(-1)!);
    } while (!last.startsWith('BOOKMARK'));
    expect(sizes.reduce((sum, size) => sum + size)).toBe(1_201);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(501);
  });
});

describe('bookmarks', () => {
  test('come every minute, with the present revision', async () => {
    const watch = cache.watch({bookmarks: true, signal: forever, prefix: 'a/'});
    const next = watch.next();
    await put(cache, 'b/one', 'red');
    clock.advance(60_000);
    expect((await next).map(describeEvent)).toEqual(['BOOKMARK @2']);
    const again = watch.next();
    clock.advance(60_000);
    expect((await again).map(describeEvent)).toEqual(['BOOKMARK @2']);
  });

  test('do not come without being asked for', async () => {
    const watch = cache.watch({bookmarks: false, signal: forever});
    const next = watch.next();
    clock.advance(600_000);
    await put(cache, 'a/one', 'red');
    expect((await next).map(describeEvent)).toEqual(['ADDED a/one red @2']);
  });

  test('tell of progress when many changes are not for the watch', async () => {
    const watch = cache.watch({bookmarks: true, signal: forever, matches: isRed});
    const next = watch.next();
    for (let n = 0; n < 1_000; n += 1) await put(cache, 'a/one', `blue-${n}`);
    expect((await next).map(describeEvent)).toEqual(['BOOKMARK @1001']);
  });

  test('as lines have the kind, the revision and the end of the initial events', () => {
    const kind = {apiVersion: 'apps/v1', kind: 'Deployment'};
    const bookmark = {type: 'BOOKMARK' as const, revision: 7, object: undefined};
    expect(watchEventLine(bookmark, kind)).toBe(
      '{"type":"BOOKMARK","object":{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"resourceVersion":"7"}}}\n',
    );
    expect(watchEventLine({...bookmark, initialEventsEnd: true}, kind)).toContain(
      '"annotations":{"k8s.io/initial-events-end":"true"}',
    );
  });
});

describe('ends', () => {
  test('a watch that is closed gives nothing more', async () => {
    const watch = cache.watch({bookmarks: true, signal: forever});
    const next = watch.next();
    watch.close();
    expect(await next).toEqual([]);
    expect(await watch.next()).toEqual([]);
    expect(watch.evicted).toBe(false);
    expect(cache.watchCount).toBe(0);
  });

  test('a signal closes it, also one that was aborted before', async () => {
    const controller = new AbortController();
    const watch = cache.watch({bookmarks: true, signal: controller.signal});
    const next = watch.next();
    controller.abort();
    expect(await next).toEqual([]);
    expect(await cache.watch({bookmarks: true, signal: controller.signal}).next()).toEqual([]);
    expect(cache.watchCount).toBe(0);
  });

  test('the cache ends all of them', async () => {
    const watch = cache.watch({bookmarks: true, signal: forever});
    const next = watch.next();
    cache.close();
    expect(await next).toEqual([]);
    expect(await cache.watch({bookmarks: true, signal: forever}).next()).toEqual([]);
  });

  test('one that does not read is evicted when too much has come', async () => {
    const slow = cache.watch({bookmarks: true, signal: forever, bufferBytes: 10_000});
    const quick = cache.watch({bookmarks: false, signal: forever, bufferBytes: 10_000});
    let seen = 0;
    for (let n = 0; n < 100; n += 1) {
      await put(cache, 'a/one', `color-${n}`);
      seen += (await quick.next()).length;
    }
    expect(seen).toBe(100);
    expect(slow.evicted).toBe(true);
    expect(slow.closed.aborted).toBe(true);
    expect(await slow.next()).toEqual([]);
    expect(quick.evicted).toBe(false);
  });

  test('one that waits is not evicted, whatever goes by', async () => {
    const waiting = [{prefix: 'b/'}, {key: 'b/one'}, {matches: isRed}].map((scope) => {
      const watch = cache.watch({bookmarks: false, signal: forever, bufferBytes: 1_000, ...scope});
      return {watch, next: watch.next()};
    });
    for (let n = 0; n < 100; n += 1) await put(cache, 'a/one', `color-${n}`);
    await put(cache, 'b/one', 'red');
    for (const {watch, next} of waiting) {
      expect((await next).map(describeEvent)).toEqual(['ADDED b/one red @102']);
      expect(watch.evicted).toBe(false);
    }
  });

  test('one that fell out of the history is evicted', async () => {
    const short = await openCache(storage, {clock, historyLimit: 10});
    await put(short, 'a/one', 'red');
    const initial = short.watch({bookmarks: false, signal: forever});
    const later = short.watch({bookmarks: false, signal: forever, after: 2});
    for (let n = 0; n < 20; n += 1) await put(short, 'a/one', `color-${n}`);
    for (const watch of [initial, later]) {
      expect(await watch.next()).toEqual([]);
      expect(watch.evicted).toBe(true);
    }
    short.close();
  });
});

describe('changes that are older than the cache', () => {
  test('are read from the storage', async () => {
    for (let n = 2; n <= 40; n += 1) await put(cache, 'a/one', n % 2 === 0 ? 'red' : `color-${n}`);
    await put(cache, 'a/one', undefined);
    const reopened = await openCache(storage, {clock, historyLimit: 10});
    const watch = reopened.watch({bookmarks: false, signal: forever, after: 30, matches: isRed});
    expect(await take(watch, 11)).toEqual(
      [31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41].map((revision) =>
        revision % 2 === 0 ? `ADDED a/one red @${revision}` : `DELETED a/one red @${revision}`,
      ),
    );
    await put(reopened, 'a/two', 'red');
    expect(await take(watch, 1)).toEqual(['ADDED a/two red @42']);
    reopened.close();
  });

  test('are expired where the storage has them no more', async () => {
    const short = createMemoryStorage({maxEntries: 10});
    const first = await openCache(short);
    for (let n = 0; n < 30; n += 1) await put(first, 'a/one', `color-${n}`);
    first.close();
    const second = await openCache(short);
    await expect(second.watch({bookmarks: false, signal: forever, after: 5}).next()).rejects.toMatchObject({
      code: 410,
      reason: 'Expired',
      message: 'too old resource version: 5 (21)',
    });
    expect(second.watchCount).toBe(0);
    second.close();
    await short.close();
  });

  test('meet those that come meanwhile', async () => {
    for (let n = 0; n < 1_500; n += 1) await put(cache, `a/${n}`, 'red');
    const reopened = await openCache(storage, {clock, historyLimit: 10});
    const watch = reopened.watch({bookmarks: false, signal: forever, after: 1});
    const seen: number[] = [];
    let written = 0;
    while (seen.length < 1_520) {
      for (const {revision} of await watch.next()) seen.push(revision);
      if (written === 20) continue;
      written += 1;
      await reopened.write({key: `b/${written}`, expected: 0, object: objectOf(`b/${written}`, 'red')});
    }
    expect(seen).toEqual(Array.from({length: 1_520}, (_, n) => n + 2));
    reopened.close();
  });
});
