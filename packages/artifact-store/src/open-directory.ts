import {constants} from 'node:fs';
import {chmod, type FileHandle, mkdir, open, opendir} from 'node:fs/promises';
import {errorCode} from './failure.ts';

const linux = process.platform === 'linux';

/** `O_PATH` of Linux, which `node:fs` does not name: opens nothing but a place, so no FIFO or device notices. */
const O_PATH = linux ? 0o10000000 : 0;

/**
 * An open directory. What is in it is reached through the descriptor (`/proc/self/fd/N/name`), as `openat` does: whoever renames the
 * directory, or puts a symlink in its place, changes nothing for the holder. Nothing here follows a symlink.
 *
 * Elsewhere than on Linux paths are resolved by name; that is for development only.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_pid_fd.5.html
 */
export class OpenDirectory implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #base: Buffer;

  private constructor(handle: FileHandle, path: Buffer) {
    this.#handle = handle;
    this.#base = linux ? Buffer.from(`/proc/self/fd/${handle.fd}`) : path;
  }

  /** Opens a directory by a path of which all parts but the last are trusted. */
  static async open(path: string | Buffer): Promise<OpenDirectory> {
    const handle = await open(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    return new OpenDirectory(handle, Buffer.from(path));
  }

  /** Takes over what {@link pin} found to be a directory in this one. */
  takePinned(handle: FileHandle, name: string | Buffer): OpenDirectory {
    return new OpenDirectory(handle, this.path(name));
  }

  openDirectory(name: string | Buffer): Promise<OpenDirectory> {
    return OpenDirectory.open(this.path(name));
  }

  /** Opens the directories of a path, one by one. */
  async openPath(names: readonly string[]): Promise<OpenDirectory> {
    let current = await this.openDirectory('.');
    for (const name of names) {
      await using parent = current;
      current = await parent.openDirectory(name);
    }
    return current;
  }

  /** The path of an entry, valid while the directory is open. */
  path(name: string | Buffer): Buffer {
    return Buffer.concat([this.#base, slash, Buffer.from(name)]);
  }

  /** A handle of an entry, whatever it is, to look at it or to open it by {@link openPinned}. Opens no FIFO, asks for no permission. */
  pin(name: string | Buffer): Promise<FileHandle> {
    if (linux) return open(this.path(name), O_PATH | constants.O_NOFOLLOW);
    return open(this.path(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  }

  /** Names of the entries, in no order, as bytes: they need not be UTF-8. */
  async *names(): AsyncGenerator<Buffer> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types know 'buffer' for readdir only
    const directory = await opendir(this.path('.'), {encoding: 'buffer' as BufferEncoding, bufferSize: 256});
    for await (const entry of directory) yield Buffer.from(entry.name);
  }

  /** Makes a directory in this one; false if there is something of that name. */
  async makeDirectory(name: string, mode: number): Promise<boolean> {
    try {
      await mkdir(this.path(name), {mode});
      return true;
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      throw error;
    }
  }

  /** Sets the permissions of the directory itself. */
  chmod(mode: number): Promise<void> {
    // fchmod refuses an O_PATH handle.
    return chmod(this.path('.'), mode);
  }

  /** Makes what was created, renamed or removed in this directory survive a crash of the machine. */
  async sync(): Promise<void> {
    const handle = await open(this.path('.'), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Opens what {@link OpenDirectory.pin} holds for reading: that very file, whatever its name leads to by now. */
export function openPinned(handle: FileHandle): Promise<FileHandle> {
  return open(`${linux ? '/proc/self' : '/dev'}/fd/${handle.fd}`, constants.O_RDONLY | constants.O_NONBLOCK);
}

const slash = Buffer.from('/');
