import type {Run} from '@kruntimes/api-types';
import {isConflict, isNotFound} from '@kruntimes/reconciler-kit';
import {type CommandContext, withConnection} from '../command-context.ts';
import type {Connection, ConnectionFlags} from '../connection.ts';
import {type ExitCode, exitCodes} from '../exit-code.ts';
import {hasEnded} from '../follow-run.ts';
import {Interrupted} from '../interrupt.ts';
import {KrtError} from '../krt-error.ts';
import {qualifiedName} from '../output-format.ts';
import {RunWaiter} from '../run-waiter.ts';
import {write} from '../terminal.ts';
import {checkSelection, requestCancel, type SelectFlags, selectRuns} from './cancel.ts';

export interface DeleteFlags extends SelectFlags, ConnectionFlags {
  wait?: boolean | undefined;
  timeout?: string | undefined;
  ignoreNotFound?: boolean | undefined;
  quiet?: boolean | undefined;
}

/** `krt delete NAME...`: cancels what has not ended, waits for it, deletes. */
export async function deleteRuns(context: CommandContext, flags: DeleteFlags, names: string[]): Promise<ExitCode> {
  checkSelection(flags, names);
  return await withConnection(
    context,
    flags,
    async (connection) => {
      const runs = await selected(connection, flags, names);
      if (runs.length === 0) {
        if (names.length === 0 && !flags.quiet)
          await write(context.terminal.stderr, `No Runs found in ${connection.namespace} namespace.\n`);
        return exitCodes.ok;
      }
      if (flags.wait === false) {
        for (const run of runs) await deleteRun(context, connection, run);
        return exitCodes.ok;
      }
      return await cancelAndDelete(context, connection, flags, runs);
    },
    {kind: 'Run'},
  );
}

async function selected(connection: Connection, flags: DeleteFlags, names: string[]): Promise<Run[]> {
  if (!flags.ignoreNotFound) return await selectRuns(connection, flags, names);
  const {runs, namespace} = connection;
  if (names.length === 0) return await selectRuns(connection, flags, names);
  const found = await Promise.all(
    names.map(
      async (name) =>
        await runs
          .get(name, {namespace})
          .catch((error) => (isNotFound(error) && error.details?.name ? undefined : Promise.reject(error))),
    ),
  );
  return found.filter((run) => run !== undefined);
}

/** @returns whether the object stays for now because something holds a finalizer on it */
async function deleteRun(context: CommandContext, connection: Connection, run: Run): Promise<boolean> {
  const {name = '', namespace, uid} = run.metadata ?? {};
  try {
    const answer = await connection.runs.delete(
      {name, namespace},
      {propagationPolicy: 'Background', ...(uid ? {preconditions: {uid}} : {})},
    );
    await write(context.terminal.stdout, `${qualifiedName(run)} deleted\n`);
    return 'spec' in answer;
  } catch (error) {
    // Somebody was faster; another object that has the name now is not ours to delete.
    if (!isNotFound(error) && !isConflict(error)) throw error;
    return false;
  }
}

async function cancelAndDelete(
  context: CommandContext,
  connection: Connection,
  flags: DeleteFlags,
  runs: readonly Run[],
): Promise<ExitCode> {
  const current = await Promise.all(
    runs.map(async (run) => (hasEnded(run) || run.spec.cancelRequested ? run : await requestCancel(connection, run))),
  );
  const open = current.filter((run) => !hasEnded(run));
  // Finished Runs without finalizers are gone at once: no watch is needed for them.
  using waiter = new RunWaiter(context, connection, {namespace: connection.namespace, names: runs.map(nameOf)}, flags);
  const lingering: string[] = [];
  try {
    if (open.length > 0) waiter.start(await waiter.observer.load(waiter.signal));
    await Promise.all(
      current.map(async (run) => {
        if (!hasEnded(run)) await endOrGone(waiter, run);
        waiter.progress.clear();
        if (await deleteRun(context, connection, run)) lingering.push(nameOf(run));
        if (open.length > 0) waiter.showProgress();
      }),
    );
    await awaitGone(waiter, lingering, open.length > 0);
    return exitCodes.ok;
  } catch (error) {
    waiter.progress.clear();
    if (error instanceof Interrupted) {
      context.terminal.stderr.write(
        `${context.program}: stopped; what was not reported as deleted still exists, cancelled\n`,
      );
      return error.exitCode;
    }
    if (error instanceof KrtError && error.code === 'WAIT_TIMED_OUT') {
      const kept = lingering.find((name) => waiter.observer.latest(name));
      if (kept !== undefined && waiter.unfinished(runs.map(nameOf)).length === 0)
        throw error.withHint(`${context.program} describe ${kept} shows what keeps it`);
      throw new KrtError('WAIT_TIMED_OUT', `${error.message}, cancelled but not deleted`, {
        hint: '--wait=false deletes at once; the process ends within its grace period',
        retryable: true,
        cause: error,
      });
    }
    throw error;
  }
}

async function endOrGone(waiter: RunWaiter, run: Run): Promise<void> {
  try {
    await waiter.observer.until(nameOf(run), hasEnded);
  } catch (error) {
    if (!(error instanceof KrtError && error.code === 'RUN_DELETED')) throw error;
  }
}

async function awaitGone(waiter: RunWaiter, names: readonly string[], watching: boolean): Promise<void> {
  if (names.length === 0) return;
  if (!watching) {
    const resourceVersion = await waiter.observer.load(waiter.signal);
    waiter.start(resourceVersion);
  }
  waiter.progress.update(`waiting for finalizers of ${names.join(', ')}`);
  await Promise.all(
    names.filter((name) => waiter.observer.latest(name)).map(async (name) => await waiter.observer.gone(name)),
  );
  waiter.progress.clear();
}

function nameOf(run: Run): string {
  return run.metadata?.name ?? '';
}
