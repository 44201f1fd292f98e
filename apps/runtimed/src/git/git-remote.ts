import {RuntimedError} from '../errors.ts';
import type {GitAccess} from './git-credentials.ts';
import {remoteEnvironment} from './git-environment.ts';
import {gitMessage} from './git-message.ts';
import {type GitResult, runGit} from './git-process.ts';
import type {GitUrl} from './git-url.ts';

export interface GitRemoteOptions {
  url: GitUrl;
  access: GitAccess;
  secretName: string | undefined;
  /** An empty private directory, where git is started. */
  scratch: string;
  /** Most bytes that one fetch may bring. */
  maxBytes: number;
  signal: AbortSignal;
}

/** A ref as the remote tells it. */
export interface RemoteRef {
  readonly name: string;
  /** 40 hexadecimal digits: of the tag itself where it is annotated. */
  readonly id: string;
}

const listBytes = 1 << 20;

/** The server of a repository, as one Run may see it. */
export class GitRemote {
  readonly #options: GitRemoteOptions;

  constructor(options: GitRemoteOptions) {
    this.#options = options;
  }

  get url(): GitUrl {
    return this.#options.url;
  }

  /**
   * Asks the server for refs by their full names, with this Run's credentials: that it answers is the permission to use
   * what is cached of the repository.
   *
   * @throws RuntimedError `GIT_FAILED`, `SOURCE_TOO_LARGE`
   */
  async refs(names: readonly string[]): Promise<{refs: RemoteRef[]; headBranch: string | undefined}> {
    const {scratch, url} = this.#options;
    const args = ['ls-remote', '--quiet', '--symref', '--', url.text, ...names];
    const result = await this.#run(args, `${scratch}/none`, scratch);
    const refs: RemoteRef[] = [];
    let headBranch: string | undefined;
    for (const line of result.stdout.toString().split('\n')) {
      const [what = '', name = ''] = line.split('\t');
      // A pattern of ls-remote means the end of a name, too.
      if (!names.includes(name)) continue;
      if (/^[0-9a-f]{40}$/.test(what)) refs.push({name, id: what});
      else if (/^[0-9a-f]{64}$/.test(what))
        throw new RuntimedError('SOURCE_INVALID', 'sha256 repositories are not supported');
      else if (what.startsWith('ref: refs/heads/') && name === 'HEAD')
        headBranch = what.slice('ref: refs/heads/'.length);
    }
    return {refs, headBranch};
  }

  /**
   * Fetches into a bare repository.
   *
   * @param depth 0 is everything
   * @throws RuntimedError `GIT_FAILED`, `SOURCE_TOO_LARGE`
   */
  async fetch(directory: string, refspecs: readonly string[], depth: number): Promise<void> {
    const options = ['--quiet', '--force', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules'];
    const deepen = depth === 0 ? [] : [`--depth=${depth}`];
    await this.#run(['fetch', ...options, ...deepen, '--', this.url.text, ...refspecs], directory, directory);
  }

  async #run(args: readonly string[], gitDirectory: string, cwd: string): Promise<GitResult> {
    const {url, access, maxBytes, signal} = this.#options;
    const env = remoteEnvironment(gitDirectory, url, access);
    const result = await runGit({args, env, cwd, maxFileBytes: maxBytes, signal}, listBytes);
    if (result.tooLarge) {
      throw new RuntimedError(
        'SOURCE_TOO_LARGE',
        `${url.text} is larger than the ${maxBytes} bytes that one fetch may bring`,
      );
    }
    const [, unknown] = /not our ref ([0-9a-f]{40})/.exec(result.stderr) ?? [];
    if (unknown !== undefined) throw new RuntimedError('SOURCE_INVALID', `${url.text}: it has no commit ${unknown}`);
    if (result.exitCode !== 0) throw new RuntimedError('GIT_FAILED', this.#problem(result.stderr));
    return result;
  }

  #problem(stderr: string): string {
    const {url, access, secretName} = this.#options;
    const hint = hintFor(stderr, url, secretName);
    return `${url.text} can't be read: ${gitMessage(stderr, access.secrets)}${hint === '' ? '' : ` (${hint})`}`;
  }
}

/** What to do about it, where git's own words do not say. */
function hintFor(stderr: string, url: GitUrl, secretName: string | undefined): string {
  const secret = `Secret ${secretName}`;
  if (/terminal prompts disabled|could not read (?:Username|Password)/.test(stderr)) {
    return secretName === undefined
      ? 'if it needs credentials, name an entry of gitCredentials of the Runtime in source.git.secretName'
      : `${secret} has no password`;
  }
  if (/Authentication failed|returned error: 40[13]/.test(stderr)) {
    return secretName === undefined ? '' : `check the credentials in ${secret}`;
  }
  if (/Host key verification failed|No .* host key is known/.test(stderr)) {
    return `check known_hosts in ${secret}: it must have the key of ${url.host}`;
  }
  if (stderr.includes('Permission denied')) return `the server does not accept the key in ${secret}`;
  if (stderr.includes('No user exists for uid'))
    return 'ssh needs a user that the image of runtimed knows: leave runAsUser out';
  if (/returned error: 30\d|redirect/i.test(stderr)) return 'redirects are not followed: use the URL they lead to';
  if (/certificate|CA(?:file|cert)/i.test(stderr))
    return 'a private authority goes into key ca.crt of a Secret of gitCredentials';
  return '';
}
