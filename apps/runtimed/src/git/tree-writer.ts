import {closeSync, constants, mkdirSync, openSync, symlinkSync, writeSync} from 'node:fs';
import {copyFile} from 'node:fs/promises';
import type {DirectoryHandle} from '../directory-handle.ts';
import {RuntimedError, systemErrorCode} from '../errors.ts';

/** Linux allows 4,096 with the NUL at the end, and the path of the workspace comes before. */
const pathBytes = 3_500;
const maxDepth = 256;

const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const slash = 0x2f;

/**
 * Writes a tree of new files below an open directory. It goes through no symlink, whoever puts one there meanwhile, and
 * replaces nothing. Paths are bytes: names in a repository need not be UTF-8.
 */
export class TreeWriter implements Disposable {
  readonly #root: DirectoryHandle;
  /** The directory of the last file; most files follow one of the same directory. */
  #current: {readonly path: string; readonly handle: DirectoryHandle} | undefined;

  /** @param root stays open */
  constructor(root: DirectoryHandle) {
    this.#root = root;
  }

  /** Makes a file and gives what is written to it. @throws RuntimedError `SOURCE_INVALID` */
  createFile(path: Buffer, mode: number): NewFile {
    return this.#at(path, (target) => new NewFile(openSync(target, createFlags, mode)));
  }

  /** @param target whatever it is; it leads nowhere before somebody follows it */
  createSymlink(path: Buffer, target: Buffer): void {
    this.#at(path, (link) => symlinkSync(target, link));
  }

  createDirectory(path: Buffer): void {
    this.#at(path, (directory) => mkdirSync(directory, {mode: 0o700}));
  }

  writeFile(path: string, content: string): void {
    using file = this.createFile(Buffer.from(path), 0o644);
    file.write(Buffer.from(content));
  }

  async copyFile(path: string, from: string): Promise<void> {
    const target = this.#at(Buffer.from(path), (place) => place);
    await copyFile(from, target, constants.COPYFILE_EXCL);
  }

  #at<T>(path: Buffer, use: (target: Buffer) => T): T {
    const end = path.lastIndexOf(slash);
    const name = path.subarray(end + 1);
    try {
      if (path.length > pathBytes) throw new RuntimedError('SOURCE_INVALID', `path ${shown(path)} is too long`);
      checkSegment(name, path);
      return use(this.#directory(end === -1 ? Buffer.alloc(0) : path.subarray(0, end)).path(name));
    } catch (error) {
      throw asSourceError(error, path);
    }
  }

  #directory(path: Buffer): DirectoryHandle {
    if (path.length === 0) return this.#root;
    const key = path.toString('latin1');
    if (this.#current?.path === key) return this.#current.handle;
    const segments = key.split('/').map((segment) => Buffer.from(segment, 'latin1'));
    if (segments.length > maxDepth) throw new RuntimedError('SOURCE_INVALID', `path ${shown(path)} is too deep`);
    for (const segment of segments) checkSegment(segment, path);
    let handle = this.#root;
    for (const segment of segments) {
      try {
        const next = openOrMake(handle, segment);
        if (handle !== this.#root) handle.close();
        handle = next;
      } catch (error) {
        if (handle !== this.#root) handle.close();
        throw error;
      }
    }
    this.#current?.handle.close();
    this.#current = {path: key, handle};
    return handle;
  }

  /** Closes what it opened. */
  [Symbol.dispose](): void {
    this.#current?.handle.close();
    this.#current = undefined;
  }
}

/** A file that is being written. Writing goes to memory first, and waits for no disk. */
export class NewFile implements Disposable {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(data: Uint8Array): void {
    for (let done = 0; done < data.length; ) done += writeSync(this.#fd, data, done);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

function openOrMake(parent: DirectoryHandle, name: Buffer): DirectoryHandle {
  try {
    return parent.openDirectory(name);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    mkdirSync(parent.path(name), {mode: 0o700});
    return parent.openDirectory(name);
  }
}

function checkSegment(segment: Buffer, path: Buffer): void {
  const text = segment.toString('latin1');
  if (text === '' || text === '.' || text === '..' || text.includes('\0')) {
    throw new RuntimedError('SOURCE_INVALID', `${shown(path)} is not the path of a file`);
  }
}

function asSourceError(error: unknown, path: Buffer): unknown {
  const code = systemErrorCode(error);
  if (code === 'EEXIST' || code === 'ENOTDIR' || code === 'ELOOP') {
    return new RuntimedError('SOURCE_INVALID', `two files of the source collide at ${shown(path)}`, {cause: error});
  }
  if (code === 'ENAMETOOLONG') {
    return new RuntimedError('SOURCE_INVALID', `path ${shown(path)} has a name that is too long`, {cause: error});
  }
  return error;
}

/** A path for a message. */
export function shown(path: Buffer): string {
  const text = path.toString();
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
