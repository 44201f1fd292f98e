import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {resolveGoPrograms, resolveKubeBinaries, resolveKubeProgram} from '@kruntimes/reconciler-kit/testing';

/** Paths of the programs of a node. */
export interface NodePrograms {
  etcd: string;
  kubeApiserver: string;
  kubeControllerManager: string;
  kubeScheduler: string;
  kubeProxy: string;
  kubelet: string;
  containerd: string;
  ctr: string;
  coredns: string;
  registry: string;
  pause: string;
}

const tools = fileURLToPath(new URL('../../tools/', import.meta.url));

/** Finds them in the cache or builds them: ten minutes on two cores the first time. */
export async function resolveNodePrograms(log: (line: string) => void): Promise<NodePrograms> {
  const goModule = join(tools, 'kube');
  // One after the other: each uses all cores.
  const {etcd, kubeApiserver} = await resolveKubeBinaries({goModule, log});
  const kubeControllerManager = await resolveKubeProgram('kube-controller-manager', {goModule, log});
  const kubeScheduler = await resolveKubeProgram('kube-scheduler', {goModule, log});
  const kubeProxy = await resolveKubeProgram('kube-proxy', {goModule, log});
  const kubelet = await resolveKubeProgram('kubelet', {goModule, log});
  const containerdPackage = 'github.com/containerd/containerd/v2/cmd';
  const containerd = await resolveGoPrograms({
    name: 'containerd',
    goModule: join(tools, 'containerd'),
    packages: {
      containerd: `${containerdPackage}/containerd`,
      'containerd-shim-runc-v2': `${containerdPackage}/containerd-shim-runc-v2`,
      ctr: `${containerdPackage}/ctr`,
    },
    tags: ['no_aufs', 'no_btrfs', 'no_devmapper', 'no_zfs'],
    log,
  });
  const coredns = await resolveGoPrograms({
    name: 'coredns',
    goModule: join(tools, 'coredns'),
    packages: {coredns: 'github.com/coredns/coredns'},
    log,
  });
  const registry = await resolveGoPrograms({
    name: 'registry',
    goModule: join(tools, 'registry'),
    packages: {registry: 'github.com/distribution/distribution/v3/cmd/registry'},
    log,
  });
  const pause = await resolveGoPrograms({
    name: 'pause',
    goModule: fileURLToPath(new URL('pause/', import.meta.url)),
    packages: {pause: 'kruntimes.io/e2e/pause'},
    log,
  });
  return {
    etcd,
    kubeApiserver,
    kubeControllerManager,
    kubeScheduler,
    kubeProxy,
    kubelet,
    containerd: join(containerd, 'containerd'),
    ctr: join(containerd, 'ctr'),
    coredns: join(coredns, 'coredns'),
    registry: join(registry, 'registry'),
    pause: join(pause, 'pause'),
  };
}

/** Where these programs look for others: containerd for its shim, the kubelet for mount, the plugins for nft. */
export function searchPath({containerd}: NodePrograms): string {
  return `${dirname(containerd)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
}
