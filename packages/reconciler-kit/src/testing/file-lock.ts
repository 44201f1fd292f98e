import {mkdir, open, readFile, rm} from 'node:fs/promises';
import {hostname} from 'node:os';
import {dirname} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';

export interface FileLockOptions {
  /** How long to wait for the holder. Default 30 minutes: it may be compiling Kubernetes. */
  timeoutMs?: number;
  retryMs?: number;
  /** Called once when somebody else holds the lock. */
  onWait?: (holder: string) => void;
}

/**
 * Runs `work` while no other process does so under the same `path`. A lock whose holder is dead is taken over.
 */
export async function withFileLock<T>(path: string, options: FileLockOptions, work: () => Promise<T>): Promise<T> {
  const {timeoutMs = 30 * 60_000, retryMs = 200} = options;
  const deadline = performance.now() + timeoutMs;
  await mkdir(dirname(path), {recursive: true});
  for (let waited = false; !(await tryLock(path)); ) {
    const holder = await readFile(path, 'utf8').catch(() => '');
    if (isAbandoned(holder)) {
      await rm(path, {force: true});
      continue;
    }
    if (!waited) options.onWait?.(holder.trim());
    waited = true;
    if (performance.now() > deadline) {
      throw new Error(
        `${path} is still held by ${holder.trim()} after ${Math.round(timeoutMs / 1000)} s; remove it if that is wrong`,
      );
    }
    await delay(retryMs);
  }
  try {
    return await work();
  } finally {
    await rm(path, {force: true});
  }
}

async function tryLock(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.write(`process ${process.pid} on ${hostname()}\n`);
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function isAbandoned(holder: string): boolean {
  const [, pid, host] = /^process (\d+) on (.+)\n$/.exec(holder) ?? [];
  // An unreadable lock is one that is just being written, or a holder on another machine with a shared home.
  if (pid === undefined || host !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
