import {constants, createReadStream, existsSync} from 'node:fs';
import {type FileHandle, open, unlink} from 'node:fs/promises';
import type {Readable} from 'node:stream';
import type {Logger} from '@kruntimes/reconciler-kit';
import {systemErrorCode} from './errors.ts';
import type {LogSink} from './log-sink.ts';

const lineFeed = 0x0a;
/** Room for the line that tells the end of the log. */
const reservedBytes = 4 * 1024;
const openFlags = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;

export interface LogSpoolOptions {
  /** The file; what an earlier process wrote there is kept. */
  path: string;
  /** The log is cut when it would be larger; its last line is kept. */
  maxBytes: number;
  logger: Logger;
}

/**
 * The log of one attempt in a file of runtimed's own, from which it is stored. Nothing is opened before the first output.
 * A file that cannot be written cuts the log and disturbs nobody.
 */
export class LogSpool implements LogSink {
  readonly #options: LogSpoolOptions;
  #file: FileHandle | undefined;
  /** Whole lines only. */
  #sizeBytes = 0;
  #queuedBytes = 0;
  #queue: Buffer[] = [];
  #flushing = false;
  #begun = false;
  /** Resolves when everything that was queued so far is written. */
  #written: Promise<void> = Promise.resolve();
  #problem: string | undefined;

  constructor(options: LogSpoolOptions) {
    this.#options = options;
  }

  /** Why lines are missing; `undefined` when none are. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Bytes that {@link read} gives; final once the promise of {@link end} is resolved. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async write(lines: readonly string[]): Promise<void> {
    if (lines.length > 0) this.#append(lines, this.#options.maxBytes - reservedBytes);
    await this.#written;
  }

  async end(lines: readonly string[]): Promise<void> {
    // Nothing was ever written, and such a log is not stored.
    if (lines.length <= 1 && !this.#begun && !existsSync(this.#options.path)) return;
    this.#append(lines.slice(0, -1), this.#options.maxBytes - reservedBytes);
    // A log that is cut ends nevertheless, so that a reader sees how much is missing.
    this.#enqueue(lines.slice(-1), this.#options.maxBytes);
    await this.#written;
  }

  /** The whole log. Any number of times, until {@link remove}. */
  read(): Readable {
    const {path} = this.#options;
    return createReadStream(path, {end: Math.max(0, this.#sizeBytes - 1)});
  }

  /** Closes the file and leaves it there. A second call does nothing. */
  async close(): Promise<void> {
    await this.#written;
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  /** Removes the file. Never throws. */
  async remove(): Promise<void> {
    const {path, logger} = this.#options;
    try {
      await this.close();
      // Looking takes microseconds, and a way through the thread pool ten times as many.
      if (existsSync(path)) await unlink(path);
    } catch (error) {
      logger.error('spooled log left behind', {path, error});
    }
  }

  #append(lines: readonly string[], limitBytes: number): void {
    if (this.#problem === undefined) this.#enqueue(lines, limitBytes);
  }

  #enqueue(lines: readonly string[], limitBytes: number): void {
    if (lines.length === 0) return;
    this.#begun = true;
    const data = Buffer.from(`${lines.join('\n')}\n`);
    // What an earlier process wrote is not counted before the file is open; #write looks again.
    if (this.#sizeBytes + this.#queuedBytes + data.length > limitBytes) {
      this.#cut(`it is larger than ${this.#options.maxBytes} bytes`);
      return;
    }
    this.#queue.push(data);
    this.#queuedBytes += data.length;
    if (this.#flushing) return;
    this.#flushing = true;
    this.#written = this.#written.then(() => this.#flush());
  }

  async #flush(): Promise<void> {
    const data = Buffer.concat(this.#queue);
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#flushing = false;
    await this.#writeWhole(data);
  }

  async #writeWhole(data: Buffer): Promise<void> {
    const {logger, path, maxBytes} = this.#options;
    try {
      this.#file ??= await this.#open();
      if (this.#sizeBytes + data.length > maxBytes) {
        this.#cut(`it is larger than ${maxBytes} bytes`);
        return;
      }
      for (let position = 0; position < data.length; ) {
        position += (await this.#file.write(data, position)).bytesWritten;
      }
      this.#sizeBytes += data.length;
    } catch (error) {
      logger.error('a log cannot be spooled and is cut', {path, error});
      this.#cut(`the disk of the spool failed (${systemErrorCode(error) ?? 'unknown error'})`);
      // Half a line is no line.
      await this.#file?.truncate(this.#sizeBytes).catch(() => {});
    }
  }

  /** Goes on where an earlier process stopped, after its last whole line. */
  async #open(): Promise<FileHandle> {
    const file = await open(this.#options.path, openFlags, 0o600);
    const {size} = await file.stat();
    const end = size === 0 ? 0 : await endOfLastLine(file, size);
    if (end < size) await file.truncate(end);
    this.#sizeBytes = end;
    return file;
  }

  #cut(problem: string): void {
    this.#problem ??= problem;
  }
}

async function endOfLastLine(file: FileHandle, size: number): Promise<number> {
  const buffer = Buffer.alloc(64 * 1024);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - buffer.length);
    const {bytesRead} = await file.read(buffer, 0, end - start, start);
    const index = buffer.subarray(0, bytesRead).lastIndexOf(lineFeed);
    if (index >= 0) return start + index + 1;
    end = start;
  }
  return 0;
}
