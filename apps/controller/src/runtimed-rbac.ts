import {
  GROUP,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  RUN_PLURAL,
  RUNTIMED_ROLE,
  RUNTIMED_SERVICE_ACCOUNT,
  runtimedRoleBindingName,
} from '@kruntimes/api-types';
import type {ServiceAccount} from 'kubernetes-types/core/v1.d.ts';
import type {Role, RoleBinding} from 'kubernetes-types/rbac/v1.d.ts';

const labels = {[MANAGED_BY_LABEL]: MANAGED_BY};

/** The identity of Runtime Pods whose template names none. */
export function runtimedServiceAccount(namespace: string): ServiceAccount {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: {name: RUNTIMED_SERVICE_ACCOUNT, namespace, labels},
    automountServiceAccountToken: false,
  };
}

/** What runtimed may do, all of it in its own namespace. Which Runs and which Pod are its own is for the admission policy to say. */
export function runtimedRole(namespace: string): Role {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: {name: RUNTIMED_ROLE, namespace, labels},
    rules: [
      {apiGroups: [GROUP], resources: [RUN_PLURAL], verbs: ['get', 'list', 'watch', 'patch']},
      {apiGroups: [GROUP], resources: [`${RUN_PLURAL}/status`], verbs: ['get', 'update']},
      {apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch']},
      {apiGroups: [''], resources: ['pods/status'], verbs: ['patch']},
      {apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update']},
    ],
  };
}

/** Gives a ServiceAccount of the namespace that Role. */
export function runtimedRoleBinding(namespace: string, serviceAccount: string): RoleBinding {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: {name: runtimedRoleBindingName(serviceAccount), namespace, labels},
    roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: RUNTIMED_ROLE},
    subjects: [{kind: 'ServiceAccount', name: serviceAccount, namespace}],
  };
}
