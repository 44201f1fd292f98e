import {spawn} from 'node:child_process';
import {createHash} from 'node:crypto';
import {readFile, rename} from 'node:fs/promises';
import {join} from 'node:path';

export interface BuildOptions {
  version: string;
  goModule: string;
  /** Where the programs go, as `etcd` and `kube-apiserver`. */
  directory: string;
  env: NodeJS.ProcessEnv;
  log: (line: string) => void;
}

const PACKAGES = ['go.etcd.io/etcd/server/v3', 'k8s.io/kubernetes/cmd/kube-apiserver'] as const;
const PROGRESS_INTERVAL_MS = 15_000;

/** Names what a build of the module depends on. */
export async function moduleDigest(goModule: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum']) hash.update(await readFile(join(goModule, file)));
  return hash.digest('hex').slice(0, 12);
}

/** Compiles etcd and kube-apiserver of a Go module. Takes about three minutes on two cores, seconds when Go remembers. */
export async function buildKubeBinaries({version, goModule, directory, env, log}: BuildOptions): Promise<void> {
  const [major, minor] = version.split('.');
  const versionPackage = 'k8s.io/component-base/version';
  // Without these /version says v0.0.0, and kubectl misbehaves.
  const flags = [
    `-X ${versionPackage}.gitVersion=v${version}`,
    `-X ${versionPackage}.gitMajor=${major}`,
    `-X ${versionPackage}.gitMinor=${minor}`,
    `-X ${versionPackage}.gitTreeState=clean`,
  ];
  log(`building etcd and kube-apiserver ${version} with go; the first time this takes some minutes`);
  const started = performance.now();
  const seconds = (): number => Math.round((performance.now() - started) / 1000);
  const progress = setInterval(() => log(`still building kube-apiserver (${seconds()} s)`), PROGRESS_INTERVAL_MS);
  try {
    await go(
      ['build', '-trimpath', '-ldflags', `-s -w ${flags.join(' ')}`, '-o', `${directory}/`, ...PACKAGES],
      goModule,
      {...env, CGO_ENABLED: '0', GOWORK: 'off'},
    );
  } finally {
    clearInterval(progress);
  }
  await rename(join(directory, 'server'), join(directory, 'etcd'));
  log(`built etcd and kube-apiserver in ${seconds()} s`);
}

async function go(args: string[], cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn('go', args, {cwd, env, stdio: ['ignore', 'ignore', 'pipe']});
  // It would go on compiling for minutes for nobody.
  const end = (): void => void child.kill();
  process.once('exit', end);
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4000);
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      reject(missing ? new Error('go build: there is no go on PATH') : error);
    });
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else
        reject(
          new Error(
            `go build ended with ${signal ?? `exit code ${code}`}: ${errors.trim().split('\n').slice(-3).join(' ')}`,
          ),
        );
    });
  });
  await ended.finally(() => process.off('exit', end));
}
