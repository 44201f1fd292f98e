import {closeSync, constants, fstatSync, opendirSync, openSync, readlinkSync, type Stats} from 'node:fs';
import {chmod, opendir} from 'node:fs/promises';

/** `O_PATH` of Linux, which `node:fs` does not name: a handle that needs no read permission and opens no FIFO. */
const O_PATH = process.platform === 'linux' ? 0o10000000 : 0;

const openFlags = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * An open directory. Paths below it are resolved from the open directory itself (`/proc/self/fd/N/name`), as `openat`
 * does: whoever renames the directory, or puts a symlink in its place, changes nothing for the holder.
 *
 * Opening, closing and looking are synchronous: they take microseconds, and a way through the thread pool ten times as
 * many. What changes something is asynchronous: it may have to wait for a busy disk.
 *
 * Elsewhere than on Linux paths are resolved by name; that is for development only.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_pid_fd.5.html
 */
export class DirectoryHandle implements Disposable {
  readonly #fd: number;
  readonly #base: Buffer;
  #closed = false;

  private constructor(fd: number, path: string | Buffer) {
    this.#fd = fd;
    this.#base = process.platform === 'linux' ? Buffer.from(`/proc/self/fd/${fd}`) : Buffer.from(path);
  }

  /** Opens a directory by a trusted path. A symlink as its last part is refused with ENOTDIR or ELOOP. */
  static open(path: string | Buffer): DirectoryHandle {
    return new DirectoryHandle(openSync(path, openFlags), path);
  }

  /** Opens a directory in this one; refuses a symlink. */
  openDirectory(name: string | Buffer): DirectoryHandle {
    return DirectoryHandle.open(this.path(name));
  }

  /**
   * The path of an entry of this directory, valid while the handle is open.
   *
   * @param name one path segment; bytes where a name is not UTF-8
   */
  path(name: string | Buffer): Buffer {
    return Buffer.concat([this.#base, slash, typeof name === 'string' ? Buffer.from(name) : name]);
  }

  /** Names of the entries, in no order, as bytes: they need not be UTF-8. */
  async *names(): AsyncGenerator<Buffer> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types know 'buffer' for readdir only
    const directory = await opendir(this.path('.'), {encoding: 'buffer' as BufferEncoding, bufferSize: 256});
    for await (const entry of directory) yield Buffer.from(entry.name);
  }

  /** Whether the directory has no entries. */
  isEmpty(): boolean {
    const directory = opendirSync(this.path('.').toString(), {bufferSize: 1});
    try {
      return directory.readSync() === null;
    } finally {
      directory.closeSync();
    }
  }

  stat(): Stats {
    return fstatSync(this.#fd);
  }

  /** Sets the permissions of the directory itself. */
  chmod(mode: number): Promise<void> {
    // fchmod refuses an O_PATH handle, so the way leads through the handle's own link; `.` below it would need permission.
    return chmod(this.#base, mode);
  }

  /** Where the directory is at this moment, whoever moved it; `undefined` elsewhere than on Linux. */
  currentPath(): Buffer | undefined {
    return process.platform === 'linux' ? readlinkSync(this.#base, {encoding: 'buffer'}) : undefined;
  }

  /** A second call does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const slash = Buffer.from('/');
