import {Buffer} from 'node:buffer';
import {closeSync, constants, fstatSync, openSync, readSync} from 'node:fs';
import {join} from 'node:path';
import {isNativeError} from 'node:util/types';
import type {Execution, ProcessSpec} from '@kruntimes/runtime-sdk';

const elfMagic = '\x7fELF';

/**
 * The program of an execution.
 *
 * With an entrypoint: an executable file that begins with `#!` or is an ELF program is started itself; every other file
 * is a bash script. Without one, `args` is the command line: a command and its arguments, not split by any shell.
 *
 * @param bash path of bash
 * @throws {Error} where there is nothing to execute; the message is for the user of the Run.
 */
export function commandOf({entrypoint, args, workingDir, handler}: Execution, bash: string): ProcessSpec {
  if (handler !== '') throw new Error('the bash Runtime has no handlers; name an entrypoint only');
  if (entrypoint === '') {
    const [command, ...rest] = args;
    if (command === undefined) throw new Error('there is nothing to execute: neither an entrypoint nor args');
    return {command, args: rest};
  }
  // With a slash, so that it is neither an option of bash nor looked up in PATH.
  const path = `./${entrypoint}`;
  return startsItself(join(workingDir, entrypoint), entrypoint)
    ? {command: path, args}
    : {command: bash, args: [path, ...args]};
}

/** Whether the kernel can start a file by itself. */
function startsItself(path: string, entrypoint: string): boolean {
  const file = open(path, entrypoint);
  try {
    const status = fstatSync(file);
    if (!status.isFile()) throw new Error(`the entrypoint ${JSON.stringify(entrypoint)} is not a file`);
    if ((status.mode & 0o111) === 0) return false;
    const start = Buffer.alloc(elfMagic.length);
    readSync(file, start);
    const magic = start.toString('latin1');
    return magic.startsWith('#!') || magic === elfMagic;
  } finally {
    closeSync(file);
  }
}

/** Opens without waiting: a named pipe that nobody writes to must not stop the server. */
function open(path: string, entrypoint: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const missing = isNativeError(error) && 'code' in error && error.code === 'ENOENT';
    const problem = missing ? 'does not exist in the source of the Run' : `can't be read`;
    throw new Error(`the entrypoint ${JSON.stringify(entrypoint)} ${problem}`, {cause: error});
  }
}
