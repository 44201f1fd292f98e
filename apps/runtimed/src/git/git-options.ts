import {GIT_CACHE_DIRECTORY, GIT_CREDENTIALS_DIRECTORY} from '@kruntimes/api-types';
import {type Command, InvalidArgumentError} from 'commander';
import type {GitCredentialsEntry} from './git-credentials.ts';

/** Flags of runtimed about sources of kind git. */
export interface GitOptions {
  gitCredentials: readonly GitCredentialsEntry[];
  gitCredentialsDirectory: string;
  gitCache: string;
  gitCacheMaxBytes: number;
  gitMaxBytes: number;
  gitMaxFiles: number;
  gitTimeoutSeconds: number;
}

/** Adds the flags to a command. */
export function addGitOptions(command: Command): void {
  command
    .option('--git-credentials <json>', 'spec.gitCredentials of the Runtime', parseCredentials, [])
    .option(
      '--git-credentials-directory <directory>',
      'where the Secrets are, each in a directory of its name',
      GIT_CREDENTIALS_DIRECTORY,
    )
    .option(
      '--git-cache <directory>',
      'where fetched repositories are kept; must be out of reach of programs',
      GIT_CACHE_DIRECTORY,
    )
    .option('--git-cache-max-bytes <bytes>', 'the least recently used go beyond this', wholeNumber, 2 * 1024 ** 3)
    .option('--git-max-bytes <bytes>', 'of one fetch, and of the files of one commit', wholeNumber, 1024 ** 3)
    .option('--git-max-files <number>', 'of one commit', wholeNumber, 100_000)
    .option('--git-timeout-seconds <seconds>', 'of fetching and laying out one source', wholeNumber, 300);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^[1-9][0-9]*$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('It must be a whole number of at least 1.');
  }
  return value;
}

function parseCredentials(text: string): readonly GitCredentialsEntry[] {
  const value = parseJson(text);
  const isEntry = (entry: unknown): entry is GitCredentialsEntry =>
    typeof entry === 'object' &&
    entry !== null &&
    'secretName' in entry &&
    typeof entry.secretName === 'string' &&
    // It becomes a part of a path.
    /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/.test(entry.secretName) &&
    'hosts' in entry &&
    Array.isArray(entry.hosts) &&
    entry.hosts.every((host) => typeof host === 'string');
  if (!Array.isArray(value) || !value.every(isEntry)) {
    throw new InvalidArgumentError('It must be JSON such as [{"secretName":"github","hosts":["github.com"]}].');
  }
  return value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError('It must be JSON.');
  }
}
