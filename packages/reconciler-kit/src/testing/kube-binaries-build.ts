import {rename} from 'node:fs/promises';
import {join} from 'node:path';
import {goBuild} from './go-build.ts';

export interface BuildOptions {
  version: string;
  goModule: string;
  /** Where the programs go, as `etcd` and `kube-apiserver`. */
  directory: string;
  env: NodeJS.ProcessEnv;
  log: (line: string) => void;
}

const PACKAGES = ['go.etcd.io/etcd/server/v3', 'k8s.io/kubernetes/cmd/kube-apiserver'] as const;

/** Without these /version says v0.0.0, and kubectl misbehaves. */
export function versionFlags(version: string): string[] {
  const [major, minor] = version.split('.');
  const versionPackage = 'k8s.io/component-base/version';
  return [
    `-X ${versionPackage}.gitVersion=v${version}`,
    `-X ${versionPackage}.gitMajor=${major}`,
    `-X ${versionPackage}.gitMinor=${minor}`,
    `-X ${versionPackage}.gitTreeState=clean`,
  ];
}

/** Compiles etcd and kube-apiserver of a Go module. Takes about three minutes on two cores, seconds when Go remembers. */
export async function buildKubeBinaries({version, goModule, directory, env, log}: BuildOptions): Promise<void> {
  await goBuild({
    title: `etcd and kube-apiserver ${version}`,
    goModule,
    packages: PACKAGES,
    directory,
    linkerFlags: versionFlags(version),
    env,
    log,
  });
  await rename(join(directory, 'server'), join(directory, 'etcd'));
}
