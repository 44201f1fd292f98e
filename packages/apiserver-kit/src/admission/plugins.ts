import type {Authorizer} from '../auth/authorization.ts';
import {escalationCheck} from '../auth/rbac/escalation.ts';
import type {RbacAuthorizer} from '../auth/rbac/rbac-authorizer.ts';
import type {AdmissionPlugin} from './admission.ts';
import {defaultTolerationSeconds} from './default-tolerations.ts';
import {namespaceLifecycle} from './namespace-lifecycle.ts';
import {priorityAdmission} from './priority.ts';
import {serviceAccountAdmission} from './service-account.ts';
import {storageObjectInUseProtection} from './storage-protection.ts';
import {taintNodesByCondition} from './taint-nodes.ts';
import {type PolicyStores, validatingAdmissionPolicies} from './validating-admission-policy.ts';

export interface AdmissionPluginsOptions {
  stores: PolicyStores;
  /** Whom expressions of policies ask. */
  authorizer: Authorizer;
  /** Undefined: there is no RBAC, and nobody grants more than they have. */
  rbac?: RbacAuthorizer;
}

/** What a kube-apiserver does with writes by default, in its order, as far as it concerns the kinds that are served here. */
export function admissionPlugins({stores, authorizer, rbac}: AdmissionPluginsOptions): AdmissionPlugin[] {
  return [
    namespaceLifecycle(stores),
    serviceAccountAdmission({stores}),
    taintNodesByCondition,
    priorityAdmission(stores),
    defaultTolerationSeconds,
    storageObjectInUseProtection,
    validatingAdmissionPolicies(stores, authorizer),
    ...(rbac ? [escalationCheck(rbac, authorizer)] : []),
  ];
}
