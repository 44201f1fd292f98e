import type {Run} from '@kruntimes/api-types';
import {AttemptLog, type AttemptLogOptions, type AttemptLogResult} from '../attempt-log.ts';
import {type CommandContext, withConnection} from '../command-context.ts';
import type {Connection, ConnectionFlags} from '../connection.ts';
import {parseDurationMs} from '../duration.ts';
import {type ExitCode, exitCodes} from '../exit-code.ts';
import {notFound} from '../failure.ts';
import {followRun, hasEnded, hasStoredLog, startedMs} from '../follow-run.ts';
import {Interrupted, InterruptScope} from '../interrupt.ts';
import {KrtError, usageError} from '../krt-error.ts';
import {OutputPrinter} from '../output-printer.ts';
import {KubernetesPodLogSource} from '../pod-log.ts';
import {ProgressLine} from '../progress-line.ts';
import {RunNotices} from '../run-notices.ts';
import {describePosition} from '../run-position.ts';
import {RunWaiter} from '../run-waiter.ts';
import {write} from '../terminal.ts';

export interface LogsFlags extends ConnectionFlags {
  follow?: boolean | undefined;
  attempt?: string | undefined;
  previous?: boolean | undefined;
  tail?: string | undefined;
  since?: string | undefined;
  sinceTime?: string | undefined;
  timestamps?: boolean | undefined;
  quiet?: boolean | undefined;
}

/** A Run that ended so recently may still have lines on their way through the container runtime. */
const settledAfterMs = 60_000;

/** `krt logs NAME` */
export async function printLogs(context: CommandContext, flags: LogsFlags, name: string): Promise<ExitCode> {
  const tailLines = flags.tail === undefined || flags.tail === '-1' ? undefined : parseCount(flags.tail, '--tail');
  const attempt = flags.attempt === undefined ? undefined : parseCount(flags.attempt, '--attempt');
  if (attempt === 0) throw usageError('--attempt counts from 1');
  if (flags.previous && attempt !== undefined) throw usageError('--previous and --attempt exclude each other');
  if (flags.previous && flags.follow) throw usageError('--previous is over: there is nothing to follow');
  const sinceMs = parseSince(flags, context.clock.now());
  const printer = new OutputPrinter(context.terminal, {
    timestamps: Boolean(flags.timestamps),
    ...(sinceMs === undefined ? {} : {sinceMs}),
    ...(tailLines === undefined ? {} : {tailLines}),
  });
  return await withConnection(
    context,
    flags,
    async (connection) => {
      const command = new LogsCommand(context, connection, name, printer, flags);
      if (flags.follow) await command.follow(attempt);
      else await command.printAvailable(flags.previous ? 'previous' : attempt);
      return exitCodes.ok;
    },
    {kind: 'Run', name},
  );
}

/** @returns ms since the epoch */
function parseSince({since, sinceTime}: LogsFlags, nowMs: number): number | undefined {
  if (since !== undefined && sinceTime !== undefined) throw usageError('--since and --since-time exclude each other');
  if (since !== undefined) return nowMs - parseDurationMs(since, '--since');
  if (sinceTime === undefined) return undefined;
  const isTime = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(sinceTime);
  const ms = isTime ? Date.parse(sinceTime) : Number.NaN;
  if (Number.isNaN(ms))
    throw usageError(`--since-time "${sinceTime}" is not a time`, 'write it as 2026-01-31T10:00:00Z');
  return ms;
}

function parseCount(text: string, flag: string): number {
  if (!/^\d{1,9}$/.test(text)) throw usageError(`${flag} "${text}" is not a number`);
  return Number(text);
}

class LogsCommand {
  readonly #context: CommandContext;
  readonly #connection: Connection;
  readonly #name: string;
  readonly #printer: OutputPrinter;
  readonly #notices: RunNotices;
  readonly #source: KubernetesPodLogSource;
  readonly #flags: LogsFlags;

  constructor(context: CommandContext, connection: Connection, name: string, printer: OutputPrinter, flags: LogsFlags) {
    this.#context = context;
    this.#connection = connection;
    this.#name = name;
    this.#printer = printer;
    this.#flags = flags;
    this.#notices = new RunNotices(context.terminal, context.program, {quiet: flags.quiet});
    this.#source = new KubernetesPodLogSource(connection.client, connection.namespace);
  }

  /** What has been written until now. */
  async printAvailable(wanted: number | 'previous' | undefined): Promise<void> {
    const run = await this.#connection.runs.get(this.#name, {namespace: this.#connection.namespace});
    const current = run.status?.attempt ?? 0;
    if (wanted === 'previous' && current < 2) throw this.#noPrevious(run, current);
    const attempt = wanted === 'previous' ? current - 1 : (wanted ?? current);
    this.#checkAttempt(run, attempt, current);
    using interrupts = new InterruptScope();
    using progress = new ProgressLine(this.#context.terminal, this.#context.clock, {
      quiet: Boolean(this.#flags.quiet),
    });
    const {result, problem} = await this.#readWhereverItIs(run, attempt, interrupts.signal, progress);
    progress.clear();
    await this.#printer.flushTail();
    if (!result.found) await this.#explainNothing(run, attempt, result, problem);
    else if (!result.complete && (attempt < current || hasEnded(run))) this.#notices.endMissing(problem);
  }

  #noPrevious(run: Run, current: number): KrtError {
    const what = current === 0 ? 'has not been started' : 'has had one attempt only';
    return new KrtError(
      'LOGS_UNAVAILABLE',
      `Run "${this.#name}" ${what}: ${describePosition(run, this.#context.clock.now())}`,
      current === 0 ? {} : {hint: `${this.#context.program} logs ${this.#name} prints it`},
    );
  }

  #checkAttempt(run: Run, attempt: number, current: number): void {
    if (current === 0 || attempt > current) {
      const what =
        current === 0 ? 'has not been started' : `has had ${current === 1 ? 'one attempt' : `${current} attempts`}`;
      throw new KrtError(
        'LOGS_UNAVAILABLE',
        `Run "${this.#name}" ${what}: ${describePosition(run, this.#context.clock.now())}`,
        {
          ...(hasEnded(run) ? {} : {hint: `${this.#context.program} logs -f ${this.#name} waits for it`}),
          retryable: !hasEnded(run),
        },
      );
    }
  }

  /** The Run names the Pod of its present attempt only; an earlier one may have been on any Pod of the Runtime. */
  async #readWhereverItIs(
    run: Run,
    attempt: number,
    signal: AbortSignal,
    progress: ProgressLine,
  ): Promise<{result: AttemptLogResult; problem?: string}> {
    const log = await this.#readFromPods(run, attempt, signal);
    const isOver = attempt !== run.status?.attempt || hasEnded(run);
    if (log.result.complete || !isOver || !hasStoredLog(run, attempt)) return {result: log.result};
    return await this.#readStored(log, run, attempt, signal, (what) => progress.update(what));
  }

  async #readStored(
    log: AttemptLog,
    run: Run,
    attempt: number,
    signal: AbortSignal,
    onWait: (what: string) => void,
  ): Promise<{result: AttemptLogResult; problem?: string}> {
    const {clock} = this.#context;
    // Seldom needed, and not small.
    const {readStoredLog} = await import('../stored-log.ts');
    return await readStoredLog(log, run, attempt, {connection: this.#connection, clock, signal, onWait});
  }

  /** @returns the log object that has read what there is, or has found none */
  async #readFromPods(run: Run, attempt: number, signal: AbortSignal): Promise<AttemptLog> {
    const {assignedPod} = run.status ?? {};
    const isCurrent = attempt === run.status?.attempt && assignedPod !== undefined;
    const pods = isCurrent ? [assignedPod] : await this.#source.podsOfRuntime(run.spec.runtime, signal);
    const ref = {
      uid: run.metadata?.uid ?? '',
      attempt,
      startedMs: isCurrent ? startedMs(run) : startOfAttempt(run, attempt),
    };
    let log = new AttemptLog({...ref, pod: ''}, this.#logOptions());
    for (const pod of pods) {
      log = new AttemptLog({...ref, pod}, this.#logOptions());
      if (isCurrent && this.#endedJustNow(run)) await log.follow(Promise.resolve(), signal);
      else await log.readAvailable(signal, {expectOutput: isCurrent && wroteSomething(run)});
      if (log.result.found) break;
    }
    return log;
  }

  #endedJustNow(run: Run): boolean {
    const ended = Date.parse(run.status?.completionTime ?? '');
    return hasEnded(run) && Math.abs(this.#context.clock.now() - ended) < settledAfterMs;
  }

  async #explainNothing(run: Run, attempt: number, result: AttemptLogResult, problem?: string): Promise<void> {
    if (!hasEnded(run) && attempt === run.status?.attempt && !result.gone) return;
    const isLast = attempt === run.status?.attempt;
    if (isLast && hasEnded(run) && run.status?.output && !wroteSomething(run)) return;
    const pod = isLast ? run.status?.assignedPod : undefined;
    const why = result.gone
      ? `${pod ? `Pod ${pod}` : 'its Pod'} is gone, and the log of Run "${this.#name}" with it`
      : `the log of Run "${this.#name}" is no longer kept by ${pod ? `Pod ${pod}` : 'any Pod of its Runtime'}`;
    const stored = problem === undefined ? '' : `; the copy in the artifact store cannot be read: ${problem}`;
    const tail = isLast ? run.status?.output?.tail : undefined;
    if (!tail)
      throw new KrtError('LOGS_UNAVAILABLE', `${why}${stored}`, {
        hint: `${this.#context.program} result ${this.#name} shows what is known; ${whatKeepsLogs(run, isLast)}`,
      });
    this.#notices.say(
      `${this.#context.program}: ${why}${stored}; the last ${Buffer.byteLength(tail)} bytes that its status kept:`,
    );
    await write(this.#context.terminal.stdout, tail.endsWith('\n') ? tail : `${tail}\n`);
  }

  /** Everything from now on (and before), until the Run has ended. */
  async follow(wanted: number | undefined): Promise<void> {
    const {namespace} = this.#connection;
    const timeout = {quiet: this.#flags.quiet};
    using waiter = new RunWaiter(this.#context, this.#connection, {namespace, names: [this.#name]}, timeout);
    const resourceVersion = await waiter.observer.load(waiter.signal);
    const run = waiter.observer.latest(this.#name);
    if (!run) throw await notFound('Run', this.#name, namespace, this.#connection);
    const current = run.status?.attempt ?? 0;
    if ((wanted !== undefined && wanted < current) || (hasEnded(run) && current > 0))
      return await this.printAvailable(wanted);
    waiter.start(resourceVersion);
    // Without a log to follow, --tail has nothing to hold back.
    if (this.#flags.tail !== undefined && run.status?.assignedPod) await this.#printTail(run, current, waiter.signal);
    await this.#printer.flushTail();
    try {
      await this.#followFrom(waiter, wanted ?? Math.max(1, current), wanted !== undefined);
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      waiter.progress.clear();
      throw error;
    }
  }

  async #followFrom(waiter: RunWaiter, attempt: number, onlyThisAttempt: boolean): Promise<void> {
    let storeProblem: string | undefined;
    const run = await followRun(
      {
        ...this.#logOptions(waiter),
        observer: waiter.observer,
        name: this.#name,
        fromAttempt: attempt,
        onlyThisAttempt,
        recover: async (log, read, after, signal) => {
          if (!hasStoredLog(after, read)) return log.result;
          const onWait = (what: string): void => waiter.progress.update(what);
          const {result, problem} = await this.#readStored(log, after, read, signal, onWait);
          waiter.progress.clear();
          storeProblem = problem;
          return result;
        },
        onAttemptRead: async (read, result, after) => {
          waiter.allowProgress();
          const problem = storeProblem;
          storeProblem = undefined;
          if (!result.found) await this.#explainNothing(after, read, result, problem);
          else if (!result.complete) this.#notices.endMissing(problem);
        },
        ...(this.#tailCursor ? {firstLog: this.#tailCursor} : {}),
      },
      waiter.signal,
    );
    waiter.progress.clear();
    if ((run.status?.attempt ?? 0) === 0) this.#checkAttempt(run, 1, 0);
  }

  /** The log object that has read the part before the tail; it goes on from there. */
  #tailCursor: AttemptLog | undefined;

  async #printTail(run: Run, attempt: number, signal: AbortSignal): Promise<void> {
    const ref = {uid: run.metadata?.uid ?? '', attempt, pod: run.status?.assignedPod ?? '', startedMs: startedMs(run)};
    this.#tailCursor = new AttemptLog(ref, this.#logOptions());
    await this.#tailCursor.readAvailable(signal).catch(() => undefined);
  }

  #logOptions(waiter?: RunWaiter): AttemptLogOptions {
    const {clock, random} = this.#context;
    return {
      source: this.#source,
      clock,
      random,
      sink: {
        output: async (piece) => {
          waiter?.hideProgress();
          await this.#printer.print(piece);
        },
        missing: (stream, bytes) => {
          // Who asks for the end does not miss the beginning.
          const {tail, since, sinceTime} = this.#flags;
          if (tail === undefined && since === undefined && sinceTime === undefined)
            this.#notices.missing(stream, bytes);
        },
        trouble: (problem) => problem && this.#notices.remark(`the log cannot be read now, trying again: ${problem}`),
      },
    };
  }
}

function whatKeepsLogs(run: Run, isLast: boolean): string {
  if (run.status?.artifactStore === undefined) return 'a Runtime with spec.artifactStore keeps logs';
  return isLast ? 'it was not stored either' : 'of the attempts only the last one is stored';
}

function wroteSomething(run: Run): boolean {
  const {stdoutBytes = 0, stderrBytes = 0} = run.status?.output ?? {};
  return stdoutBytes + stderrBytes > 0;
}

function startOfAttempt(run: Run, attempt: number): number | undefined {
  const entry = run.status?.attempts?.find((each) => each.number === attempt);
  return entry?.startTime ? Date.parse(entry.startTime) : undefined;
}
