/**
 * A Kubernetes API server for tests, without anything else of a cluster, and the means to break the way to it. It is the one
 * of `@kruntimes/apiserver-kit`, or kube-apiserver where `KRUNTIMES_CONTROL_PLANE` says `kube`.
 *
 * ```ts
 * import {Client, kinds, Transport} from '@kruntimes/reconciler-kit';
 * import {createNamespace, FaultProxy, startControlPlane, waitForObject} from '@kruntimes/reconciler-kit/testing';
 *
 * await using controlPlane = await startControlPlane();
 * await using proxy = await FaultProxy.start(controlPlane.config);
 * await using transport = new Transport(proxy.config);
 * const client = new Client(transport);
 * const configMaps = client.kind(kinds.ConfigMap);
 *
 * const namespace = await createNamespace(client);
 * const seen = waitForObject(configMaps, {name: 'greeting', namespace}, ({data}) => data?.['text'] === 'hello');
 * // Neither lost watches nor an overloaded server keep it from being seen.
 * proxy.cutEvery(200, {watch: true});
 * proxy.inject({kind: 'answer', status: 429, retryAfterSeconds: 1}, {match: {method: 'POST'}, times: 1});
 * await configMaps.create({metadata: {name: 'greeting', namespace}, data: {text: 'hello'}});
 * console.log((await seen).metadata?.uid, proxy.count({method: 'POST'}), 'POST requests');
 * ```
 *
 * @module
 */

export {
  CertificateAuthority,
  type CertificateRequest,
  type KeyPair,
} from '@kruntimes/apiserver-kit/certificate-authority';
export type {AuditEvent, AuditMark} from './audit-log.ts';
export {
  ControlPlane,
  type ControlPlaneFlavour,
  type ControlPlaneOptions,
  defaultFlavour,
} from './control-plane.ts';
export {ControlPlaneAccess, type ControlPlaneState, type UserIdentity} from './control-plane-access.ts';
export {
  type ActiveFault,
  type Fault,
  type FaultOptions,
  FaultProxy,
  type FaultProxyOptions,
  type ProxiedRequest,
  type RequestMatch,
} from './fault-proxy.ts';
export {freePorts} from './free-ports.ts';
export {
  type KubeProgram,
  type ResolveGoProgramsOptions,
  type ResolveKubeProgramOptions,
  resolveGoPrograms,
  resolveKubeProgram,
} from './go-programs.ts';
export {grantClusterRole} from './grant-cluster-role.ts';
export {installDefinitions} from './install-definitions.ts';
export {
  DEFAULT_KUBERNETES_VERSION,
  type KubeBinaries,
  type ResolveKubeBinariesOptions,
  resolveKubeBinaries,
} from './kube-binaries.ts';
export {KubeControlPlane, type KubeControlPlaneOptions, startKubeControlPlane} from './kube-control-plane.ts';
export {writeKubeconfig} from './kubeconfig-file.ts';
export {ManualClock, type ManualClockOptions} from './manual-clock.ts';
export {createNamespace} from './namespace.ts';
export {ProcessGuard} from './process-guard.ts';
export {ServerProcess, type ServerProcessOptions} from './server-process.ts';
export {sharedControlPlane, startSharedControlPlane} from './shared-control-plane.ts';
export {type SocketAddress, SocketProxy, type SocketProxyOptions} from './socket-proxy.ts';
export {startControlPlane} from './start-control-plane.ts';
export {type WaitForObjectsOptions, type WaitOptions, waitFor, waitForDeletion, waitForObject} from './wait-for.ts';
