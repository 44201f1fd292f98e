import type {Service} from 'kubernetes-types/core/v1.js';
import {configMapRules, secretRules} from './core/config-rules.ts';
import {eventRules, eventsGroupRules} from './core/event-rules.ts';
import {finalizeSubresource} from './core/finalize.ts';
import {namespaceRules} from './core/namespace-rules.ts';
import {nodeRules} from './core/node-rules.ts';
import {type AddressRanges, ServiceAddresses} from './core/service-addresses.ts';
import {serviceRules} from './core/service-rules.ts';
import {volumeClaimRules} from './core/volume-claim-rules.ts';
import {bindingSubresource} from './pod/binding.ts';
import {evictionSubresource} from './pod/eviction.ts';
import {podRules} from './pod/pod-rules.ts';
import {leaseRules} from './policy/lease-rules.ts';
import {
  admissionPolicyBindingRules,
  admissionPolicyRules,
  disruptionBudgetRules,
  priorityClassRules,
} from './policy/policy-rules.ts';
import {bindingRules, clusterRoleRules, roleRules} from './policy/rbac-rules.ts';
import type {BuiltinRules} from './rules.ts';
import type {BuiltinStores} from './stores.ts';
import {serviceAccountTable} from './tables/core-tables.ts';
import {daemonSetRules, deploymentRules, replicaSetRules, statefulSetRules} from './workload/workload-rules.ts';

interface KindOptions {
  stores: BuiltinStores;
  now: () => Date;
  ranges: AddressRanges;
}

/** The rules of all kinds, by resource. */
export function builtinRules({stores, now, ranges}: KindOptions): Readonly<Record<string, BuiltinRules>> {
  const services = (): Service[] =>
    (stores.get('', 'services')?.cache.list({}).items ?? []).map(({object}) => object as Service);
  return {
    configmaps: configMapRules,
    events: eventRules,
    namespaces: {...namespaceRules, subresources: [finalizeSubresource(stores)]},
    nodes: nodeRules,
    persistentvolumeclaims: volumeClaimRules,
    pods: {...podRules, subresources: [bindingSubresource(stores, now), evictionSubresource(stores, now)]},
    secrets: secretRules,
    serviceaccounts: {strategy: {returnsDeleted: true}, version: {table: serviceAccountTable}},
    services: serviceRules(new ServiceAddresses(services, ranges)),
    'daemonsets.apps': daemonSetRules,
    'deployments.apps': deploymentRules,
    'replicasets.apps': replicaSetRules,
    'statefulsets.apps': statefulSetRules,
    'events.events.k8s.io': eventsGroupRules,
    'leases.coordination.k8s.io': leaseRules,
    'clusterrolebindings.rbac.authorization.k8s.io': bindingRules(false),
    'clusterroles.rbac.authorization.k8s.io': clusterRoleRules,
    'rolebindings.rbac.authorization.k8s.io': bindingRules(true),
    'roles.rbac.authorization.k8s.io': roleRules,
    'poddisruptionbudgets.policy': disruptionBudgetRules,
    'validatingadmissionpolicies.admissionregistration.k8s.io': admissionPolicyRules,
    'validatingadmissionpolicybindings.admissionregistration.k8s.io': admissionPolicyBindingRules,
    'priorityclasses.scheduling.k8s.io': priorityClassRules,
  };
}
