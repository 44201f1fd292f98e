import type {OutputStream} from './output-cursor.ts';
import {TailBuffer, type TimedBytes} from './tail-buffer.ts';
import {type Terminal, write} from './terminal.ts';

export interface OutputPrinterOptions {
  /** Prefix each line with the time at which its first byte was written. */
  timestamps?: boolean;
  /** Print only what was written at or after this time, ms since the epoch. */
  sinceMs?: number;
  /** Hold back everything but the last lines until {@link OutputPrinter.flushTail}. */
  tailLines?: number;
}

/** Writes a Run's stdout to stdout and its stderr to stderr, byte for byte. */
export class OutputPrinter {
  readonly #terminal: Terminal;
  readonly #options: OutputPrinterOptions;
  readonly #atLineStart: Record<OutputStream, boolean> = {stdout: true, stderr: true};
  #tail: TailBuffer | undefined;
  #printedBytes = 0;

  constructor(terminal: Terminal, options: OutputPrinterOptions = {}) {
    this.#terminal = terminal;
    this.#options = options;
    this.#tail = options.tailLines === undefined ? undefined : new TailBuffer(options.tailLines);
  }

  get printedBytes(): number {
    return this.#printedBytes;
  }

  async print(piece: TimedBytes): Promise<void> {
    if (this.#options.sinceMs !== undefined && Date.parse(piece.time) < this.#options.sinceMs) return;
    if (this.#tail) this.#tail.push(piece);
    else await this.#write(piece);
  }

  /** Prints the lines held back; what comes later is printed at once. */
  async flushTail(): Promise<void> {
    const pieces = this.#tail?.drain() ?? [];
    this.#tail = undefined;
    for (const piece of pieces) await this.#write(piece);
  }

  async #write(piece: TimedBytes): Promise<void> {
    this.#printedBytes += piece.bytes.length;
    await write(this.#terminal[piece.stream], this.#options.timestamps ? this.#withTimes(piece) : piece.bytes);
  }

  #withTimes(piece: TimedBytes): Uint8Array {
    const prefix = Buffer.from(`${piece.time} `);
    const parts: Uint8Array[] = [];
    let start = 0;
    while (start < piece.bytes.length) {
      const newline = piece.bytes.indexOf(0x0a, start);
      const end = newline < 0 ? piece.bytes.length : newline + 1;
      if (this.#atLineStart[piece.stream]) parts.push(prefix);
      parts.push(piece.bytes.subarray(start, end));
      this.#atLineStart[piece.stream] = newline >= 0;
      start = end;
    }
    return Buffer.concat(parts);
  }
}
