import {
  type AttemptEnd,
  type DeepReadonly,
  decideRetry,
  endAttemptStatus,
  type Outcome,
  outcomeReason,
  type Run,
  requestsOf,
  runningStatus,
  TRACEPARENT_ANNOTATION,
} from '@kruntimes/api-types';
import {
  type Clock,
  contextBelow,
  formatTraceparent,
  type Logger,
  parseTraceparent,
  type Timer,
  traceOfUid,
} from '@kruntimes/reconciler-kit';
import {context, type Span, type SpanContext, SpanStatusCode, type Tracer, trace} from '@opentelemetry/api';
import type {ArtifactStorage} from './artifact-storage.ts';
import type {Attempt} from './attempt.ts';
import {attemptOutcome} from './attempt-outcome.ts';
import {describeError, isRuntimedError} from './errors.ts';
import {executeRequest} from './execute-request.ts';
import {Execution, type ExecutionEnd} from './execution.ts';
import {aborted, type ExecutionControl} from './execution-control.ts';
import type {GitSources} from './git/git-sources.ts';
import type {LineWriter} from './line-writer.ts';
import type {LogSpool} from './log-spool.ts';
import type {RuntimeConnection} from './runtime-connection.ts';
import type {AttemptResult, RuntimedMetrics} from './runtimed-metrics.ts';
import type {Reservation, Slots} from './slots.ts';
import {materialiseSource} from './source.ts';
import {SpooledLog} from './spooled-log.ts';
import type {StatusWriter} from './status-writer.ts';
import type {Workspace, WorkspaceRoot} from './workspace.ts';
import type {WorkspaceCleaner} from './workspace-cleaner.ts';

export interface RunExecutorOptions {
  workspaces: WorkspaceRoot;
  cleaner: WorkspaceCleaner;
  /** Fetches sources of kind git. */
  git: Pick<GitSources, 'materialise'>;
  slots: Slots;
  connection: RuntimeConnection;
  control: ExecutionControl;
  writer: StatusWriter;
  artifacts: ArtifactStorage;
  log: LineWriter;
  /** How long it takes until nothing can run any more at a Runtime server that does not answer. */
  lostAfterMs: number;
  /** A Run that is over sooner gets no `Running` write. */
  runningStatusDelayMs: number;
  clock: Clock;
  random: () => number;
  logger: Logger;
  metrics: RuntimedMetrics;
  tracer: Tracer;
  /** Trace Runs that no traced caller created, too, as this environment (OTEL_TRACES_SAMPLER ...) says. */
  traceEnv?: NodeJS.ProcessEnv | undefined;
}

/** How long an end that the Runtime server does not confirm is waited for when no other attempt follows. */
const finalStopLimitMs = 30_000;
/** How long the terminal write waits for a log that nobody reads. */
const logLimitMs = 5_000;

/** What the Runtime server says about an execution of an earlier process; `unanswered` when the attempt is to end before. */
type Adoption = 'known' | 'unknown' | 'unanswered';

/** What an attempt has at hand while it is executed. */
interface Work {
  readonly attempt: Attempt;
  readonly execution: Execution;
  readonly span: Span;
  readonly logger: Logger;
  /** The log as it is going to be stored, if it is. */
  readonly spool: LogSpool | undefined;
  /** Aborted when this process must end. */
  readonly signal: AbortSignal;
  workspace: Workspace | undefined;
  /** Of the program, once the source is there. */
  workingDir: string | undefined;
  /** Whether the Runtime server may know the execution. */
  sent: boolean;
  /** When the program was started, in milliseconds since the epoch, by this clock. */
  startedAt: number | undefined;
  /** The write of phase Running, if one was begun. */
  runningWrite: Promise<unknown> | undefined;
}

/** Executes attempts: the life of one is {@link RunExecutor.execute}, from top to bottom. */
export class RunExecutor {
  readonly #options: RunExecutorOptions;

  constructor(options: RunExecutorOptions) {
    this.#options = options;
  }

  /**
   * Executes one attempt, reports its end and removes its traces. Returns when nothing of it is left.
   *
   * @param signal aborted when this process must end: what is not reported then is left to the next one
   */
  async execute(attempt: Attempt, signal: AbortSignal): Promise<void> {
    const {metrics} = this.#options;
    const work = this.#begin(attempt, signal);
    metrics.attempts.inc();
    let reservation: Reservation | undefined;
    try {
      const adoption = await this.#adopt(work);
      reservation = await this.#step(work, 'wait', () => this.#reserve(work));
      if (reservation !== undefined) attempt.begin();
      const ended = await this.#runToEnd(work, adoption);
      const end = await this.#store(work, ended, signal);
      const result = await this.#step(work, 'report', () => this.#report(work, end, signal));
      await this.#step(work, 'clean', () => this.#clean(work, signal));
      this.#conclude(work, end, result);
    } catch (error) {
      if (!signal.aborted) work.logger.error('attempt left unfinished', {error});
    } finally {
      reservation?.release();
      metrics.attempts.dec();
      work.span.end();
    }
  }

  #begin(attempt: Attempt, signal: AbortSignal): Work {
    const {connection, artifacts, log, logger, tracer} = this.#options;
    const {namespace, name, fence, executionId} = attempt;
    const header = {run: {namespace, name, uid: fence.uid}, attempt: fence.attempt};
    const attributes = {
      'kruntimes.run.namespace': namespace,
      'kruntimes.run.name': name,
      'kruntimes.run.uid': fence.uid,
      'kruntimes.run.attempt': fence.attempt,
      'kruntimes.runtime': attempt.run.spec.runtime,
    };
    const spool = artifacts.logSpool(attempt);
    const sink = spool === undefined ? log : new SpooledLog(log, spool);
    return {
      attempt,
      execution: new Execution(executionId, header, sink, (id, sequence) => connection.acknowledge(id, sequence)),
      spool,
      span: tracer.startSpan('run', {attributes}, contextBelow(this.#parentSpan(attempt))),
      logger: logger.child({namespace, run: name, uid: fence.uid, attempt: fence.attempt}),
      signal,
      workspace: undefined,
      workingDir: undefined,
      sent: attempt.origin !== 'bound',
      startedAt: undefined,
      runningWrite: undefined,
    };
  }

  /** The span that created the Run, if it says so; else the trace that is named by its UID, if this process traces. */
  #parentSpan({run, fence}: Attempt): SpanContext | undefined {
    const {traceEnv} = this.#options;
    const given = parseTraceparent(run.metadata?.annotations?.[TRACEPARENT_ANNOTATION]);
    return given ?? (traceEnv && traceOfUid(fence.uid, traceEnv));
  }

  /** Finds out whether the Runtime server has the execution already, from an earlier process. */
  async #adopt(work: Work): Promise<Adoption> {
    const {attempt, execution} = work;
    if (attempt.origin === 'bound') return 'unknown';
    this.#options.connection.follow(execution);
    const known = await this.#options.control.attach(execution, attempt.stopping);
    if (known === undefined) return 'unanswered';
    // What was found and not begun is begun now; its directory may only have been deleted by the program.
    if (!known && attempt.origin === 'found') work.sent = false;
    return known ? 'known' : 'unknown';
  }

  /** Waits until the Pod has room. @returns `undefined` when the attempt is to end before that */
  async #reserve({attempt, sent}: Work): Promise<Reservation | undefined> {
    const {slots} = this.#options;
    const requests = requestsOf(attempt.run);
    if (sent) return slots.occupy(requests);
    try {
      return await slots.acquire(requests, attempt.stopping);
    } catch (error) {
      attempt.stop({kind: 'lost', reason: 'ExecutionLost', message: describeError(error)});
      return undefined;
    }
  }

  /** Brings the program to its end, whatever that takes. Never throws. */
  async #runToEnd(work: Work, adoption: Adoption): Promise<AttemptEnd> {
    const {attempt, execution} = work;
    try {
      if (work.sent) {
        await this.#reopen(work);
        if (adoption === 'unknown') execution.end(lostExecution(execution, this.#options.clock.now()));
      } else if (!attempt.stopping.aborted) {
        const failure = await this.#start(work);
        if (failure !== undefined) return {outcome: failure};
      }
      const ended = work.sent ? await this.#step(work, 'execute', () => this.#follow(work)) : undefined;
      return await this.#collect(work, ended);
    } catch (error) {
      work.logger.error('attempt failed unexpectedly', {error});
      if (work.sent) await this.#options.control.stop(execution, this.#stopLimitMs(attempt), work.signal);
      return {outcome: {kind: 'failed', reason: 'RuntimeError', message: describeError(error)}};
    }
  }

  /** Makes the workspace and starts the program. @returns why that was not possible */
  async #start(work: Work): Promise<Outcome | undefined> {
    const {connection, control, clock} = this.#options;
    const {attempt, execution} = work;
    const failure = await this.#step(work, 'prepare', () => this.#prepare(work));
    if (failure !== undefined || work.workspace === undefined || attempt.stopping.aborted) return failure;
    connection.follow(execution);
    const traceparent = formatTraceparent(work.span.spanContext());
    const request = executeRequest(attempt, work.workspace.paths, work.workingDir, traceparent);
    const onSent = (): void => {
      work.sent = true;
    };
    const refusal = await control.start(execution, request, onSent, attempt.stopping);
    work.startedAt = clock.now();
    return refusal;
  }

  async #prepare(work: Work): Promise<Outcome | undefined> {
    const {attempt} = work;
    try {
      work.workspace = await this.#options.workspaces.create(attempt.key);
      work.workingDir = await materialiseSource(attempt.run.spec, work.workspace, this.#options.git, attempt.stopping);
      return undefined;
    } catch (error) {
      if (attempt.stopping.aborted && !isRuntimedError(error, 'WORKSPACE_EXISTS')) return undefined;
      const message = describeError(error);
      if (isRuntimedError(error, 'WORKSPACE_EXISTS')) {
        // Somebody began this attempt after all. Another one must not be begun while its program runs.
        work.sent = true;
        await this.#options.control.stop(work.execution, this.#stopLimitMs(attempt), work.signal);
        return {kind: 'lost', reason: 'ExecutionLost', message};
      }
      const reason = isRuntimedError(error) ? 'SourceError' : 'WorkspaceError';
      return {kind: 'failed', reason, message};
    }
  }

  async #reopen(work: Work): Promise<void> {
    const {attempt} = work;
    work.sent = true;
    work.workspace = this.#options.workspaces.reopen(attempt.key);
    const startTime = attempt.run.status?.startTime;
    work.startedAt = startTime === undefined ? work.workspace?.createdAt() : Date.parse(startTime);
  }

  /** Waits for the end of the program, and brings it about when it is due. */
  async #follow(work: Work): Promise<ExecutionEnd | undefined> {
    const {attempt, execution} = work;
    const timers = [this.#startDeadline(work), this.#writeRunningLater(work)];
    try {
      await Promise.race([execution.ended, aborted(attempt.stopping)]);
      if (execution.hasEnded) return await execution.ended;
      const end = await this.#options.control.stop(execution, this.#stopLimitMs(attempt), work.signal);
      // The server has never known it.
      if (end?.kind === 'lost' && !execution.accepted) work.sent = false;
      return end;
    } finally {
      for (const timer of timers) timer?.cancel();
    }
  }

  /**
   * How long the end of a program is waited for. When another attempt follows, until nothing can run any more; a process
   * that must end before that writes nothing, and leaves the Run to whoever sees that its Pod is gone.
   */
  #stopLimitMs({run, stopReason}: Attempt): number {
    if (stopReason === undefined || stopReason.kind === 'abandoned') return finalStopLimitMs;
    const follows = decideRetry(run, attemptOutcome(stopReason, undefined), () => 0).retry;
    return follows ? this.#options.lostAfterMs : finalStopLimitMs;
  }

  #startDeadline({attempt, startedAt}: Work): Timer | undefined {
    const {clock} = this.#options;
    const timeoutMs = (attempt.run.spec.timeoutSeconds ?? 0) * 1000;
    if (timeoutMs === 0) return undefined;
    const elapsedMs = Math.min(Math.max(0, clock.now() - (startedAt ?? clock.now())), timeoutMs);
    return clock.setTimeout(() => attempt.stop({kind: 'timeout'}), timeoutMs - elapsedMs);
  }

  #writeRunningLater(work: Work): Timer | undefined {
    const {clock, writer, runningStatusDelayMs} = this.#options;
    const {attempt, execution} = work;
    if (attempt.run.status?.phase === 'Running') return undefined;
    const ended = new AbortController();
    void execution.ended.then(() => ended.abort());
    const compute = (run: DeepReadonly<Run>) =>
      runningStatus(run, attempt.fence, programStart(work) ?? new Date(clock.now()));
    return clock.setTimeout(() => {
      if (execution.hasEnded) return;
      // Nothing depends on this write: the terminal one tells everything that it tells.
      work.runningWrite = writer.writeUntilDone(attempt, compute, compute, ended.signal).catch(() => {});
    }, runningStatusDelayMs);
  }

  /** Gathers what the attempt leaves: output, outputs and the verdict. */
  async #collect(work: Work, ended: ExecutionEnd | undefined): Promise<AttemptEnd> {
    const {clock, metrics} = this.#options;
    const {attempt, execution, workspace} = work;
    const outcome = attemptOutcome(attempt.stopReason, ended);
    if (!work.sent)
      return outcome.kind === 'cancelled' ? {outcome, message: 'cancelled before it was started'} : {outcome};
    const totals = ended ?? execution.totals;
    await this.#within(logLimitMs, execution.closeLog(totals, ended?.time ?? clock.now()));
    const outputs = workspace?.readOutputs();
    metrics.outputBytesTotal.inc({stream: 'stdout'}, totals.stdoutBytes);
    metrics.outputBytesTotal.inc({stream: 'stderr'}, totals.stderrBytes);
    const {stdoutBytes, stderrBytes, truncatedBytes} = totals;
    const start = programStart(work);
    const message = endMessage(outcome, ended === undefined, outputs?.problem);
    return {
      outcome,
      ...(start === undefined ? {} : {startTime: start}),
      output: {stdoutBytes, stderrBytes, truncated: truncatedBytes > 0, tail: execution.tail},
      ...(outputs === undefined ? {} : {outputs: {...outputs.values}}),
      ...(message === undefined ? {} : {message}),
    };
  }

  /** Stores what the program left, unless another attempt follows: of those that are repeated nothing is kept. */
  async #store(work: Work, end: AttemptEnd, signal: AbortSignal): Promise<AttemptEnd> {
    const {artifacts, clock} = this.#options;
    const {attempt, workspace, spool, sent} = work;
    const decision = decideRetry(attempt.run, end.outcome, () => 0);
    if (!sent || decision.retry || attempt.abandoned.aborted) return end;
    const {stdoutBytes = 0, stderrBytes = 0} = end.output ?? {};
    const log = stdoutBytes + stderrBytes > 0 ? spool : undefined;
    if (log === undefined && (workspace?.artifactsLeft() ?? 'nothing') === 'nothing') return end;
    // Two writes at once would only be in each other's way.
    await work.runningWrite;
    const succeeded = decision.phase === 'Succeeded';
    const startTime = end.startTime ?? new Date(clock.now());
    const {
      refs,
      artifacts: condition,
      failure,
    } = await this.#step(work, 'store', () => artifacts.store({attempt, workspace, log, succeeded, startTime}, signal));
    const stored = {
      ...end,
      ...(refs === undefined ? {} : {artifactRefs: refs}),
      ...(condition === undefined ? {} : {artifacts: condition}),
    };
    if (failure === undefined || !succeeded) return stored;
    const {stopReason} = attempt;
    const outcome: Outcome =
      stopReason?.kind === 'lost' && attempt.discarded.aborted
        ? attemptOutcome(stopReason, undefined)
        : {kind: 'failed', reason: 'ArtifactError', message: failure};
    return {...stored, outcome, message: failure};
  }

  /** Writes the end of the attempt: the one terminal write, or the way back to Pending. */
  async #report(work: Work, end: AttemptEnd, signal: AbortSignal): Promise<AttemptResult> {
    signal.throwIfAborted();
    const {artifacts, writer, clock, random} = this.#options;
    const {attempt} = work;
    // Two writes at once would only be in each other's way.
    await work.runningWrite;
    const now = new Date(clock.now());
    const reduce = (run: DeepReadonly<Run>, refusal: string) => {
      const {outcome, startTime} = end;
      const message = `the API server refused the full status: ${refusal}`;
      const smaller = {outcome, message, ...(startTime === undefined ? {} : {startTime})};
      return endAttemptStatus(run, attempt.fence, smaller, {now, random});
    };
    const compute = (run: DeepReadonly<Run>) => endAttemptStatus(run, attempt.fence, end, {now, random});
    const written = await writer.writeUntilDone(attempt, compute, reduce, signal);
    if (written.kind === 'written') return written.status.phase;
    if (end.artifactRefs !== undefined) await artifacts.remove(attempt, signal);
    return 'Abandoned';
  }

  /** Makes the Runtime server forget the execution, then removes the workspace: never before the end is reported. */
  async #clean({attempt, execution, workspace, spool, sent}: Work, signal: AbortSignal): Promise<void> {
    const {connection, control, cleaner} = this.#options;
    if (sent) await control.forget(execution.id, signal);
    connection.unfollow(execution.id);
    const moved = workspace?.movedTo();
    workspace?.close();
    signal.throwIfAborted();
    await spool?.remove();
    await cleaner.remove(attempt.key, signal);
    if (moved !== undefined) await cleaner.remove(moved, signal);
  }

  #conclude({logger, span}: Work, {outcome}: AttemptEnd, result: AttemptResult): void {
    const {metrics} = this.#options;
    metrics.attemptsTotal.inc({result});
    const reason = outcomeReason(outcome);
    if (result !== 'Abandoned' && reason !== 'Completed') metrics.failuresTotal.inc({reason});
    span.setAttribute('kruntimes.run.result', result);
    logger.info('attempt ended', {result, outcome: outcome.kind});
  }

  /** Waits for `promise`, but not for ever. */
  async #within(limitMs: number, promise: Promise<void>): Promise<void> {
    const limit = new AbortController();
    const timer = this.#options.clock.setTimeout(() => limit.abort(), limitMs);
    await Promise.race([promise, aborted(limit.signal)]);
    timer.cancel();
  }

  /** A step of an attempt as a span and in the step histogram. */
  async #step<T>({span: parent}: Work, step: string, run: () => Promise<T>): Promise<T> {
    const {clock, metrics, tracer} = this.#options;
    const since = clock.monotonic();
    const span = tracer.startSpan(step, {}, trace.setSpan(context.active(), parent));
    try {
      return await run();
    } catch (error) {
      span.setStatus({code: SpanStatusCode.ERROR, message: describeError(error)});
      throw error;
    } finally {
      span.end();
      metrics.stepSeconds.observe({step}, (clock.monotonic() - since) / 1000);
    }
  }
}

/** When the program was started: as the Runtime server says, else as it looked from here. */
function programStart({execution, startedAt}: Work): Date | undefined {
  const time = execution.startTime ?? startedAt;
  return time === undefined ? undefined : new Date(time);
}

function lostExecution(execution: Execution, time: number): ExecutionEnd {
  const message = 'the Runtime server does not know the execution that was started before this daemon began';
  return {...execution.totals, kind: 'lost', message, time};
}

/** The outcome's own words are api-types'; only what they cannot know is said here. */
function endMessage(outcome: Outcome, unconfirmed: boolean, outputsProblem: string | undefined): string | undefined {
  const parts: string[] = [];
  if (outcome.kind === 'exited' && (outcome.exitCode !== 0 || outcome.signal !== undefined)) {
    const {signal, exitCode} = outcome;
    parts.push(
      signal === undefined ? `the program ended with exit code ${exitCode}` : `the program was ended by ${signal}`,
    );
  } else if (outcome.kind === 'failed' || outcome.kind === 'lost') {
    parts.push(outcome.message);
  } else if (outcome.kind !== 'exited') {
    parts.push(outcome.kind === 'timeout' ? 'the attempt took too long' : 'cancelled while it was running');
  }
  const own = parts.length;
  if (unconfirmed && outcome.kind !== 'lost') parts.push('the Runtime server has not confirmed that the program ended');
  if (outputsProblem !== undefined) parts.push(`outputs left out: ${outputsProblem}`);
  return parts.length === own ? undefined : parts.join('; ');
}
