import {type ChildProcess, execFile, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {setImmediate} from 'node:timers/promises';
import {promisify} from 'node:util';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {forever, openCache, put, take} from '../cache/cache.fixture.ts';
import {ManualClock} from '../manual-clock.fixture.ts';
import {createSqliteStorage, type Durability, SqliteStorage} from './sqlite-storage.ts';
import type {Storage} from './storage.ts';
import {collect} from './storage-suite.fixture.ts';
import {traceTest} from './strace.fixture.ts';

const writer = join(import.meta.dirname, 'write-log.fixture.ts');

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sqlite-durability-'));
  path = join(directory, 'state.db');
});

afterEach(() => rm(directory, {recursive: true}));

describe('a file', () => {
  test('has everything when it is opened again', async () => {
    const first = createSqliteStorage({path});
    const pods = first.resource('pods');
    await pods.write({key: 'a/one', expected: 0, json: '{"n":1}'});
    await pods.write({key: 'a/two', expected: 0, json: '{"n":2}'});
    await pods.write({key: 'a/one', expected: 2, json: undefined});
    await first.resource('runs').write({key: 'a/one', expected: 0, json: '{"n":3}'});
    await first.close();

    const second = createSqliteStorage({path});
    expect(await second.resource('runs').snapshot()).toMatchObject({revision: 2, objects: [{json: '{"n":3}'}]});
    const again = second.resource('pods');
    expect(await again.snapshot()).toEqual({
      revision: 4,
      oldest: 1,
      objects: [{key: 'a/two', revision: 3, json: '{"n":2}'}],
    });
    expect((await collect(again, 1, 3)).map(({key, json}) => [key, json])).toEqual([
      ['a/one', '{"n":1}'],
      ['a/two', '{"n":2}'],
      ['a/one', undefined],
    ]);
    expect(await again.write({key: 'a/one', expected: 0, json: '{}'})).toBe(5);
    await second.close();
  });

  test('keeps the counter of a resource that was dropped', async () => {
    const first = createSqliteStorage({path});
    for (let n = 0; n < 5; n += 1) await first.resource('pods').write({key: `a/${n}`, expected: 0, json: '{}'});
    await first.drop('pods');
    const {revision} = await first.resource('pods').snapshot();
    await first.close();
    const second = createSqliteStorage({path});
    expect(await second.resource('pods').snapshot()).toEqual({revision, oldest: revision, objects: []});
    await second.close();
  });

  test('lets changes go for good', async () => {
    const clock = new ManualClock();
    const first = createSqliteStorage({path, synchronous: 'NORMAL', clock, keepMs: 300_000, keepRevisions: 10});
    const pods = first.resource('pods');
    for (let n = 0; n < 1_500; n += 1)
      await pods.write({key: `a/${n % 7}`, expected: n < 7 ? 0 : n - 5, json: `{"n":${n}}`});
    clock.advance(300_000);
    await turns(20);
    expect((await collect(pods, 1, 1))[0]?.revision).toBe(2);
    clock.advance(60_000);
    await turns(20);
    await expect(collect(pods, 1_490, 1)).rejects.toMatchObject({code: 'COMPACTED'});
    const kept = await collect(pods, 1_491, 10);
    const before = await pods.snapshot();
    await first.close();

    const second = createSqliteStorage({path});
    expect(await second.resource('pods').snapshot()).toEqual(before);
    expect(await collect(second.resource('pods'), 1_491, 10)).toEqual(kept);
    await expect(collect(second.resource('pods'), 1_490, 1)).rejects.toMatchObject({code: 'COMPACTED'});
    await second.close();
  });

  test('belongs to one storage at a time', async () => {
    const first = createSqliteStorage({path});
    expect(() => createSqliteStorage({path})).toThrow(
      expect.objectContaining({code: 'FAILED', message: `cannot open ${path}: another process uses it`}),
    );
    await first.close();
    await createSqliteStorage({path}).close();
  });

  test('that is none of ours is left as it is', async () => {
    await writeFile(path, 'no database'.repeat(1_000));
    expect(() => createSqliteStorage({path})).toThrow(expect.objectContaining({code: 'FAILED'}));
    expect(await readFile(path, 'utf8')).toBe('no database'.repeat(1_000));
    expect(() => createSqliteStorage({path: join(directory, 'missing', 'state.db')})).toThrow(
      expect.objectContaining({code: 'FAILED'}),
    );
  });

  test('lets watches go on where they were', async () => {
    const first = createSqliteStorage({path});
    const before = await openCache(first);
    await put(before, 'a/one', 'red');
    await put(before, 'a/one', 'blue');
    await put(before, 'a/two', 'red');
    before.close();
    await first.close();

    const second = createSqliteStorage({path});
    const cache = await openCache(second);
    await put(cache, 'a/one', undefined);
    const watch = cache.watch({bookmarks: false, signal: forever, after: 2});
    expect(await take(watch, 3)).toEqual(['MODIFIED a/one blue @3', 'ADDED a/two red @4', 'DELETED a/one blue @5']);
    cache.close();
    await second.close();
  });
});

describe('an acknowledgement', () => {
  /** A disk that is as slow as the test wants. */
  class GatedDisk implements Durability {
    syncs: PromiseWithResolvers<void>[] = [];

    async sync(): Promise<void> {
      const gate = Promise.withResolvers<void>();
      this.syncs.push(gate);
      await gate.promise;
    }

    async close(): Promise<void> {}
  }

  let disk: GatedDisk;
  let storage: Storage;

  beforeEach(() => {
    disk = new GatedDisk();
    storage = new SqliteStorage({path}, disk);
  });

  afterEach(() => storage.close());

  test('waits for the disk, and nobody sees the write before', async () => {
    const pods = storage.resource('pods');
    let acknowledged = false;
    const write = pods.write({key: 'a/one', expected: 0, json: '{}'}).then((revision) => {
      acknowledged = true;
      return revision;
    });
    const change = collect(pods, 1, 1);
    await turns(20);
    expect(disk.syncs).toHaveLength(1);
    expect(acknowledged).toBe(false);
    expect(await pods.snapshot()).toMatchObject({revision: 1, objects: []});
    expect(await pods.revision()).toBe(1);
    disk.syncs[0]!.resolve();
    expect(await write).toBe(2);
    expect(await change).toMatchObject([{revision: 2}]);
    expect(await pods.snapshot()).toMatchObject({revision: 2, objects: [{key: 'a/one'}]});
  });

  test('of a conflict waits too: what it tells must not be lost', async () => {
    const pods = storage.resource('pods');
    const first = pods.write({key: 'a/one', expected: 0, json: '{}'});
    let refused = false;
    const second = pods.write({key: 'a/one', expected: 0, json: '{}'}).catch(() => {
      refused = true;
    });
    await turns(20);
    expect(refused).toBe(false);
    disk.syncs[0]!.resolve();
    await first;
    await second;
    expect(refused).toBe(true);
  });

  test('of all writes of one turn, and of all that came while the disk was busy, takes one wait', async () => {
    const writes = [...Array(32).keys()].map((n) => writeOne(n));
    await turns(20);
    expect(disk.syncs).toHaveLength(1);
    for (let n = 32; n < 64; n += 1) writes.push(writeOne(n));
    await turns(20);
    expect(disk.syncs).toHaveLength(1);
    disk.syncs[0]!.resolve();
    await Promise.all(writes.slice(0, 32));
    await turns(20);
    expect(disk.syncs).toHaveLength(2);
    disk.syncs[1]!.resolve();
    expect((await Promise.all(writes)).at(-1)).toBe(65);

    function writeOne(n: number): Promise<number> {
      return storage.resource('pods').write({key: `a/${n}`, expected: 0, json: '{}'});
    }
  });

  test('never comes when the disk fails: the storage writes no more', async () => {
    const pods = storage.resource('pods');
    const write = pods.write({key: 'a/one', expected: 0, json: '{}'});
    const later = turns(20).then(() => pods.write({key: 'a/two', expected: 0, json: '{}'}));
    const changes = collect(pods, 1, 1);
    const failures = Promise.allSettled([write, later, changes]);
    await turns(40);
    disk.syncs[0]!.reject(new Error('EIO'));
    for (const result of await failures) expect(result).toMatchObject({status: 'rejected', reason: {code: 'FAILED'}});
    await expect(pods.write({key: 'a/three', expected: 0, json: '{}'})).rejects.toMatchObject({code: 'FAILED'});
    expect(disk.syncs).toHaveLength(1);
  });

  test('comes even if the storage is being closed, for what is already on its way', async () => {
    const pods = storage.resource('pods');
    const write = pods.write({key: 'a/one', expected: 0, json: '{}'});
    await turns(20);
    const late = pods.write({key: 'a/two', expected: 0, json: '{}'});
    const ended = Promise.allSettled([write, late, storage.close()]);
    disk.syncs[0]!.resolve();
    expect(await ended).toMatchObject([
      {status: 'fulfilled', value: 2},
      {status: 'rejected', reason: {code: 'CLOSED'}},
      {status: 'fulfilled'},
    ]);
  });
});

describe('another process', () => {
  test('that is killed while it writes loses nothing that was acknowledged', async () => {
    const acknowledged = new Map<string, Acknowledged>();
    for (const count of [150, 400, 50]) {
      const child = spawn(process.execPath, [writer, path, '8'], {stdio: ['ignore', 'pipe', 'inherit']});
      await readUntilKilled(child, count, acknowledged);
      await verify(acknowledged);
    }
  });

  traceTest(
    'is told by the disk before it acknowledges: fdatasync comes between the write and the answer',
    async () => {
      const trace = join(directory, 'trace');
      const calls = 'trace=pwrite64,pwritev,pwritev2,fdatasync,fsync,write';
      await promisify(execFile)('strace', [
        '-f',
        '-y',
        '-e',
        calls,
        '-o',
        trace,
        process.execPath,
        writer,
        path,
        '1',
        '25',
      ]);
      expectSynchronised(await readFile(trace, 'utf8'), 25);
    },
  );
});

interface Acknowledged {
  revision: number;
  json: string | undefined;
}

/** Kills the child when it has acknowledged so many writes, and reads what it managed to say until it was dead. */
async function readUntilKilled(
  child: ChildProcess,
  count: number,
  acknowledged: Map<string, Acknowledged>,
): Promise<void> {
  const exited = once(child, 'exit');
  let lines = 0;
  for await (const line of createInterface({input: child.stdout!})) {
    const [, key, revision, json] = /^(\S+) (\d+) (.*)$/.exec(line) ?? [];
    // The last line may be cut off.
    if (key === undefined || (json !== '' && json?.endsWith('}') !== true)) continue;
    acknowledged.set(key, {revision: Number(revision), json: json === '' ? undefined : json});
    lines += 1;
    if (lines === count) child.kill('SIGKILL');
  }
  await exited;
  expect(lines).toBeGreaterThanOrEqual(count);
}

/** All that was acknowledged is there; writes that were not may be there too. */
async function verify(acknowledged: ReadonlyMap<string, Acknowledged>): Promise<void> {
  const storage = createSqliteStorage({path});
  const pods = storage.resource('pods');
  const {revision: head, objects} = await pods.snapshot();
  const stored = new Map(objects.map((object) => [object.key, object]));
  const changes = await collect(pods, 1, head - 1);
  expect(changes.map(({revision}) => revision)).toEqual(Array.from({length: head - 1}, (_, n) => n + 2));
  for (const [key, {revision, json}] of acknowledged) {
    expect(changes[revision - 2]).toMatchObject({key, json});
    const isLast = changes.findLast((change) => change.key === key)?.revision === revision;
    if (isLast) expect(stored.get(key)?.json).toBe(json);
  }
  const replayed = new Map<string, string>();
  for (const {key, json, previous} of changes) {
    expect(previous?.json).toBe(replayed.get(key));
    if (json === undefined) replayed.delete(key);
    else replayed.set(key, json);
  }
  expect(new Map(objects.map(({key, json}) => [key, json]))).toEqual(replayed);
  await storage.close();
}

function expectSynchronised(trace: string, count: number): void {
  const {acknowledgements, early} = readTrace(trace);
  expect(acknowledgements).toBe(count);
  expect(early).toEqual([]);
}

/** Finds acknowledgements (writes to stdout) before which the last write to the log was not synchronised. */
function readTrace(trace: string): {acknowledgements: number; early: string[]} {
  let written = 0;
  let synchronised = 0;
  let acknowledgements = 0;
  const early: string[] = [];
  /** By thread: what was written when its fdatasync began. */
  const running = new Map<string, number>();
  for (const line of trace.split('\n')) {
    const [, thread = '', call = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (/^pwrite\w*\(\d+<[^>]*-wal>/.test(call)) written += 1;
    else if (/^fdatasync\(\d+<[^>]*-wal>/.test(call)) running.set(thread, written);
    else if (call.startsWith('write(1<') || call.startsWith('write(1,')) {
      acknowledgements += 1;
      if (synchronised < written) early.push(line);
    }
    if (/^(?:<\.\.\. )?fdatasync.*= 0$/.test(call)) synchronised = running.get(thread) ?? synchronised;
  }
  return {acknowledgements, early};
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await setImmediate();
}
