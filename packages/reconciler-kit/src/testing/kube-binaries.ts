import {constants} from 'node:fs';
import {access, mkdir, mkdtemp, readdir, rename, rm} from 'node:fs/promises';
import {homedir} from 'node:os';
import {basename, join} from 'node:path';
import {ReconcilerKitError} from '../errors.ts';
import {withFileLock} from './file-lock.ts';
import {moduleDigest} from './go-build.ts';
import {buildKubeBinaries} from './kube-binaries-build.ts';
import {downloadKubeBinaries, ENVTEST_INDEX_URL} from './kube-binaries-download.ts';

/** Kubernetes release that is downloaded or built unless told otherwise. */
export const DEFAULT_KUBERNETES_VERSION = '1.36.3';

/** Why this test run has no control plane: set once, so that not every test file tries to download and build again. */
export const FAILURE_VARIABLE = 'RECONCILER_KIT_CONTROL_PLANE_FAILURE';

export interface KubeBinaries {
  etcd: string;
  kubeApiserver: string;
  /** Where they were found: for messages. */
  source: 'KUBEBUILDER_ASSETS' | 'cache' | 'download' | 'go build';
}

export interface ResolveKubeBinariesOptions {
  /** Kubernetes version without `v`. Default {@link DEFAULT_KUBERNETES_VERSION}. */
  version?: string;
  /** Folder of a Go module whose `tool` directives name etcd's server and kube-apiserver: the last resort. */
  goModule?: string;
  /** Default `$XDG_CACHE_HOME/reconciler-kit`, else `~/.cache/reconciler-kit`. */
  cacheDirectory?: string;
  /** Index of the envtest archives; `false`: never download. */
  indexUrl?: string | false;
  /** Until the index is there, until the archive's first byte, and between its bytes. Default 5 s. */
  downloadTimeoutMs?: number;
  /** Progress, a line at a time. Default: standard error. */
  log?: (line: string) => void;
  env?: NodeJS.ProcessEnv;
}

/**
 * Finds etcd and kube-apiserver: in the folder `KUBEBUILDER_ASSETS`; in the cache; by downloading the archive that
 * envtest uses, its checksum verified; by `go build` of `goModule`. What was downloaded or built stays in the cache;
 * any number of processes may ask at the same time, one of them does the work.
 *
 * @throws ReconcilerKitError `KUBE_BINARIES_MISSING` that says in one sentence what to do.
 */
export async function resolveKubeBinaries(options: ResolveKubeBinariesOptions = {}): Promise<KubeBinaries> {
  const {version = DEFAULT_KUBERNETES_VERSION, goModule, env = process.env, indexUrl = ENVTEST_INDEX_URL} = options;
  const log = options.log ?? ((line: string) => process.stderr.write(`${line}\n`));
  const cacheDirectory = options.cacheDirectory ?? defaultCacheDirectory(env);

  const failure = env[FAILURE_VARIABLE];
  if (failure) throw new ReconcilerKitError('KUBE_BINARIES_MISSING', failure);

  const assets = env['KUBEBUILDER_ASSETS'];
  if (assets) {
    const found = await binariesIn(assets, 'KUBEBUILDER_ASSETS');
    if (found) return found;
    throw new ReconcilerKitError(
      'KUBE_BINARIES_MISSING',
      `KUBEBUILDER_ASSETS is ${assets}, which has no executable etcd and kube-apiserver: correct it or unset it.`,
    );
  }

  const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  const downloaded = join(cacheDirectory, `kubernetes-${version}-${platform}`);
  // A changed pin is a different build.
  const built = goModule === undefined ? undefined : `${downloaded}-${await moduleDigest(goModule)}`;
  const cached = async (): Promise<KubeBinaries | undefined> =>
    (built === undefined ? undefined : await binariesIn(built, 'cache')) ?? (await binariesIn(downloaded, 'cache'));

  const hit = await cached();
  if (hit) return hit;

  const failures: string[] = [];
  const attempt = async (target: string, make: (directory: string) => Promise<void>): Promise<boolean> => {
    await mkdir(cacheDirectory, {recursive: true});
    // Next to the target, so that the rename is atomic: nobody ever sees half of it.
    const workDirectory = await mkdtemp(`${target}.`);
    try {
      await make(workDirectory);
      await rm(target, {recursive: true, force: true});
      await rename(workDirectory, target);
      return true;
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
      return false;
    } finally {
      await rm(workDirectory, {recursive: true, force: true});
    }
  };

  const lock = join(cacheDirectory, `kubernetes-${version}-${platform}.lock`);
  const onWait = (holder: string): void => log(`etcd and kube-apiserver are being fetched by ${holder}; waiting`);
  return await withFileLock(lock, {onWait}, async () => {
    const meanwhile = await cached();
    if (meanwhile) return meanwhile;
    await removeLeftovers(cacheDirectory, downloaded);
    if (indexUrl !== false) {
      const done = await attempt(downloaded, (directory) =>
        downloadKubeBinaries({
          version,
          platform,
          indexUrl,
          directory,
          log,
          timeoutMs: options.downloadTimeoutMs ?? 5_000,
        }),
      );
      if (done) return (await binariesIn(downloaded, 'download'))!;
    }
    if (goModule !== undefined && built !== undefined) {
      const done = await attempt(built, (directory) => buildKubeBinaries({version, goModule, directory, env, log}));
      if (done) return (await binariesIn(built, 'go build'))!;
    }
    const ways = [
      ...(goModule === undefined ? [] : ['install Go (1.21 or newer)']),
      'allow the download',
      'set KUBEBUILDER_ASSETS to a folder with both programs',
    ];
    throw new ReconcilerKitError(
      'KUBE_BINARIES_MISSING',
      `There is no etcd and kube-apiserver to run: ${ways.join(', or ')} (tried: ${failures.join('; ') || 'nothing was allowed'}).`,
    );
  });
}

/** Of attempts that were interrupted: under the lock nobody else has any. */
async function removeLeftovers(cacheDirectory: string, target: string): Promise<void> {
  const names = await readdir(cacheDirectory);
  const isWork = (name: string): boolean => name.startsWith(basename(target)) && /\.[A-Za-z0-9]{6}$/.test(name);
  for (const name of names.filter(isWork)) await rm(join(cacheDirectory, name), {recursive: true, force: true});
}

/** Where what was downloaded or built stays. */
export function defaultCacheDirectory(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache'), 'reconciler-kit');
}

async function binariesIn(directory: string, source: KubeBinaries['source']): Promise<KubeBinaries | undefined> {
  const etcd = join(directory, 'etcd');
  const kubeApiserver = join(directory, 'kube-apiserver');
  try {
    await Promise.all([access(etcd, constants.X_OK), access(kubeApiserver, constants.X_OK)]);
    return {etcd, kubeApiserver, source};
  } catch {
    return undefined;
  }
}
