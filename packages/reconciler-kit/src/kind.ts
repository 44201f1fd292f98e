import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from 'kubernetes-types/admissionregistration/v1.d.ts';
import type {CustomResourceDefinition} from 'kubernetes-types/apiextensions/v1.d.ts';
import type {Deployment, ReplicaSet} from 'kubernetes-types/apps/v1.d.ts';
import type {Job} from 'kubernetes-types/batch/v1.d.ts';
import type {Lease} from 'kubernetes-types/coordination/v1.d.ts';
import type {
  ConfigMap,
  Namespace,
  Node,
  PersistentVolumeClaim,
  Pod,
  Secret,
  Service,
  ServiceAccount,
} from 'kubernetes-types/core/v1.d.ts';
import type {Event} from 'kubernetes-types/events/v1.d.ts';
import type {ObjectMeta} from 'kubernetes-types/meta/v1.d.ts';
import type {NetworkPolicy} from 'kubernetes-types/networking/v1.d.ts';
import type {ClusterRole, ClusterRoleBinding, Role, RoleBinding} from 'kubernetes-types/rbac/v1.d.ts';

/** What all objects of the Kubernetes API have in common. */
export interface KubernetesObject {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
}

/** Where a kind lives in the API: everything a client must know to build its URLs. */
export interface Kind<T extends KubernetesObject = KubernetesObject> {
  /** API group; empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** In CamelCase, e.g. `Pod`. */
  readonly kind: string;
  /** Lower-case resource name in URLs, e.g. `pods`. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** Never set; carries the type of the kind's objects. */
  readonly type?: T;
}

/** Describes a kind, usually that of a CustomResourceDefinition. */
export function defineKind<T extends KubernetesObject>(kind: Omit<Kind<T>, 'type'>): Kind<T> {
  return kind;
}

/** `v1` for the core group, else `group/version`. */
export function apiVersionOf(kind: Pick<Kind, 'group' | 'version'>): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
}

function core<T extends KubernetesObject>(kind: string, plural: string, namespaced = true): Kind<T> {
  return defineKind<T>({group: '', version: 'v1', kind, plural, namespaced});
}

function grouped<T extends KubernetesObject>(group: string, kind: string, plural: string, namespaced = true): Kind<T> {
  return defineKind<T>({group, version: 'v1', kind, plural, namespaced});
}

const rbac = 'rbac.authorization.k8s.io';
const admission = 'admissionregistration.k8s.io';

/** Kinds of Kubernetes itself that controllers commonly read or write. */
export const kinds = {
  Pod: core<Pod>('Pod', 'pods'),
  Node: core<Node>('Node', 'nodes', false),
  Namespace: core<Namespace>('Namespace', 'namespaces', false),
  ServiceAccount: core<ServiceAccount>('ServiceAccount', 'serviceaccounts'),
  Secret: core<Secret>('Secret', 'secrets'),
  ConfigMap: core<ConfigMap>('ConfigMap', 'configmaps'),
  Service: core<Service>('Service', 'services'),
  PersistentVolumeClaim: core<PersistentVolumeClaim>('PersistentVolumeClaim', 'persistentvolumeclaims'),
  Deployment: grouped<Deployment>('apps', 'Deployment', 'deployments'),
  ReplicaSet: grouped<ReplicaSet>('apps', 'ReplicaSet', 'replicasets'),
  Job: grouped<Job>('batch', 'Job', 'jobs'),
  NetworkPolicy: grouped<NetworkPolicy>('networking.k8s.io', 'NetworkPolicy', 'networkpolicies'),
  Role: grouped<Role>(rbac, 'Role', 'roles'),
  RoleBinding: grouped<RoleBinding>(rbac, 'RoleBinding', 'rolebindings'),
  ClusterRole: grouped<ClusterRole>(rbac, 'ClusterRole', 'clusterroles', false),
  ClusterRoleBinding: grouped<ClusterRoleBinding>(rbac, 'ClusterRoleBinding', 'clusterrolebindings', false),
  Lease: grouped<Lease>('coordination.k8s.io', 'Lease', 'leases'),
  Event: grouped<Event>('events.k8s.io', 'Event', 'events'),
  CustomResourceDefinition: grouped<CustomResourceDefinition>(
    'apiextensions.k8s.io',
    'CustomResourceDefinition',
    'customresourcedefinitions',
    false,
  ),
  ValidatingAdmissionPolicy: grouped<ValidatingAdmissionPolicy>(
    admission,
    'ValidatingAdmissionPolicy',
    'validatingadmissionpolicies',
    false,
  ),
  ValidatingAdmissionPolicyBinding: grouped<ValidatingAdmissionPolicyBinding>(
    admission,
    'ValidatingAdmissionPolicyBinding',
    'validatingadmissionpolicybindings',
    false,
  ),
};
