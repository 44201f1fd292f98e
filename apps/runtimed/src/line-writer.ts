import {write as writeCallback} from 'node:fs';
import {promisify} from 'node:util';
import type {Clock, Logger} from '@kruntimes/reconciler-kit';
import {systemErrorCode} from './errors.ts';
import type {LogSink} from './log-sink.ts';

const write = promisify(writeCallback);

/** Most bytes in one write. */
const batchBytes = 256 * 1024;

/** How long to wait when a descriptor that somebody made non-blocking is full. */
const fullWaitMs = 10;

export interface LineWriterOptions {
  fd: number;
  clock: Clock;
  logger: Logger;
}

/**
 * Writes lines to a file descriptor in the order in which they come, without blocking the process: `process.stdout`
 * writes to pipes synchronously, and a slow reader would stop the whole daemon.
 *
 * It holds what it is given until it is written; callers keep that bounded by waiting for the promise.
 */
export class LineWriter implements LogSink {
  readonly #options: LineWriterOptions;
  #queue: {data: Buffer; resolve: () => void}[] = [];
  #writing = false;
  #broken = false;

  constructor(options: LineWriterOptions) {
    this.#options = options;
  }

  /** Bytes that wait to be written. */
  get pendingBytes(): number {
    return this.#queue.reduce((sum, {data}) => sum + data.length, 0);
  }

  /**
   * Writes lines, each with a line feed.
   *
   * @returns when they are written. When nobody reads any more they are dropped, and that is no error: a Run does not
   * fail because its log is not wanted.
   */
  write(lines: readonly string[]): Promise<void> {
    if (lines.length === 0 && !this.#writing) return Promise.resolve();
    return new Promise((resolve) => {
      this.#queue.push({data: Buffer.from(lines.map((line) => `${line}\n`).join('')), resolve});
      if (!this.#writing) void this.#drain();
    });
  }

  end(lines: readonly string[]): Promise<void> {
    return this.write(lines);
  }

  async #drain(): Promise<void> {
    this.#writing = true;
    while (this.#queue.length > 0) {
      let bytes = 0;
      let count = 0;
      while (count < this.#queue.length && (count === 0 || bytes < batchBytes)) {
        bytes += this.#queue[count]?.data.length ?? 0;
        count++;
      }
      const batch = this.#queue.slice(0, count);
      await this.#writeAll(batch.length === 1 && batch[0] ? batch[0].data : Buffer.concat(batch.map(({data}) => data)));
      this.#queue = this.#queue.slice(count);
      for (const {resolve} of batch) resolve();
    }
    this.#writing = false;
  }

  async #writeAll(data: Buffer): Promise<void> {
    let position = 0;
    while (position < data.length && !this.#broken) {
      try {
        const {bytesWritten} = await write(this.#options.fd, data, position);
        position += bytesWritten;
      } catch (error) {
        if (systemErrorCode(error) === 'EAGAIN') {
          await this.#options.clock.sleep(fullWaitMs);
          continue;
        }
        this.#broken = true;
        this.#options.logger.error('run logs cannot be written and are dropped', {error});
      }
    }
  }
}
