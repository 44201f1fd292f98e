import type {Clock, Logger} from '@kruntimes/reconciler-kit';
import {BackOff} from './back-off.ts';
import type {RuntimedMetrics} from './runtimed-metrics.ts';
import type {WorkspaceRoot} from './workspace.ts';

export interface WorkspaceCleanerOptions {
  workspaces: WorkspaceRoot;
  clock: Clock;
  random: () => number;
  logger: Logger;
  metrics: RuntimedMetrics;
}

const retry = {initialMs: 200, maxMs: 10_000};
const tries = 8;

/** Removes workspaces, again where it does not work at once: a survivor of the program may still be writing. */
export class WorkspaceCleaner {
  readonly #options: WorkspaceCleanerOptions;

  constructor(options: WorkspaceCleanerOptions) {
    this.#options = options;
  }

  /** Removes a workspace, or leaves it to the next start of runtimed after several failures. Never throws. */
  async remove(name: string | Buffer, signal: AbortSignal): Promise<void> {
    const {workspaces, clock, random, logger, metrics} = this.#options;
    const backOff = new BackOff({...retry, random});
    for (let left = tries - 1; ; left--) {
      try {
        return await workspaces.remove(name);
      } catch (error) {
        if (left === 0 || signal.aborted) {
          metrics.workspaceRemovalFailuresTotal.inc();
          return logger.error('workspace left behind', {workspace: name.toString(), error});
        }
        logger.debug('workspace removal failed, will be tried again', {workspace: name.toString(), error});
        await clock.sleep(backOff.next(), signal).catch(() => {});
      }
    }
  }
}
