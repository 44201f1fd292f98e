import {existsSync} from 'node:fs';
import {delimiter, join} from 'node:path';
import {run} from './run.ts';

/** Programs that a node needs, and the Debian packages that have them. */
const PACKAGES: Readonly<Record<string, string>> = {
  runc: 'runc',
  nft: 'nftables',
  ip: 'iproute2',
  conntrack: 'conntrack',
  tini: 'tini',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  mount: 'mount',
};
const CNI_DIRECTORY = '/usr/lib/cni';

/** Programs that the images are built with. */
const IMAGE_PACKAGES: Readonly<Record<string, string>> = {
  buildah: 'buildah',
  skopeo: 'skopeo',
  mmdebstrap: 'mmdebstrap',
};

export interface PrepareMachineOptions {
  /** Whether images are built here, too. */
  images?: boolean;
  log: (line: string) => void;
}

/**
 * Makes sure that this machine can run a node: Linux, root, and the programs; missing ones are installed where there is apt.
 *
 * @throws Error that says in one sentence what is missing and what to do
 */
export async function prepareMachine({images = false, log}: PrepareMachineOptions): Promise<void> {
  if (process.platform !== 'linux') throw new Error('A node needs Linux: run this in a virtual machine.');
  if (process.getuid?.() !== 0) throw new Error('A node needs root, for namespaces and control groups: use sudo.');
  const missing = missingPackages(images);
  if (missing.length === 0) return;
  if (!existsSync('/usr/bin/apt-get'))
    throw new Error(`A node needs these programs of Debian packages, install them: ${missing.join(' ')}.`);
  log(`installing Debian packages: ${missing.join(' ')}`);
  const env = {...process.env, DEBIAN_FRONTEND: 'noninteractive'};
  await run('apt-get', ['-qq', 'update'], {env, timeoutMs: 300_000});
  await run('apt-get', ['-qq', 'install', '--yes', '--no-install-recommends', ...missing], {env, timeoutMs: 600_000});
  const still = missingPackages(images);
  if (still.length > 0) throw new Error(`apt-get installed them, but they are not on PATH: ${still.join(' ')}.`);
}

function missingPackages(images: boolean): string[] {
  // What administrators run is not on everybody's PATH.
  const path = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  const isThere = (program: string): boolean => path.some((folder) => existsSync(join(folder, program)));
  const wanted = Object.entries({...PACKAGES, ...(images ? IMAGE_PACKAGES : {})});
  const missing = wanted.filter(([program]) => !isThere(program)).map(([, name]) => name);
  if (!existsSync(join(CNI_DIRECTORY, 'ptp'))) missing.push('containernetworking-plugins');
  return [...new Set(missing)];
}
