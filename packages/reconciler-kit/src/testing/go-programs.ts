import {constants} from 'node:fs';
import {access, mkdir, mkdtemp, readdir, rename, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {ReconcilerKitError} from '../errors.ts';
import {withFileLock} from './file-lock.ts';
import {goBuild, moduleDigest} from './go-build.ts';
import {DEFAULT_KUBERNETES_VERSION, defaultCacheDirectory} from './kube-binaries.ts';
import {versionFlags} from './kube-binaries-build.ts';

export interface ResolveGoProgramsOptions {
  /** Folder of the Go module that pins the programs. */
  goModule: string;
  /** Packages of the programs, by the name of the program, which is the last segment of the package. */
  packages: Readonly<Record<string, string>>;
  /** Begins the name of the folder in the cache. */
  name: string;
  linkerFlags?: readonly string[];
  tags?: readonly string[];
  /** Default `$XDG_CACHE_HOME/reconciler-kit`, else `~/.cache/reconciler-kit`. */
  cacheDirectory?: string;
  /** Progress, a line at a time. Default: standard error. */
  log?: (line: string) => void;
  env?: NodeJS.ProcessEnv;
}

/**
 * Programs of a Go module: from the cache, else by `go build`. What was built stays in the cache until its pins or flags
 * change; any number of processes may ask at the same time, one of them does the work.
 *
 * @returns the folder that holds all of them
 * @throws ReconcilerKitError `KUBE_BINARIES_MISSING` that says in one sentence what to do
 */
export async function resolveGoPrograms(options: ResolveGoProgramsOptions): Promise<string> {
  const {goModule, packages, name, linkerFlags = [], tags = [], env = process.env} = options;
  const log = options.log ?? ((line: string) => process.stderr.write(`${line}\n`));
  const cacheDirectory = options.cacheDirectory ?? defaultCacheDirectory(env);
  const digest = await moduleDigest(goModule, ...Object.values(packages), ...linkerFlags, ...tags);
  const prefix = `${name}-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  const target = join(cacheDirectory, `${prefix}-${digest}`);
  const isComplete = (): Promise<boolean> => allExecutable(target, Object.keys(packages));
  if (await isComplete()) return target;

  const onWait = (holder: string): void => log(`${name} is being built by ${holder}; waiting`);
  return await withFileLock(join(cacheDirectory, `${prefix}.lock`), {onWait}, async () => {
    if (await isComplete()) return target;
    await removeLeftovers(cacheDirectory, prefix);
    // Next to the target, so that the rename is atomic: nobody ever sees half of it.
    const directory = await mkdtemp(`${target}.`);
    try {
      await goBuild({title: name, goModule, packages: Object.values(packages), directory, linkerFlags, tags, env, log});
      await rm(target, {recursive: true, force: true});
      await rename(directory, target);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ReconcilerKitError(
        'KUBE_BINARIES_MISSING',
        `There is no ${name} to run: install Go (1.21 or newer) (tried: ${reason}).`,
        {cause},
      );
    } finally {
      await rm(directory, {recursive: true, force: true});
    }
    return target;
  });
}

/** Programs of Kubernetes beside kube-apiserver. */
export type KubeProgram = 'kube-controller-manager' | 'kube-proxy' | 'kube-scheduler' | 'kubelet';

export interface ResolveKubeProgramOptions
  extends Omit<ResolveGoProgramsOptions, 'packages' | 'name' | 'linkerFlags' | 'tags'> {
  /** Kubernetes version without `v` that `goModule` pins. Default {@link DEFAULT_KUBERNETES_VERSION}. */
  version?: string;
}

/**
 * One program of Kubernetes.
 *
 * @returns its path
 * @throws ReconcilerKitError `KUBE_BINARIES_MISSING`
 */
export async function resolveKubeProgram(program: KubeProgram, options: ResolveKubeProgramOptions): Promise<string> {
  const {version = DEFAULT_KUBERNETES_VERSION, ...rest} = options;
  const directory = await resolveGoPrograms({
    ...rest,
    name: `${program}-${version}`,
    packages: {[program]: `k8s.io/kubernetes/cmd/${program}`},
    linkerFlags: versionFlags(version),
  });
  return join(directory, program);
}

/** Of builds that were interrupted: under the lock nobody else has any. */
async function removeLeftovers(cacheDirectory: string, prefix: string): Promise<void> {
  await mkdir(cacheDirectory, {recursive: true});
  const isWork = (name: string): boolean => name.startsWith(`${prefix}-`) && /\.[A-Za-z0-9]{6}$/.test(name);
  for (const name of (await readdir(cacheDirectory)).filter(isWork))
    await rm(join(cacheDirectory, name), {recursive: true, force: true});
}

async function allExecutable(directory: string, programs: readonly string[]): Promise<boolean> {
  try {
    await Promise.all(programs.map((program) => access(join(directory, program), constants.X_OK)));
    return true;
  } catch {
    return false;
  }
}
