import assert from 'node:assert/strict';
import {
  EndReason,
  type Output,
  type RuntimeEventsClient,
  type SessionRequest,
  type SessionResponse,
  type StateChanged,
} from '../index.ts';

/** One event of an execution. */
export type ExecutionEvent =
  | {readonly $case: 'state'; readonly value: StateChanged}
  | {readonly $case: 'output'; readonly value: Output};

/** A session of RuntimeEvents, played from the daemon's side. Acknowledges only what it is told to. */
export class EventSession {
  /** Everything the server said. */
  readonly responses: SessionResponse[] = [];
  readonly #abort = new AbortController();
  readonly #requests: SessionRequest[] = [];
  readonly #reading: Promise<void>;
  readonly #signal: AbortSignal;
  #failure: unknown;
  #hasEnded = false;
  #wakeWriter: (() => void) | undefined;
  readonly #watchers = new Set<() => void>();

  /** @param signal ends the session, and everything that waits for it */
  constructor(client: RuntimeEventsClient, options: {signal: AbortSignal; windowBytes?: number}) {
    this.#signal = AbortSignal.any([options.signal, this.#abort.signal]);
    this.#signal.addEventListener('abort', () => this.#changed(), {once: true});
    this.#send({kind: {$case: 'open', value: {windowBytes: options.windowBytes ?? 0}}});
    this.#reading = this.#read(client);
  }

  /** Events of one execution, in the order they came. */
  eventsOf(id: string): ExecutionEvent[] {
    return this.responses.flatMap(({kind}) =>
      (kind?.$case === 'state' || kind?.$case === 'output') && kind.value.id === id ? [kind] : [],
    );
  }

  /** Resolves when a condition holds; rejects when the session ends before. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#failure !== undefined) throw this.#failure;
      assert.ok(!this.#hasEnded && !this.#signal.aborted, 'the session ended before what was awaited came');
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }

  async opened(): Promise<void> {
    await this.until(() => this.responses.length > 0);
    assert.equal(this.responses[0]?.kind?.$case, 'opened', 'the first response is not Opened');
  }

  /** Resolves when the end of an execution has come; its events. */
  async ended(id: string): Promise<ExecutionEvent[]> {
    await this.until(() => this.eventsOf(id).some(isEnd));
    return this.eventsOf(id);
  }

  /** Resolves when the server has ended the session, with what it said. */
  async failure(): Promise<unknown> {
    await this.#reading;
    return this.#failure;
  }

  ack(id: string, sequence: bigint): void {
    this.#send({kind: {$case: 'ack', value: {id, sequence}}});
  }

  /** Resolves when the server has read everything sent so far. */
  async ping(): Promise<void> {
    const pongs = (): number => this.responses.filter(({kind}) => kind?.$case === 'pong').length;
    const before = pongs();
    this.#send({kind: {$case: 'ping', value: {}}});
    await this.until(() => pongs() > before);
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#reading;
  }

  async #read(client: RuntimeEventsClient): Promise<void> {
    try {
      for await (const response of client.session(this.#outgoing(), {signal: this.#signal})) {
        this.responses.push(copyOf(response));
        this.#changed();
      }
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#failure = error;
    } finally {
      this.#hasEnded = true;
      this.#changed();
    }
  }

  #send(request: SessionRequest): void {
    this.#requests.push(request);
    this.#wakeWriter?.();
  }

  #changed(): void {
    this.#wakeWriter?.();
    for (const resolve of this.#watchers) resolve();
    this.#watchers.clear();
  }

  async *#outgoing(): AsyncGenerator<SessionRequest, void> {
    while (!this.#signal.aborted && !this.#hasEnded) {
      const request = this.#requests.shift();
      if (request !== undefined) yield request;
      else {
        await new Promise<void>((resolve) => {
          this.#wakeWriter = resolve;
        });
      }
    }
  }
}

export function isEnd(event: ExecutionEvent): boolean {
  return event.$case === 'state' && event.value.endReason !== EndReason.UNSPECIFIED;
}

/** Output data is a view of the received frame. */
function copyOf(response: SessionResponse): SessionResponse {
  const {kind} = response;
  if (kind?.$case !== 'output') return response;
  return {kind: {$case: 'output', value: {...kind.value, data: kind.value.data.slice()}}};
}
