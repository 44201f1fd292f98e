import {type Dirent, opendirSync} from 'node:fs';
import {rmdir, unlink} from 'node:fs/promises';
import type {DirectoryHandle} from './directory-handle.ts';
import {systemErrorCode} from './errors.ts';

/** Most entries of a tree, and most levels, that are taken for small. */
const limits = {entries: 64, depth: 4};

/**
 * Removes a tree as programs usually leave it, small and shallow, with as few ways through the thread pool as possible:
 * it looks synchronously, which takes microseconds, and changes things asynchronously, since a busy disk may make that
 * wait. It follows no symlink.
 *
 * @returns whether nothing is left; false for whatever is large, deep or odd, of which a part may be gone
 */
export async function removeSmallTree(parent: DirectoryHandle, name: string | Buffer): Promise<boolean> {
  try {
    return await removeDirectory(parent, name, {entries: limits.entries}, limits.depth);
  } catch {
    return false;
  }
}

async function removeDirectory(
  parent: DirectoryHandle,
  name: string | Buffer,
  left: {entries: number},
  depth: number,
): Promise<boolean> {
  using directory = parent.openDirectory(name);
  const entries = entriesOf(directory, left.entries);
  left.entries -= entries.length;
  if (left.entries < 0 || depth === 0) return false;
  const removals = entries.map((entry) =>
    entry.isDirectory() ? removeEntry(directory, entry, left, depth - 1) : unlink(directory.path(nameOf(entry))),
  );
  // All of them, also when one fails: the handle must stay open as long as it is used.
  const results = await Promise.allSettled(removals);
  // With the handle open, it would be the closing, and not the removal, that waits for the disk.
  directory.close();
  if (results.some((result) => result.status === 'rejected' || result.value === false)) return false;
  await rmdir(parent.path(name));
  return true;
}

async function removeEntry(
  parent: DirectoryHandle,
  entry: Dirent,
  left: {entries: number},
  depth: number,
): Promise<boolean> {
  const name = nameOf(entry);
  try {
    await rmdir(parent.path(name));
    return true;
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOTEMPTY') throw error;
  }
  return removeDirectory(parent, name, left, depth);
}

/** At most one more than asked for, so that too many show. */
function entriesOf(directory: DirectoryHandle, most: number): Dirent[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types know 'buffer' for readdir only
  const stream = opendirSync(directory.path('.').toString(), {encoding: 'buffer' as BufferEncoding, bufferSize: 64});
  try {
    const entries: Dirent[] = [];
    for (let entry = stream.readSync(); entry !== null && entries.length <= most; entry = stream.readSync()) {
      entries.push(entry);
    }
    return entries;
  } finally {
    stream.closeSync();
  }
}

/** The name as bytes, which it is with the encoding `buffer`. */
function nameOf({name}: Dirent): Buffer {
  return Buffer.from(name);
}
