import {MAX_OUTPUT_DATA_BYTES, type Stream} from '@kruntimes/runtime-protocol';
import {BoundedOutput} from './bounded-output.ts';
import type {EventLog} from './event-log.ts';

/** One of the two outputs of an execution: its head and tail for Status, and its place in the event log. */
export class OutputStream {
  readonly #stream: Stream;
  readonly #log: EventLog;
  readonly #kept: BoundedOutput;
  /** End of what the log has of this stream. */
  #logged = 0;
  #omitted = 0;

  constructor(stream: Stream, log: EventLog, keptBytes: number) {
    this.#stream = stream;
    this.#log = log;
    this.#kept = new BoundedOutput(keptBytes);
  }

  /** Bytes the program wrote. */
  get totalBytes(): number {
    return this.#kept.totalBytes;
  }

  /** Bytes that were left out of the log. */
  get omittedBytes(): number {
    return this.#omitted;
  }

  /**
   * Takes what the program wrote. The log gets the first `room` bytes of it; the rest is left out there.
   *
   * @returns how many bytes the log took
   */
  write(chunk: Uint8Array, room: number, timeUnixNano: bigint): number {
    const offset = this.#kept.totalBytes;
    this.#kept.write(chunk);
    const data = chunk.length <= room ? chunk : chunk.subarray(0, room);
    if (data.length > 0) {
      this.#log.appendOutput(this.#stream, offset, data, timeUnixNano);
      this.#logged = offset + data.length;
    }
    this.#omitted += chunk.length - data.length;
    return data.length;
  }

  /** Nothing more comes. If the end of the stream was left out, the log gets the last 64 KiB of it. */
  end(timeUnixNano: bigint): void {
    const missing = this.totalBytes - this.#logged;
    if (missing === 0) return;
    const data = this.#kept.last(Math.min(missing, MAX_OUTPUT_DATA_BYTES));
    this.#log.appendOutput(this.#stream, this.totalBytes - data.length, data, timeUnixNano);
    this.#omitted -= data.length;
  }

  /** The output for Status: valid UTF-8, head and tail. */
  text(): string {
    return this.#kept.text();
  }
}
