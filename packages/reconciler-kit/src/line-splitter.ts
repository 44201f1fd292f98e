import {ReconcilerKitError} from './errors.ts';

const newline = 0x0a;

/**
 * Cuts a stream of bytes into lines, whatever the borders of its chunks: bytes are only decoded once a line is
 * complete, so a character that is split over chunks stays whole. Memory is bounded by the longest line allowed.
 */
export class LineSplitter {
  readonly #maxLineBytes: number;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /**
   * Takes the next chunk and returns the lines that it completes, without their newline; empty lines are left out.
   *
   * @throws ReconcilerKitError `RESPONSE_TOO_LARGE` for a line longer than allowed; the splitter is of no use after it.
   */
  push(chunk: Uint8Array): string[] {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const lines: string[] = [];
    let start = 0;
    for (let end = buffer.indexOf(newline); end !== -1; end = buffer.indexOf(newline, start)) {
      const line = this.#complete(buffer, start, end);
      if (line !== '') lines.push(line);
      start = end + 1;
    }
    if (start < buffer.length) {
      const rest = buffer.subarray(start);
      this.#check(this.#pendingBytes + rest.length);
      this.#pending.push(rest);
      this.#pendingBytes += rest.length;
    }
    return lines;
  }

  /** What came after the last newline, at the end of the stream; empty when there was nothing. */
  end(): string {
    const rest = Buffer.concat(this.#pending, this.#pendingBytes).toString('utf8');
    this.#pending = [];
    this.#pendingBytes = 0;
    return rest;
  }

  #complete(buffer: Buffer, start: number, end: number): string {
    this.#check(this.#pendingBytes + end - start);
    if (this.#pendingBytes === 0) return buffer.toString('utf8', start, end);
    this.#pending.push(buffer.subarray(start, end));
    this.#pendingBytes += end - start;
    return this.end();
  }

  #check(bytes: number): void {
    if (bytes > this.#maxLineBytes) {
      throw new ReconcilerKitError(
        'RESPONSE_TOO_LARGE',
        `a line of the answer is longer than ${this.#maxLineBytes} bytes`,
      );
    }
  }
}
