import type {
  Container,
  ContainerPort,
  EphemeralContainer,
  Pod,
  PodSpec,
  Probe,
  Volume,
} from 'kubernetes-types/core/v1.js';
import {formatQuantity, parseQuantity} from '../quantity.ts';
import {volumeClaimDefaults} from '../volume-claim-defaults.ts';

type Handler = {httpGet?: {path?: string; scheme?: string}} | undefined;

/** What kube-apiserver fills into a Pod. */
export function podDefaults(pod: Pod): void {
  const {spec, status} = pod;
  // The first address stands in two places; the old one counts.
  if (status?.podIP && status.podIPs?.[0]?.ip !== status.podIP) status.podIPs = [{ip: status.podIP}];
  else if (status?.podIPs?.[0]?.ip) status.podIP = status.podIPs[0].ip;
  if (!spec) return;
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) requestsOfLimits(container);
  spec.enableServiceLinks ??= true;
  podSpecDefaults(spec);
}

/** What kube-apiserver fills into the spec of a Pod or of a template. */
export function podSpecDefaults(spec: PodSpec): void {
  const all: Container[] = [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
  if (spec.hostNetwork) for (const {ports} of all) for (const port of ports ?? []) port.hostPort ??= port.containerPort;
  for (const container of all) containerDefaults(container);
  for (const container of spec.ephemeralContainers ?? []) containerDefaults(container);
  for (const volume of spec.volumes ?? []) volumeDefaults(volume);
  spec.restartPolicy ??= 'Always';
  spec.terminationGracePeriodSeconds ??= 30;
  spec.dnsPolicy ??= 'ClusterFirst';
  spec.securityContext ??= {};
  spec.schedulerName ??= 'default-scheduler';
  // The old name of the field stays in step with the new one.
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
}

/** A limit without a request is a request too. */
function requestsOfLimits({resources}: Container): void {
  if (!resources?.limits) return;
  resources.requests ??= {};
  for (const [name, limit] of Object.entries(resources.limits)) resources.requests[name] ??= limit;
  resources.requests = Object.fromEntries(Object.entries(resources.requests).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function containerDefaults(container: Container | EphemeralContainer): void {
  container.terminationMessagePath ??= '/dev/termination-log';
  container.terminationMessagePolicy ??= 'File';
  container.imagePullPolicy ??= isLatest(container.image ?? '') ? 'Always' : 'IfNotPresent';
  for (const amounts of [container.resources?.limits, container.resources?.requests]) roundToThousandths(amounts);
  for (const port of container.ports ?? []) portDefaults(port);
  for (const variable of container.env ?? []) {
    if (variable.valueFrom?.fieldRef) variable.valueFrom.fieldRef.apiVersion ??= 'v1';
  }
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) probeDefaults(probe);
  handlerDefaults(container.lifecycle?.postStart);
  handlerDefaults(container.lifecycle?.preStop);
}

/** Amounts are no finer than thousandths. */
function roundToThousandths(amounts: Record<string, string> | undefined): void {
  for (const [name, text] of Object.entries(amounts ?? {})) {
    const quantity = parseQuantity(text);
    if (!quantity || quantity.nanos % MILLI === 0n) continue;
    const up = quantity.nanos > 0n ? MILLI : 0n;
    amounts![name] = formatQuantity({...quantity, nanos: (quantity.nanos / MILLI) * MILLI + up});
  }
}

/** In billionths. */
const MILLI = 1_000_000n;

function portDefaults(port: ContainerPort): void {
  port.protocol ??= 'TCP';
}

/** Whether an image has the tag `latest`, or neither tag nor digest. */
function isLatest(image: string): boolean {
  if (image.includes('@')) return false;
  const name = image.slice(image.lastIndexOf('/') + 1);
  const tag = name.indexOf(':') < 0 ? '' : name.slice(name.indexOf(':') + 1);
  return tag === '' || tag === 'latest';
}

function probeDefaults(probe: Probe | undefined): void {
  if (!probe) return;
  handlerDefaults(probe);
  if (probe.grpc) probe.grpc.service ??= '';
  probe.timeoutSeconds ??= 1;
  probe.periodSeconds ??= 10;
  probe.successThreshold ??= 1;
  probe.failureThreshold ??= 3;
}

function handlerDefaults(handler: Handler): void {
  if (!handler?.httpGet) return;
  handler.httpGet.path ??= '/';
  handler.httpGet.scheme ??= 'HTTP';
}

const DEFAULT_MODE = 0o644;

function volumeDefaults(volume: Volume): void {
  if (Object.keys(volume).every((key) => key === 'name')) volume.emptyDir = {};
  if (volume.secret) volume.secret.defaultMode ??= DEFAULT_MODE;
  if (volume.configMap) volume.configMap.defaultMode ??= DEFAULT_MODE;
  if (volume.hostPath) volume.hostPath.type ??= '';
  if (volume.iscsi) volume.iscsi.iscsiInterface ??= 'default';
  if (volume.downwardAPI) {
    volume.downwardAPI.defaultMode ??= DEFAULT_MODE;
    for (const {fieldRef} of volume.downwardAPI.items ?? []) if (fieldRef) fieldRef.apiVersion ??= 'v1';
  }
  if (volume.projected) {
    volume.projected.defaultMode ??= DEFAULT_MODE;
    for (const {serviceAccountToken, downwardAPI} of volume.projected.sources ?? []) {
      if (serviceAccountToken) serviceAccountToken.expirationSeconds ??= 3600;
      for (const {fieldRef} of downwardAPI?.items ?? []) if (fieldRef) fieldRef.apiVersion ??= 'v1';
    }
  }
  if (volume.ephemeral?.volumeClaimTemplate) volumeClaimDefaults(volume.ephemeral.volumeClaimTemplate.spec);
}
