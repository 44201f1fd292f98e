import {randomUUID} from 'node:crypto';
import {rename, rmdir, unlink} from 'node:fs/promises';
import type {Clock} from '@kruntimes/reconciler-kit';
import type {DirectoryHandle} from './directory-handle.ts';
import {RuntimedError, systemErrorCode} from './errors.ts';
import {removeSmallTree} from './small-tree-removal.ts';

/** How long a tree may keep growing under its own removal. */
const removalLimitMs = 60_000;

/**
 * Removes `name` from `parent`, whatever user code made of it: directories without permissions, symlinks (removed,
 * never followed), names that are not UTF-8, nesting deeper than any path may be long. It touches nothing outside of
 * `parent`, uses a constant number of open files and constant memory, and does nothing when `name` is not there.
 *
 * Nested directories are moved up to the top before they are emptied, so there is no recursion to exhaust.
 *
 * @throws RuntimedError `WORKSPACE_BUSY` when somebody keeps adding files; system errors of the file system
 */
export async function removeTree(parent: DirectoryHandle, name: string | Buffer, clock: Clock): Promise<void> {
  if (await removeSmallTree(parent, name)) return;
  const deadline = clock.monotonic() + removalLimitMs;
  while (!(await removeSimple(parent, name))) {
    using top = await openForRemoval(parent, name);
    for await (const entry of top.names()) {
      if (clock.monotonic() > deadline) {
        throw new RuntimedError('WORKSPACE_BUSY', 'a directory is being filled faster than it can be removed');
      }
      await removeEntry(top, entry);
    }
  }
}

/** Removes one entry of `top`: at once, or after its own directories have become entries of `top`. */
async function removeEntry(top: DirectoryHandle, name: string | Buffer): Promise<void> {
  let next: string | Buffer | undefined = name;
  while (next !== undefined && !(await removeSimple(top, next))) next = await emptyEntry(top, next);
}

/**
 * Empties one directory in `top` and removes it.
 *
 * @returns the name of a directory that was moved up from it, to go on with: so a long chain needs no new scan of `top`
 */
async function emptyEntry(top: DirectoryHandle, name: string | Buffer): Promise<string | undefined> {
  let movedName: string | undefined;
  using directory = await openForRemoval(top, name);
  for await (const entry of directory.names()) {
    if (!(await removeSimple(directory, entry))) movedName = await moveUp(directory, entry, top);
  }
  // A directory that got new entries meanwhile is met again in the next round.
  await removeSimple(top, name);
  return movedName;
}

/** Removes anything but a directory with entries. @returns false for such a directory */
async function removeSimple(parent: DirectoryHandle, name: string | Buffer): Promise<boolean> {
  const path = parent.path(name);
  try {
    await rmdir(path);
    return true;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') return true;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    if (code !== 'ENOTDIR') throw error;
  }
  try {
    await unlink(path);
    return true;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') return true;
    // Somebody swapped a directory in; the next look will see it.
    if (code === 'EISDIR' || code === 'EPERM') return false;
    throw error;
  }
}

async function moveUp(from: DirectoryHandle, name: string | Buffer, top: DirectoryHandle): Promise<string> {
  const movedName = `.removing-${randomUUID()}`;
  const target = top.path(movedName);
  try {
    await rename(from.path(name), target);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') return movedName;
    if (code !== 'EACCES') throw error;
    // A directory that changes its parent must itself be writable.
    (await openForRemoval(from, name)).close();
    await rename(from.path(name), target);
  }
  return movedName;
}

async function openForRemoval(parent: DirectoryHandle, name: string | Buffer): Promise<DirectoryHandle> {
  const directory = parent.openDirectory(name);
  try {
    if ((directory.stat().mode & 0o700) !== 0o700) await directory.chmod(0o700);
    return directory;
  } catch (error) {
    directory.close();
    throw error;
  }
}
