import type {FileHandle} from 'node:fs/promises';
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {createGzip} from 'node:zlib';
import {createTarPacker} from 'modern-tar';
import {throwIfAborted} from './aborted.ts';
import {entryNameProblem} from './artifact-names.ts';
import type {OpenDirectory} from './open-directory.ts';
import {assertUntouched, type FoundFile, look, openForReading, pin, unreadable} from './regular-file.ts';
import {Rejected} from './rejection.ts';
import {SpoolFile} from './spool-file.ts';

const CHUNK_BYTES = 256 * 1024;

export interface ArchiveLimits {
  /** Of the archive. */
  maxBytes: number;
  /** Sum of the sizes of the files in it. */
  maxUnpackedBytes: number;
  maxDepth: number;
}

export interface ArchiveOptions extends ArchiveLimits {
  /** First part of the path of every entry. */
  name: string;
  spoolDirectory: string;
  /** Counts an entry. @throws Rejected `TOO_MANY` */
  countEntry: () => void;
  /** Told of every entry that is left out, by its path in the archive. */
  onRejected: (path: Buffer, rejected: Rejected) => void;
  signal: AbortSignal | undefined;
}

/**
 * Writes a directory as tar.gz. The same content gives the same bytes: entries are sorted by their bytes; times, owners and everything of a
 * mode but the owner's permission to execute are left out. (Another build of zlib may compress in another way.)
 *
 * Entries that are not files, and those that cannot be read, are left out.
 *
 * @throws Rejected where there can be no archive: `TOO_LARGE`, `TOO_MANY`, `CHANGED` for a file that changed while it was read, `SPOOL_FAILED`
 */
export async function archiveDirectory(directory: OpenDirectory, options: ArchiveOptions): Promise<SpoolFile> {
  const {signal} = options;
  const spool = await SpoolFile.create(options.spoolDirectory);
  try {
    const {readable, controller} = createTarPacker();
    const spooled = pipeline(
      Readable.fromWeb(readable as Parameters<typeof Readable.fromWeb>[0]),
      createGzip({chunkSize: CHUNK_BYTES}),
      spool.writer(options.maxBytes),
    );
    const packed = new TreePacker(controller, options).pack(directory).catch((error: unknown) => {
      controller.error(error);
      throw error;
    });
    const ends = await Promise.allSettled([packed, spooled]);
    throwIfAborted(signal);
    // Each fails when the other does, with whatever that looks like from its side.
    const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
    if (failures.length > 0) throw failures.find((failure) => failure instanceof Rejected) ?? failures[0];
    return spool;
  } catch (error) {
    await spool[Symbol.asyncDispose]();
    throw error;
  }
}

type Entry = (
  | {$case: 'file'; content: FileHandle; file: FoundFile}
  | {$case: 'directory'; directory: OpenDirectory; names: Buffer[]}
) &
  AsyncDisposable;

type Controller = ReturnType<typeof createTarPacker>['controller'];

class TreePacker {
  readonly #controller: Controller;
  readonly #options: ArchiveOptions;
  #unpackedBytes = 0;

  constructor(controller: Controller, options: ArchiveOptions) {
    this.#controller = controller;
    this.#options = options;
  }

  async pack(directory: OpenDirectory): Promise<void> {
    const names = await this.#namesIn(directory);
    await this.#packDirectory(directory, names, Buffer.from(`${this.#options.name}/`), 0);
    this.#controller.finalize();
  }

  /** @throws Rejected `TOO_MANY`, `UNREADABLE` */
  async #namesIn(directory: OpenDirectory): Promise<Buffer[]> {
    const {countEntry, signal} = this.#options;
    const names: Buffer[] = [];
    try {
      for await (const name of directory.names()) {
        throwIfAborted(signal);
        countEntry();
        names.push(name);
      }
    } catch (error) {
      throw error instanceof Rejected || signal?.aborted ? error : unreadable(error);
    }
    return names.sort((a, b) => a.compare(b));
  }

  /** @param path ends with `/` */
  async #packDirectory(directory: OpenDirectory, names: Buffer[], path: Buffer, depth: number): Promise<void> {
    await this.#add({name: path.toString(), type: 'directory', mode: 0o755, size: 0});
    for (const name of names) {
      throwIfAborted(this.#options.signal);
      const entryPath = Buffer.concat([path, name]);
      await using entry = await this.#openEntry(directory, name, entryPath, depth);
      // From here on an error is one of the whole archive.
      if (entry?.$case === 'file') await this.#packFile(entryPath, entry.content, entry.file);
      if (entry?.$case === 'directory') {
        await this.#packDirectory(entry.directory, entry.names, Buffer.concat([entryPath, slash]), depth + 1);
      }
    }
  }

  /** @returns undefined for an entry that is left out */
  async #openEntry(directory: OpenDirectory, name: Buffer, path: Buffer, depth: number): Promise<Entry | undefined> {
    try {
      const problem = entryNameProblem(name);
      if (problem !== undefined) throw new Rejected('NAME_INVALID', problem);
      const pinned = await pin(directory, name);
      try {
        const entry = await this.#openPinned(directory, name, pinned, depth);
        // The handle of a directory goes on with the entry.
        if (entry.$case === 'file') await pinned.close();
        return entry;
      } catch (error) {
        await pinned.close();
        throw error;
      }
    } catch (error) {
      // Of entries there are too many for the whole archive.
      if (!(error instanceof Rejected) || error.code === 'TOO_MANY') throw error;
      this.#options.onRejected(path, error);
      return undefined;
    }
  }

  async #openPinned(directory: OpenDirectory, name: Buffer, pinned: FileHandle, depth: number): Promise<Entry> {
    const found = await look(pinned);
    if (found.$case === 'file') {
      const content = await openForReading(pinned);
      return {$case: 'file', content, file: found.file, [Symbol.asyncDispose]: () => content.close()};
    }
    const {maxDepth} = this.#options;
    if (depth + 1 >= maxDepth) throw new Rejected('TOO_DEEP', `directories are nested more than ${maxDepth} deep`);
    const child = directory.takePinned(pinned, name);
    return {
      $case: 'directory',
      directory: child,
      names: await this.#namesIn(child),
      [Symbol.asyncDispose]: () => child.close(),
    };
  }

  async #packFile(path: Buffer, content: FileHandle, file: FoundFile): Promise<void> {
    const {maxUnpackedBytes} = this.#options;
    this.#unpackedBytes += file.sizeBytes;
    if (this.#unpackedBytes > maxUnpackedBytes) {
      throw new Rejected('TOO_LARGE', `it has more than ${maxUnpackedBytes} bytes before it is compressed`);
    }
    const header = {
      name: path.toString(),
      type: 'file',
      mode: file.executable ? 0o755 : 0o644,
      size: file.sizeBytes,
    } as const;
    await this.#add(header, readUntouched(content, file, this.#options.signal));
  }

  async #add(header: Omit<Parameters<Controller['add']>[0], 'mtime'>, content?: AsyncIterable<Buffer>): Promise<void> {
    const entry = this.#controller.add({...header, mtime: new Date(0), uid: 0, gid: 0}).getWriter();
    try {
      if (content !== undefined) for await (const chunk of content) await entry.write(chunk);
      await entry.close();
    } catch (error) {
      await entry.abort(error).catch(() => {});
      throw error;
    }
  }
}

/**
 * The content of a file that was found.
 *
 * @throws Rejected `CHANGED` unless it is as long as it was and nobody has written to it, `UNREADABLE`
 */
export async function* readUntouched(
  content: FileHandle,
  file: FoundFile,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  for (let position = 0; position < file.sizeBytes; ) {
    throwIfAborted(signal);
    const wanted = Math.min(CHUNK_BYTES, file.sizeBytes - position);
    // The packer holds on to chunks.
    const buffer = Buffer.allocUnsafeSlow(wanted);
    const {bytesRead} = await content.read(buffer, 0, wanted, position).catch((error: unknown) => {
      throw unreadable(error);
    });
    if (bytesRead === 0) break;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
  await assertUntouched(content, file);
}

const slash = Buffer.from('/');
