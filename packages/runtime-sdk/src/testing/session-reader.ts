import {Buffer} from 'node:buffer';
import {
  EndReason,
  type RuntimeEventsClient,
  type SessionRequest,
  type SessionResponse,
  type StateChanged,
  Stream,
} from '@kruntimes/runtime-protocol';
import {errorMessage, RuntimeSdkError} from '../errors.ts';

/** What a session told about one execution so far. */
export interface Transcript {
  readonly stdout: Uint8Array[];
  readonly stderr: Uint8Array[];
  /** Every event, in order. */
  readonly events: SessionResponse[];
  /** The last event of the execution. */
  readonly end: Promise<StateChanged>;
}

interface Recording extends Transcript {
  /** Called when there is more output. */
  readonly listeners: Set<() => void>;
  settle(end: StateChanged): void;
  fail(error: Error): void;
}

/** Plays the daemon: holds a session, acknowledges every event, and keeps what came. */
export class SessionReader {
  readonly #recordings = new Map<string, Recording>();
  readonly #requests: SessionRequest[] = [];
  readonly #stop = new AbortController();
  #wake: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #failure: Error | undefined;

  /** Resolves when the server has opened the session. */
  start(client: RuntimeEventsClient, windowBytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#running = this.#read(client, windowBytes, resolve).catch((error: unknown) => {
        const failure = new RuntimeSdkError('HARNESS_FAILED', `the session failed: ${errorMessage(error)}`, {
          cause: error,
        });
        this.#failure = failure;
        for (const recording of this.#recordings.values()) recording.fail(failure);
        reject(failure);
      });
    });
  }

  /** What is told about an execution; asked for before it is started, so that nothing is missed. */
  transcript(id: string): Transcript {
    return this.#recording(id);
  }

  #recording(id: string): Recording {
    const existing = this.#recordings.get(id);
    if (existing !== undefined) return existing;
    const {promise: end, resolve, reject} = Promise.withResolvers<StateChanged>();
    end.catch(() => {}); // who does not ask for the end is not to be told
    const recording = {
      stdout: [],
      stderr: [],
      events: [],
      end,
      listeners: new Set<() => void>(),
      settle: resolve,
      fail: reject,
    };
    this.#recordings.set(id, recording);
    if (this.#failure !== undefined) recording.fail(this.#failure);
    return recording;
  }

  /**
   * Resolves when standard output holds a text.
   *
   * @throws {RuntimeSdkError} `HARNESS_FAILED` when the execution ends without.
   */
  async printed(id: string, text: string): Promise<void> {
    const {promise, resolve, reject} = Promise.withResolvers<void>();
    const recording = this.#recording(id);
    const look = (): void => {
      if (Buffer.concat(recording.stdout).includes(text)) resolve();
    };
    const ended = (): void => {
      look();
      reject(new RuntimeSdkError('HARNESS_FAILED', `execution ${id} ended without printing ${JSON.stringify(text)}`));
    };
    recording.listeners.add(look);
    recording.end.then(ended, reject);
    look();
    await promise.finally(() => recording.listeners.delete(look));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake?.();
    await this.#running;
  }

  async #read(client: RuntimeEventsClient, windowBytes: number, opened: () => void): Promise<void> {
    this.#send({kind: {$case: 'open', value: {windowBytes}}});
    try {
      for await (const response of client.session(this.#outgoing(), {signal: this.#stop.signal})) {
        if (response.kind?.$case === 'opened') opened();
        else this.#record(response);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }

  #record(response: SessionResponse): void {
    const {kind} = response;
    if (kind?.$case !== 'state' && kind?.$case !== 'output') return;
    const {id, sequence} = kind.value;
    const recording = this.#recordings.get(id);
    recording?.events.push(response);
    if (kind.$case === 'output') {
      // The data is a view of the received frame.
      recording?.[kind.value.stream === Stream.STDERR ? 'stderr' : 'stdout'].push(kind.value.data.slice());
      for (const listener of recording?.listeners ?? []) listener();
    } else if (kind.value.endReason !== EndReason.UNSPECIFIED) {
      recording?.settle(kind.value);
    }
    this.#send({kind: {$case: 'ack', value: {id, sequence}}});
  }

  #send(request: SessionRequest): void {
    this.#requests.push(request);
    this.#wake?.();
  }

  async *#outgoing(): AsyncGenerator<SessionRequest, void> {
    while (!this.#stop.signal.aborted) {
      const request = this.#requests.shift();
      if (request !== undefined) yield request;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
