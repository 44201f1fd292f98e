import {
  DEFAULT_WINDOW_BYTES,
  type DeepPartial,
  type SessionRequest,
  type SessionResponse,
} from '@kruntimes/runtime-protocol';
import {ServerError, Status} from 'nice-grpc-common';
import type {Clock, Timer} from './clock.ts';
import type {EventLog} from './event-log.ts';

/** Bounds of what a daemon may ask for in `Open.window_bytes`. */
const minWindowBytes = 64 * 1024;
const maxWindowBytes = 64 * 1024 * 1024;

/** An execution as a session sees it. */
export interface EventSource {
  readonly log: EventLog;
  /** Room or pressure changed: stop or go on reading the program's output. */
  flow(): void;
}

export interface SessionHubOptions {
  clock: Clock;
  /** How long after the loss of a session programs are held instead of losing output. */
  holdMs: number;
  /** Called for everything that is heard from a daemon. */
  heard(): void;
}

/**
 * Sends the events of all executions to the one daemon that has a session, fairly: executions with something to send
 * take turns, one event each. Events stay in their logs until they are acknowledged.
 */
export class SessionHub {
  readonly #options: SessionHubOptions;
  readonly #sources = new Map<string, EventSource>();
  #session: Session | undefined;
  #windowBytes = DEFAULT_WINDOW_BYTES;
  #holdTimer: Timer | undefined;
  #released = false;

  constructor(options: SessionHubOptions) {
    this.#options = options;
  }

  /** Most unacknowledged bytes of one execution. */
  get windowBytes(): number {
    return this.#windowBytes;
  }

  /**
   * Whether a full window stops the program: a session is open, or was a moment ago. Otherwise nobody may ever come
   * for the events, and output beyond the window is left out of them.
   */
  get holds(): boolean {
    return !this.#released && (this.#session !== undefined || this.#holdTimer !== undefined);
  }

  add(source: EventSource): void {
    this.#sources.set(source.log.id, source);
  }

  remove(id: string): void {
    this.#sources.delete(id);
    this.#session?.remove(id);
  }

  /** A log has a new event. */
  notify(log: EventLog): void {
    this.#session?.add(log);
  }

  /** Programs are held no more: the server stops. */
  release(): void {
    this.#released = true;
    this.#holdTimer?.cancel();
    this.#holdTimer = undefined;
    this.#flowAll();
  }

  /** Ends the session, if there is one, once what is in the logs was sent. */
  finish(): void {
    this.#session?.end();
  }

  /** Serves one session until the daemon ends it, a newer one takes its place, or the server stops. */
  async *serve(
    requests: AsyncIterable<SessionRequest>,
    signal: AbortSignal,
  ): AsyncGenerator<DeepPartial<SessionResponse>, void> {
    const iterator = requests[Symbol.asyncIterator]();
    const first = await iterator.next();
    if (first.done === true) return;
    if (first.value.kind?.$case !== 'open') {
      throw new ServerError(Status.INVALID_ARGUMENT, 'the first request of a session is Open');
    }
    this.#options.heard();
    const session = this.#begin(first.value.kind.value.windowBytes);
    void this.#listen(iterator, session);
    const abort = (): void => session.abort();
    signal.addEventListener('abort', abort, {once: true});
    if (signal.aborted) abort();
    try {
      yield {kind: {$case: 'opened', value: {}}};
      yield* session.responses();
    } finally {
      signal.removeEventListener('abort', abort);
      session.abort();
      if (this.#session === session) this.#lost();
    }
  }

  #begin(windowBytes: number): Session {
    this.#session?.abort(new ServerError(Status.ABORTED, 'a newer session was opened'));
    this.#holdTimer?.cancel();
    this.#holdTimer = undefined;
    this.#windowBytes =
      windowBytes === 0 ? DEFAULT_WINDOW_BYTES : Math.min(maxWindowBytes, Math.max(minWindowBytes, windowBytes));
    const session = new Session();
    this.#session = session;
    for (const {log} of this.#sources.values()) {
      log.rewind();
      session.add(log);
    }
    this.#flowAll();
    return session;
  }

  /** The session is gone: hold programs for a while, then let their output pass. */
  #lost(): void {
    this.#session = undefined;
    if (this.#released) return;
    this.#holdTimer = this.#options.clock.setTimeout(() => {
      this.#holdTimer = undefined;
      this.#flowAll();
    }, this.#options.holdMs);
  }

  async #listen(requests: AsyncIterator<SessionRequest>, session: Session): Promise<void> {
    try {
      for (let next = await requests.next(); next.done !== true; next = await requests.next()) {
        this.#options.heard();
        const {kind} = next.value;
        switch (kind?.$case) {
          case 'ack':
            if (session === this.#session) this.#acknowledge(kind.value.id, kind.value.sequence);
            break;
          case 'ping':
            session.pong();
            break;
          case 'open':
            session.abort(new ServerError(Status.INVALID_ARGUMENT, 'Open comes once'));
            break;
          case undefined:
            break;
        }
      }
      session.abort();
    } catch {
      // The stream broke; its other half ends with it.
      session.abort();
    }
  }

  #acknowledge(id: string, sequence: bigint): void {
    const source = this.#sources.get(id);
    if (source === undefined) return;
    source.log.acknowledge(sequence);
    source.flow();
  }

  #flowAll(): void {
    for (const source of this.#sources.values()) source.flow();
  }
}

/** The sending half of one session. */
class Session {
  /** Logs that have something to send; the first one is next. */
  readonly #ready = new Set<EventLog>();
  #pongs = 0;
  #state: 'open' | 'ending' | 'aborted' = 'open';
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  add(log: EventLog): void {
    if (!log.hasUnsent) return;
    this.#ready.add(log);
    this.#wake?.();
  }

  remove(id: string): void {
    for (const log of this.#ready) if (log.id === id) this.#ready.delete(log);
  }

  pong(): void {
    this.#pongs++;
    this.#wake?.();
  }

  /** Ends once everything was sent. */
  end(): void {
    if (this.#state === 'open') this.#state = 'ending';
    this.#wake?.();
  }

  /** Ends at once, with `error` for the daemon. */
  abort(error?: Error): void {
    if (this.#state === 'aborted') return;
    this.#state = 'aborted';
    this.#error = error;
    this.#wake?.();
  }

  async *responses(): AsyncGenerator<DeepPartial<SessionResponse>, void> {
    for (;;) {
      if (this.#state === 'aborted') break;
      if (this.#pongs > 0) {
        this.#pongs--;
        yield {kind: {$case: 'pong', value: {}}};
        continue;
      }
      const kind = this.#nextEvent();
      if (kind !== undefined) {
        yield {kind};
        continue;
      }
      if (this.#state === 'ending') break;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#error !== undefined) throw this.#error;
  }

  #nextEvent() {
    for (const log of this.#ready) {
      this.#ready.delete(log);
      const event = log.next();
      if (event === undefined) continue;
      if (log.hasUnsent) this.#ready.add(log);
      return event;
    }
    return undefined;
  }
}
