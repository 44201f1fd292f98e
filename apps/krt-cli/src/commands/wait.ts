import {phaseTransitions, type Run, type RunPhase} from '@kruntimes/api-types';
import {type CommandContext, withConnection} from '../command-context.ts';
import type {Connection, ConnectionFlags} from '../connection.ts';
import {type ExitCode, exitCodeOfRun, exitCodes} from '../exit-code.ts';
import {notFound} from '../failure.ts';
import {hasEnded} from '../follow-run.ts';
import {Interrupted} from '../interrupt.ts';
import {KrtError, usageError} from '../krt-error.ts';
import {qualifiedName} from '../output-format.ts';
import {RunNotices} from '../run-notices.ts';
import {describeEnd} from '../run-position.ts';
import {RunWaiter} from '../run-waiter.ts';
import {write} from '../terminal.ts';

export interface WaitFlags extends ConnectionFlags {
  for?: string | undefined;
  timeout?: string | undefined;
  selector?: string | undefined;
  quiet?: boolean | undefined;
}

export type WaitGoal = {kind: 'end'} | {kind: 'delete'} | {kind: 'phase'; phase: RunPhase};

/** `end`, `delete`, `phase/Running` (or kubectl's spelling `phase=Running`). */
export function parseWaitGoal(text: string | undefined): WaitGoal {
  if (text === undefined || text === 'end') return {kind: 'end'};
  if (text === 'delete') return {kind: 'delete'};
  const wanted = /^phase[/=](.+)$/.exec(text)?.[1];
  const phases = Object.keys(phaseTransitions) as RunPhase[];
  const phase = phases.find((each) => each.toLowerCase() === wanted?.toLowerCase());
  if (phase) return {kind: 'phase', phase};
  throw usageError(`--for "${text}" is not understood`, `write end, delete or phase/<${phases.join('|')}>`);
}

/** Whether the Run has been in the phase: Runs are too fast for every phase to be written or seen. */
export function hasReached(run: Run, phase: RunPhase): boolean {
  const status = run.status;
  if ((status?.phase ?? 'Pending') === phase || phase === 'Pending') return true;
  if (phase === 'Scheduled') return (status?.attempt ?? 0) > 0;
  if (phase === 'Running') return status?.startTime !== undefined;
  return false;
}

/** `krt wait NAME...` */
export async function waitForRuns(context: CommandContext, flags: WaitFlags, names: string[]): Promise<ExitCode> {
  const goal = parseWaitGoal(flags.for);
  if (names.length === 0 && !flags.selector) throw usageError('no Run is named', 'give names or --selector');
  if (names.length > 0 && flags.selector) throw usageError('names cannot be combined with --selector');
  return await withConnection(
    context,
    flags,
    async (connection) => await waitOn(context, connection, flags, goal, [...new Set(names)]),
    {kind: 'Run'},
  );
}

async function waitOn(
  context: CommandContext,
  connection: Connection,
  flags: WaitFlags,
  goal: WaitGoal,
  wanted: string[],
): Promise<ExitCode> {
  const {namespace} = connection;
  const subject = {namespace, ...(flags.selector ? {labelSelector: flags.selector} : {names: wanted})};
  using waiter = new RunWaiter(context, connection, subject, {timeout: flags.timeout, quiet: flags.quiet});
  const {observer, progress} = waiter;
  try {
    const resourceVersion = await observer.load(waiter.signal);
    const names = flags.selector ? observer.runs.map((run) => run.metadata?.name ?? '') : wanted;
    if (names.length === 0)
      throw new KrtError('NOT_FOUND', `no Run in namespace "${namespace}" matches ${flags.selector}`);
    const missing = names.find((name) => !observer.latest(name));
    if (missing !== undefined && goal.kind !== 'delete') throw await notFound('Run', missing, namespace, connection);
    waiter.start(resourceVersion);
    const say = async (text: string): Promise<void> => {
      progress.clear();
      await write(context.terminal.stdout, text);
      waiter.showProgress();
    };
    const codes = await Promise.all(names.map(async (name) => await reach(goal, name, waiter, say)));
    return codes.find((code) => code !== exitCodes.ok) ?? exitCodes.ok;
  } catch (error) {
    progress.clear();
    if (!(error instanceof Interrupted)) throw error;
    const unfinished = waiter.unfinished(observer.runs.map((run) => run.metadata?.name ?? ''));
    if (unfinished.length > 0) new RunNotices(context.terminal, context.program).goesOn(unfinished);
    return error.exitCode;
  }
}

async function reach(
  goal: WaitGoal,
  name: string,
  {observer}: RunWaiter,
  say: (text: string) => Promise<void>,
): Promise<ExitCode> {
  if (goal.kind === 'delete') {
    if (observer.latest(name)) await observer.gone(name);
    await say(`run.kruntimes.io/${name} deleted\n`);
    return exitCodes.ok;
  }
  if (goal.kind === 'end') {
    const run = await observer.until(name, hasEnded);
    await say(`${qualifiedName(run)} ${describeEnd(run)}\n`);
    return exitCodeOfRun(run);
  }
  const run = await observer.until(name, (each) => hasReached(each, goal.phase) || hasEnded(each));
  if (hasReached(run, goal.phase)) {
    await say(`${qualifiedName(run)} ${goal.phase}\n`);
    return exitCodes.ok;
  }
  await say(`${qualifiedName(run)} ${describeEnd(run)}, never ${goal.phase}\n`);
  return exitCodes.conditionNotMet;
}
