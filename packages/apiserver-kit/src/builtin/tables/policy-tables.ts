import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from 'kubernetes-types/admissionregistration/v1.js';
import type {Lease} from 'kubernetes-types/coordination/v1.js';
import type {PodDisruptionBudget} from 'kubernetes-types/policy/v1.js';
import type {ClusterRoleBinding, RoleBinding} from 'kubernetes-types/rbac/v1.js';
import type {PriorityClass} from 'kubernetes-types/scheduling/v1.js';
import {AGE, selectorText, tableLayout} from './layout.ts';

export const leaseTable = tableLayout<Lease>(['Holder', 'Age'], ({spec}) => [spec?.holderIdentity ?? '', AGE]);

export const roleTable = tableLayout<{metadata: {creationTimestamp?: string}}>(['Created At:date'], ({metadata}) => [
  metadata.creationTimestamp ?? null,
]);

export const roleBindingTable = tableLayout<RoleBinding | ClusterRoleBinding>(
  ['Role', 'Age', '*Users', '*Groups', '*ServiceAccounts'],
  ({roleRef, subjects}) => {
    const of = (wanted: string): string[] =>
      (subjects ?? [])
        .filter(({kind}) => kind === wanted)
        .map(({name, namespace}) => (wanted === 'ServiceAccount' ? `${namespace ?? ''}/${name}` : name));
    return [
      `${roleRef.kind}/${roleRef.name}`,
      AGE,
      of('User').join(', '),
      of('Group').join(', '),
      of('ServiceAccount').join(', '),
    ];
  },
);

export const disruptionBudgetTable = tableLayout<PodDisruptionBudget>(
  ['Min Available', 'Max Unavailable', 'Allowed Disruptions:integer', 'Age'],
  ({spec, status}) => [
    `${spec?.minAvailable ?? 'N/A'}`,
    `${spec?.maxUnavailable ?? 'N/A'}`,
    status?.disruptionsAllowed ?? 0,
    AGE,
  ],
);

export const priorityClassTable = tableLayout<PriorityClass>(
  ['Value:integer', 'Global-Default:boolean', 'Age', 'PreemptionPolicy'],
  ({value, globalDefault, preemptionPolicy}) => [value, globalDefault ?? false, AGE, preemptionPolicy ?? ''],
);

export const admissionPolicyTable = tableLayout<ValidatingAdmissionPolicy>(
  ['Validations:integer', 'ParamKind', 'Age'],
  ({spec}) => [
    spec?.validations?.length ?? 0,
    spec?.paramKind ? `${spec.paramKind.apiVersion ?? ''}/${spec.paramKind.kind ?? ''}` : '<unset>',
    AGE,
  ],
);

export const admissionPolicyBindingTable = tableLayout<ValidatingAdmissionPolicyBinding>(
  ['PolicyName', 'ParamRef', 'Age'],
  ({spec}) => {
    const reference = spec?.paramRef;
    const named = reference?.name ? `${reference.namespace || '*'}/${reference.name}` : undefined;
    const selected = reference?.selector ? selectorText(reference.selector) : '<unset>';
    return [spec?.policyName ?? '', named ?? selected, AGE];
  },
);
