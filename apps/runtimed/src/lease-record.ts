import {constants} from 'node:fs';
import {lstat, open} from 'node:fs/promises';
import {systemErrorCode} from './errors.ts';

const openFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * When the Lease was renewed last, as the time of a file that outlives the container. User code may put anything in its
 * place; only a regular file is believed.
 */
export class LeaseRecord {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Milliseconds since the epoch; `undefined` when nothing is recorded. */
  async read(): Promise<number | undefined> {
    try {
      const stat = await lstat(this.#path);
      return stat.isFile() ? stat.mtimeMs : undefined;
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async write(timeMs: number): Promise<void> {
    await using file = await open(this.#path, openFlags, 0o600);
    await file.utimes(timeMs / 1000, timeMs / 1000);
  }
}
