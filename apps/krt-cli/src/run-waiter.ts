import type {Run} from '@kruntimes/api-types';
import {isTerminal} from '@kruntimes/api-types';
import type {CommandContext} from './command-context.ts';
import type {Connection} from './connection.ts';
import {parseDurationMs} from './duration.ts';
import {InterruptScope} from './interrupt.ts';
import {KrtError} from './krt-error.ts';
import {ProgressLine} from './progress-line.ts';
import {RunObserver, type RunObserverOptions} from './run-observer.ts';
import {describePosition, pendingReason} from './run-position.ts';

export interface RunWaiterOptions {
  quiet?: boolean | undefined;
  /** Longest wait, a duration such as `5m`. */
  timeout?: string | undefined;
  /** For messages about `timeout`. */
  timeoutFlag?: string;
  /** Made earlier by the caller, who disposes it; by default one is made here. */
  interrupts?: InterruptScope;
}

/**
 * What all waiting commands share: a watch on their Runs, the progress line, Ctrl-C and the longest wait.
 * Its `signal` is aborted with the reason for which the command has to stop.
 */
export class RunWaiter implements Disposable {
  readonly observer: RunObserver;
  readonly progress: ProgressLine;
  readonly interrupts: InterruptScope;
  readonly signal: AbortSignal;
  readonly #done = new AbortController();
  readonly #context: CommandContext;
  readonly #timer: {cancel(): void} | undefined;
  #trouble: string | undefined;
  #hidden = false;
  /** Nobody sees the progress line: what keeps a Run waiting is said in lines of its own. */
  readonly #tells: boolean;
  readonly #told = new Set<string>();

  constructor(
    context: CommandContext,
    connection: Connection,
    subject: Pick<RunObserverOptions, 'namespace' | 'created' | 'names' | 'labelSelector'>,
    options: RunWaiterOptions = {},
  ) {
    this.#context = context;
    this.progress = new ProgressLine(context.terminal, context.clock, {quiet: Boolean(options.quiet)});
    this.#tells = (!context.terminal.stderr.isTTY || context.terminal.env.TERM === 'dumb') && !options.quiet;
    this.interrupts = options.interrupts ?? new InterruptScope();
    this.signal = AbortSignal.any([this.interrupts.signal, this.#done.signal]);
    this.observer = new RunObserver({
      ...subject,
      runs: connection.runs,
      clock: context.clock,
      random: context.random,
      onChange: () => this.showProgress(),
      onTrouble: (problem) => {
        this.#trouble = problem;
        this.showProgress();
      },
    });
    if (options.timeout !== undefined) {
      const flag = options.timeoutFlag ?? '--timeout';
      const ms = parseDurationMs(options.timeout, flag);
      this.#timer = context.clock.setTimeout(() => this.#timeUp(options.timeout ?? '', flag), ms);
    }
  }

  /** Starts the watch; `load` of the observer must have been called before, or the Runs were just created. */
  start(resourceVersion?: string): void {
    this.showProgress();
    void this.observer.start(this.signal, resourceVersion);
  }

  /** While a program prints, the line would stand in its way. */
  hideProgress(): void {
    if (this.#hidden) return;
    this.#hidden = true;
    this.progress.clear();
  }

  allowProgress(): void {
    this.#hidden = false;
    this.showProgress();
  }

  showProgress(): void {
    if (this.#hidden) return;
    const {runs} = this.observer;
    if (this.#tells) this.#tellObstacles(runs);
    const open = runs.filter((run) => !isTerminal(run.status?.phase));
    const [first] = open;
    if (!first) return;
    const text =
      runs.length === 1
        ? `${first.metadata?.name}: ${describePosition(first, this.#context.clock.now())}`
        : `${runs.length - open.length} of ${runs.length} ended; ${first.metadata?.name}: ${describePosition(first, this.#context.clock.now())}`;
    this.progress.update(this.#trouble ? `${text} (connection lost, trying again: ${this.#trouble})` : text);
  }

  #tellObstacles(runs: readonly Run[]): void {
    for (const run of runs) {
      const text = lastingObstacle(run);
      if (text === undefined || this.#told.has(text)) continue;
      this.#told.add(text);
      this.#context.terminal.stderr.write(`${this.#context.program}: ${text}\n`);
    }
  }

  /** Those of `names` that have not ended, as far as is known. */
  unfinished(names: readonly string[]): string[] {
    return names.filter((name) => {
      const run = this.observer.latest(name);
      return run && !isTerminal(run.status?.phase);
    });
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.progress.clear();
    this.interrupts[Symbol.dispose]();
    this.#done.abort();
  }

  #timeUp(timeout: string, flag: string): void {
    this.#done.abort(
      new KrtError('WAIT_TIMED_OUT', `waited ${timeout} (${flag}); ${describeOpen(this.observer.runs)}`, {
        retryable: true,
      }),
    );
  }
}

/** With `--for delete` the end of a Run is not what was waited for. */
function describeEnded(runs: readonly Run[]): string {
  const [first] = runs;
  if (!first) return 'nothing is left to wait for';
  const others = runs.length > 1 ? ` and ${runs.length - 1} more are` : ' is';
  return `Run ${first.metadata?.name} (${first.status?.phase})${others} still there`;
}

/** Which Runs go on, and of the first one why it has not begun. */
export function describeOpen(runs: readonly Run[]): string {
  const open = runs.filter((run) => !isTerminal(run.status?.phase));
  const [first] = open;
  if (!first) return describeEnded(runs);
  const others = open.length > 1 ? ` and ${open.length - 1} more go on` : ' goes on';
  const reason = pendingReason(first);
  return `Run ${first.metadata?.name} (${first.status?.phase ?? 'Pending'}${reason ? `, ${reason}` : ''})${others}`;
}

/** Why a Run waits for something that does not come by itself; undefined where it does. */
export function lastingObstacle(run: Run): string | undefined {
  const isMissing = run.status?.conditions?.some(
    ({type, status, reason}) => type === 'Scheduled' && status === 'False' && reason === 'RuntimeNotFound',
  );
  if (!isMissing || run.spec.cancelRequested || isTerminal(run.status?.phase)) return undefined;
  return `Run ${run.metadata?.name} waits (${pendingReason(run)})`;
}
