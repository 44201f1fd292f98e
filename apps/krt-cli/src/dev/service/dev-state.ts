import {mkdir, readFile, rename, rm, writeFile} from 'node:fs/promises';
import type {DevPaths} from './dev-paths.ts';
import {startOfProcess} from './process-identity.ts';

/** Name of the context, cluster and user that the local cluster has in kubeconfigs. */
export const DEV_CONTEXT = 'kruntimes-dev';

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
}

/** The state of a cluster that runs; undefined where none does, also if one ended without a word. */
export async function readDevState(paths: DevPaths): Promise<DevState | undefined> {
  const state = await storedState(paths);
  if (state === undefined) return undefined;
  return (await startOfProcess(state.pid)) === state.processStart ? state : undefined;
}

async function storedState({state}: DevPaths): Promise<DevState | undefined> {
  try {
    return JSON.parse(await readFile(state, 'utf8')) as DevState;
  } catch {
    return undefined;
  }
}

/** The owner's hold on the local cluster of a user: there is one at a time. */
export class DevClaim implements AsyncDisposable {
  readonly #paths: DevPaths;
  #state: DevState;

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
    for (;;) {
      try {
        await writeFile(paths.state, JSON.stringify(state), {flag: 'wx', mode: 0o600});
        return new DevClaim(paths, state);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      if ((await readDevState(paths)) !== undefined) return undefined;
      // Left by a process that is gone. Renamed first: of two who find it only one takes it away.
      const aside = `${paths.state}.${process.pid}`;
      const mine = await rename(paths.state, aside).then(
        () => true,
        () => false,
      );
      if (mine) await rm(aside, {force: true});
    }
  }

  async update(change: Partial<Pick<DevState, 'phase' | 'step' | 'startMs' | 'server'>>): Promise<void> {
    this.#state = {...this.#state, ...change};
    const next = `${this.#paths.state}.next`;
    await writeFile(next, JSON.stringify(this.#state), {mode: 0o600});
    await rename(next, this.#paths.state);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#paths.state, {force: true});
  }
}
