import {join} from 'node:path';
import {API_PORT, CONTAINERD_SOCKET} from './files.ts';
import type {ClusterLayout} from './layout.ts';
import type {NodePrograms} from './programs.ts';

export const SERVERS = [
  'etcd',
  'containerd',
  'registry',
  'apiserver',
  'controller-manager',
  'scheduler',
  'proxy',
  'dns',
  'kubelet',
] as const;
export type ServerName = (typeof SERVERS)[number];

/** Program and arguments of a server of the node. */
export function serverCommand(name: ServerName, layout: ClusterLayout, programs: NodePrograms): string[] {
  const {directory, nodeAddress, serviceRange} = layout;
  const at = (path: string): string => join(directory, path);
  const pki = (file: string): string => join(directory, 'pki', file);
  const local = ['--leader-elect=false', '--bind-address=127.0.0.1', '--kube-api-qps=500', '--kube-api-burst=1000'];
  switch (name) {
    case 'etcd':
      return [programs.etcd, `--data-dir=${at('etcd')}`, '--unsafe-no-fsync', '--log-level=warn'];
    case 'containerd':
      return [programs.containerd, '--config', at('containerd.toml')];
    case 'registry':
      return [programs.registry, 'serve', at('registry.yaml')];
    case 'apiserver':
      return [
        programs.kubeApiserver,
        '--etcd-servers=http://127.0.0.1:2379',
        `--bind-address=${nodeAddress}`,
        `--secure-port=${API_PORT}`,
        `--advertise-address=${nodeAddress}`,
        `--service-cluster-ip-range=${serviceRange}`,
        '--authorization-mode=Node,RBAC',
        '--enable-admission-plugins=NodeRestriction',
        '--allow-privileged',
        `--token-auth-file=${pki('tokens.csv')}`,
        `--client-ca-file=${pki('ca.crt')}`,
        `--tls-cert-file=${pki('apiserver.crt')}`,
        `--tls-private-key-file=${pki('apiserver.key')}`,
        '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
        `--service-account-key-file=${pki('sa.pub')}`,
        `--service-account-signing-key-file=${pki('sa.key')}`,
        `--kubelet-certificate-authority=${pki('ca.crt')}`,
        `--kubelet-client-certificate=${pki('kubelet-client.crt')}`,
        `--kubelet-client-key=${pki('kubelet-client.key')}`,
        '--kubelet-preferred-address-types=InternalIP',
        `--requestheader-client-ca-file=${pki('ca.crt')}`,
        '--requestheader-allowed-names=aggregator',
        '--requestheader-username-headers=X-Remote-User',
        '--requestheader-group-headers=X-Remote-Group',
        '--requestheader-extra-headers-prefix=X-Remote-Extra-',
        `--proxy-client-cert-file=${pki('aggregator.crt')}`,
        `--proxy-client-key-file=${pki('aggregator.key')}`,
        '--profiling=false',
      ];
    case 'controller-manager':
      return [
        programs.kubeControllerManager,
        `--kubeconfig=${pki('controller-manager.kubeconfig')}`,
        '--use-service-account-credentials',
        `--service-account-private-key-file=${pki('sa.key')}`,
        `--root-ca-file=${pki('ca.crt')}`,
        `--cluster-signing-cert-file=${pki('ca.crt')}`,
        `--cluster-signing-key-file=${pki('ca.key')}`,
        // It makes the default one on the host.
        `--flex-volume-plugin-dir=${at('kubelet-plugins')}`,
        ...local,
      ];
    case 'scheduler':
      return [programs.kubeScheduler, `--kubeconfig=${pki('scheduler.kubeconfig')}`, ...local];
    case 'proxy':
      return [programs.kubeProxy, `--config=${at('proxy.yaml')}`];
    case 'dns':
      return [programs.coredns, '-conf', at('Corefile')];
    case 'kubelet':
      return [
        programs.kubelet,
        `--config=${at('kubelet.yaml')}`,
        `--kubeconfig=${pki('kubelet.kubeconfig')}`,
        `--hostname-override=${layout.name}`,
        `--node-ip=${nodeAddress}`,
      ];
  }
}

/** The command-line client of containerd, for the images that the kubelet sees. */
export function ctrCommand({ctr}: NodePrograms, ...args: readonly string[]): string[] {
  return [ctr, '--address', CONTAINERD_SOCKET, '--namespace', 'k8s.io', ...args];
}
