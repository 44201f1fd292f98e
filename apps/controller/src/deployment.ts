import {
  capacityOf,
  DEFAULT_RUNTIME_PORT,
  type DeepReadonly,
  DRAIN_PATH,
  deploymentName,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  RUN_DIRECTORY,
  RUN_VOLUME,
  RUNTIME_CONTAINER,
  RUNTIME_LABEL,
  RUNTIME_SOCKET,
  RUNTIMED_CONTAINER,
  RUNTIMED_DRAIN_PORT,
  RUNTIMED_HEALTH_PORT,
  RUNTIMED_METRICS_PORT,
  RUNTIMED_READY_CONDITION,
  RUNTIMED_SERVICE_ACCOUNT,
  type Runtime,
  SERVICE_ACCOUNT_DIRECTORY,
  SPOOL_DIRECTORY,
  SPOOL_VOLUME,
  TOKEN_VOLUME,
  WORKSPACE_ROOT,
  WORKSPACE_VOLUME,
} from '@kruntimes/api-types';
import {cloneForEdit} from '@kruntimes/reconciler-kit';
import type {Deployment} from 'kubernetes-types/apps/v1.d.ts';
import type {
  Container,
  EnvVar,
  PodSecurityContext,
  PodSpec,
  PodTemplateSpec,
  Volume,
  VolumeMount,
} from 'kubernetes-types/core/v1.d.ts';
import type {OwnerReference} from 'kubernetes-types/meta/v1.d.ts';
import {ARTIFACTS_GROUP, artifactStoreAccess} from './artifact-store-access.ts';
import {type Identity, identityOf, runtimedSecurity, runtimeSecurity} from './container-security.ts';
import {gitAccess} from './git-access.ts';
import {
  MAX_OUTPUT_BYTES_VARIABLE,
  SERVICE_ACCOUNT_DIRECTORY_VARIABLE,
  SOCKET_VARIABLE,
  WORKSPACE_ROOT_VARIABLE,
} from './injected-env.ts';

export interface DeploymentOptions {
  /** Image of runtimed where the Runtime names none. */
  runtimedImage: string;
  /** More environment of runtimed, for its traces (OTEL_*). */
  runtimedEnv?: Readonly<Record<string, string>> | undefined;
}

/** As long as the kubelet's own; it renews the file at 80 %. */
const TOKEN_SECONDS = 3607;

/** The ServiceAccount of a Runtime's Pods. */
export function serviceAccountOf(runtime: DeepReadonly<Runtime>): string {
  const spec = runtime.spec.template.spec;
  // The API server reads the old name of the field where the new one is empty.
  return spec?.serviceAccountName || spec?.serviceAccount || RUNTIMED_SERVICE_ACCOUNT;
}

/** The Runtime as controller owner of what is made for it. */
export function ownerReferenceTo(runtime: DeepReadonly<Runtime>): OwnerReference {
  const {apiVersion = '', kind = '', metadata} = runtime;
  const {name = '', uid = ''} = metadata ?? {};
  return {apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true};
}

/**
 * The Deployment of a Runtime, as it is applied: the user's template with runtimed as a native sidecar, the volumes that both share, and
 * secure settings wherever the template does not say otherwise. The template must have passed `templateProblems`.
 */
export function deploymentOf(runtime: DeepReadonly<Runtime>, options: DeploymentOptions): Deployment {
  const {name = '', namespace = ''} = runtime.metadata ?? {};
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: deploymentName(name),
      namespace,
      labels: {[RUNTIME_LABEL]: name, [MANAGED_BY_LABEL]: MANAGED_BY},
      ownerReferences: [ownerReferenceTo(runtime)],
    },
    spec: {
      replicas: runtime.spec.replicas ?? 1,
      revisionHistoryLimit: 2,
      selector: {matchLabels: {[RUNTIME_LABEL]: name}},
      // A new Pod first, then an old one less: capacity never falls below what was asked for.
      strategy: {type: 'RollingUpdate', rollingUpdate: {maxSurge: '25%', maxUnavailable: 0}},
      template: podTemplateOf(runtime, options),
    },
  };
}

function podTemplateOf(runtime: DeepReadonly<Runtime>, options: DeploymentOptions): PodTemplateSpec {
  const template = cloneForEdit<PodTemplateSpec>(runtime.spec.template);
  const {serviceAccount: _, ...spec} = template.spec ?? {containers: []};
  const server = spec.containers.find((container) => container.name === RUNTIME_CONTAINER);
  const identity = identityOf(spec, server);
  return {
    metadata: {
      ...template.metadata,
      labels: {...template.metadata?.labels, [RUNTIME_LABEL]: runtime.metadata?.name ?? ''},
    },
    spec: {
      ...spec,
      serviceAccountName: serviceAccountOf(runtime),
      automountServiceAccountToken: false,
      securityContext: {
        seccompProfile: {type: 'RuntimeDefault'},
        ...(runtime.spec.artifactStore?.filesystem && sharedFiles),
        ...spec.securityContext,
      },
      readinessGates: [...(spec.readinessGates ?? []), {conditionType: RUNTIMED_READY_CONDITION}],
      initContainers: [runtimedContainer(runtime, server, identity, options), ...(spec.initContainers ?? [])],
      containers: spec.containers.map((container) =>
        container === server ? runtimeContainer(runtime, spec, container, identity) : container,
      ),
      volumes: [...(spec.volumes ?? []), ...ownVolumes(runtime, identity)],
    },
  };
}

function runtimeContainer(
  runtime: DeepReadonly<Runtime>,
  spec: PodSpec,
  container: Container,
  identity: Identity,
): Container {
  const {maxBytes} = runtime.spec.output ?? {};
  return {
    ...container,
    env: [
      {name: SOCKET_VARIABLE, value: RUNTIME_SOCKET},
      {name: WORKSPACE_ROOT_VARIABLE, value: WORKSPACE_ROOT},
      ...(maxBytes === undefined ? [] : [{name: MAX_OUTPUT_BYTES_VARIABLE, value: String(maxBytes)}]),
      ...(container.env ?? []),
    ],
    volumeMounts: [...(container.volumeMounts ?? []), ...sharedMounts],
    // The kubelet stops this container before runtimed, which therefore would not hear of it: it has the Runs end first.
    lifecycle: {
      ...container.lifecycle,
      preStop: {httpGet: {path: DRAIN_PATH, port: RUNTIMED_DRAIN_PORT, scheme: 'HTTP'}},
    },
    securityContext: runtimeSecurity(spec, container, identity),
  };
}

function runtimedContainer(
  runtime: DeepReadonly<Runtime>,
  server: Container | undefined,
  identity: Identity,
  options: DeploymentOptions,
): Container {
  const port = server?.ports?.[0]?.containerPort ?? DEFAULT_RUNTIME_PORT;
  const {unreachableSeconds, artifactStore, gitCredentials} = runtime.spec;
  const store = artifactStore && artifactStoreAccess(artifactStore);
  const git = gitAccess(gitCredentials, identity.runAsUser);
  return {
    name: RUNTIMED_CONTAINER,
    image: runtime.spec.daemonImage ?? options.runtimedImage,
    // Also where the tag is `latest`: an image that was loaded onto the node is as good.
    imagePullPolicy: 'IfNotPresent',
    restartPolicy: 'Always',
    args: [
      `--runtime-name=${runtime.metadata?.name ?? ''}`,
      `--workspace-root=${WORKSPACE_ROOT}`,
      `--runtime-endpoint=unix://${RUNTIME_SOCKET}`,
      `--runtime-endpoint=127.0.0.1:${port}`,
      `--capacity=${JSON.stringify(capacityOf(runtime))}`,
      ...(unreachableSeconds === undefined ? [] : [`--unreachable-seconds=${unreachableSeconds}`]),
      ...(store === undefined ? [] : [...store.args, `--spool-directory=${SPOOL_DIRECTORY}`]),
      ...git.args,
      `--metrics-bind-address=$(POD_IP):${RUNTIMED_METRICS_PORT}`,
      `--health-probe-bind-address=$(POD_IP):${RUNTIMED_HEALTH_PORT}`,
      `--drain-bind-address=$(POD_IP):${RUNTIMED_DRAIN_PORT}`,
    ],
    env: [
      fromField('POD_NAME', 'metadata.name'),
      fromField('POD_NAMESPACE', 'metadata.namespace'),
      fromField('POD_UID', 'metadata.uid'),
      fromField('POD_IP', 'status.podIP'),
      {name: SERVICE_ACCOUNT_DIRECTORY_VARIABLE, value: SERVICE_ACCOUNT_DIRECTORY},
      ...Object.entries(options.runtimedEnv ?? {}).map(([name, value]) => ({name, value})),
    ],
    ports: [
      {name: 'metrics', containerPort: RUNTIMED_METRICS_PORT, protocol: 'TCP'},
      {name: 'health', containerPort: RUNTIMED_HEALTH_PORT, protocol: 'TCP'},
      {name: 'drain', containerPort: RUNTIMED_DRAIN_PORT, protocol: 'TCP'},
    ],
    livenessProbe: {
      httpGet: {path: '/healthz', port: 'health', scheme: 'HTTP'},
      periodSeconds: 10,
      timeoutSeconds: 5,
      // A restart costs no Run, but a busy node must not look like a dead daemon.
      failureThreshold: 6,
    },
    resources: {requests: {cpu: '50m', memory: '96Mi'}},
    volumeMounts: [
      ...sharedMounts,
      tokenMount,
      ...(store === undefined ? [] : [...store.mounts, {name: SPOOL_VOLUME, mountPath: SPOOL_DIRECTORY}]),
      ...git.mounts,
    ],
    securityContext: runtimedSecurity(identity),
  };
}

const sharedMounts: VolumeMount[] = [
  {name: WORKSPACE_VOLUME, mountPath: WORKSPACE_ROOT},
  {name: RUN_VOLUME, mountPath: RUN_DIRECTORY},
];

/** Files of a volume that several Pods share belong to one group; looking through all of them at each start would take long. */
export const sharedFiles: PodSecurityContext = {
  fsGroup: ARTIFACTS_GROUP,
  fsGroupChangePolicy: 'OnRootMismatch',
};

/** Token, CA and namespace of the Pod's ServiceAccount, and where they are mounted. */
export const tokenVolume: Volume = {
  name: TOKEN_VOLUME,
  projected: {
    sources: [
      {serviceAccountToken: {path: 'token', expirationSeconds: TOKEN_SECONDS}},
      {configMap: {name: 'kube-root-ca.crt', items: [{key: 'ca.crt', path: 'ca.crt'}]}},
      {downwardAPI: {items: [{path: 'namespace', fieldRef: {apiVersion: 'v1', fieldPath: 'metadata.namespace'}}]}},
    ],
  },
};
export const tokenMount: VolumeMount = {name: TOKEN_VOLUME, mountPath: SERVICE_ACCOUNT_DIRECTORY, readOnly: true};

function ownVolumes(runtime: DeepReadonly<Runtime>, identity: Identity): Volume[] {
  const {artifactStore, gitCredentials, workspace} = runtime.spec;
  const {sizeLimit} = workspace ?? {};
  return [
    {name: WORKSPACE_VOLUME, emptyDir: sizeLimit === undefined ? {} : {sizeLimit: String(sizeLimit)}},
    {name: RUN_VOLUME, emptyDir: {}},
    tokenVolume,
    ...(artifactStore === undefined
      ? []
      : [...artifactStoreAccess(artifactStore).volumes, {name: SPOOL_VOLUME, emptyDir: {}}]),
    ...gitAccess(gitCredentials, identity.runAsUser).volumes,
  ];
}

/** A variable with a field of the Pod. */
export function fromField(name: string, fieldPath: string): EnvVar {
  return {name, valueFrom: {fieldRef: {apiVersion: 'v1', fieldPath}}};
}
