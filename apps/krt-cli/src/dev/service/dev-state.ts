import {link, mkdir, readFile, rename, rm, writeFile} from 'node:fs/promises';
import type {DevPaths} from './dev-paths.ts';
import {endRemains} from './dev-remains.ts';
import {startOfProcess} from './process-identity.ts';

/** Name of the context, cluster and user that the local cluster has in kubeconfigs. */
export const DEV_CONTEXT = 'kruntimes-dev';

/** A process of the cluster, so that it can be found when the one that started it is gone. */
export interface DevPart {
  name: string;
  pid: number;
  /** See {@link startOfProcess}. */
  processStart: string;
}

/** What one process says about the local cluster that it runs. */
export interface DevState {
  pid: number;
  /** See {@link startOfProcess}. */
  processStart: string;
  phase: 'starting' | 'ready' | 'stopping';
  /** What is being done, in words. */
  step: string;
  startedAt: string;
  /** Until it was ready. */
  startMs?: number;
  server?: string;
  /** What was started so far. */
  parts?: readonly DevPart[];
  /** Of this run of the cluster: its Pods are below it. */
  directory?: string;
}

/** The state of a cluster that runs; undefined where none does, also if one ended without a word. */
export async function readDevState(paths: DevPaths): Promise<DevState | undefined> {
  const state = await storedState(paths);
  if (state === undefined) return undefined;
  return (await isRunning(state)) ? state : undefined;
}

/**
 * Ends what a cluster has left behind that ended without a word.
 *
 * @returns whether there was such a cluster
 * @throws Error when a process does not go
 */
export async function clearDevState(paths: DevPaths): Promise<boolean> {
  const state = await storedState(paths);
  if (state === undefined || (await isRunning(state))) return false;
  await endRemains(state);
  await removeState(paths);
  return true;
}

/** Renamed first: of two who find it only one takes it away. */
async function removeState({state}: DevPaths): Promise<void> {
  const aside = `${state}.${process.pid}`;
  const mine = await rename(state, aside).then(
    () => true,
    () => false,
  );
  if (mine) await rm(aside, {force: true});
}

async function isRunning({pid, processStart}: DevState): Promise<boolean> {
  return (await startOfProcess(pid)) === processStart;
}

async function storedState({state}: DevPaths): Promise<DevState | undefined> {
  try {
    const stored = JSON.parse(await readFile(state, 'utf8')) as DevState | null;
    return typeof stored?.pid === 'number' ? stored : undefined;
  } catch {
    return undefined;
  }
}

/** The owner's hold on the local cluster of a user: there is one at a time. */
export class DevClaim implements AsyncDisposable {
  readonly #paths: DevPaths;
  #state: DevState;
  /** Changes reach the file one after the other. */
  #written: Promise<void> = Promise.resolve();

  private constructor(paths: DevPaths, state: DevState) {
    this.#paths = paths;
    this.#state = state;
  }

  /** Undefined: another process has it. */
  static async take(paths: DevPaths): Promise<DevClaim | undefined> {
    await mkdir(paths.directory, {recursive: true, mode: 0o700});
    const state: DevState = {
      pid: process.pid,
      processStart: (await startOfProcess(process.pid)) ?? '',
      phase: 'starting',
      step: 'starting',
      startedAt: new Date().toISOString(),
    };
    // With its text from the first moment: nobody takes it for a broken one.
    const complete = `${paths.state}.${process.pid}.new`;
    await writeFile(complete, JSON.stringify(state), {mode: 0o600});
    try {
      for (;;) {
        try {
          await link(complete, paths.state);
          return new DevClaim(paths, state);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        }
        if ((await readDevState(paths)) !== undefined) return undefined;
        if ((await storedState(paths)) === undefined) await removeState(paths);
        else await clearDevState(paths);
      }
    } finally {
      await rm(complete, {force: true});
    }
  }

  async update(change: Partial<Pick<DevState, 'phase' | 'step' | 'startMs' | 'server' | 'directory'>>): Promise<void> {
    this.#state = {...this.#state, ...change};
    await this.#write();
  }

  /** Notes a process that was started, in place of the last one of its name. */
  async addPart(name: string, pid: number): Promise<void> {
    const processStart = await startOfProcess(pid);
    if (processStart === undefined) return;
    const others = (this.#state.parts ?? []).filter((part) => part.name !== name);
    this.#state = {...this.#state, parts: [...others, {name, pid, processStart}]};
    await this.#write();
  }

  async #write(): Promise<void> {
    const text = JSON.stringify(this.#state);
    const write = async (before: Promise<void>): Promise<void> => {
      await before.catch(() => {});
      const next = `${this.#paths.state}.next`;
      await writeFile(next, text, {mode: 0o600});
      await rename(next, this.#paths.state);
    };
    this.#written = write(this.#written);
    await this.#written;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#written.catch(() => {});
    await rm(this.#paths.state, {force: true});
  }
}
