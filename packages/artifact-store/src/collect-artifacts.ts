import type {Readable} from 'node:stream';
import {throwIfAborted} from './aborted.ts';
import {archiveDirectory} from './archive.ts';
import {itemNameProblem, printable} from './artifact-names.ts';
import {contentTypeOf} from './content-type.ts';
import {ArtifactStoreError} from './errors.ts';
import {errorCode, errorMessage} from './failure.ts';
import {FileStream} from './file-stream.ts';
import {OpenDirectory} from './open-directory.ts';
import {assertUntouched, type FoundFile, look, openAgain, openForReading, pin} from './regular-file.ts';
import {Rejected, type Rejection} from './rejection.ts';
import {leftOver, type SpoolFile} from './spool-file.ts';

export interface CollectOptions {
  /** What is collected. Resolved once; its last part must not be a symlink. May be a path below `/proc/self/fd`. */
  directory: string | Buffer;
  /** An existing directory, out of reach of whoever can write to `directory`. Archives are written there and unlinked at once. */
  spoolDirectory: string;
  /** Of all items together, as they will be stored. Default: no limit. */
  maxBytes?: number | undefined;
  /** Of the files in one archive, before they are compressed. Default 16 × `maxBytes`. */
  maxUnpackedBytes?: number | undefined;
  /** Of files, directories and anything else, at all depths. Default 10,000. */
  maxEntries?: number | undefined;
  /** How deep directories may be nested in an archive. Default 64. */
  maxDepth?: number | undefined;
  /** Names that no item may have. */
  reservedNames?: readonly string[] | undefined;
  signal?: AbortSignal | undefined;
}

export interface CollectedItem {
  /** 1 to 255 bytes of UTF-8 without `/` and control characters, not beginning with a dot. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly contentType: string;
  /**
   * Opens the content from its beginning; exactly `sizeBytes` bytes, or the stream is destroyed with `SOURCE_FAILED`. Any number of times
   * until the collection is disposed of.
   */
  readonly open: () => Readable;
}

/** What {@link collectArtifacts} found. Disposing of it closes the directory and frees the spooled archives. */
export interface CollectedArtifacts extends AsyncDisposable {
  /** Sorted by the bytes of their names in the directory. */
  readonly items: readonly CollectedItem[];
  readonly rejected: readonly Rejection[];
  /** Sum of the sizes of all items. */
  readonly totalBytes: number;
}

const DEFAULT_MAX_ENTRIES = 10_000;
const DEFAULT_MAX_DEPTH = 64;
const DEFAULT_COMPRESSION = 16;
const ARCHIVE_SUFFIX = '.tar.gz';

/**
 * Collects the content of a directory that a hostile program writes to, even while it does. A regular file becomes an item of its name, a
 * directory an item `<name>.tar.gz`; everything else is rejected and never followed or opened. No path leads out of the directory. (A hard
 * link is a file of the directory, wherever its other names are.)
 *
 * Limits hold for stored bytes and before a byte is stored: items that do not fit any more, in the order of their names, are rejected.
 *
 * @throws ArtifactStoreError `NOT_FOUND`: there is no such directory; `SOURCE_FAILED`: it is no directory, or cannot be read; `TOO_LARGE`:
 *   it has more than `maxEntries` entries; `ABORTED`
 */
export async function collectArtifacts(options: CollectOptions): Promise<CollectedArtifacts> {
  throwIfAborted(options.signal);
  const directory = await openCollected(options.directory);
  const collection = new Collection(directory, options);
  try {
    await collection.collect();
    return collection;
  } catch (error) {
    await collection[Symbol.asyncDispose]();
    throw error;
  }
}

class Collection implements CollectedArtifacts {
  readonly items: CollectedItem[] = [];
  readonly rejected: Rejection[] = [];
  totalBytes = 0;
  readonly #directory: OpenDirectory;
  readonly #options: CollectOptions;
  readonly #archives: SpoolFile[] = [];
  readonly #maxBytes: number;
  readonly #maxEntries: number;
  #entries = 0;

  constructor(directory: OpenDirectory, options: CollectOptions) {
    this.#directory = directory;
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? Number.MAX_SAFE_INTEGER;
    this.#maxEntries = options.maxEntries ?? DEFAULT_MAX_ENTRIES;
  }

  async collect(): Promise<void> {
    const names = await this.#names();
    for (const name of names) {
      throwIfAborted(this.#options.signal);
      try {
        await this.#collectEntry(name, names);
      } catch (error) {
        if (!(error instanceof Rejected)) throw error;
        this.#reject(name, error);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directory.close();
    for (const archive of this.#archives) await archive[Symbol.asyncDispose]();
  }

  async #names(): Promise<Buffer[]> {
    const names: Buffer[] = [];
    try {
      for await (const name of this.#directory.names()) {
        throwIfAborted(this.#options.signal);
        this.#countEntry();
        names.push(name);
      }
    } catch (error) {
      if (error instanceof ArtifactStoreError) throw error;
      if (error instanceof Rejected) throw new ArtifactStoreError('TOO_LARGE', error.message);
      throw unusableDirectory(error);
    }
    return names.sort((a, b) => a.compare(b));
  }

  async #collectEntry(name: Buffer, siblings: readonly Buffer[]): Promise<void> {
    const problem = itemNameProblem(name);
    if (problem !== undefined) throw new Rejected('NAME_INVALID', problem);
    await using pinned = await pin(this.#directory, name);
    const found = await look(pinned);
    if (found.$case === 'file') {
      this.#assertFree(name.toString());
      this.#assertFits(found.file.sizeBytes);
      await (await openForReading(pinned)).close();
      this.#add(name.toString(), found.file.sizeBytes, () => this.#openFile(name, found.file));
      return;
    }
    const archiveName = Buffer.concat([name, Buffer.from(ARCHIVE_SUFFIX)]);
    const archiveProblem = itemNameProblem(archiveName);
    if (archiveProblem !== undefined) throw new Rejected('NAME_INVALID', `as an archive, ${archiveProblem}`);
    if (siblings.some((sibling) => sibling.equals(archiveName))) {
      throw new Rejected('NAME_TAKEN', `there is a ${archiveName.toString()} beside it`);
    }
    this.#assertFree(archiveName.toString());
    const archive = await this.#archive(this.#directory.takePinned(pinned, name), name.toString());
    this.#archives.push(archive);
    this.#add(archiveName.toString(), archive.sizeBytes, () => archive.stream());
  }

  async #archive(directory: OpenDirectory, name: string): Promise<SpoolFile> {
    const {spoolDirectory, maxUnpackedBytes, maxDepth = DEFAULT_MAX_DEPTH, signal} = this.#options;
    return await archiveDirectory(directory, {
      name,
      spoolDirectory,
      maxBytes: this.#maxBytes - this.totalBytes,
      maxUnpackedBytes: maxUnpackedBytes ?? this.#maxBytes * DEFAULT_COMPRESSION,
      maxDepth,
      countEntry: () => this.#countEntry(),
      onRejected: (path, rejected) => this.#reject(path, rejected),
      signal,
    });
  }

  #openFile(name: Buffer, found: FoundFile): Readable {
    const failed = (error: unknown): ArtifactStoreError =>
      new ArtifactStoreError('SOURCE_FAILED', `${printable(name)}: ${errorMessage(error)}`, {cause: error});
    return new FileStream(async () => {
      const file = await openAgain(this.#directory, name, found).catch((error: unknown) => {
        throw failed(error);
      });
      return {
        file,
        start: 0,
        end: found.sizeBytes,
        truncated: () => failed(new Rejected('CHANGED', 'it became shorter while it was read')),
        verify: async () => {
          await assertUntouched(file, found).catch((error: unknown) => {
            throw failed(error);
          });
        },
        release: () => file.close(),
      };
    });
  }

  #assertFree(name: string): void {
    if (this.#options.reservedNames?.includes(name)) throw new Rejected('NAME_TAKEN', `the name ${name} is reserved`);
  }

  #assertFits(sizeBytes: number): void {
    const left = this.#maxBytes - this.totalBytes;
    if (sizeBytes > left) throw new Rejected('TOO_LARGE', leftOver(left));
  }

  #add(name: string, sizeBytes: number, open: () => Readable): void {
    this.totalBytes += sizeBytes;
    this.items.push({name, sizeBytes, contentType: contentTypeOf(name), open});
  }

  #reject(path: Buffer, {code, message}: Rejected): void {
    this.rejected.push({name: printable(path), code, reason: message});
  }

  #countEntry(): void {
    this.#entries += 1;
    if (this.#entries > this.#maxEntries) {
      throw new Rejected('TOO_MANY', `there are more than ${this.#maxEntries} files and directories`);
    }
  }
}

async function openCollected(directory: string | Buffer): Promise<OpenDirectory> {
  try {
    return await OpenDirectory.open(directory);
  } catch (error) {
    throw unusableDirectory(error);
  }
}

function unusableDirectory(error: unknown): ArtifactStoreError {
  const what = 'what was to be collected';
  if (errorCode(error) === 'ENOENT') {
    return new ArtifactStoreError('NOT_FOUND', `${what} is not there`, {cause: error});
  }
  if (errorCode(error) === 'ENOTDIR' || errorCode(error) === 'ELOOP') {
    return new ArtifactStoreError('SOURCE_FAILED', `${what} is not a directory`, {cause: error});
  }
  return new ArtifactStoreError('SOURCE_FAILED', `${what} cannot be read: ${errorMessage(error)}`, {cause: error});
}
