import {spawnSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {hostname, tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {withFileLock} from './file-lock.ts';

describe('withFileLock', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'file-lock-'));
  });
  afterEach(async () => {
    await rm(directory, {recursive: true});
  });

  test('lets one in at a time and frees the lock after a failure', async () => {
    const path = join(directory, 'below', 'lock');
    let inside = 0;
    const work = async (): Promise<void> => {
      expect(++inside).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      inside--;
      throw new Error('of the work');
    };
    const results = await Promise.allSettled([1, 2, 3].map(() => withFileLock(path, {retryMs: 1}, work)));
    expect(results.map((result) => (result as PromiseRejectedResult).reason.message)).toEqual(
      Array(3).fill('of the work'),
    );
    expect(existsSync(path)).toBe(false);
  });

  test('takes over from a holder that is dead', async () => {
    const path = join(directory, 'lock');
    const {pid} = spawnSync('true');
    await writeFile(path, `process ${pid} on ${hostname()}\n`);
    expect(await withFileLock(path, {timeoutMs: 0}, async () => 'done')).toBe('done');
  });

  test('says who holds the lock for too long', async () => {
    const path = join(directory, 'lock');
    const holder = `process ${process.pid} on ${hostname()}`;
    await writeFile(path, `${holder}\n`);
    const waits: string[] = [];
    const options = {timeoutMs: 5, retryMs: 1, onWait: (who: string) => waits.push(who)};
    await expect(withFileLock(path, options, async () => {})).rejects.toThrow(holder);
    expect(waits).toEqual([holder]);
  });
});
