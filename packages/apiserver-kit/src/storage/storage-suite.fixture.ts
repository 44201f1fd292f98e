import {setImmediate} from 'node:timers/promises';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import {
  type ResourceStorage,
  type Storage,
  type StorageChange,
  StorageError,
  type StorageWrite,
  type StoredObject,
} from './storage.ts';

export interface StorageUnderTest {
  storage: Storage;
  /** Lets go of all changes but the last {@link keptRevisions} of each resource, as time would. */
  compact(): Promise<void>;
  /** Removes what the storage leaves behind. */
  dispose(): Promise<void>;
}

/** Of each resource, whatever their age: what the storage under test is to be told. */
export const keptRevisions = 2;

/** What every storage must do. The cases follow those of k8s.io/apiserver/pkg/storage/testing. */
export function describeStorage(name: string, open: () => Promise<StorageUnderTest>): void {
  describe(`storage: ${name}`, () => {
    let subject: StorageUnderTest;
    let storage: Storage;
    let pods: ResourceStorage;

    beforeEach(async () => {
      subject = await open();
      storage = subject.storage;
      pods = storage.resource('pods');
    });

    afterEach(async () => {
      await storage.close();
      await subject.dispose();
    });

    test('a resource that was never written to is empty, at revision 1', async () => {
      expect(await pods.snapshot()).toMatchObject({revision: 1, objects: []});
      expect(await pods.revision()).toBe(1);
    });

    test('a write makes the next revision, and the object has it', async () => {
      expect(await pods.write({key: 'a/one', expected: 0, json: '{"n":1}'})).toBe(2);
      expect(await pods.write({key: 'a/two', expected: 0, json: '{"n":2}'})).toBe(3);
      expect(await pods.snapshot()).toMatchObject({
        revision: 3,
        objects: [
          {key: 'a/one', revision: 2, json: '{"n":1}'},
          {key: 'a/two', revision: 3, json: '{"n":2}'},
        ],
      });
    });

    test('what exists is not created again: the error has what is there', async () => {
      await pods.write({key: 'a/one', expected: 0, json: '{"n":1}'});
      await expectConflict(pods.write({key: 'a/one', expected: 0, json: '{"n":2}'}), {
        key: 'a/one',
        revision: 2,
        json: '{"n":1}',
      });
      expect(await pods.revision()).toBe(2);
    });

    test('an update needs the revision of what is there', async () => {
      await pods.write({key: 'a/one', expected: 0, json: '{"n":1}'});
      expect(await pods.write({key: 'a/one', expected: 2, json: '{"n":2}'})).toBe(3);
      await expectConflict(pods.write({key: 'a/one', expected: 2, json: '{"n":3}'}), {
        key: 'a/one',
        revision: 3,
        json: '{"n":2}',
      });
      await expectConflict(pods.write({key: 'a/none', expected: 3, json: '{}'}), undefined);
    });

    test('a deletion needs the revision of what is there, and is a revision of its own', async () => {
      await pods.write({key: 'a/one', expected: 0, json: '{"n":1}'});
      await expectConflict(pods.write({key: 'a/one', expected: 1, json: undefined}), {
        key: 'a/one',
        revision: 2,
        json: '{"n":1}',
      });
      expect(await pods.write({key: 'a/one', expected: 2, json: undefined})).toBe(3);
      await expectConflict(pods.write({key: 'a/one', expected: 2, json: undefined}), undefined);
      expect(await pods.snapshot()).toMatchObject({revision: 3, objects: []});
    });

    test('an object that was deleted can be created again, with a greater revision', async () => {
      await pods.write({key: 'a/one', expected: 0, json: '{"n":1}'});
      await pods.write({key: 'a/one', expected: 2, json: undefined});
      expect(await pods.write({key: 'a/one', expected: 0, json: '{"n":2}'})).toBe(4);
      expect((await collect(pods, 1, 3)).map(({previous}) => previous?.revision)).toEqual([undefined, 2, undefined]);
    });

    test('of writes to one object at the same time exactly one succeeds', async () => {
      const results = await Promise.allSettled(
        Array.from({length: 20}, (_, n) => pods.write({key: 'a/one', expected: 0, json: `{"n":${n}}`})),
      );
      expect(results.filter(({status}) => status === 'fulfilled')).toHaveLength(1);
      expect(await pods.revision()).toBe(2);
    });

    test('writers who try again after a conflict lose no step', async () => {
      await pods.write({key: 'a/count', expected: 0, json: '0'});
      await Promise.all(
        Array.from({length: 5}, async () => {
          for (let step = 0; step < 10; step += 1) await increment(pods, 'a/count');
        }),
      );
      const {objects, revision} = await pods.snapshot();
      expect(objects[0]?.json).toBe('50');
      expect(revision).toBe(52);
    });

    test('writes at the same time get revisions without gaps, and changes in that order', async () => {
      const revisions = await Promise.all(
        Array.from({length: 100}, (_, n) => pods.write({key: `a/${n}`, expected: 0, json: `${n}`})),
      );
      expect([...revisions].sort((a, b) => a - b)).toEqual(Array.from({length: 100}, (_, n) => n + 2));
      const changes = await collect(pods, 1, 100);
      expect(changes.map(({revision}) => revision)).toEqual(Array.from({length: 100}, (_, n) => n + 2));
      for (const [n, revision] of revisions.entries()) expect(changes[revision - 2]?.json).toBe(`${n}`);
    });

    test('each resource counts for itself', async () => {
      const runs = storage.resource('runs.kruntimes.io');
      await pods.write({key: 'a/one', expected: 0, json: '{"n":1}'});
      expect(await runs.write({key: 'a/one', expected: 0, json: '{"n":2}'})).toBe(2);
      expect((await runs.snapshot()).objects).toEqual([{key: 'a/one', revision: 2, json: '{"n":2}'}]);
      expect(await collect(runs, 1, 1)).toHaveLength(1);
    });

    test('the same resource is the same objects, however often it is asked for', async () => {
      await pods.write({key: 'a/one', expected: 0, json: '{}'});
      expect(await storage.resource('pods').revision()).toBe(2);
    });

    test('a snapshot is ordered by key', async () => {
      for (const key of ['b/a', 'a/b', 'a-b/a', 'a/a', 'ab/a', 'a/\u{1F600}', 'a/\uFFFD', 'a/Z'])
        await pods.write({key, expected: 0, json: '{}'});
      const keys = (await pods.snapshot()).objects.map(({key}) => key);
      expect(keys).toEqual([...keys].sort());
      expect(keys).toHaveLength(8);
    });

    test('keys and texts come back as they are', async () => {
      const json = JSON.stringify({text: 'äöü 漢字 \u{1F600} \u0000 \\ "', big: 'x'.repeat(3_000_000)});
      await pods.write({key: "a/it's-\u{1F600}", expected: 0, json});
      const {objects} = await pods.snapshot();
      expect(objects[0]?.key).toBe("a/it's-\u{1F600}");
      expect(objects[0]?.json === json).toBe(true);
      const [change] = await collect(pods, 1, 1);
      expect(change?.json === json).toBe(true);
    });

    test('changes tell what was there before', async () => {
      await pods.write({key: 'a/one', expected: 0, json: '{"n":1}'});
      await pods.write({key: 'a/one', expected: 2, json: '{"n":2}'});
      await pods.write({key: 'a/one', expected: 3, json: undefined});
      expect(await collect(pods, 1, 3)).toEqual([
        {revision: 2, key: 'a/one', json: '{"n":1}', previous: undefined},
        {revision: 3, key: 'a/one', json: '{"n":2}', previous: {key: 'a/one', revision: 2, json: '{"n":1}'}},
        {revision: 4, key: 'a/one', json: undefined, previous: {key: 'a/one', revision: 3, json: '{"n":2}'}},
      ]);
    });

    test('changes begin after the revision that is asked for', async () => {
      for (let n = 0; n < 5; n += 1) await pods.write({key: `a/${n}`, expected: 0, json: '{}'});
      expect((await collect(pods, 4, 2)).map(({revision}) => revision)).toEqual([5, 6]);
    });

    test('one who waits for changes is given them as they come, before the write is acknowledged', async () => {
      const seen: number[] = [];
      const controller = new AbortController();
      const reader = (async () => {
        for await (const changes of pods.changes(1, controller.signal))
          for (const {revision} of changes) seen.push(revision);
      })();
      await setImmediate();
      for (let n = 0; n < 3; n += 1) {
        const revision = await pods.write({key: `a/${n}`, expected: 0, json: '{}'});
        await setImmediate();
        expect(seen.at(-1)).toBe(revision);
      }
      controller.abort();
      await reader;
      expect(seen).toEqual([2, 3, 4]);
    });

    test('one who is late misses nothing', async () => {
      const controller = new AbortController();
      const reader = pods.changes(1, controller.signal)[Symbol.asyncIterator]();
      await pods.write({key: 'a/0', expected: 0, json: '{}'});
      expect((await reader.next()).value).toMatchObject([{revision: 2}]);
      for (let n = 1; n <= 1_000; n += 1) await pods.write({key: `a/${n}`, expected: 0, json: '{}'});
      const revisions: number[] = [];
      while (revisions.at(-1) !== 1_002) {
        const {value} = await reader.next();
        for (const {revision} of value as StorageChange[]) revisions.push(revision);
      }
      expect(revisions).toEqual(Array.from({length: 1_000}, (_, n) => n + 3));
      controller.abort();
      expect(await reader.next()).toMatchObject({done: true});
    });

    test('changes end when they are not wanted any more', async () => {
      const controller = new AbortController();
      const reader = pods.changes(1, controller.signal)[Symbol.asyncIterator]();
      const next = reader.next();
      controller.abort();
      expect(await next).toEqual({done: true, value: undefined});
      const aborted = pods.changes(1, AbortSignal.abort())[Symbol.asyncIterator]();
      expect(await aborted.next()).toEqual({done: true, value: undefined});
    });

    test('changes that are kept no more are refused; the objects stay', async () => {
      await pods.write({key: 'a/stays', expected: 0, json: '{"n":1}'});
      await pods.write({key: 'a/changes', expected: 0, json: '{"n":1}'});
      await pods.write({key: 'a/changes', expected: 3, json: '{"n":2}'});
      await pods.write({key: 'a/goes', expected: 0, json: '{}'});
      await pods.write({key: 'a/goes', expected: 5, json: undefined});
      await pods.write({key: 'a/changes', expected: 4, json: '{"n":3}'});
      await subject.compact();
      await expect(collect(pods, 4, 1)).rejects.toMatchObject({code: 'COMPACTED'});
      expect(await collect(pods, 5, 2)).toEqual([
        {revision: 6, key: 'a/goes', json: undefined, previous: {key: 'a/goes', revision: 5, json: '{}'}},
        {
          revision: 7,
          key: 'a/changes',
          json: '{"n":3}',
          previous: {key: 'a/changes', revision: 4, json: '{"n":2}'},
        },
      ]);
      expect(await pods.snapshot()).toMatchObject({
        revision: 7,
        objects: [
          {key: 'a/changes', revision: 7, json: '{"n":3}'},
          {key: 'a/stays', revision: 2, json: '{"n":1}'},
        ],
      });
    });

    test('one who reads while his changes are let go is told so', async () => {
      const reader = pods.changes(1, new AbortController().signal)[Symbol.asyncIterator]();
      await pods.write({key: 'a/0', expected: 0, json: '{}'});
      await reader.next();
      for (let n = 1; n < 20; n += 1) await pods.write({key: `a/${n}`, expected: 0, json: '{}'});
      await subject.compact();
      await expect(reader.next()).rejects.toMatchObject({code: 'COMPACTED'});
    });

    test('what is dropped is gone with its changes, and its counter does not run backwards', async () => {
      await pods.write({key: 'a/one', expected: 0, json: '{"n":1}'});
      await storage.resource('runs').write({key: 'a/one', expected: 0, json: '{"n":2}'});
      const waiting = pods.changes(2, new AbortController().signal)[Symbol.asyncIterator]().next();
      await setImmediate();
      await storage.drop('pods');
      await expect(waiting).rejects.toMatchObject({code: 'COMPACTED'});
      const again = storage.resource('pods');
      const {revision, objects} = await again.snapshot();
      expect(objects).toEqual([]);
      expect(revision).toBeGreaterThan(2);
      await expect(collect(again, 2, 1)).rejects.toMatchObject({code: 'COMPACTED'});
      expect(await again.write({key: 'a/one', expected: 0, json: '{"n":3}'})).toBe(revision + 1);
      expect((await storage.resource('runs').snapshot()).objects).toHaveLength(1);
    });

    test('a storage that is closed refuses everything', async () => {
      const waiting = pods.changes(1, new AbortController().signal)[Symbol.asyncIterator]().next();
      await setImmediate();
      await storage.close();
      await expect(waiting).rejects.toMatchObject({code: 'CLOSED'});
      await expect(pods.write({key: 'a/one', expected: 0, json: '{}'})).rejects.toMatchObject({code: 'CLOSED'});
      await expect(pods.snapshot()).rejects.toMatchObject({code: 'CLOSED'});
      await expect(pods.revision()).rejects.toMatchObject({code: 'CLOSED'});
      await storage.close();
    });

    test('random writes leave what a plain map would', async () => {
      let resources = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(arbitraryWrite, {maxLength: 40, size: 'max'}), async (writes) => {
          resources += 1;
          await checkAgainstMap(storage.resource(`random-${resources}`), writes);
        }),
        {numRuns: 50},
      );
    });
  });
}

/** `behind` is how much older than the object the expected revision is. */
interface RandomWrite {
  key: string;
  delete: boolean;
  behind: number;
  together: boolean;
}

const arbitraryWrite: fc.Arbitrary<RandomWrite> = fc.record({
  key: fc.constantFrom('a/1', 'a/2', 'b/1', 'b/2'),
  delete: fc.boolean(),
  behind: fc.constantFrom(0, 0, 0, 0, 1),
  together: fc.boolean(),
});

async function checkAgainstMap(storage: ResourceStorage, writes: readonly RandomWrite[]): Promise<void> {
  const model = new Map<string, StoredObject>();
  const expectedChanges: StorageChange[] = [];
  let revision = 1;
  let running: Promise<unknown>[] = [];
  for (const [step, random] of writes.entries()) {
    const previous = model.get(random.key);
    const json = random.delete ? undefined : `{"step":${step}}`;
    const write: StorageWrite = {key: random.key, expected: (previous?.revision ?? 0) + random.behind, json};
    const result = storage.write(write);
    if (random.behind > 0) running.push(expectConflict(result, previous));
    else {
      revision += 1;
      expectedChanges.push({revision, key: random.key, json, previous});
      if (json === undefined) model.delete(random.key);
      else model.set(random.key, {key: random.key, revision, json});
      running.push(expectRevision(result, revision));
    }
    if (random.together) continue;
    await Promise.all(running);
    running = [];
  }
  await Promise.all(running);
  const objects = [...model.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  expect(await storage.snapshot()).toMatchObject({revision, objects});
  expect(await collect(storage, 1, expectedChanges.length)).toEqual(expectedChanges);
}

/** The first changes after a revision. */
export async function collect(storage: ResourceStorage, after: number, count: number): Promise<StorageChange[]> {
  const found: StorageChange[] = [];
  if (count === 0) return found;
  for await (const changes of storage.changes(after, new AbortController().signal)) {
    found.push(...changes);
    if (found.length >= count) break;
  }
  return found;
}

async function expectRevision(write: Promise<number>, revision: number): Promise<void> {
  expect(await write).toBe(revision);
}

async function expectConflict(write: Promise<number>, current: StoredObject | undefined): Promise<void> {
  const error: unknown = await write.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StorageError);
  expect((error as StorageError).code).toBe('CONFLICT');
  expect((error as StorageError).current).toEqual(current);
}

async function increment(storage: ResourceStorage, key: string): Promise<void> {
  let {revision: expected, json} = (await storage.snapshot()).objects[0]!;
  for (;;) {
    try {
      await storage.write({key, expected, json: String(Number(json) + 1)});
      return;
    } catch (error) {
      if (!(error instanceof StorageError) || error.current === undefined) throw error;
      ({revision: expected, json} = error.current);
    }
  }
}
