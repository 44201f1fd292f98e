import {randomBytes} from 'node:crypto';
import {type FileHandle, open, unlink} from 'node:fs/promises';
import {join} from 'node:path';
import {Writable} from 'node:stream';
import {errorMessage} from './failure.ts';
import {FileStream} from './file-stream.ts';
import {Rejected} from './rejection.ts';

/** A file without a name: its space is free as soon as it is closed, or its process dies. */
export class SpoolFile implements AsyncDisposable {
  readonly #file: FileHandle;
  #sizeBytes = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** @throws Rejected `SPOOL_FAILED` */
  static async create(directory: string): Promise<SpoolFile> {
    const path = join(directory, `spool-${randomBytes(12).toString('hex')}`);
    try {
      const file = await open(path, 'wx+', 0o600);
      try {
        await unlink(path);
      } catch (error) {
        await file.close();
        throw error;
      }
      return new SpoolFile(file);
    } catch (error) {
      throw spoolFailed(error);
    }
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * A stream that fills the file.
   *
   * @param maxBytes what is more fails with {@link Rejected} `TOO_LARGE`
   */
  writer(maxBytes: number): Writable {
    const write = async (chunk: Buffer, callback: (error?: Error | null) => void): Promise<void> => {
      let failure: Error | null = null;
      try {
        if (this.#sizeBytes + chunk.length > maxBytes) throw new Rejected('TOO_LARGE', leftOver(maxBytes));
        await this.#file.writeFile(chunk);
        this.#sizeBytes += chunk.length;
      } catch (error) {
        failure = error instanceof Rejected ? error : spoolFailed(error);
      }
      callback(failure);
    };
    return new Writable({write: (chunk: Buffer, _encoding, callback) => void write(chunk, callback)});
  }

  /** Its content, from the beginning. */
  stream(): FileStream {
    return new FileStream(async () => ({
      file: this.#file,
      start: 0,
      end: this.#sizeBytes,
      truncated: () => new Error('a spooled archive has become shorter'),
      release: async () => {},
    }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#file.close();
  }
}

/** Why something is too large. */
export function leftOver(maxBytes: number): string {
  return `it is larger than the ${maxBytes} bytes that are left of the limit`;
}

function spoolFailed(error: unknown): Rejected {
  return new Rejected('SPOOL_FAILED', `its archive cannot be written: ${errorMessage(error)}`, {cause: error});
}
