import {parseRunLogLine, runLogBytes} from '@kruntimes/api-types';
import type {Clock, Timer} from '@kruntimes/reconciler-kit';
import {LineSplitter} from './line-splitter.ts';
import {OutputCursor, type OutputStream} from './output-cursor.ts';
import {isLogGone, isLogNotReady, isLogRefused, type PodLogSource} from './pod-log.ts';
import type {TimedBytes} from './tail-buffer.ts';

/** One execution whose log is read. */
export interface AttemptRef {
  uid: string;
  attempt: number;
  pod: string;
  /** When it may have written its first line, ms since the epoch; bounds what is read of the Pod's log. */
  startedMs?: number | undefined;
}

export type AttemptLogEntry =
  | {kind: 'output'; attempt: number; stream: OutputStream; offset: number; bytes: Uint8Array; time: string}
  | {kind: 'end'; attempt: number; stdoutBytes: number; stderrBytes: number; truncatedBytes: number; time: string};

export interface AttemptLogSink {
  output(piece: TimedBytes): Promise<void>;
  /** Bytes that will not be delivered: cut by the output limit, or no longer in the Pod's log. */
  missing(stream: OutputStream, bytes: number): void;
  /** The log of the Pod cannot be read for the moment (undefined: it can again). */
  trouble?(problem: string | undefined): void;
}

/** How the reading of one attempt's log ended. */
export interface AttemptLogResult {
  /** The attempt's own last line was read: nothing is missing that was not reported as missing. */
  complete: boolean;
  /** The Pod, and with it the log, does not exist any more. */
  gone: boolean;
  /** Whether any line of the attempt was found. */
  found: boolean;
}

/** Clocks of two nodes may differ by so much before the beginning of a log is looked for without a time filter. */
const clockSkewMs = 60_000;
/** How long the last line may take through the container runtime after the attempt's end stands in the status. */
const lastLineGraceMs = 3000;
/** An API server that has just been restarted may refuse for a moment what it allowed before. */
const toleratedRefusals = 6;

export interface AttemptLogOptions {
  source: PodLogSource;
  sink: AttemptLogSink;
  clock: Clock;
  random: () => number;
}

/** Reads the output of one attempt from the log of its Pod: all of it, each byte once, in order. */
export class AttemptLog {
  readonly #ref: AttemptRef;
  readonly #options: AttemptLogOptions;
  readonly #cursor = new OutputCursor();
  #sinceTime: string | undefined;
  #result: AttemptLogResult = {complete: false, gone: false, found: false};

  constructor(ref: AttemptRef, options: AttemptLogOptions) {
    this.#ref = ref;
    this.#options = options;
    if (ref.startedMs !== undefined) this.#sinceTime = wholeSeconds(ref.startedMs - clockSkewMs);
  }

  get result(): AttemptLogResult {
    return this.#result;
  }

  /**
   * What is there now.
   * @param expectOutput the attempt is known to have written something: look further when nothing is found
   */
  async readAvailable(signal: AbortSignal, options: {expectOutput?: boolean} = {}): Promise<AttemptLogResult> {
    const complete = await this.#readOnce(false, signal);
    if (!complete && !this.#result.found && options.expectOutput && !this.#result.gone)
      await this.#readFromTheStart(signal);
    return this.#result;
  }

  /**
   * Everything until the attempt's last line.
   * @param over resolves when the attempt cannot write any more: its Run ended or was taken from the Pod
   */
  async follow(over: Promise<unknown>, signal: AbortSignal): Promise<AttemptLogResult> {
    const {clock} = this.#options;
    let isOver = false;
    let grace: Timer | undefined;
    const overSignal = new AbortController();
    const noteOver = (): void => {
      isOver = true;
      grace = clock.setTimeout(() => overSignal.abort(), lastLineGraceMs);
    };
    // A Run that was deleted writes no more either; the caller learns of it from `over` itself.
    const watchOver = over.then(noteOver, noteOver);
    try {
      return await this.#followUntil({isOver: () => isOver, watchOver, overSignal: overSignal.signal}, signal);
    } finally {
      grace?.cancel();
    }
  }

  /** Goes on with what a store keeps of the attempt: the lines that its Pod printed, from the first on. */
  async readStored(body: AsyncIterable<Uint8Array>): Promise<AttemptLogResult> {
    for await (const entry of readRunLog(body, this.#ref.uid, this.#ref.attempt)) {
      if (entry.kind === 'output') await this.#take(entry);
      else this.#finish(entry);
    }
    return this.#result;
  }

  async #followUntil(
    {isOver, watchOver, overSignal}: {isOver: () => boolean; watchOver: Promise<void>; overSignal: AbortSignal},
    signal: AbortSignal,
  ): Promise<AttemptLogResult> {
    const {clock, random, sink} = this.#options;
    let failures = 0;
    let refusals = 0;
    while (!signal.aborted) {
      const wasOver = isOver();
      try {
        const either = AbortSignal.any([signal, overSignal]);
        if (await this.#readOnce(!wasOver, wasOver ? signal : either)) break;
        if (failures > 0) sink.trouble?.(undefined);
        failures = 0;
        refusals = 0;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const refusedForNow = this.#result.found && isLogRefused(error) && refusals++ < toleratedRefusals;
        if (!isLogNotReady(error) && !refusedForNow && !overSignal.aborted) throw error;
        if (!overSignal.aborted) {
          failures++;
          if (failures > 1) sink.trouble?.(error instanceof Error ? error.message : String(error));
        }
      }
      if (wasOver || this.#result.gone) break;
      if (isOver()) continue;
      const delayMs = Math.min(5000, 100 * 2 ** Math.min(failures, 6)) * (0.5 + random() / 2);
      await Promise.race([clock.sleep(delayMs, signal), watchOver]);
    }
    signal.throwIfAborted();
    return this.#result;
  }

  /** @returns whether the attempt's last line was read */
  async #readOnce(follow: boolean, signal: AbortSignal): Promise<boolean> {
    try {
      const outcome = await this.#readStream({follow}, signal);
      if (outcome !== 'head missing') return outcome === 'complete';
    } catch (error) {
      if (!isLogGone(error)) throw error;
      this.#result = {...this.#result, gone: true};
      return false;
    }
    await this.#readFromTheStart(signal);
    return this.#result.complete || !follow ? this.#result.complete : await this.#readOnce(true, signal);
  }

  /** Without time filter, and first what an earlier instance of the container wrote: runtimed may have been restarted. */
  async #readFromTheStart(signal: AbortSignal): Promise<void> {
    this.#sinceTime = undefined;
    for (const previous of [true, false]) {
      if (this.#result.complete) return;
      try {
        await this.#readStream({follow: false, previous}, signal);
      } catch (error) {
        // There is an earlier instance only after a restart.
        if (!previous) throw error;
        if (!isLogGone(error) && !isLogNotReady(error)) throw error;
      }
    }
  }

  async #readStream(
    request: {follow: boolean; previous?: boolean},
    signal: AbortSignal,
  ): Promise<'complete' | 'broken off' | 'head missing'> {
    const filtered = this.#sinceTime !== undefined && !this.#result.found;
    const body = this.#options.source.open({
      pod: this.#ref.pod,
      sinceTime: this.#sinceTime,
      signal,
      ...request,
    });
    for await (const entry of readRunLog(body, this.#ref.uid, this.#ref.attempt)) {
      if (entry.kind === 'end') {
        this.#finish(entry);
        return 'complete';
      }
      // The filter may have cut off the beginning.
      if (filtered && this.#cursor.position(entry.stream) === 0 && entry.offset > 0) return 'head missing';
      this.#sinceTime = wholeSeconds(Date.parse(entry.time));
      await this.#take(entry);
    }
    return 'broken off';
  }

  async #take(entry: Extract<AttemptLogEntry, {kind: 'output'}>): Promise<void> {
    const {sink} = this.#options;
    this.#result = {...this.#result, found: true};
    const taken = this.#cursor.take(entry);
    if (!taken) return;
    if (taken.missingBytes > 0) sink.missing(entry.stream, taken.missingBytes);
    await sink.output({stream: entry.stream, bytes: taken.bytes, time: entry.time});
  }

  #finish(end: Extract<AttemptLogEntry, {kind: 'end'}>): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      const missing = end[`${stream}Bytes`] - this.#cursor.position(stream);
      if (missing > 0) this.#options.sink.missing(stream, missing);
    }
    this.#result = {...this.#result, complete: true, found: true};
  }
}

/** The entries of one attempt among everything that a Pod's runtimed printed. */
export async function* readRunLog(
  body: AsyncIterable<Uint8Array>,
  uid: string,
  attempt: number,
): AsyncGenerator<AttemptLogEntry> {
  const splitter = new LineSplitter();
  for await (const chunk of body) {
    for (const line of splitter.push(chunk)) {
      // Most lines belong to others: do not parse them.
      if (!line.includes(uid)) continue;
      const entry = parseRunLogLine(line);
      if (entry?.run.uid !== uid || entry.attempt !== attempt) continue;
      if ('end' in entry) {
        yield {kind: 'end', attempt, time: entry.time, ...entry.end};
      } else {
        const {stream, offset, time} = entry;
        yield {kind: 'output', attempt, stream, offset, bytes: runLogBytes(entry), time};
      }
    }
  }
}

function wholeSeconds(ms: number): string | undefined {
  return Number.isFinite(ms) ? `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z` : undefined;
}
