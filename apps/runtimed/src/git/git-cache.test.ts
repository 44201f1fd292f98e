import {existsSync, mkdtempSync, rmSync} from 'node:fs';
import {mkdir, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {silentLogger, systemClock} from '@kruntimes/reconciler-kit';
import {type CachedRepository, GitCache} from './git-cache.ts';

let directory: string;
let cache: GitCache;
const {signal} = new AbortController();

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'krt-git-cache-'));
  cache = new GitCache({directory, maxBytes: 1e6, clock: systemClock, logger: silentLogger});
});
afterEach(async () => {
  await cache.close();
  rmSync(directory, {recursive: true, force: true});
});

async function packFile(repository: CachedRepository, name: string): Promise<string> {
  const packs = join(repository.directory, 'objects', 'pack');
  await mkdir(packs, {recursive: true});
  const path = join(packs, name);
  await writeFile(path, 'half');
  return path;
}

const nothing = async (): Promise<void> => {};

test('what one Run is writing is no leftover for the next; what nobody writes any more is', async () => {
  const left = await cache.use('a', signal, async (copying) => {
    await packFile(copying, 'some.pack');
    const written = await packFile(copying, 'tmp_pack_1');
    const lock = await packFile(copying, 'multi-pack-index.lock');
    await cache.use('a', signal, (other) => other.exclusive(nothing, signal));
    expect(existsSync(written)).toBe(true);
    expect(existsSync(lock)).toBe(false);
    return written;
  });
  await cache.use('a', signal, (alone) => alone.exclusive(nothing, signal));
  expect(existsSync(left)).toBe(false);
});
