import type {JsonObject} from '../../json/json-value.ts';
import type {KubeObject} from '../../kube-object.ts';
import type {PolicyRule} from './policy-rule.ts';
import {RBAC_GROUP} from './rbac-index.ts';

const read = ['get', 'list', 'watch'];
const write = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const readWrite = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const eventWrite = ['create', 'patch', 'update'];
const change = ['patch', 'update'];

const healthPaths = ['/healthz', '/livez', '/readyz', '/version', '/version/'];
const discoveryPaths = [
  ...['/api', '/api/*', '/apis', '/apis/*', '/healthz', '/livez', '/openapi', '/openapi/*', '/readyz'],
  ...['/version', '/version/'],
];
const monitoringPaths = [
  ...['/flagz', '/healthz', '/healthz/*', '/livez', '/livez/*', '/metrics', '/metrics/slis'],
  ...['/readyz', '/readyz/*', '/statusz'],
];
const issuerPaths = ['/.well-known/openid-configuration', '/openid/v1/jwks'].flatMap((path) => [path, `${path}/`]);

/** Groups and resources are separated by spaces; the core group is `core`. */
function rule(verbs: readonly string[], groups: string, resources: string): PolicyRule {
  return {
    verbs: [...verbs],
    apiGroups: groups.split(' ').map((group) => (group === 'core' ? '' : group)),
    resources: resources.split(' '),
  };
}

function paths(nonResourceURLs: readonly string[]): PolicyRule {
  return {verbs: ['get'], nonResourceURLs: [...nonResourceURLs]};
}

function named(name: string, policyRule: PolicyRule): PolicyRule {
  return {...policyRule, resourceNames: [name]};
}

const reviews: readonly PolicyRule[] = [
  rule(['create'], 'authentication.k8s.io', 'tokenreviews'),
  rule(['create'], 'authorization.k8s.io', 'subjectaccessreviews'),
];
const events = rule(eventWrite, 'core events.k8s.io', 'events');

const aggregateToEdit: readonly PolicyRule[] = [
  rule(read, 'core', 'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy'),
  rule(['impersonate'], 'core', 'serviceaccounts'),
  rule(write, 'core', 'pods pods/attach pods/exec pods/portforward pods/proxy'),
  rule(['create'], 'core', 'pods/eviction'),
  rule(
    write,
    'core',
    'configmaps persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy',
  ),
  rule(['create'], 'core', 'serviceaccounts/token'),
  rule(write, 'core events.k8s.io', 'events'),
  rule(
    write,
    'apps',
    'daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale',
  ),
  rule(write, 'autoscaling', 'horizontalpodautoscalers'),
  rule(write, 'batch', 'cronjobs jobs'),
  rule(
    write,
    'extensions',
    'daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale',
  ),
  rule(write, 'policy', 'poddisruptionbudgets'),
  rule(write, 'networking.k8s.io', 'ingresses networkpolicies'),
  rule(readWrite, 'coordination.k8s.io', 'leases'),
  rule(write, 'resource.k8s.io', 'resourceclaims resourceclaimtemplates'),
];

const aggregateToView: readonly PolicyRule[] = [
  rule(
    read,
    'core',
    'configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status',
  ),
  rule(
    read,
    'core',
    'bindings limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status',
  ),
  rule(read, 'core', 'namespaces'),
  rule(read, 'core events.k8s.io', 'events'),
  rule(read, 'discovery.k8s.io', 'endpointslices'),
  rule(
    read,
    'apps',
    'controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status',
  ),
  rule(read, 'autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status'),
  rule(read, 'batch', 'cronjobs cronjobs/status jobs jobs/status'),
  rule(
    read,
    'extensions',
    'daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale',
  ),
  rule(read, 'policy', 'poddisruptionbudgets poddisruptionbudgets/status'),
  rule(read, 'networking.k8s.io', 'ingresses ingresses/status networkpolicies'),
  rule(read, 'resource.k8s.io', 'resourceclaims resourceclaims/status resourceclaimtemplates'),
];

const node: readonly PolicyRule[] = [
  rule(['create'], 'authentication.k8s.io', 'tokenreviews'),
  rule(['create'], 'authorization.k8s.io', 'localsubjectaccessreviews subjectaccessreviews'),
  rule(read, 'core', 'services'),
  rule(['create', ...read], 'core', 'nodes'),
  rule(change, 'core', 'nodes/status'),
  rule(change, 'core', 'nodes'),
  events,
  rule(read, 'core', 'pods'),
  rule(['create', 'delete'], 'core', 'pods'),
  rule(change, 'core', 'pods/status'),
  rule(['create'], 'core', 'pods/eviction'),
  rule(read, 'core', 'configmaps secrets'),
  rule(['get'], 'core', 'persistentvolumeclaims persistentvolumes'),
  rule(['get'], 'core', 'endpoints'),
  rule(['create', ...read], 'certificates.k8s.io', 'certificatesigningrequests'),
  rule(['create', 'delete', 'get', 'patch', 'update'], 'coordination.k8s.io', 'leases'),
  rule(['get'], 'storage.k8s.io', 'volumeattachments'),
  rule(['create'], 'core', 'serviceaccounts/token'),
  rule(['get', 'patch', 'update'], 'core', 'persistentvolumeclaims/status'),
  rule(read, 'storage.k8s.io', 'csidrivers'),
  rule(['create', 'delete', 'get', 'patch', 'update'], 'storage.k8s.io', 'csinodes'),
  rule(read, 'node.k8s.io', 'runtimeclasses'),
  rule(['get'], 'resource.k8s.io', 'resourceclaims'),
  rule(['deletecollection'], 'resource.k8s.io', 'resourceslices'),
  rule(['get'], 'core', 'serviceaccounts'),
];

const scheduler: readonly PolicyRule[] = [
  events,
  rule(['create'], 'coordination.k8s.io', 'leases'),
  named('kube-scheduler', rule(['get', 'list', 'update', 'watch'], 'coordination.k8s.io', 'leases')),
  rule(readWrite, 'coordination.k8s.io', 'leasecandidates'),
  rule(read, 'core', 'nodes'),
  rule(['delete', ...read], 'core', 'pods'),
  rule(['create'], 'core', 'bindings pods/binding'),
  rule(change, 'core', 'pods/status'),
  rule(read, 'core', 'replicationcontrollers services'),
  rule(read, 'apps extensions', 'replicasets'),
  rule(read, 'apps', 'statefulsets'),
  rule(read, 'policy', 'poddisruptionbudgets'),
  rule(read, 'core', 'persistentvolumeclaims persistentvolumes'),
  ...reviews,
  rule(read, 'storage.k8s.io', 'csinodes'),
  rule(read, 'storage.k8s.io', 'volumeattachments'),
  rule(read, 'core', 'namespaces'),
  rule(read, 'storage.k8s.io', 'csidrivers'),
  rule(read, 'storage.k8s.io', 'csistoragecapacities'),
  rule(read, 'resource.k8s.io', 'deviceclasses'),
  rule(['get', 'list', 'patch', 'update', 'watch'], 'resource.k8s.io', 'resourceclaims'),
  rule(['get', 'list', 'patch', 'update', 'watch'], 'resource.k8s.io', 'resourceclaims/status'),
  rule(['update'], 'core', 'pods/finalizers'),
  rule(read, 'resource.k8s.io', 'resourceslices'),
  rule(['create', 'delete'], 'resource.k8s.io', 'resourceclaims'),
  rule(change, 'resource.k8s.io', 'resourceclaims/binding'),
];

const controllerManager: readonly PolicyRule[] = [
  events,
  rule(['create'], 'coordination.k8s.io', 'leases'),
  named('kube-controller-manager', rule(['get', 'update'], 'coordination.k8s.io', 'leases')),
  rule(['create'], 'core', 'secrets serviceaccounts'),
  rule(['delete'], 'core', 'secrets'),
  rule(['get'], 'core', 'configmaps namespaces secrets serviceaccounts'),
  rule(['update'], 'core', 'secrets serviceaccounts'),
  ...reviews,
  rule(['list', 'watch'], '*', '*'),
  rule(['create'], 'core', 'serviceaccounts/token'),
];

const proxier: readonly PolicyRule[] = [
  rule(['list', 'watch'], 'core', 'endpoints services'),
  rule(read, 'core', 'nodes'),
  events,
  rule(['list', 'watch'], 'networking.k8s.io', 'servicecidrs'),
  rule(['list', 'watch'], 'discovery.k8s.io', 'endpointslices'),
];

interface BootstrapRole {
  rules: readonly PolicyRule[];
  /** Roles that gather this one. */
  aggregatesTo?: string;
  /** Whether it gathers others. */
  aggregates?: boolean;
}

const roles: Readonly<Record<string, BootstrapRole>> = {
  'cluster-admin': {rules: [rule(['*'], '*', '*'), {verbs: ['*'], nonResourceURLs: ['*']}]},
  admin: {rules: [], aggregates: true},
  edit: {rules: [], aggregates: true, aggregatesTo: 'admin'},
  view: {rules: [], aggregates: true, aggregatesTo: 'edit'},
  'system:aggregate-to-admin': {
    rules: [
      rule(['create'], 'authorization.k8s.io', 'localsubjectaccessreviews'),
      rule(readWrite, RBAC_GROUP, 'rolebindings roles'),
    ],
    aggregatesTo: 'admin',
  },
  'system:aggregate-to-edit': {rules: aggregateToEdit, aggregatesTo: 'edit'},
  'system:aggregate-to-view': {rules: aggregateToView, aggregatesTo: 'view'},
  'system:auth-delegator': {rules: reviews},
  'system:basic-user': {
    rules: [
      rule(['create'], 'authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews'),
      rule(['create'], 'authentication.k8s.io', 'selfsubjectreviews'),
    ],
  },
  'system:discovery': {rules: [paths(discoveryPaths)]},
  'system:kube-controller-manager': {rules: controllerManager},
  'system:kube-scheduler': {rules: scheduler},
  'system:kubelet-api-admin': {
    rules: [
      rule(read, 'core', 'nodes'),
      rule(['proxy'], 'core', 'nodes'),
      rule(['*'], 'core', 'nodes/log nodes/metrics nodes/proxy nodes/stats'),
      rule(['*'], 'core', 'nodes/configz nodes/healthz nodes/pods'),
    ],
  },
  'system:monitoring': {rules: [paths(monitoringPaths), rule(['get'], 'core', 'nodes/metrics')]},
  'system:node': {rules: node},
  'system:node-proxier': {rules: proxier},
  'system:public-info-viewer': {rules: [paths(healthPaths)]},
  'system:service-account-issuer-discovery': {rules: [paths(issuerPaths)]},
};

/** Each role is bound to these, by a binding of its own name. */
const subjects: Readonly<Record<string, readonly (readonly ['Group' | 'User', string])[]>> = {
  'cluster-admin': [['Group', 'system:masters']],
  'system:basic-user': [['Group', 'system:authenticated']],
  'system:discovery': [['Group', 'system:authenticated']],
  'system:kube-controller-manager': [['User', 'system:kube-controller-manager']],
  'system:kube-scheduler': [['User', 'system:kube-scheduler']],
  'system:monitoring': [['Group', 'system:monitoring']],
  'system:node': [],
  'system:node-proxier': [['User', 'system:kube-proxy']],
  'system:public-info-viewer': [
    ['Group', 'system:authenticated'],
    ['Group', 'system:unauthenticated'],
  ],
  'system:service-account-issuer-discovery': [['Group', 'system:serviceaccounts']],
};

/** The ClusterRoles that every cluster has, without those of the controllers of kube-controller-manager. */
export function bootstrapClusterRoles(): KubeObject[] {
  return Object.entries(roles).map(([name, {rules, aggregatesTo, aggregates}]) => {
    const label = (to: string): string => `${RBAC_GROUP}/aggregate-to-${to}`;
    const metadata = bootstrapMetadata(name, aggregatesTo === undefined ? {} : {[label(aggregatesTo)]: 'true'});
    const selector = {clusterRoleSelectors: [{matchLabels: {[label(name)]: 'true'}}]};
    return {
      apiVersion: `${RBAC_GROUP}/v1`,
      kind: 'ClusterRole',
      metadata,
      rules: [...rules],
      ...(aggregates === true && {aggregationRule: selector}),
    };
  });
}

export function bootstrapClusterRoleBindings(): KubeObject[] {
  return Object.entries(subjects).map(([name, bound]) => ({
    apiVersion: `${RBAC_GROUP}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: bootstrapMetadata(name),
    subjects: bound.map(([kind, subject]) => ({kind, apiGroup: RBAC_GROUP, name: subject})),
    roleRef: {apiGroup: RBAC_GROUP, kind: 'ClusterRole', name},
  }));
}

function bootstrapMetadata(name: string, labels: Record<string, string> = {}): KubeObject['metadata'] & JsonObject {
  return {
    name,
    labels: {'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels},
    annotations: {'rbac.authorization.kubernetes.io/autoupdate': 'true'},
  };
}
