import type {Readable} from 'node:stream';
import {ArtifactStoreError} from './errors.ts';

export interface CollectOptions {
  /** What is collected. Resolved once; its last part must not be a symlink. May be a path below `/proc/self/fd`. */
  directory: string | Buffer;
  /** An existing directory, out of reach of whoever can write to `directory`. Archives are written there and unlinked at once. */
  spoolDirectory: string;
  /** Of all items together, as they will be stored. Default: no limit. */
  maxBytes?: number | undefined;
  /** Of one archive, unpacked. Default 16 × `maxBytes`. */
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
  name: string;
  sizeBytes: number;
  contentType: string;
  /**
   * Opens the content from its beginning; exactly `sizeBytes` bytes, or the stream is destroyed with `SOURCE_FAILED`. Any number of times
   * until the collection is disposed of.
   */
  open(): Readable;
}

/**
 * Why something was not collected.
 *
 * - `NAME_INVALID`: not a name that an item or an entry of an archive may have.
 * - `NAME_TAKEN`: reserved, or there is a file with the name that the archive would get.
 * - `NOT_A_FILE`: a symlink, FIFO, socket or device.
 * - `TOO_LARGE`: it, or it and what was collected before, is more than `maxBytes`; or it is an archive of more than `maxUnpackedBytes`.
 * - `TOO_MANY`: there are more than `maxEntries`.
 * - `TOO_DEEP`: a directory nested deeper than `maxDepth`.
 * - `CHANGED`: it was changed or replaced while it was being read.
 * - `UNREADABLE`: the operating system did not let it be read.
 * - `SPOOL_FAILED`: the archive could not be spooled: the disk is full, for one.
 */
export type RejectionCode =
  | 'NAME_INVALID'
  | 'NAME_TAKEN'
  | 'NOT_A_FILE'
  | 'TOO_LARGE'
  | 'TOO_MANY'
  | 'TOO_DEEP'
  | 'CHANGED'
  | 'UNREADABLE'
  | 'SPOOL_FAILED';

export interface Rejection {
  /** Of an item, or `item/path` of an entry that was left out of an archive. Printable: other characters are escaped. */
  name: string;
  code: RejectionCode;
  /** A clause for people, as in `a symbolic link`. */
  reason: string;
}

/** What {@link collectArtifacts} found. Disposing of it closes the directory and frees the spooled archives. */
export interface CollectedArtifacts extends AsyncDisposable {
  /** Sorted by the bytes of their names. */
  readonly items: readonly CollectedItem[];
  readonly rejected: readonly Rejection[];
  /** Sum of the sizes of all items. */
  readonly totalBytes: number;
}

/**
 * Collects the content of a directory that a hostile program writes to, even while it does. A regular file becomes an item of its name, a
 * directory an item `<name>.tar.gz`; everything else is rejected and never followed or opened. No path leads out of the directory.
 *
 * Limits hold for stored bytes and before a byte is stored: items that do not fit any more, in the order of their names, are rejected.
 *
 * @throws ArtifactStoreError `NOT_FOUND`: there is no such directory; `SOURCE_FAILED`: it is no directory, or cannot be read; `TOO_LARGE`:
 *   it has more than `maxEntries` entries; `ABORTED`
 */
export async function collectArtifacts(options: CollectOptions): Promise<CollectedArtifacts> {
  throw new ArtifactStoreError('STORE_FAILED', `not there yet: ${String(options.directory)}`);
}
