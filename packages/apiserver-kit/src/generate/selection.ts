/** Resources that are served, as `plural.group`; in the order of kube-apiserver. */
export const servedResources: readonly string[] = [
  'configmaps',
  'events',
  'namespaces',
  'nodes',
  'persistentvolumeclaims',
  'pods',
  'secrets',
  'serviceaccounts',
  'services',
  'daemonsets.apps',
  'deployments.apps',
  'replicasets.apps',
  'statefulsets.apps',
  'events.events.k8s.io',
  'leases.coordination.k8s.io',
  'clusterrolebindings.rbac.authorization.k8s.io',
  'clusterroles.rbac.authorization.k8s.io',
  'rolebindings.rbac.authorization.k8s.io',
  'roles.rbac.authorization.k8s.io',
  'poddisruptionbudgets.policy',
  'validatingadmissionpolicies.admissionregistration.k8s.io',
  'validatingadmissionpolicybindings.admissionregistration.k8s.io',
  'priorityclasses.scheduling.k8s.io',
  'customresourcedefinitions.apiextensions.k8s.io',
  'selfsubjectreviews.authentication.k8s.io',
  'tokenreviews.authentication.k8s.io',
  'localsubjectaccessreviews.authorization.k8s.io',
  'selfsubjectaccessreviews.authorization.k8s.io',
  'selfsubjectrulesreviews.authorization.k8s.io',
  'subjectaccessreviews.authorization.k8s.io',
];

export const groupVersions: readonly string[] = [
  'v1',
  'admissionregistration.k8s.io/v1',
  'apiextensions.k8s.io/v1',
  'apps/v1',
  'authentication.k8s.io/v1',
  'authorization.k8s.io/v1',
  'autoscaling/v1',
  'coordination.k8s.io/v1',
  'events.k8s.io/v1',
  'policy/v1',
  'rbac.authorization.k8s.io/v1',
  'scheduling.k8s.io/v1',
];

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

/** Definitions beside the kinds of resources: what bodies and answers of requests are made of. */
export const roots: readonly string[] = [
  `${meta}.APIGroup`,
  `${meta}.APIGroupList`,
  `${meta}.APIResourceList`,
  `${meta}.APIVersions`,
  `${meta}.DeleteOptions`,
  `${meta}.Patch`,
  `${meta}.Status`,
  `${meta}.WatchEvent`,
  'io.k8s.api.authentication.v1.TokenRequest',
  'io.k8s.api.autoscaling.v1.Scale',
  'io.k8s.api.core.v1.Binding',
  'io.k8s.api.policy.v1.Eviction',
];

/** Go packages of the types. */
export const packages: readonly string[] = [
  'k8s.io/api/admissionregistration/v1',
  'k8s.io/api/apps/v1',
  'k8s.io/api/authentication/v1',
  'k8s.io/api/authorization/v1',
  'k8s.io/api/autoscaling/v1',
  'k8s.io/api/coordination/v1',
  'k8s.io/api/core/v1',
  'k8s.io/api/events/v1',
  'k8s.io/api/policy/v1',
  'k8s.io/api/rbac/v1',
  'k8s.io/api/scheduling/v1',
  'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1',
  'k8s.io/apimachinery/pkg/apis/meta/v1',
];
