import type {IncomingHttpHeaders} from 'node:http';
import {isNativeError} from 'node:util/types';
import type {Dispatcher} from 'undici';
import type {Clock, Timer} from './clock.ts';
import {ReconcilerKitError} from './errors.ts';

export interface ExchangeLimits {
  clock: Clock;
  /** Longest time until the answer is complete; of a stream, until its headers. */
  timeoutMs: number;
  /** For messages: what was asked. */
  description: string;
  signal?: AbortSignal | undefined;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** undici wants an Error to destroy a socket with; a signal may be aborted with anything. */
function abortError(reason: unknown): Error {
  return isNativeError(reason) ? reason : new Error('aborted', {cause: reason});
}

/** The part of an exchange that is the same for whole answers and for streams: deadline, abort, and one outcome. */
abstract class ExchangeHandler implements Dispatcher.DispatchHandler {
  protected controller: Dispatcher.DispatchController | undefined;
  #over = false;
  #timer: Timer | undefined;
  #dropReason: Error | undefined;
  readonly #limits: ExchangeLimits;
  readonly #onAbort: () => void;

  constructor(limits: ExchangeLimits) {
    this.#limits = limits;
    this.#onAbort = () => this.drop(limits.signal?.reason);
    limits.signal?.addEventListener('abort', this.#onAbort, {once: true});
    this.#timer = limits.clock.setTimeout(
      () =>
        this.drop(
          new ReconcilerKitError('TIMEOUT', `${limits.description}: no complete answer in ${limits.timeoutMs} ms`, {
            retryable: true,
          }),
        ),
      limits.timeoutMs,
    );
  }

  protected abstract failed(error: unknown): void;

  get over(): boolean {
    return this.#over;
  }

  protected stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  protected finish(): void {
    this.#over = true;
    this.stopTimer();
    this.#limits.signal?.removeEventListener('abort', this.#onAbort);
  }

  /** Ends the exchange from our side; its connection goes with it. */
  drop(reason: unknown): void {
    if (this.#over) return;
    this.finish();
    this.#dropReason = abortError(reason);
    this.controller?.abort(this.#dropReason);
    this.failed(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    // Dropped while it was still waiting for a connection.
    if (this.#dropReason !== undefined) controller.abort(this.#dropReason);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#over) return;
    this.finish();
    this.failed(error);
  }
}

class AnswerHandler extends ExchangeHandler {
  readonly promise: Promise<Answer>;
  #resolve!: (answer: Answer) => void;
  #reject!: (error: unknown) => void;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #chunks: Buffer[] = [];
  #bytes = 0;
  readonly #maxBytes: number;
  readonly #description: string;

  constructor(limits: ExchangeLimits, maxBytes: number) {
    super(limits);
    this.#maxBytes = maxBytes;
    this.#description = limits.description;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  protected failed(error: unknown): void {
    this.#chunks = [];
    this.#reject(error);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.over) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) {
      this.drop(
        new ReconcilerKitError(
          'RESPONSE_TOO_LARGE',
          `${this.#description}: the answer is larger than ${this.#maxBytes} bytes: use a selector or a limit`,
        ),
      );
      return;
    }
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (this.over) return;
    this.finish();
    const body = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks, this.#bytes);
    this.#resolve({status: this.#status, headers: this.#headers, body});
  }
}

/** Sends one request and collects the whole answer, whatever its status. Rejects with undici's own errors. */
export function exchange(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  limits: ExchangeLimits,
  maxBytes: number,
): Promise<Answer> {
  if (limits.signal?.aborted === true) return Promise.reject(limits.signal.reason);
  const handler = new AnswerHandler(limits, maxBytes);
  dispatcher.dispatch(options, handler);
  return handler.promise;
}

/** Bytes that may wait for a slow reader before the socket is no longer read. */
const streamHighWaterBytes = 1024 * 1024;

type Waiter = {resolve: (result: IteratorResult<Uint8Array>) => void; reject: (error: unknown) => void};

/** The body of a streamed answer. To be iterated once. */
class StreamHandler extends ExchangeHandler implements AsyncIterableIterator<Uint8Array> {
  readonly opened: Promise<{status: number; headers: IncomingHttpHeaders}>;
  #resolve!: (start: {status: number; headers: IncomingHttpHeaders}) => void;
  #reject!: (error: unknown) => void;
  #started = false;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #ended = false;
  #error: {reason: unknown} | undefined;
  #waiter: Waiter | undefined;

  readonly #explain: (error: unknown) => unknown;

  constructor(limits: ExchangeLimits, explain: (error: unknown) => unknown) {
    super(limits);
    this.#explain = explain;
    this.opened = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  protected failed(error: unknown): void {
    if (!this.#started) {
      this.#reject(error);
    } else if (this.#waiter !== undefined) {
      this.#waiter.reject(this.#explain(error));
      this.#waiter = undefined;
      this.#ended = true;
    } else {
      this.#error = {reason: this.#explain(error)};
    }
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (this.over || status < 200) return;
    this.#started = true;
    this.stopTimer();
    this.#resolve({status, headers});
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.over) return;
    if (this.#waiter !== undefined) {
      this.#waiter.resolve({done: false, value: chunk});
      this.#waiter = undefined;
      return;
    }
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    if (this.#queuedBytes >= streamHighWaterBytes) controller.pause();
  }

  onResponseEnd(): void {
    if (this.over) return;
    this.finish();
    this.#ended = true;
    this.#waiter?.resolve({done: true, value: undefined});
    this.#waiter = undefined;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      this.#queuedBytes -= chunk.length;
      if (this.#queuedBytes < streamHighWaterBytes && this.controller?.paused === true) this.controller.resume();
      return Promise.resolve({done: false, value: chunk});
    }
    if (this.#error !== undefined) {
      const {reason} = this.#error;
      this.#error = undefined;
      this.#ended = true;
      return Promise.reject(reason);
    }
    if (this.#ended) return Promise.resolve({done: true, value: undefined});
    return new Promise((resolve, reject) => {
      this.#waiter = {resolve, reject};
    });
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    this.close();
    return Promise.resolve({done: true, value: undefined});
  }

  /** Ends the stream; the reader sees its end, not an error. */
  close(): void {
    this.#ended = true;
    this.#queue = [];
    this.#waiter?.resolve({done: true, value: undefined});
    this.#waiter = undefined;
    this.drop(new Error('stream closed'));
    this.#error = undefined;
  }
}

export interface StreamedAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: AsyncIterableIterator<Uint8Array>;
  close(): void;
}

/**
 * Sends one request and hands out the body as it comes, whatever the status. Rejects with undici's own errors; those
 * of the body go through `explain`.
 */
export async function openStream(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  limits: ExchangeLimits,
  explain: (error: unknown) => unknown,
): Promise<StreamedAnswer> {
  limits.signal?.throwIfAborted();
  const handler = new StreamHandler(limits, explain);
  dispatcher.dispatch(options, handler);
  const {status, headers} = await handler.opened;
  return {status, headers, body: handler, close: () => handler.close()};
}
