import type {BigIntStats} from 'node:fs';
import type {FileHandle} from 'node:fs/promises';
import {errorCode, errorMessage} from './failure.ts';
import {type OpenDirectory, openPinned} from './open-directory.ts';
import {Rejected} from './rejection.ts';

/** A regular file as it was when it was found. */
export interface FoundFile {
  sizeBytes: number;
  executable: boolean;
  stats: BigIntStats;
}

/** What an entry of a hostile directory is. */
export type Found = {$case: 'file'; file: FoundFile} | {$case: 'directory'};

/**
 * Looks at what a handle of {@link OpenDirectory.pin} holds.
 *
 * @throws Rejected `NOT_A_FILE`
 */
export async function look(pinned: FileHandle): Promise<Found> {
  const stats = await pinned.stat({bigint: true});
  if (stats.isDirectory()) return {$case: 'directory'};
  if (!stats.isFile()) throw new Rejected('NOT_A_FILE', kindOf(stats));
  return {
    $case: 'file',
    file: {sizeBytes: Number(stats.size), executable: (stats.mode & 0o100n) !== 0n, stats},
  };
}

/**
 * An entry, pinned; whoever gets it closes it.
 *
 * @throws Rejected `CHANGED` if it is gone, `UNREADABLE`
 */
export async function pin(directory: OpenDirectory, name: Buffer): Promise<FileHandle> {
  try {
    return await directory.pin(name);
  } catch (error) {
    throw unreadable(error);
  }
}

/**
 * Opens a pinned regular file for reading.
 *
 * @throws Rejected `UNREADABLE`
 */
export async function openForReading(pinned: FileHandle): Promise<FileHandle> {
  try {
    return await openPinned(pinned);
  } catch (error) {
    throw unreadable(error);
  }
}

/**
 * Opens a file that was found before.
 *
 * @throws Rejected `CHANGED` unless it is the same file, untouched; `UNREADABLE`
 */
export async function openAgain(directory: OpenDirectory, name: Buffer, found: FoundFile): Promise<FileHandle> {
  const pinned = await pin(directory, name);
  try {
    await assertUntouched(pinned, found);
    return await openForReading(pinned);
  } finally {
    await pinned.close();
  }
}

/** @throws Rejected `CHANGED` if the file is another, or was written to since it was found */
export async function assertUntouched(file: FileHandle, {stats}: FoundFile): Promise<void> {
  const now = await file.stat({bigint: true});
  const same =
    now.isFile() &&
    now.dev === stats.dev &&
    now.ino === stats.ino &&
    now.size === stats.size &&
    now.mtimeNs === stats.mtimeNs;
  if (!same) throw new Rejected('CHANGED', 'it was changed while it was being collected');
}

/** How an error of the operating system counts. */
export function unreadable(error: unknown): Rejected {
  const code = errorCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') {
    return new Rejected('CHANGED', 'it was replaced or removed while it was being collected', {cause: error});
  }
  return new Rejected('UNREADABLE', `it cannot be read: ${errorMessage(error)}`, {cause: error});
}

function kindOf(stats: BigIntStats): string {
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}
