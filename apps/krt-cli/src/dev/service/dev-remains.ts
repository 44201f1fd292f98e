import {rm} from 'node:fs/promises';
import {setTimeout as delay} from 'node:timers/promises';
import {processTable} from '../node/process-table.ts';
import type {DevPart, DevState} from './dev-state.ts';
import {startOfProcess} from './process-identity.ts';

const PATIENCE_MS = 30_000;
const POLL_MS = 20;

/**
 * Ends what a local cluster has left behind whose owner was killed: its API server holds the data, and would change it
 * beside the next one. The owner's guard does the same, unless it was killed too.
 *
 * @returns whether something was left
 * @throws Error when a process does not go
 */
export async function endRemains({parts = [], directory}: DevState): Promise<boolean> {
  const ended = await Promise.all([...parts, ...(await workersIn(directory))].map(end));
  if (directory !== undefined) await rm(directory, {recursive: true, force: true});
  return ended.includes(true);
}

async function end({name, pid, processStart}: DevPart): Promise<boolean> {
  if ((await startOfProcess(pid)) !== processStart) return false;
  const deadline = performance.now() + PATIENCE_MS;
  do {
    if (performance.now() > deadline)
      throw new Error(`${name} of the last local cluster (process ${pid}) does not end`);
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    await delay(POLL_MS);
  } while ((await startOfProcess(pid)) === processStart);
  return true;
}

/** The processes of Pods, which work below the directory of their cluster. */
async function workersIn(directory: string | undefined): Promise<DevPart[]> {
  if (directory === undefined) return [];
  const inside = (await processTable()).filter(({cwd}) => cwd.startsWith(`${directory}/`));
  return await Promise.all(
    inside.map(async ({pid}) => ({name: 'a Pod', pid, processStart: (await startOfProcess(pid)) ?? ''})),
  );
}
