import {generateKeyPairSync, randomBytes} from 'node:crypto';
import {mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {CertificateAuthority, type ControlPlaneState, writeKubeconfig} from '@kruntimes/reconciler-kit/testing';
import {stringify} from 'yaml';
import type {ClusterLayout} from './layout.ts';

export const PAUSE_IMAGE = 'kruntimes.local/pause:e2e';
export const REGISTRY_PORT = 5000;
export const API_PORT = 6443;
/** On the node's address. */
export const KUBELET_HEALTH_PORT = 10_248;
export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';

/** Writes keys, kubeconfigs and settings of all servers below the cluster's directory. */
export async function writeClusterFiles(layout: ClusterLayout): Promise<ControlPlaneState> {
  const {directory} = layout;
  const folders = ['cni', 'etcd', 'kubelet', 'kubelet-plugins', 'log', 'mirrors/_default', 'pids', 'pki', 'registry'];
  for (const folder of folders) await mkdir(join(directory, folder), {recursive: true, mode: 0o755});
  const state = await writeKeys(layout);
  await writeSettings(layout);
  return state;
}

async function writeKeys({directory, name, nodeAddress, apiServiceAddress}: ClusterLayout): Promise<ControlPlaneState> {
  const file = (path: string, text: string): Promise<void> =>
    writeFile(join(directory, 'pki', path), text, {mode: 0o600});
  const authority = CertificateAuthority.create(name);
  const {commonName, cert, key} = authority.export(name);
  await file('ca.crt', cert);
  await file('ca.key', key);
  const server = `https://${nodeAddress}:${API_PORT}`;
  const pair = async (file_: string, request: Parameters<typeof authority.issue>[0]): Promise<void> => {
    const issued = authority.issue(request);
    await file(`${file_}.crt`, issued.cert);
    await file(`${file_}.key`, issued.key);
    if (request.hosts === undefined)
      await writeKubeconfig(join(directory, 'pki', `${file_}.kubeconfig`), {
        server,
        ca: cert,
        cert: issued.cert,
        key: issued.key,
        namespace: 'default',
      });
  };
  const service = 'kubernetes.default.svc';
  await pair('apiserver', {
    commonName: 'kube-apiserver',
    hosts: ['kubernetes', 'kubernetes.default', service, 'localhost', '127.0.0.1', nodeAddress, apiServiceAddress],
  });
  await pair('kubelet-server', {commonName: name, hosts: [name, nodeAddress]});
  await pair('kubelet-client', {commonName: 'kube-apiserver-kubelet-client', organizations: ['system:masters']});
  await pair('aggregator', {commonName: 'aggregator'});
  await pair('kubelet', {commonName: `system:node:${name}`, organizations: ['system:nodes']});
  await pair('controller-manager', {commonName: 'system:kube-controller-manager'});
  await pair('scheduler', {commonName: 'system:kube-scheduler'});
  await pair('proxy', {commonName: 'system:kube-proxy'});
  await pair('dns', {commonName: 'dns', organizations: ['system:masters']});

  const tokens = generateKeyPairSync('ec', {namedCurve: 'P-256'});
  await file('sa.key', tokens.privateKey.export({type: 'pkcs8', format: 'pem'}).toString());
  await file('sa.pub', tokens.publicKey.export({type: 'spki', format: 'pem'}).toString());
  const adminToken = randomBytes(24).toString('hex');
  await file('tokens.csv', `${adminToken},"admin","admin","system:masters"\n`);
  return {
    server,
    adminToken,
    authority: {commonName, cert, key},
    directory,
    kubeconfigPath: join(directory, 'kubeconfig'),
    auditLogPath: join(directory, 'log', 'audit.log'),
  };
}

async function writeSettings(layout: ClusterLayout): Promise<void> {
  const {directory, name, nodeAddress, podRange} = layout;
  const at = (path: string): string => join(directory, path);
  // Nobody ever asks a name server of the host.
  await writeFile(at('resolv.conf'), '');
  await writeFile(
    at('cni/10-pods.conflist'),
    JSON.stringify({
      cniVersion: '1.0.0',
      name: 'pods',
      plugins: [
        {
          type: 'ptp',
          mtu: 1500,
          ipam: {
            type: 'host-local',
            dataDir: '/run/cni-addresses',
            ranges: [[{subnet: podRange}]],
            routes: [{dst: '0.0.0.0/0'}],
          },
        },
        {type: 'portmap', capabilities: {portMappings: true}},
      ],
    }),
  );
  await writeFile(at('containerd.toml'), containerdSettings(layout));
  // Whatever registry an image's name has, it is pulled from ours: no other can be reached.
  await writeFile(at('mirrors/_default/hosts.toml'), `server = "http://${nodeAddress}:${REGISTRY_PORT}"\n`);
  await writeFile(
    at('registry.yaml'),
    stringify({
      version: 0.1,
      log: {level: 'warn', accesslog: {disabled: true}},
      storage: {filesystem: {rootdirectory: at('registry')}, delete: {enabled: true}},
      http: {addr: `${nodeAddress}:${REGISTRY_PORT}`},
    }),
  );
  await writeFile(
    at('kubelet.yaml'),
    stringify({
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      // Since 1.35 a kubelet refuses a machine whose controllers are still those of cgroup v1, unless told otherwise.
      failCgroupV1: false,
      cgroupDriver: 'cgroupfs',
      cgroupRoot: `/${name}`,
      containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
      address: nodeAddress,
      healthzBindAddress: nodeAddress,
      healthzPort: KUBELET_HEALTH_PORT,
      authentication: {
        anonymous: {enabled: false},
        webhook: {enabled: true},
        x509: {clientCAFile: at('pki/ca.crt')},
      },
      authorization: {mode: 'Webhook'},
      tlsCertFile: at('pki/kubelet-server.crt'),
      tlsPrivateKeyFile: at('pki/kubelet-server.key'),
      clusterDomain: 'cluster.local',
      clusterDNS: [nodeAddress],
      resolvConf: at('resolv.conf'),
      podLogsDir: at('log/pods'),
      volumePluginDir: at('kubelet-plugins'),
      failSwapOn: false,
      serializeImagePulls: false,
      kubeAPIQPS: 500,
      kubeAPIBurst: 1000,
      imageGCHighThresholdPercent: 100,
      evictionHard: {'memory.available': '100Mi', 'nodefs.available': '1Gi', 'imagefs.available': '1Gi'},
    }),
  );
  await writeFile(
    at('proxy.yaml'),
    stringify({
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      mode: 'nftables',
      hostnameOverride: name,
      clusterCIDR: podRange,
      bindAddress: nodeAddress,
      clientConnection: {kubeconfig: at('pki/proxy.kubeconfig')},
      // Those would be the host's settings.
      conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s'},
    }),
  );
  // What is not a Service does not exist: a server block of its own answers so.
  await writeFile(
    at('Corefile'),
    `cluster.local:53 {
  bind ${nodeAddress}
  kubernetes {
    kubeconfig ${at('pki/dns.kubeconfig')} test
  }
}
.:53 {
  bind ${nodeAddress}
  template ANY ANY {
    rcode NXDOMAIN
  }
}
`,
  );
}

function containerdSettings({directory}: ClusterLayout): string {
  const cri = `plugins."io.containerd.cri.v1`;
  return `version = 3
root = "${directory}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri"]

[grpc]
  address = "${CONTAINERD_SOCKET}"

[${cri}.images".pinned_images]
  sandbox = "${PAUSE_IMAGE}"

[${cri}.images".registry]
  config_path = "${directory}/mirrors"

[${cri}.runtime"]
  # A sandbox asks for a score of -998, which a machine without CAP_SYS_RESOURCE does not grant.
  restrict_oom_score_adj = true

  [${cri}.runtime".cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "${directory}/cni"

  [${cri}.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

    [${cri}.runtime".containerd.runtimes.runc.options]
      BinaryName = "runc"
`;
}
