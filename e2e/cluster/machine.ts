import {installDebianPackages} from '@kruntimes/command/debian-packages';

/** What a node needs of the machine, by the Debian packages that have it. */
const PACKAGES: Readonly<Record<string, string>> = {
  '/usr/lib/cni/ptp': 'containernetworking-plugins',
  conntrack: 'conntrack',
  ip: 'iproute2',
  mount: 'mount',
  nft: 'nftables',
  nsenter: 'util-linux',
  runc: 'runc',
  tini: 'tini',
};

/**
 * Makes sure that this machine can run a node: Linux, root, and the programs, which are installed where there is apt.
 *
 * @throws Error that says in one sentence what is missing and what to do
 */
export async function prepareMachine(log: (line: string) => void): Promise<void> {
  if (process.platform !== 'linux') throw new Error('A node needs Linux: run this in a virtual machine.');
  if (process.getuid?.() !== 0) throw new Error('A node needs root, for namespaces and control groups: use sudo.');
  await installDebianPackages({subject: 'A node', packages: PACKAGES, log});
}
