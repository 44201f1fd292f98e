import {RuntimedError} from './errors.ts';

/** Most bytes of a path and of one of its segments; file systems of Linux allow 4,095 and 255. */
export const relativePathLimits = {bytes: 1024, segmentBytes: 255} as const;

/** A path in its parts. */
export interface RelativePath {
  /** Names of the directories that lead to the file. */
  readonly directories: readonly string[];
  readonly name: string;
}

/**
 * Splits a path that stays inside the directory it is joined to: relative, without `.`, `..`, empty segments and NUL.
 * The rule is about names only; that no segment is a symlink is checked where files are opened.
 *
 * @throws RuntimedError `PATH_INVALID`
 */
export function splitRelativePath(path: string): RelativePath {
  const problem = relativePathProblem(path);
  if (problem !== undefined) throw new RuntimedError('PATH_INVALID', `path ${quote(path)} ${problem}`);
  const segments = path.split('/');
  return {directories: segments.slice(0, -1), name: segments.at(-1) ?? ''};
}

/** What is wrong with a path, as the end of a sentence; `undefined` when it stays inside. */
export function relativePathProblem(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (path.startsWith('/')) return 'is absolute';
  if (path.includes('\0')) return 'contains a NUL character';
  if (Buffer.byteLength(path) > relativePathLimits.bytes) return `is longer than ${relativePathLimits.bytes} bytes`;
  for (const segment of path.split('/')) {
    if (segment === '') return 'has an empty segment';
    if (segment === '.' || segment === '..') return `has a segment ${segment}`;
    if (Buffer.byteLength(segment) > relativePathLimits.segmentBytes) {
      return `has a segment longer than ${relativePathLimits.segmentBytes} bytes`;
    }
  }
  return undefined;
}

function quote(path: string): string {
  return JSON.stringify(path.length > 80 ? `${path.slice(0, 80)}…` : path);
}
