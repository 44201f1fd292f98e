import {closeSync, constants, fstatSync, openSync, readSync} from 'node:fs';
import type {DirectoryHandle} from './directory-handle.ts';
import {systemErrorCode} from './errors.ts';
import {type Outputs, outputsLimits, parseOutputs} from './outputs.ts';

// NONBLOCK: a FIFO opens at once instead of waiting for a writer. NOFOLLOW: a symlink leads to files of others.
const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Reads an outputs file, which user code may have replaced by anything. Only a regular file with one name and of
 * bounded size is read; whatever else stands there gives no values and a problem in words. A file that is gone is an
 * empty one.
 */
export function readOutputsFile(directory: DirectoryHandle, name: string): Outputs {
  let fd: number | undefined;
  try {
    fd = openSync(directory.path(name), openFlags);
    const stat = fstatSync(fd);
    if (!stat.isFile()) return unreadable('it is not a regular file');
    // A second name may be a file of another Run.
    if (stat.nlink > 1) return unreadable('it has more than one hard link');
    if (stat.size > outputsLimits.fileBytes) return unreadable(`it is larger than ${outputsLimits.fileBytes} bytes`);
    if (stat.size === 0) return {values: {}};
    // Of a file that grows meanwhile, what was there counts.
    const buffer = Buffer.alloc(stat.size);
    return parseOutputs(buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, 0)));
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') return {values: {}};
    if (code === 'ELOOP' || code === 'ENXIO') return unreadable('it is not a regular file');
    return unreadable(`it cannot be read (${code ?? 'unknown error'})`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function unreadable(problem: string): Outputs {
  return {values: {}, problem};
}
