import {hash} from 'node:crypto';
import {isAbsolute, join, relative, resolve, sep} from 'node:path';
import type {ExecuteRequest} from '@kruntimes/runtime-protocol';
import {ServerError, Status} from 'nice-grpc-common';
import type {Execution} from './runtime-definition.ts';

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;

/** Longest timeout that is told apart from none: 100 years. */
const maxTimeoutSeconds = 3_155_760_000n;

/** An execution that was asked for, checked. */
export interface ExecutionSpec {
  readonly execution: Execution;
  /** Equal for equal requests. */
  readonly digest: string;
}

/**
 * Checks a request.
 *
 * @param workspaceRoot absolute paths that working directories lie under, all names of the same directory
 * @throws {ServerError} INVALID_ARGUMENT; the message names the field.
 */
export function executionSpec(request: ExecuteRequest, workspaceRoot: readonly [string, ...string[]]): ExecutionSpec {
  const {id, args, env, timeoutSeconds, entrypoint, handler} = request;
  checkId(id);
  if (timeoutSeconds < 0n) throw invalid('timeout_seconds', 'must not be negative');
  if (args.some(hasNul)) throw invalid('args', 'must not hold NUL');
  for (const [name, value] of Object.entries(env)) {
    if (name === '' || name.includes('=') || hasNul(name)) {
      throw invalid('env', `${JSON.stringify(name)} is not a name of an environment variable`);
    }
    if (hasNul(value)) throw invalid('env', `the value of ${name} must not hold NUL`);
  }
  if (entrypoint !== '' && !isInside(entrypoint)) {
    throw invalid('entrypoint', `${JSON.stringify(entrypoint)} must be a relative path without ".."`);
  }
  const workingDir = request.workingDir === '' ? join(workspaceRoot[0], id) : request.workingDir;
  if (!isAbsolute(workingDir) || hasNul(workingDir) || !workspaceRoot.some((root) => isUnder(root, workingDir))) {
    throw invalid('working_dir', `${JSON.stringify(workingDir)} must be an absolute path under ${workspaceRoot[0]}`);
  }
  const seconds = timeoutSeconds > maxTimeoutSeconds ? maxTimeoutSeconds : timeoutSeconds;
  const execution = Object.freeze({
    id,
    args: Object.freeze([...args]),
    env: Object.freeze({...env}),
    workingDir: resolve(workingDir),
    entrypoint,
    handler,
    timeoutSeconds: Number(seconds),
  });
  return {execution, digest: digestOf(execution)};
}

/** @throws {ServerError} INVALID_ARGUMENT */
export function checkId(id: string): void {
  if (id === '') throw invalid('id', 'must not be empty');
  if (!idPattern.test(id)) {
    throw invalid('id', 'must be letters, digits, ".", "_" or "-", beginning with a letter or digit, at most 253');
  }
}

function digestOf({id, args, env, workingDir, entrypoint, handler, timeoutSeconds}: Execution): string {
  const sorted = Object.entries(env).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return hash('sha256', JSON.stringify([id, args, sorted, workingDir, entrypoint, handler, timeoutSeconds]), 'base64');
}

function isInside(path: string): boolean {
  return !isAbsolute(path) && !hasNul(path) && !path.split(sep).includes('..');
}

function isUnder(root: string, path: string): boolean {
  const below = relative(root, resolve(path));
  return below === '' || isInside(below);
}

function hasNul(text: string): boolean {
  return text.includes('\0');
}

function invalid(field: string, problem: string): ServerError {
  return new ServerError(Status.INVALID_ARGUMENT, `${field}: ${problem}`);
}
