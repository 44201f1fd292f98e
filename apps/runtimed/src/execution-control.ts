import type {Outcome} from '@kruntimes/api-types';
import type {Clock} from '@kruntimes/reconciler-kit';
import type {ExecuteRequest} from '@kruntimes/runtime-protocol';
import {BackOff} from './back-off.ts';
import {describeError, isRuntimedError, type RuntimedError} from './errors.ts';
import type {Execution, ExecutionEnd} from './execution.ts';
import type {ConnectedRuntime, RuntimeConnection} from './runtime-connection.ts';

export interface ExecutionControlOptions {
  connection: RuntimeConnection;
  /** How long it takes until nothing can run any more at a server that does not answer. */
  lostAfterMs: number;
  clock: Clock;
  random: () => number;
}

/** How long a start may take that has certainly started nothing: until a server is there, and has room. */
const startLimitMs = 60_000;
const retry = {initialMs: 50, maxMs: 2_000};

/**
 * Starts, finds again, ends and forgets executions at a Runtime server that may be away, slow or new at any moment.
 *
 * | the server answers | what it means |
 * | --- | --- |
 * | UNAVAILABLE, DEADLINE_EXCEEDED, nothing | unknown: ask again, by Status where a repetition could start twice |
 * | NOT_FOUND | the execution is lost; after Forget and Cancel: done |
 * | ALREADY_EXISTS, FAILED_PRECONDITION | Status tells how it stands |
 * | RESOURCE_EXHAUSTED | later |
 * | INVALID_ARGUMENT and others | the start failed |
 */
export class ExecutionControl {
  readonly #options: ExecutionControlOptions;

  constructor(options: ExecutionControlOptions) {
    this.#options = options;
  }

  /**
   * Starts an execution.
   *
   * @param onSent called before the first Execute leaves: from then on a program may run
   * @param signal ends the trying
   * @returns `undefined` when the server has taken it or the signal was aborted; else why the attempt is over
   */
  async start(
    execution: Execution,
    request: ExecuteRequest,
    onSent: () => void,
    signal: AbortSignal,
  ): Promise<Outcome | undefined> {
    const {clock, random, lostAfterMs} = this.#options;
    const backOff = new BackOff({...retry, random});
    const since = clock.monotonic();
    /** The connection whose Execute was left without a clear answer. */
    let uncertain: ConnectedRuntime | undefined;
    let problem: unknown;
    while (!execution.hasEnded) {
      const limitMs = uncertain === undefined ? startLimitMs : lostAfterMs;
      const runtime = await this.#connected(since + limitMs - clock.monotonic(), signal);
      if (signal.aborted) return undefined;
      if (runtime === undefined || clock.monotonic() >= since + limitMs) {
        return notStarted(problem, uncertain !== undefined, limitMs);
      }
      try {
        if (uncertain === undefined) {
          onSent();
          await runtime.client.execute(request);
        } else {
          await runtime.client.status(execution.id);
        }
        this.#options.connection.accepted(execution, runtime);
        return undefined;
      } catch (error) {
        if (isRuntimedError(error, 'EXECUTION_UNKNOWN') && uncertain !== undefined) {
          // Another server than the one that was asked may have replaced it, and the program with it.
          if (runtime !== uncertain) return lost('the Runtime server was replaced while the program was being started');
          const outcome = finalRefusal(problem);
          if (outcome !== undefined) return outcome;
          uncertain = undefined;
        } else if (isRuntimedError(error, 'RUNTIME_REFUSED')) {
          return startFailed(error);
        } else if (!isRuntimedError(error, 'RUNTIME_BUSY')) {
          problem = error;
          uncertain ??= runtime;
        } else {
          problem = error;
        }
        await clock.sleep(backOff.next(), signal).catch(() => {});
      }
    }
    return undefined;
  }

  /**
   * Finds out whether the server knows an execution that was started before, and follows it if so.
   *
   * @returns whether it does; `undefined` when the signal was aborted before an answer
   */
  async attach(execution: Execution, signal: AbortSignal): Promise<boolean | undefined> {
    return this.#untilAnswered(signal, async (runtime) => {
      try {
        await runtime.client.status(execution.id);
        this.#options.connection.accepted(execution, runtime);
        return true;
      } catch (error) {
        if (isRuntimedError(error, 'EXECUTION_UNKNOWN')) return false;
        throw error;
      }
    });
  }

  /**
   * Cancels an execution and waits for its end.
   *
   * @param limitMs how long that may take; a server's own grace is at most 10 s
   * @param signal ends the waiting
   * @returns how it ended, `lost` when the server does not know it; `undefined` when no end is confirmed in time
   */
  async stop(execution: Execution, limitMs: number, signal?: AbortSignal): Promise<ExecutionEnd | undefined> {
    const {clock} = this.#options;
    const limit = new AbortController();
    const timer = clock.setTimeout(() => limit.abort(), limitMs);
    const waiting = signal === undefined ? limit.signal : AbortSignal.any([limit.signal, signal]);
    try {
      const known = await this.#untilAnswered(waiting, async (runtime) => {
        if (execution.hasEnded) return true;
        try {
          await runtime.client.cancel(execution.id);
          this.#options.connection.accepted(execution, runtime);
          return true;
        } catch (error) {
          if (isRuntimedError(error, 'EXECUTION_UNKNOWN')) return false;
          throw error;
        }
      });
      if (known === false && !execution.hasEnded) {
        const message = 'the Runtime server does not know the execution';
        return {...execution.totals, kind: 'lost', message, time: clock.now()};
      }
      await Promise.race([execution.ended, aborted(waiting)]);
      return execution.hasEnded ? await execution.ended : undefined;
    } finally {
      timer.cancel();
    }
  }

  /**
   * Makes the server forget an execution; one that still runs is cancelled first, again and again.
   *
   * @returns false when the signal was aborted before
   */
  async forget(id: string, signal: AbortSignal): Promise<boolean> {
    const forgotten = await this.#untilAnswered(signal, async ({client}) => {
      try {
        await client.forget(id);
        return true;
      } catch (error) {
        if (isRuntimedError(error, 'EXECUTION_UNKNOWN')) return true;
        if (isRuntimedError(error, 'RUNTIME_CONFLICT')) await client.cancel(id);
        throw error;
      }
    });
    return forgotten === true;
  }

  /** Repeats a call, with back-off and over as many connections as it takes, until it does not throw. */
  async #untilAnswered<T>(
    signal: AbortSignal,
    call: (runtime: ConnectedRuntime) => Promise<T>,
  ): Promise<T | undefined> {
    const {clock, random, connection} = this.#options;
    const backOff = new BackOff({...retry, random});
    while (!signal.aborted) {
      try {
        return await call(await connection.connected(signal));
      } catch {
        // Whatever it was: a Runtime server that does not answer sensibly is asked again.
        await clock.sleep(backOff.next(), signal).catch(() => {});
      }
    }
    return undefined;
  }

  async #connected(limitMs: number, signal: AbortSignal): Promise<ConnectedRuntime | undefined> {
    const limit = new AbortController();
    const abort = (): void => limit.abort();
    const timer = this.#options.clock.setTimeout(abort, limitMs);
    signal.addEventListener('abort', abort, {once: true});
    try {
      return await this.#options.connection.connected(signal.aborted ? signal : limit.signal);
    } catch {
      return undefined;
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', abort);
    }
  }
}

/** An answer to Execute after which asking again is useless, once Status says that nothing was started. */
function finalRefusal(problem: unknown): Outcome | undefined {
  if (isRuntimedError(problem, 'RUNTIME_CONFLICT')) return startFailed(problem);
  if (isRuntimedError(problem, 'RUNTIME_FAILED') || isRuntimedError(problem, 'RUNTIME_UNIMPLEMENTED')) {
    return {kind: 'failed', reason: 'RuntimeError', message: problem.message};
  }
  return undefined;
}

function notStarted(problem: unknown, uncertain: boolean, limitMs: number): Outcome {
  if (isRuntimedError(problem, 'RUNTIME_BUSY')) return startFailed(problem);
  const silence = `the Runtime server did not answer for ${Math.round(limitMs / 1000)} s`;
  return lost(
    `${silence}; ${uncertain ? 'whether the program was started is not known' : 'the program was not started'}`,
  );
}

function startFailed(error: RuntimedError): Outcome {
  return {kind: 'failed', reason: 'StartFailed', message: describeError(error)};
}

function lost(message: string): Outcome {
  return {kind: 'lost', reason: 'ExecutionLost', message};
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), {once: true});
  });
}
