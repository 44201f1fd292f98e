import {RunLogFormatter, type RunLogHeader, type RunLogStream, type RunLogTotals} from '@kruntimes/api-types';
import type {LogSink} from './log-sink.ts';

/** A held-back byte is printed as it is when so much other output has come since. */
const heldLimitBytes = 64 * 1024;

/** A piece of output; `sequence` is its place among the events of its execution. */
export interface LoggedOutput {
  readonly sequence: bigint;
  readonly stream: RunLogStream;
  readonly offset: number;
  readonly data: Uint8Array;
  readonly time: Date;
}

/**
 * The log of one attempt. It tells up to which event everything is written, so that the Runtime server may forget that
 * much and no more: what was not written when runtimed died comes again.
 */
export class RunLog {
  readonly #formatter: RunLogFormatter;
  readonly #writer: LogSink;
  readonly #onDurable: (sequence: bigint) => void;
  /** Where a character began whose end has not come yet. */
  readonly #held = new Map<RunLogStream, {sequence: bigint; bytesSince: number}>();
  #written = 0n;
  #durable = 0n;

  /** @param onDurable called with rising sequence numbers; every event up to there is written */
  constructor(header: RunLogHeader, writer: LogSink, onDurable: (sequence: bigint) => void) {
    this.#formatter = new RunLogFormatter(header);
    this.#writer = writer;
    this.#onDurable = onDurable;
  }

  /** Every event up to this one is written. */
  get durable(): bigint {
    return this.#durable;
  }

  /** Prints a piece of output. */
  output({sequence, stream, offset, data, time}: LoggedOutput): void {
    const lines = this.#formatter.write({stream, offset, bytes: data, time});
    if (this.#formatter.heldBytes(stream) === 0) this.#held.delete(stream);
    else if (lines.length > 0 || !this.#held.has(stream)) this.#held.set(stream, {sequence, bytesSince: 0});
    for (const [heldStream, held] of this.#held) {
      held.bytesSince += data.length;
      if (heldStream === stream || held.bytesSince < heldLimitBytes) continue;
      lines.push(...this.#formatter.flush(heldStream));
      this.#held.delete(heldStream);
    }
    void this.#write(lines, sequence);
  }

  /** Notes an event that prints nothing. */
  skip(sequence: bigint): void {
    void this.#write([], sequence);
  }

  /** Prints the last line. @returns when the whole log is written */
  end(totals: RunLogTotals, time: Date): Promise<void> {
    this.#held.clear();
    return this.#writer.end(this.#formatter.end(totals, time));
  }

  async #write(lines: string[], sequence: bigint): Promise<void> {
    await this.#writer.write(lines);
    if (sequence > this.#written) this.#written = sequence;
    let durable = this.#written;
    for (const {sequence: heldSequence} of this.#held.values()) {
      if (heldSequence <= durable) durable = heldSequence - 1n;
    }
    if (durable <= this.#durable) return;
    this.#durable = durable;
    this.#onDurable(durable);
  }
}
