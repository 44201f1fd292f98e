import {type FileHandle, open} from 'node:fs/promises';
import {dirname} from 'node:path';

/**
 * Waits until what SQLite has committed is on the disk.
 *
 * In WAL mode a commit appends to the file `PATH-wal`; with `synchronous = FULL` SQLite would call fdatasync on it within COMMIT and so
 * hold up the whole process for the time of a disk write. The same call on the same file from another thread makes the same commits
 * durable and lets the process answer reads meanwhile.
 *
 * @see https://www.sqlite.org/wal.html
 * @see https://www.sqlite.org/pragma.html#pragma_synchronous
 */
export class WriteAheadLog {
  readonly #path: string;
  #file: Promise<FileHandle> | undefined;

  /** @param path of the database */
  constructor(path: string) {
    this.#path = path;
  }

  /** To be called after a commit: there is no such file before the first one. */
  async sync(): Promise<void> {
    this.#file ??= this.#open();
    await (await this.#file).datasync();
  }

  async close(): Promise<void> {
    const file = await this.#file?.catch(() => undefined);
    await file?.close();
  }

  async #open(): Promise<FileHandle> {
    // Some systems only synchronise files that are open for writing.
    const file = await open(`${this.#path}-wal`, 'r+');
    // A new file is not there after a power cut if its directory is not on the disk. Windows opens no directories, and needs none.
    const directory = await open(dirname(this.#path), 'r').catch(() => undefined);
    await directory?.sync();
    await directory?.close();
    return file;
  }
}
