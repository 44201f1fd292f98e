import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import type {KubeObject} from '../kube-object.ts';
import {ManualClock} from '../manual-clock.fixture.ts';
import {createMemoryStorage} from '../storage/memory-storage.ts';
import type {Storage} from '../storage/storage.ts';
import {colorOf, objectOf, openCache, put} from './cache.fixture.ts';
import type {ResourceCache} from './resource-cache.ts';

let storage: Storage;
let cache: ResourceCache;
const clock = new ManualClock();

beforeEach(async () => {
  storage = createMemoryStorage();
  cache = await openCache(storage, {clock, historyLimit: 100});
});

afterEach(async () => {
  cache.close();
  await storage.close();
});

describe('writing', () => {
  test('what is written can be read at once, with its revision', async () => {
    const written = await put(cache, 'a/one', 'red');
    expect(written).toMatchObject({key: 'a/one', revision: 2});
    expect(cache.get('a/one')).toBe(written);
    expect(written.object).toEqual(objectOf('a/one', 'red', {resourceVersion: '2'}));
    expect(cache.revision).toBe(2);
  });

  test('what is stored has no resourceVersion', async () => {
    await cache.write({key: 'a/one', expected: 0, object: objectOf('a/one', 'red', {resourceVersion: '7'})});
    const {objects} = await storage.resource('pods').snapshot();
    expect(JSON.parse(objects[0]!.json)).toEqual(objectOf('a/one', 'red'));
  });

  test('an object that is as it was is not written again, whatever the order of its members', async () => {
    const first = await put(cache, 'a/one', 'red');
    const {metadata, kind, apiVersion} = first.object;
    const {labels, ...rest} = metadata;
    const same: KubeObject = {kind, metadata: {...(labels && {labels}), ...rest}, apiVersion};
    expect(await cache.write({key: 'a/one', expected: 2, object: same})).toBe(first);
    expect(cache.revision).toBe(2);
  });

  test('a deletion gives the last state with the revision of the deletion', async () => {
    await put(cache, 'a/one', 'red');
    const deleted = await put(cache, 'a/one', undefined);
    expect(deleted.revision).toBe(3);
    expect(deleted.object).toEqual(objectOf('a/one', 'red', {resourceVersion: '3'}));
    expect(cache.get('a/one')).toBeUndefined();
  });

  test('after a conflict the cache has what is there', async () => {
    await put(cache, 'a/one', 'red');
    await storage.resource('pods').write({key: 'a/one', expected: 2, json: JSON.stringify(objectOf('a/one', 'blue'))});
    const write = cache.write({key: 'a/one', expected: 2, object: objectOf('a/one', 'green')});
    await expect(write).rejects.toMatchObject({code: 'CONFLICT', current: {revision: 3}});
    expect(colorOf(cache.get('a/one')!)).toBe('blue');
  });

  test('writes at the same time each give their own object', async () => {
    const results = await Promise.all(['a/one', 'a/two', 'a/three'].map((key) => put(cache, key, 'red')));
    expect(results.map(({key, revision}) => [key, revision])).toEqual([
      ['a/one', 2],
      ['a/two', 3],
      ['a/three', 4],
    ]);
  });
});

describe('texts', () => {
  test('the JSON of an object says what the object says', async () => {
    const object: KubeObject = {
      spec: {text: '"metadata":{', big: 2n ** 63n - 1n, list: [null, 1.5, true]},
      metadata: {name: 'one', annotations: {'"kind"': '{"metadata":{}}'}},
      kind: 'We"ird',
      apiVersion: 'example.com/v1',
    };
    const written = await cache.write({key: 'one', expected: 0, object});
    expect(written?.json).toBe(
      '{"apiVersion":"example.com/v1","kind":"We\\"ird","metadata":{"resourceVersion":"2","name":"one",' +
        '"annotations":{"\\"kind\\"":"{\\"metadata\\":{}}"}},' +
        '"spec":{"text":"\\"metadata\\":{","big":9223372036854775807,"list":[null,1.5,true]}}',
    );
    expect(written?.jsonAs('example.com/v1beta1')).toBe(
      written?.json.replace('"example.com/v1"', '"example.com/v1beta1"'),
    );
  });

  test('an object without metadata has a resourceVersion nevertheless', async () => {
    const written = await cache.write({key: 'one', expected: 0, object: {apiVersion: 'v1', kind: 'Pod', metadata: {}}});
    expect(written?.json).toBe('{"apiVersion":"v1","kind":"Pod","metadata":{"resourceVersion":"2"}}');
  });

  test('a member with the name of a prototype is kept', async () => {
    const object = JSON.parse(
      '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"one"},"__proto__":{"a":1}}',
    ) as KubeObject;
    const written = await cache.write({key: 'one', expected: 0, object});
    expect(written?.json).toContain('"__proto__":{"a":1}');
  });

  test('what decoding adds is in the JSON too, in the first read already', async () => {
    await storage
      .resource('pods')
      .write({key: 'a/old', expected: 0, json: '{"kind":"Pod","metadata":{"name":"old"},"apiVersion":"v1"}'});
    const reopened = await openCache(storage, {
      decode: ({json}) => ({...(JSON.parse(json) as KubeObject), spec: {color: 'default'}}),
    });
    expect(reopened.get('a/old')?.json).toBe(
      '{"apiVersion":"v1","kind":"Pod","metadata":{"resourceVersion":"2","name":"old"},"spec":{"color":"default"}}',
    );
    expect(reopened.get('a/old')?.object).toMatchObject({spec: {color: 'default'}});
    reopened.close();
  });

  test('objects are parsed again when they were not in use for long', async () => {
    let decoded = 0;
    const small = await openCache(storage, {
      parsedBytes: 2_000,
      decode: ({json}) => {
        decoded += 1;
        return JSON.parse(json) as KubeObject;
      },
    });
    for (let n = 0; n < 100; n += 1) await put(small, `a/${n}`, 'red');
    expect(decoded).toBe(0);
    expect(small.get('a/99')?.object).toBe(small.get('a/99')?.object);
    expect(decoded).toBe(0);
    expect(small.get('a/0')?.object).toEqual(objectOf('a/0', 'red', {resourceVersion: '2'}));
    expect(decoded).toBe(1);
    small.list({matches: (object) => colorOf(object) === 'red'});
    const afterScan = decoded;
    expect(small.get('a/0')?.object).toEqual(objectOf('a/0', 'red', {resourceVersion: '2'}));
    expect(decoded).toBe(afterScan);
    small.close();
  });
});

describe('lists', () => {
  beforeEach(async () => {
    for (const key of ['b/1', 'a/3', 'a/1', 'a-b/1', 'a/2']) await put(cache, key, key === 'a/2' ? 'blue' : 'red');
  });

  test('are ordered by key', () => {
    const {items, revision} = cache.list();
    expect(items.map(({key}) => key)).toEqual(['a-b/1', 'a/1', 'a/2', 'a/3', 'b/1']);
    expect(revision).toBe(6);
  });

  test('of one namespace have no others', () => {
    expect(keysOf(cache.list({prefix: 'a/'}))).toEqual(['a/1', 'a/2', 'a/3']);
    expect(keysOf(cache.list({prefix: 'c/'}))).toEqual([]);
  });

  test('in parts: each tells where the next one begins, and how many more there are', () => {
    expect(cache.list({limit: 2})).toMatchObject({next: 'a/1', remaining: 3});
    expect(cache.list({limit: 2, after: 'a/1'})).toMatchObject({next: 'a/3', remaining: 1});
    const last = cache.list({limit: 2, after: 'a/3'});
    expect(keysOf(last)).toEqual(['b/1']);
    expect(last).not.toHaveProperty('next');
    expect(cache.list({prefix: 'a/', limit: 2})).toMatchObject({next: 'a/2', remaining: 1});
    expect(cache.list({prefix: 'a/', limit: 3})).not.toHaveProperty('next');
  });

  test('with a selection go on behind the last one selected, and do not count', () => {
    const matches = (object: {object: KubeObject}): boolean => object.object.metadata.labels?.['color'] === 'red';
    const first = cache.list({limit: 2, matches});
    expect(keysOf(first)).toEqual(['a-b/1', 'a/1']);
    expect(first.next).toBe('a/1');
    expect(first).not.toHaveProperty('remaining');
    expect(keysOf(cache.list({limit: 2, matches, after: 'a/1'}))).toEqual(['a/3', 'b/1']);
  });

  test('of the past are as they were', async () => {
    await put(cache, 'a/1', 'green');
    await put(cache, 'a/2', undefined);
    await put(cache, 'a/4', 'red');
    const past = cache.list({revision: 6});
    expect(past.revision).toBe(6);
    expect(past.items.map((each) => `${each.key} ${colorOf(each)} ${each.revision}`)).toEqual([
      'a-b/1 red 5',
      'a/1 red 4',
      'a/2 blue 6',
      'a/3 red 3',
      'b/1 red 2',
    ]);
    expect(cache.list({revision: 6, limit: 1})).toMatchObject({next: 'a-b/1', remaining: 4});
    expect(keysOf(cache.list({revision: 6, limit: 2, after: 'a/1'}))).toEqual(['a/2', 'a/3']);
    expect(keysOf(cache.list({revision: 1}))).toEqual([]);
  });

  test('of a past that is not kept are refused with 410, those of the future with 504', async () => {
    for (let n = 0; n < 100; n += 1) await put(cache, 'a/1', `color-${n}`);
    expect(cache.oldestRevision).toBe(6);
    expect(keysOf(cache.list({revision: 6}))).toHaveLength(5);
    expect(() => cache.list({revision: 5})).toThrow(
      expect.objectContaining({
        code: 410,
        reason: 'Expired',
        message: 'The resourceVersion for the provided list is too old.',
      }),
    );
    expect(() => cache.list({revision: 1_000})).toThrow(
      expect.objectContaining({code: 504, message: 'Timeout: Too large resource version: 1000, current: 106'}),
    );
  });
});

test('lists of the past go on when a cache is opened again', async () => {
  for (const color of ['red', 'blue', undefined, 'green']) await put(cache, 'a/one', color);
  await put(cache, 'a/two', 'red');
  const before = [2, 3, 4, 5, 6].map((revision) => cache.list({revision}).items.map(({json}) => json));
  cache.close();
  const reopened = await openCache(storage);
  expect([2, 3, 4, 5, 6].map((revision) => reopened.list({revision}).items.map(({json}) => json))).toEqual(before);
  expect(reopened.list({revision: 6}).items[0]).toBe(reopened.get('a/one'));
  reopened.close();
});

describe('waiting', () => {
  test('for a revision ends when it comes', async () => {
    const waiting = cache.waitFor(3, 3_000);
    await put(cache, 'a/1', 'red');
    await put(cache, 'a/2', 'red');
    await waiting;
    await cache.waitFor(3, 0);
    expect(clock.pending).toBe(0);
  });

  test('for one that does not come ends with an error that clients know', async () => {
    const waiting = cache.waitFor(99, 3_000);
    clock.advance(3_000);
    const error = await waiting.catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 504,
      reason: 'Timeout',
      message: 'Timeout: Too large resource version: 99, current: 1',
    });
    expect(error).toHaveProperty('details', {
      causes: [{reason: 'ResourceVersionTooLarge', message: 'Too large resource version'}],
      retryAfterSeconds: 1,
    });
  });

  test('for what the storage has gives a consistent read', async () => {
    await storage.resource('pods').write({key: 'a/1', expected: 0, json: JSON.stringify(objectOf('a/1', 'red'))});
    await cache.fresh();
    expect(cache.get('a/1')?.revision).toBe(2);
  });

  test('ends when the cache is closed', async () => {
    const waiting = cache.waitFor(99, 3_000);
    cache.close();
    await expect(waiting).rejects.toMatchObject({code: 'CLOSED'});
    await expect(put(cache, 'a/1', 'red')).rejects.toMatchObject({code: 'CLOSED'});
    expect(clock.pending).toBe(0);
  });

  test('ends when the storage is closed', async () => {
    const waiting = cache.waitFor(99, 3_000);
    await storage.close();
    await expect(waiting).rejects.toMatchObject({code: 'CLOSED'});
  });
});

test('listeners are told every change in order, before the write is done', async () => {
  const told: string[] = [];
  const unsubscribe = cache.subscribe(({current, previous}) => {
    told.push(`${previous && colorOf(previous)} -> ${current && colorOf(current)}`);
  });
  await put(cache, 'a/1', 'red');
  expect(told).toEqual(['undefined -> red']);
  await put(cache, 'a/1', 'blue');
  await put(cache, 'a/1', undefined);
  unsubscribe();
  await put(cache, 'a/2', 'red');
  expect(told).toEqual(['undefined -> red', 'red -> blue', 'blue -> undefined']);
});

function keysOf({items}: {items: readonly {key: string}[]}): string[] {
  return items.map(({key}) => key);
}
