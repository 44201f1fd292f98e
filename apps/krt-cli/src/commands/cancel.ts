import type {Run} from '@kruntimes/api-types';
import {type CommandContext, withConnection} from '../command-context.ts';
import type {Connection, ConnectionFlags} from '../connection.ts';
import {type ExitCode, exitCodes} from '../exit-code.ts';
import {explainFailure} from '../failure.ts';
import {hasEnded} from '../follow-run.ts';
import {Interrupted} from '../interrupt.ts';
import {usageError} from '../krt-error.ts';
import {qualifiedName} from '../output-format.ts';
import {RunNotices} from '../run-notices.ts';
import {describeEnd} from '../run-position.ts';
import {RunWaiter} from '../run-waiter.ts';
import {write} from '../terminal.ts';

export interface SelectFlags extends ConnectionFlags {
  all?: boolean | undefined;
  selector?: string | undefined;
}

export interface CancelFlags extends SelectFlags {
  wait?: boolean | undefined;
  timeout?: string | undefined;
  quiet?: boolean | undefined;
}

/** `krt cancel NAME...` */
export async function cancelRuns(context: CommandContext, flags: CancelFlags, names: string[]): Promise<ExitCode> {
  checkSelection(flags, names);
  if (flags.timeout && !flags.wait) throw usageError('--timeout needs --wait');
  return await withConnection(
    context,
    flags,
    async (connection) => {
      const runs = await selectRuns(connection, flags, names);
      const cancelled: Run[] = [];
      for (const run of runs) {
        if (hasEnded(run)) {
          // Who names a Run wants to know; among all of them only those matter that go on.
          if (names.length > 0)
            await write(context.terminal.stdout, `${qualifiedName(run)} had ended: ${describeEnd(run)}\n`);
          continue;
        }
        const after = await requestCancel(connection, run);
        await write(context.terminal.stdout, `${qualifiedName(after)} cancel requested\n`);
        cancelled.push(after);
      }
      if (cancelled.length === 0 && names.length === 0 && !flags.quiet)
        await write(context.terminal.stderr, `No Runs to cancel in ${connection.namespace} namespace.\n`);
      if (!flags.wait || cancelled.length === 0) return exitCodes.ok;
      return await awaitEnds(context, connection, flags, cancelled);
    },
    {kind: 'Run'},
  );
}

export function checkSelection(flags: SelectFlags, names: readonly string[]): void {
  const given = [names.length > 0, Boolean(flags.all), Boolean(flags.selector)].filter(Boolean).length;
  if (given === 0) throw usageError('no Run is named', 'give names, --selector or --all');
  if (given > 1) throw usageError('names, --selector and --all exclude each other');
}

/** The Runs that names, `--selector` or `--all` choose. @throws KrtError `NOT_FOUND` for the first name that is not there */
export async function selectRuns(connection: Connection, flags: SelectFlags, names: readonly string[]): Promise<Run[]> {
  const {namespace, runs} = connection;
  if (names.length > 0) {
    return await Promise.all(
      [...new Set(names)].map(async (name) => {
        try {
          return await runs.get(name, {namespace});
        } catch (error) {
          throw await explainFailure(error, connection, {kind: 'Run', name, namespace});
        }
      }),
    );
  }
  const found: Run[] = [];
  for await (const run of runs.listAll({namespace, labelSelector: flags.selector})) found.push(run);
  return found;
}

export async function requestCancel(connection: Connection, run: Run): Promise<Run> {
  const {name = '', namespace} = run.metadata ?? {};
  const patch = {type: 'merge' as const, body: {metadata: {uid: run.metadata?.uid}, spec: {cancelRequested: true}}};
  return await connection.runs.patch({name, namespace}, patch, {fieldManager: 'krt'});
}

async function awaitEnds(
  context: CommandContext,
  connection: Connection,
  flags: CancelFlags,
  created: readonly Run[],
): Promise<ExitCode> {
  using waiter = new RunWaiter(context, connection, {namespace: connection.namespace, created}, flags);
  waiter.start();
  const names = created.map((run) => run.metadata?.name ?? '');
  try {
    await Promise.all(
      names.map(async (name) => {
        const run = await waiter.observer.until(name, hasEnded);
        waiter.progress.clear();
        await write(context.terminal.stdout, `${qualifiedName(run)} ${describeEnd(run)}\n`);
        waiter.showProgress();
      }),
    );
    return exitCodes.ok;
  } catch (error) {
    waiter.progress.clear();
    if (!(error instanceof Interrupted)) throw error;
    new RunNotices(context.terminal, context.program).say(
      `${context.program}: stopped waiting; the cancellation goes on`,
    );
    return error.exitCode;
  }
}
