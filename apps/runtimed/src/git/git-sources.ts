import {existsSync} from 'node:fs';
import {readdir, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import type {DeepReadonly, RunSource} from '@kruntimes/api-types';
import type {Clock, Logger} from '@kruntimes/reconciler-kit';
import {isRuntimedError, RuntimedError, systemErrorCode} from '../errors.ts';
import {Slots} from '../slots.ts';
import type {Workspace} from '../workspace.ts';
import {type CachedRepository, GitCache} from './git-cache.ts';
import {GitCredentials, type GitCredentialsEntry} from './git-credentials.ts';
import {localEnvironment} from './git-environment.ts';
import {gitMessage} from './git-message.ts';
import {type GitCommand, type GitResult, runGit} from './git-process.ts';
import {GitRemote} from './git-remote.ts';
import {listTree, writeTree} from './git-tree.ts';
import {parseGitUrl} from './git-url.ts';
import {TreeWriter} from './tree-writer.ts';

export interface GitSourcesOptions {
  cacheDirectory: string;
  /** Of all cached repositories together. */
  cacheMaxBytes: number;
  /** What Runs may name; `spec.gitCredentials` of the Runtime. */
  credentials: readonly GitCredentialsEntry[];
  /** Where the Secrets are mounted. */
  credentialsDirectory: string;
  /** Of one fetch, and of the files of one commit. */
  maxBytes: number;
  maxFiles: number;
  timeoutSeconds: number;
  /** How many Runs are served at the same time; the others wait. */
  concurrency: number;
  clock: Clock;
  logger: Logger;
}

type GitSource = DeepReadonly<NonNullable<RunSource['git']>>;

/** What a revision means at the remote, now. */
interface Revision {
  /** What is fetched: 40 hexadecimal digits; of the tag itself where it is annotated. */
  readonly id: string;
  /** The branch or tag it was named by, with its full name. */
  readonly ref?: string;
}

/** A revision as it is in the cache. */
interface Fetched {
  readonly revision: Revision;
  readonly commit: string;
  readonly depth: number;
}

const outputBytes = 16 << 20;
/** Fewer digits are more likely to be a name that is not there. */
const abbreviated = /^[0-9a-f]{7,39}$/i;
const complete = /^[0-9a-f]{40}$/i;

/** Lays out sources of kind git. git never works in a workspace: other Runs of the Pod can write there. */
export class GitSources {
  readonly #options: GitSourcesOptions;
  readonly #cache: GitCache;
  readonly #credentials: GitCredentials;
  readonly #slots: Slots;

  constructor(options: GitSourcesOptions) {
    const {cacheDirectory, cacheMaxBytes, credentials, credentialsDirectory, concurrency, clock, logger} = options;
    this.#options = options;
    this.#cache = new GitCache({directory: cacheDirectory, maxBytes: cacheMaxBytes, clock, logger});
    this.#credentials = new GitCredentials({entries: credentials, directory: credentialsDirectory});
    this.#slots = new Slots({runs: concurrency});
  }

  /**
   * Puts a revision of a repository into the working directory of a workspace, with a `.git` of its own.
   *
   * @throws RuntimedError `SOURCE_INVALID`, `SOURCE_TOO_LARGE`, `SOURCE_TIMEOUT`, `GIT_FAILED`; the reason of `signal`
   * when it is aborted; system errors of the file system
   */
  async materialise(source: GitSource, workspace: Workspace, signal: AbortSignal): Promise<void> {
    const {clock, timeoutSeconds} = this.#options;
    const slot = await this.#slots.acquire({runs: 1}, signal);
    if (slot === undefined) throw signal.reason;
    const limit = new AbortController();
    const timer = clock.setTimeout(() => limit.abort(), timeoutSeconds * 1000);
    try {
      await this.#fetchAndWrite(source, workspace, AbortSignal.any([signal, limit.signal]));
    } catch (error) {
      if (limit.signal.aborted && !signal.aborted) {
        const message = `${source.url} was not fetched within ${timeoutSeconds} s`;
        throw new RuntimedError('SOURCE_TIMEOUT', message, {cause: error});
      }
      throw error;
    } finally {
      timer.cancel();
      slot.release();
    }
  }

  /** Closes the cache; what is cached stays. */
  close(): Promise<void> {
    return this.#cache.close();
  }

  async #fetchAndWrite(source: GitSource, workspace: Workspace, signal: AbortSignal): Promise<void> {
    const url = parseGitUrl(source.url);
    const {secretName, depth = 1} = source;
    await this.#cache.withScratch(async (scratch) => {
      const access = await this.#credentials.accessTo(url, secretName, scratch);
      const remote = new GitRemote({url, access, secretName, scratch, maxBytes: this.#options.maxBytes, signal});
      const revision = await this.#resolve(remote, source.revision, signal);
      await this.#cache.use(cacheKey(url.text, depth), signal, async (repository, round) => {
        const copy = async (commit: string): Promise<void> => {
          // The second time, something of the first may be there.
          if (round > 1) await workspace.emptyWork(this.#options.clock);
          await this.#copy(
            repository,
            {revision, commit, depth},
            remote,
            workspace,
            join(scratch, String(round)),
            signal,
          );
        };
        const commit = await repository.exclusive(async () => {
          const fetched = await this.#fetch(repository, remote, revision, depth, signal);
          // What a shallow repository ends at is changed by the next fetch.
          if (depth > 1) await copy(fetched);
          return fetched;
        }, signal);
        if (depth <= 1) await copy(commit);
      });
    });
  }

  /** What to fetch. The remote is asked in any case, and with the credentials of this Run. */
  async #resolve(remote: GitRemote, name: string | undefined, signal: AbortSignal): Promise<Revision> {
    if (name === undefined || name === 'HEAD') {
      const {refs, headBranch} = await remote.refs(['HEAD']);
      const head = refs[0];
      if (head === undefined)
        throw notFound(remote, 'the repository has no HEAD: name a branch in source.git.revision');
      return {id: head.id, ...(headBranch === undefined ? {} : {ref: `refs/heads/${headBranch}`})};
    }
    const candidates = name.startsWith('refs/') ? [name] : [`refs/heads/${name}`, `refs/tags/${name}`, `refs/${name}`];
    const {refs} = await remote.refs([...candidates, 'HEAD']);
    if (complete.test(name)) return {id: name.toLowerCase()};
    for (const candidate of candidates) {
      const ref = refs.find((other) => other.name === candidate);
      if (ref !== undefined) return {id: ref.id, ref: candidate};
    }
    const id = abbreviated.test(name) ? await this.#findCommit(remote, name.toLowerCase(), signal) : undefined;
    if (id === undefined) throw notFound(remote, `it has no branch, tag or commit ${JSON.stringify(name)}`);
    return {id};
  }

  /** Finds a commit by the beginning of its id, which only a repository with all commits can do. */
  async #findCommit(remote: GitRemote, prefix: string, signal: AbortSignal): Promise<string | undefined> {
    return await this.#cache.use(cacheKey(remote.url.text, 0), signal, (repository) =>
      repository.exclusive(async () => {
        await this.#initialise(repository, signal);
        const find = async (): Promise<string | undefined> => {
          const args = ['rev-parse', '--verify', '--quiet', `${prefix}^{commit}`];
          const {exitCode, stdout, stderr} = await this.#git(repository, args, signal);
          if (stderr.includes('ambiguous')) throw notFound(remote, `more than one commit begins with ${prefix}`);
          return exitCode === 0 ? stdout.toString().trim() : undefined;
        };
        const known = await find();
        if (known !== undefined) return known;
        await remote.fetch(repository.directory, allRefs, 0);
        return await find();
      }, signal),
    );
  }

  /** Sees to it that a revision is in a repository, as `refs/krt/<id>`. @returns the id of the commit */
  async #fetch(
    repository: CachedRepository,
    remote: GitRemote,
    {id, ref}: Revision,
    depth: number,
    signal: AbortSignal,
  ): Promise<string> {
    await this.#initialise(repository, signal);
    const known = depth <= 1 ? await this.#commitOf(repository, id, signal) : undefined;
    if (known !== undefined) return known;
    try {
      await remote.fetch(repository.directory, [`+${id}:refs/krt/${id}`], depth);
    } catch (error) {
      if (!isRuntimedError(error, 'GIT_FAILED') || !error.message.includes('unadvertised object')) throw error;
      // An old or a strict server gives its refs only.
      await remote.fetch(repository.directory, allRefs, 0);
      const {exitCode} = await this.#git(repository, ['update-ref', `refs/krt/${id}`, id], signal);
      if (exitCode !== 0) throw notFound(remote, `no branch or tag leads to commit ${id}`);
    }
    const commit = await this.#commitOf(repository, id, signal);
    if (commit !== undefined) return commit;
    const {exitCode} = await this.#git(repository, ['cat-file', '-e', `refs/krt/${id}`], signal);
    if (exitCode === 0) throw notFound(remote, `${ref ?? id} is not a commit`);
    throw new RuntimedError('GIT_FAILED', `${remote.url.text} can't be read: what was fetched is not there`);
  }

  async #initialise(repository: CachedRepository, signal: AbortSignal): Promise<void> {
    const ready = join(repository.directory, 'krt-ready');
    if (existsSync(ready)) return;
    await this.#mustGit(repository, ['init', '--bare', '--quiet', '--template=', '--initial-branch=none'], signal);
    await writeFile(ready, '');
  }

  async #commitOf(repository: CachedRepository, id: string, signal: AbortSignal): Promise<string | undefined> {
    const args = ['rev-parse', '--verify', '--quiet', `refs/krt/${id}^{commit}`];
    const {exitCode, stdout} = await this.#git(repository, args, signal);
    return exitCode === 0 ? stdout.toString().trim() : undefined;
  }

  /** Writes files and `.git` of a fetched revision into a workspace. Nothing of it is shared with the cache. */
  async #copy(
    repository: CachedRepository,
    fetched: Fetched,
    remote: GitRemote,
    workspace: Workspace,
    scratch: string,
    signal: AbortSignal,
  ): Promise<void> {
    const {commit} = fetched;
    const command = (args: readonly string[]) => this.#command(repository, args, signal);
    const files = await listTree(command(['ls-tree', '-r', '-z', '-l', '--full-tree', commit]), this.#options);
    const own = await this.#gitDirectory(repository, fetched, scratch, signal);
    using work = workspace.openWork();
    using writer = new TreeWriter(work);
    await writeTree(command(['cat-file', '--batch', '--buffer']), files, writer);
    for (const [name, from] of own.files) await writer.copyFile(`.git/${name}`, from);
    for (const [name, content] of own.texts(remote.url.text)) writer.writeFile(`.git/${name}`, content);
    for (const name of ['.git/refs/heads', '.git/refs/tags', '.git/objects/info']) {
      writer.createDirectory(Buffer.from(name));
    }
  }

  /** Makes what goes into `.git`: one pack of its own, an index, and a configuration without any secret. */
  async #gitDirectory(
    repository: CachedRepository,
    {revision: {id, ref}, commit, depth}: Fetched,
    scratch: string,
    signal: AbortSignal,
  ): Promise<{files: [string, string][]; texts: (url: string) => [string, string][]}> {
    const index = `${scratch}-index`;
    const pack = ['pack-objects', '--revs', '--quiet', '--window=0', '--delta-base-offset', `${scratch}-pack`];
    const [, , shallow] = await Promise.all([
      this.#mustGit(repository, pack, signal, {input: [`${id}\n`]}),
      this.#mustGit(repository, ['read-tree', commit], signal, {index}),
      this.#shallowCommits(repository, commit, depth, signal),
    ]);
    const directory = join(scratch, '..');
    const stem = `${scratch.slice(directory.length + 1)}-`;
    const files: [string, string][] = [['index', index]];
    for (const name of await readdir(directory)) {
      if (name.startsWith(`${stem}pack-`)) {
        files.push([`objects/pack/${name.slice(stem.length)}`, join(directory, name)]);
      }
    }
    const isBranch = ref !== undefined && /^refs\/heads\/[!-~]+$/.test(ref);
    const branch = isBranch ? ref.slice('refs/heads/'.length) : '';
    return {
      files,
      texts: (url) => [
        ['HEAD', isBranch ? `ref: ${ref}\n` : `${commit}\n`],
        ['config', configText(url)],
        ...(ref !== undefined && /^refs\/[!-~]+$/.test(ref)
          ? [
              ['packed-refs', `${id} ${ref}\n${isBranch ? `${id} refs/remotes/origin/${branch}\n` : ''}`] as [
                string,
                string,
              ],
            ]
          : []),
        ...(shallow.length === 0 ? [] : [['shallow', `${shallow.join('\n')}\n`] as [string, string]]),
      ],
    };
  }

  /** Where the history of a commit ends in this repository. */
  async #shallowCommits(
    repository: CachedRepository,
    commit: string,
    depth: number,
    signal: AbortSignal,
  ): Promise<string[]> {
    const all = await readShallow(repository.directory);
    if (depth === 1 || all.length === 0) return all.filter((other) => other === commit);
    const {stdout} = await this.#mustGit(repository, ['rev-list', commit], signal);
    const commits = new Set(stdout.toString().split('\n'));
    return all.filter((other) => commits.has(other));
  }

  #command(
    repository: CachedRepository,
    args: readonly string[],
    signal: AbortSignal,
    extra: {input?: readonly string[]; index?: string} = {},
  ): GitCommand {
    const {directory} = repository;
    const {input, index} = extra;
    return {
      args,
      cwd: directory,
      env: {...localEnvironment(directory), ...(index === undefined ? {} : {GIT_INDEX_FILE: index})},
      maxFileBytes: this.#options.maxBytes,
      signal,
      ...(input === undefined ? {} : {input}),
    };
  }

  #git(repository: CachedRepository, args: readonly string[], signal: AbortSignal): Promise<GitResult> {
    return runGit(this.#command(repository, args, signal), outputBytes);
  }

  async #mustGit(
    repository: CachedRepository,
    args: readonly string[],
    signal: AbortSignal,
    extra: {input?: readonly string[]; index?: string} = {},
  ): Promise<GitResult> {
    const result = await runGit(this.#command(repository, args, signal, extra), outputBytes);
    if (result.exitCode !== 0) {
      throw new RuntimedError('GIT_FAILED', `git ${args[0]}: ${gitMessage(result.stderr, [])}`);
    }
    return result;
  }
}

/** Not below refs/heads, where their names would compete with ids. */
const allRefs = ['+refs/heads/*:refs/krt-all/heads/*', '+refs/tags/*:refs/krt-all/tags/*'];

/** A repository per depth: what a shallow one ends at belongs to the depth it was fetched with. */
function cacheKey(url: string, depth: number): string {
  return `${url}\n${depth}`;
}

function notFound(remote: GitRemote, problem: string): RuntimedError {
  return new RuntimedError('SOURCE_INVALID', `${remote.url.text}: ${problem}`);
}

async function readShallow(directory: string): Promise<string[]> {
  try {
    return (await readFile(join(directory, 'shallow'), 'utf8')).split('\n').filter((line) => line !== '');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function configText(url: string): string {
  const escaped = url.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  return [
    '[core]',
    '\trepositoryformatversion = 0',
    '\tfilemode = true',
    '\tbare = false',
    '[remote "origin"]',
    `\turl = "${escaped}"`,
    '\tfetch = +refs/heads/*:refs/remotes/origin/*',
    '',
  ].join('\n');
}
