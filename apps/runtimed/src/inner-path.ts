import type {Stats} from 'node:fs';
import {lstat, readlink} from 'node:fs/promises';
import {join} from 'node:path';
import {RuntimedError, systemErrorCode} from './errors.ts';

/** Linux follows as many in one path. */
const maxLinks = 40;

/** Where a path leads. */
export interface InnerPath {
  /** Below the root, without symlinks; empty for the root itself. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'other' | 'missing';
}

/**
 * Follows the symlinks of a path as the kernel would, and refuses what leads out of a directory, also where nothing is
 * there. Absolute symlinks lead out: what they mean is another thing in every container.
 *
 * @param root absolute path without symlinks
 * @param path relative to `from`, by `/`
 * @param from a directory below `root`, as {@link InnerPath} has it
 * @param what names the path in the message
 * @throws RuntimedError `PATH_INVALID`
 */
export async function resolveInside(root: string, path: string, what: string, from = ''): Promise<InnerPath> {
  const outside = new RuntimedError(
    'PATH_INVALID',
    `${what} ${JSON.stringify(path)} leads out of the source by a symlink`,
  );
  const resolved = from === '' ? [] : from.split('/');
  const left = path.split('/').toReversed();
  let kind: InnerPath['kind'] = 'directory';
  let links = 0;
  while (left.length > 0) {
    const segment = left.pop() ?? '';
    if (segment === '' || segment === '.') continue;
    if (segment === '..') {
      if (resolved.pop() === undefined) throw outside;
      kind = 'directory';
      continue;
    }
    const place = join(root, ...resolved, segment);
    // Below what is not there, or is no directory, nothing is there either.
    const stats: Stats | undefined = kind === 'directory' ? await entryAt(place) : undefined;
    if (stats?.isSymbolicLink()) {
      const target = await readlink(place);
      if (target.startsWith('/') || ++links > maxLinks) throw outside;
      left.push(...target.split('/').toReversed());
      continue;
    }
    resolved.push(segment);
    if (stats === undefined) kind = 'missing';
    else kind = stats.isDirectory() ? 'directory' : stats.isFile() ? 'file' : 'other';
  }
  return {path: resolved.join('/'), kind};
}

async function entryAt(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === 'ENAMETOOLONG')
      throw new RuntimedError('PATH_INVALID', 'a path of the source is too long', {cause: error});
    throw error;
  }
}
