import {
  ARTIFACT_STORE_LABEL,
  type ArtifactStoreSpec,
  artifactStoreHash,
  type DeepReadonly,
  GROUP,
  MAINTAINER_PORT,
  MAINTAINER_SERVICE_ACCOUNT,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  maintainerName,
  RUN_PLURAL,
  RUNTIMED_HEALTH_PORT,
  RUNTIMED_METRICS_PORT,
  SERVICE_ACCOUNT_DIRECTORY,
} from '@kruntimes/api-types';
import type {Deployment} from 'kubernetes-types/apps/v1.d.ts';
import type {ServiceAccount} from 'kubernetes-types/core/v1.d.ts';
import type {Role, RoleBinding} from 'kubernetes-types/rbac/v1.d.ts';
import {ARTIFACTS_GROUP, artifactStoreAccess} from './artifact-store-access.ts';
import {runtimedSecurity} from './container-security.ts';
import {fromField, sharedFiles, tokenMount, tokenVolume} from './deployment.ts';
import {SERVICE_ACCOUNT_DIRECTORY_VARIABLE} from './injected-env.ts';

const CONTAINER = 'maintainer';
const labels = {[MANAGED_BY_LABEL]: MANAGED_BY};

export interface MaintainerOptions {
  namespace: string;
  /** The snapshot in the status of Runs: the Runtime may be gone, or have another store by now. */
  store: DeepReadonly<ArtifactStoreSpec>;
  image: string;
}

/** The Deployment that deletes and serves artifacts of one store. Nobody owns it: it is there as long as Runs have artifacts in the store. */
export function maintainerDeployment({namespace, store, image}: MaintainerOptions): Deployment {
  const hash = artifactStoreHash(store);
  const access = artifactStoreAccess(store);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {name: maintainerName(hash), namespace, labels: {...labels, [ARTIFACT_STORE_LABEL]: hash}},
    spec: {
      replicas: 1,
      revisionHistoryLimit: 2,
      selector: {matchLabels: {[ARTIFACT_STORE_LABEL]: hash}},
      // A volume may allow one Pod, or Pods of one node.
      strategy: {type: 'Recreate'},
      template: {
        metadata: {labels: {...labels, [ARTIFACT_STORE_LABEL]: hash}},
        spec: {
          serviceAccountName: MAINTAINER_SERVICE_ACCOUNT,
          automountServiceAccountToken: false,
          securityContext: {seccompProfile: {type: 'RuntimeDefault'}, ...(store.filesystem && sharedFiles)},
          containers: [
            {
              name: CONTAINER,
              image,
              imagePullPolicy: 'IfNotPresent',
              args: [
                `--namespace=${namespace}`,
                ...access.args,
                `--download-bind-address=127.0.0.1:${MAINTAINER_PORT}`,
                `--metrics-bind-address=$(POD_IP):${RUNTIMED_METRICS_PORT}`,
                `--health-probe-bind-address=$(POD_IP):${RUNTIMED_HEALTH_PORT}`,
              ],
              env: [
                fromField('POD_IP', 'status.podIP'),
                {name: SERVICE_ACCOUNT_DIRECTORY_VARIABLE, value: SERVICE_ACCOUNT_DIRECTORY},
              ],
              ports: [
                {name: 'metrics', containerPort: RUNTIMED_METRICS_PORT, protocol: 'TCP'},
                {name: 'health', containerPort: RUNTIMED_HEALTH_PORT, protocol: 'TCP'},
              ],
              livenessProbe: {
                httpGet: {path: '/healthz', port: 'health', scheme: 'HTTP'},
                periodSeconds: 10,
                timeoutSeconds: 5,
                failureThreshold: 6,
              },
              readinessProbe: {
                httpGet: {path: '/readyz', port: 'health', scheme: 'HTTP'},
                periodSeconds: 5,
                timeoutSeconds: 5,
              },
              resources: {requests: {cpu: '10m', memory: '96Mi'}},
              volumeMounts: [tokenMount, ...access.mounts],
              securityContext: runtimedSecurity({runAsUser: ARTIFACTS_GROUP, runAsGroup: ARTIFACTS_GROUP}),
            },
          ],
          volumes: [tokenVolume, ...access.volumes],
        },
      },
    },
  };
}

export function maintainerServiceAccount(namespace: string): ServiceAccount {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: {name: MAINTAINER_SERVICE_ACCOUNT, namespace, labels},
    automountServiceAccountToken: false,
  };
}

/** What maintainers may do, all of it in their own namespace. Which change of a Run is theirs is for the admission policy to say. */
export function maintainerRole(namespace: string): Role {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: {name: MAINTAINER_SERVICE_ACCOUNT, namespace, labels},
    rules: [
      {apiGroups: [GROUP], resources: [RUN_PLURAL], verbs: ['get', 'list', 'watch', 'patch']},
      {apiGroups: [GROUP], resources: [`${RUN_PLURAL}/status`], verbs: ['update']},
    ],
  };
}

export function maintainerRoleBinding(namespace: string): RoleBinding {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: {name: MAINTAINER_SERVICE_ACCOUNT, namespace, labels},
    roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: MAINTAINER_SERVICE_ACCOUNT},
    subjects: [{kind: 'ServiceAccount', name: MAINTAINER_SERVICE_ACCOUNT, namespace}],
  };
}
