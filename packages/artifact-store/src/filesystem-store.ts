import {randomBytes} from 'node:crypto';
import {constants} from 'node:fs';
import {type FileHandle, lstat, open, rename, rmdir, unlink} from 'node:fs/promises';
import {isAbsolute} from 'node:path';
import type {Readable} from 'node:stream';
import {destroyOnAbort, throwIfAborted} from './aborted.ts';
import type {
  ArtifactStore,
  GetOptions,
  ListedObject,
  OpenedObject,
  PutOptions,
  StoredObject,
} from './artifact-store.ts';
import {ArtifactStoreError} from './errors.ts';
import {discard, ExactBody} from './exact-body.ts';
import {errorCode} from './failure.ts';
import {FileStream} from './file-stream.ts';
import {filesystemError} from './filesystem-error.ts';
import {segmentsOfDeletedPrefix, segmentsOfKey, segmentsOfPrefix} from './keys.ts';
import {OpenDirectory} from './open-directory.ts';
import {assertOffset, assertSize, offsetBehindEnd} from './range.ts';

export interface FilesystemStoreOptions {
  /** Absolute path of a directory that exists and that nobody else writes to. */
  directory: string;
}

/** What the store needs from outside, for tests. */
export interface FilesystemStoreParts {
  /** Opens the file that is written to. */
  openFile: (path: Buffer, flags: number, mode: number) => Promise<FileHandle>;
}

/** No key has a segment that begins with a dot, so nothing that is stored looks like an upload. */
const UPLOAD_PREFIX = '.upload-';
const FILE_MODE = 0o660;
const DIRECTORY_MODE = 0o2770;
/** How often somebody else may take a directory away, or put something into it, before it is no coincidence. */
const MAX_RACES = 100;

/**
 * Keeps objects as files of a directory. Directories get mode 2770 and files 0660, so that processes of one group (`fsGroup` of a Pod) can
 * share it. A key must not be the directory of another: `a` and `a/b` exclude each other.
 */
export function createFilesystemStore(options: FilesystemStoreOptions): ArtifactStore {
  return new FilesystemStore(options);
}

/** See {@link createFilesystemStore}. */
export class FilesystemStore implements ArtifactStore {
  readonly #directory: string;
  readonly #openFile: FilesystemStoreParts['openFile'];

  constructor({directory}: FilesystemStoreOptions, {openFile = open}: Partial<FilesystemStoreParts> = {}) {
    if (!isAbsolute(directory)) {
      throw new ArtifactStoreError('OPTIONS_INVALID', `directory must be an absolute path, not ${directory}`);
    }
    this.#directory = directory;
    this.#openFile = openFile;
  }

  async put(key: string, body: Readable, {sizeBytes, signal}: PutOptions): Promise<StoredObject> {
    try {
      const segments = segmentsOfKey(key);
      assertSize(sizeBytes);
      throwIfAborted(signal);
      const source = new ExactBody(body, sizeBytes);
      const name = segments.pop()!;
      const upload = `${UPLOAD_PREFIX}${randomBytes(12).toString('hex')}`;
      const {parent, file} = await this.#openUpload(segments, upload);
      await using _ = parent;
      try {
        await write(file, source.chunks(signal));
        await rename(parent.path(upload), parent.path(name));
        await parent.sync();
      } catch (error) {
        await unlink(parent.path(upload)).catch(() => {});
        throw error;
      }
      return {key, sizeBytes, digest: source.digest()};
    } catch (error) {
      throw filesystemError(error, `cannot store ${key}`);
    } finally {
      discard(body);
    }
  }

  async get(key: string, {offset = 0, signal}: GetOptions = {}): Promise<OpenedObject> {
    try {
      const segments = segmentsOfKey(key);
      assertOffset(offset);
      throwIfAborted(signal);
      const name = segments.pop()!;
      await using root = await this.#openRoot();
      await using parent = await root.openPath(segments);
      const file = await open(parent.path(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        const stats = await file.stat();
        if (!stats.isFile()) throw new ArtifactStoreError('NOT_FOUND', `there is no object ${key}`);
        if (offset > stats.size) throw offsetBehindEnd(key, offset, stats.size);
        const truncated = (): Error => new ArtifactStoreError('STORE_FAILED', `the file of ${key} has become shorter`);
        const body = new FileStream(async () => ({
          file,
          start: offset,
          end: stats.size,
          truncated,
          release: () => file.close(),
        }));
        // An abort may come before the caller listens.
        body.on('error', () => {});
        return {body: destroyOnAbort(body, signal), sizeBytes: stats.size};
      } catch (error) {
        await file.close();
        throw error;
      }
    } catch (error) {
      throw filesystemError(error, `cannot open ${key}`);
    }
  }

  async deletePrefix(prefix: string, {signal}: {signal?: AbortSignal | undefined} = {}): Promise<number> {
    try {
      const segments = segmentsOfDeletedPrefix(prefix);
      await using root = await unlessMissing(this.#openRoot());
      return root === undefined ? 0 : await removeBelow(root, segments, signal);
    } catch (error) {
      throw filesystemError(error, `cannot delete what is below ${prefix}`);
    }
  }

  async *list(prefix: string, {signal}: {signal?: AbortSignal | undefined} = {}): AsyncGenerator<ListedObject> {
    try {
      const segments = segmentsOfPrefix(prefix);
      await using root = await this.#openRoot();
      await using directory = await unlessMissing(root.openPath(segments));
      if (directory !== undefined) yield* listBelow(directory, prefix, signal);
    } catch (error) {
      throw filesystemError(error, `cannot list what is below ${prefix}`);
    }
  }

  async close(): Promise<void> {}

  #openRoot(): Promise<OpenDirectory> {
    return OpenDirectory.open(this.#directory).catch((error: unknown) => {
      if (errorCode(error) !== 'ENOENT') throw error;
      throw new ArtifactStoreError('NOT_FOUND', `the directory ${this.#directory} does not exist`, {cause: error});
    });
  }

  /** Opens a new file in a directory that is made if necessary, even while `deletePrefix` removes it. */
  async #openUpload(segments: string[], upload: string): Promise<{parent: OpenDirectory; file: FileHandle}> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    for (let race = 0; ; race++) {
      await using root = await this.#openRoot();
      let parent: OpenDirectory | undefined;
      try {
        parent = await makePath(root, segments);
        return {parent, file: await this.#openFile(parent.path(upload), flags, FILE_MODE)};
      } catch (error) {
        await parent?.close();
        if (errorCode(error) !== 'ENOENT' || race === MAX_RACES) throw error;
      }
    }
  }
}

/** Writes a file to its end, so that a crash of the machine does not lose it, and closes it. */
async function write(file: FileHandle, chunks: AsyncIterable<Buffer>): Promise<void> {
  try {
    // The umask is not ours to choose.
    await file.chmod(FILE_MODE);
    for await (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Opens a directory of directories, and makes those that are missing. */
async function makePath(root: OpenDirectory, segments: readonly string[]): Promise<OpenDirectory> {
  let current = await root.openDirectory('.');
  for (const segment of segments) {
    await using parent = current;
    const made = await parent.makeDirectory(segment, DIRECTORY_MODE);
    current = await parent.openDirectory(segment);
    if (made) {
      try {
        await current.chmod(DIRECTORY_MODE);
        await parent.sync();
      } catch (error) {
        await current.close();
        throw error;
      }
    }
  }
  return current;
}

/** Removes what is below a directory, the directory, and those above it that are empty then. */
async function removeBelow(root: OpenDirectory, segments: readonly string[], signal?: AbortSignal): Promise<number> {
  const [first, ...rest] = segments;
  if (first === undefined) return await emptyDirectory(root, signal);
  const directory = await unlessMissing(root.openDirectory(first));
  if (directory === undefined) return 0;
  await using _ = directory;
  const removed = await removeBelow(directory, rest, signal);
  const gone = await rmdir(root.path(first)).then(
    () => true,
    (error: unknown) => {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT', 'EBUSY'].includes(errorCode(error) ?? '')) throw error;
      return false;
    },
  );
  if (gone) await root.sync();
  return removed;
}

/** @returns how many objects were in it */
async function emptyDirectory(directory: OpenDirectory, signal: AbortSignal | undefined): Promise<number> {
  let removed = 0;
  for await (const name of directory.names()) {
    throwIfAborted(signal);
    removed += await removeEntry(directory, name, signal);
  }
  return removed;
}

async function removeEntry(directory: OpenDirectory, name: Buffer, signal: AbortSignal | undefined): Promise<number> {
  const path = directory.path(name);
  let removed = 0;
  for (let race = 0; ; race++) {
    try {
      const stats = await lstat(path);
      if (!stats.isDirectory()) {
        await unlink(path);
        return removed + (stats.isFile() && isObject(name) ? 1 : 0);
      }
      {
        await using child = await directory.openDirectory(name);
        removed += await emptyDirectory(child, signal);
      }
      await rmdir(path);
      return removed;
    } catch (error) {
      const code = errorCode(error) ?? '';
      if (code === 'ENOENT') return removed;
      // Something came into it meanwhile.
      if ((code !== 'ENOTEMPTY' && code !== 'EEXIST') || race === MAX_RACES) throw error;
    }
  }
}

async function* listBelow(
  directory: OpenDirectory,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<ListedObject> {
  for await (const bytes of directory.names()) {
    throwIfAborted(signal);
    const name = bytes.toString();
    if (!isObject(bytes)) continue;
    const stats = await unlessMissing(lstat(directory.path(bytes)));
    if (stats?.isFile()) yield {key: `${prefix}${name}`, sizeBytes: stats.size};
    if (!stats?.isDirectory()) continue;
    await using child = await unlessMissing(directory.openDirectory(bytes));
    if (child !== undefined) yield* listBelow(child, `${prefix}${name}/`, signal);
  }
}

/** Whether a name in the directory is that of an object, or of a directory of objects. */
function isObject(name: Buffer): boolean {
  return !name.subarray(0, 1).equals(dot) && Buffer.from(name.toString()).equals(name);
}

const dot = Buffer.from('.');

/** @returns undefined where there is nothing, or a file instead of a directory */
async function unlessMissing<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    const missing =
      error instanceof ArtifactStoreError
        ? error.code === 'NOT_FOUND'
        : ['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '');
    if (missing) return undefined;
    throw error;
  }
}
