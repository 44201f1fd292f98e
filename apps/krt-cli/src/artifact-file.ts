import type {Hash} from 'node:crypto';
import {constants} from 'node:fs';
import {type FileHandle, link, lstat, open, rename, rm} from 'node:fs/promises';
import type {Writable} from 'node:stream';
import {describeArtifactNameProblem, LOGS_ARTIFACT} from '@kruntimes/api-types';
import type {ArtifactSink} from './artifact-download.ts';
import {KrtError} from './krt-error.ts';
import {write} from './terminal.ts';

const chunkBytes = 1024 * 1024;

/**
 * The name of the file for an artifact: its own. The API server does not check names, so krt does: a name never leads out
 * of the directory that was asked for.
 * @throws KrtError `INVALID`
 */
export function fileNameOf(artifact: string): string {
  const problem = artifact === LOGS_ARTIFACT ? undefined : describeArtifactNameProblem(artifact);
  // A backslash is a separator where Windows is.
  const why =
    problem ?? (/[\\:]/.test(artifact) && process.platform === 'win32' ? 'it is no file name here' : undefined);
  if (why === undefined) return artifact;
  throw new KrtError('INVALID', `artifact ${JSON.stringify(artifact)} cannot become a file: ${why}`, {
    hint: 'give one with -o FILE, or -o - for stdout',
  });
}

/** Whether something has this name, a broken symlink included. */
export async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw fileError(error, path);
    },
  );
}

/** A download that becomes the file only when it is complete; until then, and after a failure, it is `<path>.part`. */
export class PartFile implements ArtifactSink, AsyncDisposable {
  readonly path: string;
  readonly partPath: string;
  #file: FileHandle | undefined;
  #position = 0;

  constructor(path: string) {
    this.path = path;
    this.partPath = `${path}.part`;
  }

  async resume(hash: Hash): Promise<number> {
    const file = await this.#opened();
    const buffer = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      const {bytesRead} = await file.read(buffer, 0, chunkBytes, this.#position);
      if (bytesRead === 0) return this.#position;
      hash.update(buffer.subarray(0, bytesRead));
      this.#position += bytesRead;
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    const file = await this.#opened();
    let at = 0;
    while (at < bytes.length) {
      const {bytesWritten} = await file.write(bytes, at, bytes.length - at, this.#position).catch((error: unknown) => {
        throw fileError(error, this.partPath);
      });
      at += bytesWritten;
      this.#position += bytesWritten;
    }
  }

  async restart(): Promise<boolean> {
    await (await this.#opened()).truncate(0);
    this.#position = 0;
    return true;
  }

  /** Gives the complete download its name. Without `force` nothing of that name is replaced. */
  async commit(options: {force: boolean}): Promise<void> {
    await this.#file?.sync();
    await this.#close();
    try {
      if (options.force) return await rename(this.partPath, this.path);
      // Unlike rename, it fails when there is one.
      await link(this.partPath, this.path);
      await rm(this.partPath);
    } catch (error) {
      const {code} = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') throw alreadyThere(this.path);
      // Not every file system has links.
      if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw fileError(error, this.path);
      if (await exists(this.path)) throw alreadyThere(this.path);
      await rename(this.partPath, this.path);
    }
  }

  /** Removes what was downloaded. */
  async discard(): Promise<void> {
    await this.#close();
    await rm(this.partPath, {force: true});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async #opened(): Promise<FileHandle> {
    // A symlink of that name would lead elsewhere.
    const flags = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
    try {
      this.#file ??= await open(this.partPath, flags, 0o666);
      return this.#file;
    } catch (error) {
      throw fileError(error, this.partPath);
    }
  }

  async #close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }
}

/** Bytes that go to a pipe as they come: a second connection goes on where the first broke, but nothing is taken back. */
export class StreamSink implements ArtifactSink {
  readonly #stream: Writable;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  async resume(): Promise<number> {
    return await Promise.resolve(0);
  }

  async write(bytes: Uint8Array): Promise<void> {
    await write(this.#stream, bytes);
  }

  async restart(): Promise<boolean> {
    return await Promise.resolve(false);
  }
}

/** @returns KrtError `FILE_EXISTS` */
export function alreadyThere(path: string): KrtError {
  return new KrtError('FILE_EXISTS', `${path} exists already`, {hint: '--force replaces it, -o chooses another place'});
}

const fileProblems: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left on the disk',
  EDQUOT: 'your quota is used up',
  EFBIG: 'the file system takes no file of that size',
  EISDIR: 'it is a directory',
  ENOENT: 'there is no such directory',
  ENOTDIR: 'a part of the path is no directory',
  ELOOP: 'it is a symbolic link',
};

/** @returns KrtError `FILE_FAILED` for an error of the file system, any other error as it is */
export function fileError(error: unknown, path: string): unknown {
  const {code, syscall} = error as NodeJS.ErrnoException;
  if (error instanceof KrtError || code === undefined || syscall === undefined) return error;
  return new KrtError('FILE_FAILED', `${path}: ${fileProblems[code] ?? code}`, {cause: error});
}
