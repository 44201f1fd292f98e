import type {FileHandle} from 'node:fs/promises';
import {Readable} from 'node:stream';

const CHUNK_BYTES = 256 * 1024;

/** What a {@link FileStream} reads. */
export interface FileRange {
  file: FileHandle;
  /** First byte. */
  start: number;
  /** First byte that is not wanted any more. */
  end: number;
  /** Called when the file ends before `end`; its error destroys the stream. */
  truncated: () => Error;
  /** Called after the last byte; an error that it throws destroys the stream. */
  verify?: () => Promise<void>;
  /** Called once when the stream is over, read or not. */
  release: () => Promise<void>;
}

/** Streams a part of a file that is opened with the first read. Reads at positions, so a handle can be shared. */
export class FileStream extends Readable {
  readonly #open: () => Promise<FileRange>;
  #range: FileRange | undefined;
  #position = 0;

  constructor(open: () => Promise<FileRange>) {
    super({highWaterMark: CHUNK_BYTES});
    this.#open = open;
  }

  override _construct(callback: (error?: Error | null) => void): void {
    void settle(async () => {
      this.#range = await this.#open();
      this.#position = this.#range.start;
    }, callback);
  }

  override _read(): void {
    this.#next().then(
      (chunk) => this.push(chunk),
      (error: Error) => this.destroy(error),
    );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    void settle(
      async () => await this.#range?.release(),
      (failure) => callback(error ?? failure),
    );
  }

  /** The next chunk; null at the end. */
  async #next(): Promise<Buffer | null> {
    const {file, end, truncated, verify} = this.#range!;
    const wanted = Math.min(CHUNK_BYTES, end - this.#position);
    if (wanted <= 0) {
      await verify?.();
      return null;
    }
    // Not pooled: consumers hold on to chunks.
    const buffer = Buffer.allocUnsafeSlow(wanted);
    const {bytesRead} = await file.read(buffer, 0, wanted, this.#position);
    if (bytesRead === 0) throw truncated();
    this.#position += bytesRead;
    return bytesRead === wanted ? buffer : buffer.subarray(0, bytesRead);
  }
}

async function settle(work: () => Promise<void>, callback: (error?: Error | null) => void): Promise<void> {
  let failure: unknown;
  try {
    await work();
  } catch (error) {
    failure = error;
  }
  callback(failure as Error | undefined);
}
