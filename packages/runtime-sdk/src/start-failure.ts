import {Buffer} from 'node:buffer';
import {accessSync, constants, statSync} from 'node:fs';
import {errorMessage, RuntimeSdkError, systemErrorCode} from './errors.ts';
import type {LaunchSpec} from './process-start.ts';

/** Codes that say that the machine is short of something, so that the same program may start later. */
const shortages: Readonly<Record<string, string>> = {
  EAGAIN: 'the limit of processes is reached',
  EMFILE: 'the limit of open files of the Runtime server is reached',
  ENFILE: 'the limit of open files of the machine is reached',
  ENOMEM: 'there is not enough memory',
};

/** Says why a program was not started, in words for the user of the program. */
export function startFailure(spec: LaunchSpec, error: unknown): RuntimeSdkError {
  const code = systemErrorCode(error) ?? '';
  const shortage = shortages[code];
  const reason = shortage ?? directoryProblem(spec.cwd) ?? commandProblem(spec, code) ?? errorMessage(error);
  return new RuntimeSdkError('START_FAILED', `cannot start the program: ${reason}`, {
    cause: error,
    retryable: shortage !== undefined,
  });
}

function directoryProblem(cwd: string): string | undefined {
  try {
    if (!statSync(cwd).isDirectory()) return `the working directory ${cwd} is not a directory`;
    accessSync(cwd, constants.X_OK);
    return undefined;
  } catch (error) {
    const missing = systemErrorCode(error) === 'ENOENT';
    return `the working directory ${cwd} ${missing ? 'does not exist' : 'cannot be entered'}`;
  }
}

function commandProblem({command, args, env}: LaunchSpec, code: string): string | undefined {
  const quoted = JSON.stringify(command);
  switch (code) {
    case 'ENOENT': {
      const line = /\s/.test(command) ? '; arguments are list items of their own, and no shell splits them' : '';
      const path = command.includes('/') ? ', or the interpreter in its first line does not' : ' in PATH';
      return `${quoted} does not exist${path}${line}`;
    }
    case 'EACCES':
      return `${quoted} is not executable`;
    case 'ENOEXEC':
      return `${quoted} is neither a program nor a script with a #! line`;
    case 'E2BIG': {
      const lines = [...args, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
      const bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
      return `arguments and environment (${bytes} bytes) are more than the operating system takes`;
    }
    case 'ENAMETOOLONG':
      return `the name ${quoted} is too long`;
    case 'ENOTDIR':
      return `part of the path ${quoted} is not a directory`;
    case 'ELOOP':
      return `the path ${quoted} has too many symbolic links`;
    default:
      return undefined;
  }
}
