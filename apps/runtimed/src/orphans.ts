import {executionId, workspaceName} from '@kruntimes/api-types';
import type {Logger} from '@kruntimes/reconciler-kit';
import type {ExecutionControl} from './execution-control.ts';
import type {RuntimeConnection} from './runtime-connection.ts';
import type {Slots} from './slots.ts';
import type {WorkspaceCleaner} from './workspace-cleaner.ts';

export interface OrphanSweepOptions {
  /** Names of the workspaces that were there when this process began. */
  workspaces: Iterable<string>;
  /** Whether an attempt of this key is under way. */
  isActive: (key: string) => boolean;
  connection: RuntimeConnection;
  control: ExecutionControl;
  cleaner: WorkspaceCleaner;
  slots: Slots;
  logger: Logger;
}

/** What an orphan is taken to occupy until it is gone; the Run that could say more is not ours any more. */
const assumedRequests = {runs: 1};

/**
 * Ends and removes what an earlier process left of Runs that are not this Pod's any more: workspaces, and executions of
 * which not even the workspace is left. Call it once the Runs of this Pod are known.
 */
export async function sweepOrphans(options: OrphanSweepOptions, signal: AbortSignal): Promise<void> {
  const {isActive} = options;
  const keys = new Set([...options.workspaces].filter((key) => !isActive(key)));
  // Whatever runs keeps its slot from now on, and not only from when the server answers.
  const sweeps = [...keys].map((key) => sweep(key, options, signal));
  const executions = await listExecutions(options, signal);
  for (const id of executions) {
    const key = keyOf(id);
    if (key !== undefined && !keys.has(key) && !isActive(key)) sweeps.push(sweep(key, options, signal));
  }
  await Promise.all(sweeps);
}

async function sweep(key: string, options: OrphanSweepOptions, signal: AbortSignal): Promise<void> {
  const {control, cleaner, slots, logger} = options;
  const reservation = slots.occupy(assumedRequests);
  try {
    const {uid, attempt} = parseKey(key);
    logger.info('removing an attempt of a run that is not here any more', {uid, attempt});
    if (await control.forget(executionId(uid, attempt), signal)) await cleaner.remove(key, signal);
  } finally {
    reservation.release();
  }
}

/** Without List the workspaces have to do: only executions that deleted their own are missed. */
async function listExecutions({connection, logger}: OrphanSweepOptions, signal: AbortSignal): Promise<string[]> {
  try {
    const {client} = await connection.connected(signal);
    return await client.list(signal);
  } catch (error) {
    if (!signal.aborted) logger.warn('list of executions failed', {error});
    return [];
  }
}

function parseKey(key: string): {uid: string; attempt: number} {
  const dash = key.lastIndexOf('-');
  return {uid: key.slice(0, dash), attempt: Number(key.slice(dash + 1))};
}

const executionPattern = /^(?<uid>[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})(?:-(?<attempt>[1-9][0-9]{0,9}))?$/;

/** The key of an execution id; `undefined` for ids that are not this daemon's. */
function keyOf(id: string): string | undefined {
  const match = executionPattern.exec(id);
  return match?.groups?.uid === undefined
    ? undefined
    : workspaceName(match.groups.uid, Number(match.groups.attempt ?? 1));
}
