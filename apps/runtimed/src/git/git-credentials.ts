import {chmod, readFile, stat, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import type {GIT_CREDENTIALS_KEYS} from '@kruntimes/api-types';
import {RuntimedError, systemErrorCode} from '../errors.ts';
import {type GitUrl, isHostOf} from './git-url.ts';

/** One entry of `spec.gitCredentials` of the Runtime. */
export interface GitCredentialsEntry {
  readonly secretName: string;
  readonly hosts: readonly string[];
}

export interface GitCredentialsOptions {
  /** What the Runtime offers to its Runs. */
  entries: readonly GitCredentialsEntry[];
  /** Where the Secrets are mounted, each in a directory of its name. */
  directory: string;
}

/** What git is given for one URL: paths of files, so that no secret is in an argument, a variable or a configuration. */
export interface GitAccess {
  /** PEM of the authorities that the host's certificate is checked with, instead of the system's. */
  readonly caFile?: string;
  readonly basic?: {readonly usernameFile: string | undefined; readonly passwordFile: string};
  readonly ssh?: {readonly keyFile: string; readonly knownHostsFile: string};
  /** What must never appear in a message. */
  readonly secrets: readonly string[];
}

/** Keys of a Secret; those of kubernetes.io/basic-auth and kubernetes.io/ssh-auth, and two more. */
const keys = {
  username: 'username',
  password: 'password',
  privateKey: 'ssh-privatekey',
  knownHosts: 'known_hosts',
  ca: 'ca.crt',
} as const satisfies Record<string, Key>;
type Key = (typeof GIT_CREDENTIALS_KEYS)[number];

const secretBytes = 1 << 20;

/** The credentials that Runs may name, as they are mounted at the moment. */
export class GitCredentials {
  readonly #options: GitCredentialsOptions;

  constructor(options: GitCredentialsOptions) {
    this.#options = options;
  }

  /**
   * What may be used for a URL.
   *
   * @param secretName as the Run names it
   * @param scratch a private directory that is removed soon: a copy of a key may have to be there
   * @throws RuntimedError `SOURCE_INVALID` with what to do
   */
  async accessTo(url: GitUrl, secretName: string | undefined, scratch: string): Promise<GitAccess> {
    if (secretName === undefined) {
      if (url.protocol === 'ssh') {
        throw refusal('a repository over ssh needs a key: name an entry of the Runtime in source.git.secretName');
      }
      return {secrets: []};
    }
    const entry = this.#options.entries.find((candidate) => candidate.secretName === secretName);
    if (entry === undefined) {
      throw refusal(`source.git.secretName ${secretName} is not in spec.gitCredentials of the Runtime: add it there`);
    }
    if (url.protocol === 'http') {
      throw refusal('credentials are never sent over http: use an https URL, or leave source.git.secretName out');
    }
    if (!entry.hosts.some((host) => isHostOf(host, url))) {
      const host = url.origin.slice(url.origin.indexOf('://') + 3);
      throw refusal(
        `spec.gitCredentials of the Runtime gives ${secretName} to other hosts than ${host}: add "${host}" to its hosts`,
      );
    }
    const directory = join(this.#options.directory, secretName);
    return url.protocol === 'ssh'
      ? sshAccess(directory, secretName, scratch)
      : await basicAccess(directory, secretName);
  }
}

async function basicAccess(directory: string, secretName: string): Promise<GitAccess> {
  const [username, password, ca] = await Promise.all([
    readKey(directory, keys.username),
    readKey(directory, keys.password),
    readKey(directory, keys.ca),
  ]);
  if (password === undefined && ca === undefined) {
    throw refusal(missing(secretName, [keys.password, keys.ca]));
  }
  // One more line would be one more attribute in git's credential protocol.
  for (const [key, value] of [
    [keys.username, username],
    [keys.password, password],
  ] as const) {
    if (value !== undefined && /[\r\n\0]/.test(value.trimEnd())) {
      throw refusal(`key ${key} of Secret ${secretName} has more than one line`);
    }
  }
  const secret = password?.trimEnd();
  return {
    ...(ca === undefined ? {} : {caFile: join(directory, keys.ca)}),
    ...(secret === undefined
      ? {}
      : {
          basic: {
            usernameFile: username === undefined ? undefined : join(directory, keys.username),
            passwordFile: join(directory, keys.password),
          },
        }),
    secrets: secret === undefined ? [] : spellings(username?.trimEnd() ?? defaultUsername, secret),
  };
}

/** Where a Secret has a password only: token schemes ignore the name or take this one. */
export const defaultUsername = 'git';

/** The ways in which a password may come back from a server. */
function spellings(username: string, password: string): string[] {
  const both = `${username}:${password}`;
  const encoded = [both, password].map((text) => Buffer.from(text).toString('base64'));
  return [both, password, encodeURIComponent(password), ...encoded];
}

async function sshAccess(directory: string, secretName: string, scratch: string): Promise<GitAccess> {
  const [key, knownHosts] = await Promise.all([
    readKey(directory, keys.privateKey),
    readKey(directory, keys.knownHosts),
  ]);
  if (key === undefined) throw refusal(missing(secretName, [keys.privateKey]));
  if (knownHosts === undefined) {
    throw refusal(`${missing(secretName, [keys.knownHosts])}: without it nobody knows that the host is the right one`);
  }
  const mounted = join(directory, keys.privateKey);
  const {uid, mode} = await stat(mounted);
  const knownHostsFile = join(directory, keys.knownHosts);
  // ssh wants a newline at the end, and refuses a key that its own user has but others may read.
  const usable = key.endsWith('\n') && !key.includes('\r') && (uid !== process.getuid?.() || (mode & 0o077) === 0);
  if (usable) return {ssh: {keyFile: mounted, knownHostsFile}, secrets: []};
  const keyFile = join(scratch, 'key');
  await writeFile(keyFile, `${key.replaceAll('\r', '').trimEnd()}\n`, {mode: 0o600, flag: 'wx'});
  await chmod(keyFile, 0o600);
  return {ssh: {keyFile, knownHostsFile}, secrets: []};
}

async function readKey(directory: string, key: Key): Promise<string | undefined> {
  const path = join(directory, key);
  try {
    if ((await stat(path)).size > secretBytes) throw refusal(`${path} is larger than ${secretBytes} bytes`);
    const text = await readFile(path, 'utf8');
    return text.trim() === '' ? undefined : text;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function missing(secretName: string, names: readonly Key[]): string {
  return `Secret ${secretName} is not there or has no key ${names.join(' or ')} (a change arrives after a minute or two)`;
}

function refusal(message: string): RuntimedError {
  return new RuntimedError('SOURCE_INVALID', message);
}
