import type {Clock} from '@kruntimes/reconciler-kit';
import {EndReason, ExecutionState, type SessionRequest, type StateChanged, Stream} from '@kruntimes/runtime-protocol';
import {RuntimedError} from './errors.ts';
import type {Execution, ExecutionEnd} from './execution.ts';
import type {RuntimeServerClient} from './runtime-server-client.ts';

/** Most unacknowledged output of one execution, and so the most that a slow log may cost in memory. */
const windowBytes = 256 * 1024;

/** Acknowledgements are collected for so long. */
const acknowledgeDelayMs = 20;

/** When nothing was heard for so long, a Ping asks for a sign of life; after three times as long the session is dead. */
const quietMs = 5_000;

export interface EventSessionOptions {
  client: RuntimeServerClient;
  clock: Clock;
  /** The executions that are followed. */
  executions: ReadonlyMap<string, Execution>;
}

/** One event session: reads events into executions, sends acknowledgements and Pings. */
export class EventSession {
  readonly #options: EventSessionOptions;
  readonly #requests = new RequestStream();
  readonly #acknowledgements = new Map<string, bigint>();
  #acknowledging = false;
  #heardAt = 0;

  constructor(options: EventSessionOptions) {
    this.#options = options;
  }

  /** Says, soon, that every event of an execution up to `sequence` is done with. */
  acknowledge(id: string, sequence: bigint): void {
    this.#acknowledgements.set(id, sequence);
    if (this.#acknowledging) return;
    this.#acknowledging = true;
    this.#options.clock.setTimeout(() => this.#sendAcknowledgements(), acknowledgeDelayMs);
  }

  /** Drops what is not acknowledged yet of an execution that is forgotten anyway. */
  forget(id: string): void {
    this.#acknowledgements.delete(id);
  }

  /**
   * Runs until the session ends.
   *
   * @param onOpened called once, when the server has accepted the session
   * @throws RuntimedError why it ended; `RUNTIME_UNIMPLEMENTED` when the server knows no sessions; the signal's reason
   */
  async run(onOpened: () => void, signal: AbortSignal): Promise<never> {
    const {client, clock, executions} = this.#options;
    const controller = new AbortController();
    const abort = (): void => controller.abort(signal.reason);
    signal.addEventListener('abort', abort, {once: true});
    this.#requests.push({kind: {$case: 'open', value: {windowBytes}}});
    this.#heardAt = clock.monotonic();
    const stopPings = this.#startPings(controller);
    try {
      signal.throwIfAborted();
      for await (const {kind} of client.session(this.#requests, controller.signal)) {
        this.#heardAt = clock.monotonic();
        switch (kind?.$case) {
          case 'opened':
            // What was written while there was no session.
            for (const {id, durable} of executions.values()) if (durable > 0n) this.acknowledge(id, durable);
            onOpened();
            break;
          case 'state':
            applyState(executions.get(kind.value.id), kind.value);
            break;
          case 'output': {
            const {id, sequence, stream, offset, data, timeUnixNano} = kind.value;
            const piece = {
              stream: stream === Stream.STDERR ? ('stderr' as const) : ('stdout' as const),
              offset: Number(offset),
              data,
              time: milliseconds(timeUnixNano),
            };
            executions.get(id)?.output(piece, sequence);
            break;
          }
          case 'pong':
          case undefined:
            break;
        }
      }
      throw new RuntimedError('RUNTIME_UNAVAILABLE', 'the Runtime server ended the event session');
    } finally {
      stopPings();
      signal.removeEventListener('abort', abort);
      this.#requests.end();
    }
  }

  #sendAcknowledgements(): void {
    this.#acknowledging = false;
    for (const [id, sequence] of this.#acknowledgements) {
      this.#requests.push({kind: {$case: 'ack', value: {id, sequence}}});
    }
    this.#acknowledgements.clear();
  }

  #startPings(controller: AbortController): () => void {
    const {clock} = this.#options;
    const tick = (): void => {
      const silentMs = clock.monotonic() - this.#heardAt;
      if (silentMs >= 3 * quietMs) {
        const message = `the Runtime server was silent for ${Math.round(silentMs / 1000)} s`;
        controller.abort(new RuntimedError('RUNTIME_TIMEOUT', message));
        return;
      }
      // Also while output flows: it is what tells the server that its daemon lives.
      this.#requests.push({kind: {$case: 'ping', value: {}}});
      timer = clock.setTimeout(tick, quietMs);
    };
    let timer = clock.setTimeout(tick, quietMs);
    return () => timer.cancel();
  }
}

function applyState(execution: Execution | undefined, state: StateChanged): void {
  if (execution === undefined) return;
  if (state.state === ExecutionState.RUNNING) {
    execution.running(milliseconds(state.timeUnixNano), state.sequence);
  } else if (state.state === ExecutionState.SUCCEEDED || state.state === ExecutionState.FAILED) {
    execution.end(endOf(state));
  }
}

function endOf(state: StateChanged): ExecutionEnd {
  const totals = {
    time: milliseconds(state.timeUnixNano),
    stdoutBytes: Number(state.stdoutBytes),
    stderrBytes: Number(state.stderrBytes),
    truncatedBytes: Number(state.truncatedBytes),
  };
  const message = state.errorMessage;
  switch (state.endReason) {
    case EndReason.TIMEOUT:
      return {...totals, kind: 'timeout'};
    case EndReason.CANCELLED:
      return {...totals, kind: 'cancelled'};
    case EndReason.START_FAILED:
      return {...totals, kind: 'start-failed', message: message || 'the program could not be started'};
    case EndReason.RUNTIME_TERMINATED:
      return {...totals, kind: 'terminated', message: message || 'the Runtime server ended the program'};
    case EndReason.EXITED:
    case EndReason.UNSPECIFIED:
      return {
        ...totals,
        kind: 'exited',
        exitCode: state.exitCode,
        ...(state.signal === '' ? {} : {signal: state.signal}),
        byItself: state.endReason === EndReason.EXITED,
      };
  }
}

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000n) / 1_000;
}

/** The outgoing half of a session: what is pushed comes out in order. */
class RequestStream implements AsyncIterable<SessionRequest> {
  readonly #queue: SessionRequest[] = [];
  #wake: (() => void) | undefined;
  #ended = false;

  push(request: SessionRequest): void {
    if (this.#ended) return;
    this.#queue.push(request);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SessionRequest> {
    for (;;) {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) yield next;
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
