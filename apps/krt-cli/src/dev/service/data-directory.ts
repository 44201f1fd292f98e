import {constants} from 'node:fs';
import {access, stat, statfs} from 'node:fs/promises';
import {dirname} from 'node:path';

/** What an empty cluster and its logs need at first. */
const MIN_FREE_BYTES = 64 * 1024 * 1024;

/** The part of node:fs/promises that is asked. */
export interface FileSystem {
  stat(path: string): Promise<{isDirectory(): boolean}>;
  access(path: string, mode: number): Promise<void>;
  statfs(path: string): Promise<{bavail: number; bsize: number}>;
}

/** Why nothing can be kept in a directory, which need not exist yet, in a sentence; undefined where it can. */
export async function directoryProblem(
  directory: string,
  files: FileSystem = {stat, access, statfs},
): Promise<string | undefined> {
  const existing = await nearest(directory, files);
  if (!existing.isDirectory) return `${existing.path} is a file`;
  const code = await files.access(existing.path, constants.W_OK | constants.X_OK).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code ?? String(error),
  );
  if (code === 'EROFS') return `${existing.path} is on a file system that is read-only`;
  if (code === 'EACCES' || code === 'EPERM') return `you may not write in ${existing.path}`;
  if (code !== undefined) return `${existing.path} cannot be used (${code})`;
  const {bavail, bsize} = await files.statfs(existing.path);
  const free = bavail * bsize;
  if (free >= MIN_FREE_BYTES) return undefined;
  const mib = (bytes: number): string => `${Math.floor(bytes / 1024 / 1024)} MiB`;
  return `the file system of ${existing.path} is full: ${mib(free)} are free, ${mib(MIN_FREE_BYTES)} are needed`;
}

/** The directory, or what there is on the way to it. */
async function nearest(path: string, files: FileSystem): Promise<{path: string; isDirectory: boolean}> {
  try {
    return {path, isDirectory: (await files.stat(path)).isDirectory()};
  } catch (error) {
    const parent = dirname(path);
    const {code} = error as NodeJS.ErrnoException;
    if (parent === path || (code !== 'ENOENT' && code !== 'ENOTDIR')) return {path, isDirectory: true};
    return await nearest(parent, files);
  }
}
