import {execFileSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {RunSource} from '@kruntimes/api-types';
import {silentLogger, systemClock} from '@kruntimes/reconciler-kit';
import {describeError, isRuntimedError} from '../errors.ts';
import {materialiseSource} from '../source.ts';
import {type Workspace, WorkspaceRoot} from '../workspace.ts';
import type {GitCredentialsEntry} from './git-credentials.ts';
import {GitSources, type GitSourcesOptions} from './git-sources.ts';

type GitSource = NonNullable<RunSource['git']>;

/** Where a source was laid out. */
export interface LaidOut {
  readonly workspace: Workspace;
  readonly workingDir: string;
}

/** A cache, Secrets and workspaces in a directory of their own. */
export class GitBench implements AsyncDisposable {
  readonly directory: string;
  readonly cacheDirectory: string;
  /** Where Secrets are mounted. */
  readonly secrets: string;
  readonly root: WorkspaceRoot;
  readonly #sources: GitSources[] = [];
  #runs = 0;

  private constructor(root: WorkspaceRoot, directory: string) {
    this.root = root;
    this.directory = directory;
    this.cacheDirectory = join(directory, 'cache');
    this.secrets = join(directory, 'secrets');
  }

  static async create(): Promise<GitBench> {
    const directory = mkdtempSync(join(tmpdir(), 'krt-git-'));
    mkdirSync(join(directory, 'workspaces'));
    return new GitBench(await WorkspaceRoot.open(join(directory, 'workspaces'), systemClock), directory);
  }

  sources(options: Partial<GitSourcesOptions> = {}, credentials: readonly GitCredentialsEntry[] = []): GitSources {
    const sources = new GitSources({
      cacheDirectory: this.cacheDirectory,
      cacheMaxBytes: 1 << 30,
      credentials,
      credentialsDirectory: this.secrets,
      maxBytes: 1 << 28,
      maxFiles: 10_000,
      timeoutSeconds: 300,
      concurrency: 4,
      clock: systemClock,
      logger: silentLogger,
      ...options,
    });
    this.#sources.push(sources);
    return sources;
  }

  /** Writes a Secret as it is mounted. */
  secret(name: string, data: Readonly<Record<string, string>>): void {
    mkdirSync(join(this.secrets, name), {recursive: true});
    for (const [key, value] of Object.entries(data)) writeFileSync(join(this.secrets, name, key), value);
  }

  /** Lays out a source in a new workspace. */
  async layOut(
    sources: GitSources,
    git: GitSource,
    options: {entrypoint?: string; signal?: AbortSignal} = {},
  ): Promise<LaidOut> {
    const workspace = await this.root.create(`00000000-0000-4000-8000-${String(++this.#runs).padStart(12, '0')}-1`);
    const {entrypoint, signal = new AbortController().signal} = options;
    const spec = {runtime: 'bash', source: {git}, ...(entrypoint === undefined ? {} : {entrypoint})};
    try {
      return {workspace, workingDir: await materialiseSource(spec, workspace, sources, signal)};
    } catch (error) {
      workspace.close();
      throw error;
    }
  }

  /** `CODE: message` with which a source is refused. */
  async refusal(sources: GitSources, git: GitSource, options: {entrypoint?: string} = {}): Promise<string> {
    try {
      await this.layOut(sources, git, options);
    } catch (error) {
      if (isRuntimedError(error)) return `${error.code}: ${describeError(error)}`;
      throw error;
    }
    return 'not refused';
  }

  /** What the cache keeps: names of repositories. */
  cached(): string[] {
    return readdirSync(this.cacheDirectory);
  }

  /** Runs git in a workspace, as a program may. */
  gitIn({workspace}: LaidOut, args: readonly string[]): string {
    const env = {PATH: process.env['PATH'], HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C'};
    return execFileSync('git', args, {cwd: workspace.paths.work, env}).toString().trimEnd();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const sources of this.#sources) await sources.close();
    this.root.close();
    rmSync(this.directory, {recursive: true, force: true});
  }
}
