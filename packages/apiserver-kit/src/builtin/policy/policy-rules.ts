import type {
  MatchResources,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from 'kubernetes-types/admissionregistration/v1.js';
import type {PodDisruptionBudget} from 'kubernetes-types/policy/v1.js';
import type {PriorityClass} from 'kubernetes-types/scheduling/v1.js';
import {bindingErrors, policyErrors} from '../../admission/policy-validation.ts';
import {type FieldError, fieldErrors, type ShownValue} from '../../errors/field-error.ts';
import type {KubeObject} from '../../kube-object.ts';
import type {BuiltinRules} from '../rules.ts';
import {isStatusWrite, statusIsolation} from '../status-isolation.ts';
import {
  admissionPolicyBindingTable,
  admissionPolicyTable,
  disruptionBudgetTable,
  priorityClassTable,
} from '../tables/policy-tables.ts';
import {goStruct, labelSelector, oneOf, sameJson} from '../validation/field-rules.ts';
import {countOrPercent, notOverAll} from '../workload/workload-validation.ts';

const noDisruptions = {disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0};

/** PodDisruptionBudgets. */
export const disruptionBudgetRules: BuiltinRules = {
  version: {table: disruptionBudgetTable},
  strategy: {
    ...statusIsolation({initial: noDisruptions, generation: 'spec'}),
    validate(object, _old, context) {
      if (isStatusWrite(context)) return [];
      const {spec} = object as PodDisruptionBudget;
      const errors: FieldError[] = [];
      if (spec?.minAvailable !== undefined && spec.maxUnavailable !== undefined)
        errors.push(fieldErrors.invalid('spec', shownSpec(spec), 'minAvailable and maxUnavailable cannot be both set'));
      for (const key of ['minAvailable', 'maxUnavailable'] as const) {
        errors.push(...countOrPercent(spec?.[key], `spec.${key}`));
        errors.push(...notOverAll(spec?.[key], `spec.${key}`));
      }
      errors.push(...labelSelector(spec?.selector, 'spec.selector'));
      return errors;
    },
  },
};

/** With the names of Go's fields. */
function shownSpec(spec: NonNullable<PodDisruptionBudget['spec']>): ShownValue {
  const {minAvailable, selector, maxUnavailable}: typeof spec = spec;
  return goStruct({
    MinAvailable: minAvailable ?? null,
    Selector: selector ?? null,
    MaxUnavailable: maxUnavailable ?? null,
    UnhealthyPodEvictionPolicy: 'unhealthyPodEvictionPolicy' in spec ? spec.unhealthyPodEvictionPolicy : null,
  });
}

const HIGHEST_USER_PRIORITY = 1_000_000_000;

/** PriorityClasses. */
export const priorityClassRules: BuiltinRules = {
  version: {table: priorityClassTable},
  defaults(object) {
    (object as KubeObject & PriorityClass).preemptionPolicy ??= 'PreemptLowerPriority';
  },
  strategy: {
    prepareForCreate(object) {
      object.metadata.generation = 1;
    },
    validate(object, old) {
      const {value, metadata, preemptionPolicy} = object as KubeObject & PriorityClass;
      const errors: FieldError[] = [];
      const name = metadata.name ?? '';
      if (name.startsWith('system-')) {
        if (name !== 'system-cluster-critical' && name !== 'system-node-critical')
          errors.push(
            fieldErrors.forbidden(
              'metadata.name',
              "priority class names with 'system-' prefix are reserved for system use only. error: ".concat(
                `${name} is not a known system priority class`,
              ),
            ),
          );
      } else if (value > HIGHEST_USER_PRIORITY)
        errors.push(
          fieldErrors.forbidden(
            'value',
            `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`,
          ),
        );
      if (preemptionPolicy !== undefined)
        errors.push(...oneOf(preemptionPolicy, ['PreemptLowerPriority', 'Never'], 'preemptionPolicy'));
      const before = old as (KubeObject & PriorityClass) | undefined;
      if (before && before.value !== value)
        errors.push(fieldErrors.forbidden('value', 'may not be changed in an update.'));
      if (before && before.preemptionPolicy !== preemptionPolicy)
        errors.push(fieldErrors.invalid('preemptionPolicy', preemptionPolicy, 'field is immutable'));
      return errors;
    },
  },
};

function matchDefaults(match: MatchResources | undefined): void {
  if (!match) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])] as {scope?: string}[])
    rule.scope ??= '*';
}

/** ValidatingAdmissionPolicies. */
export const admissionPolicyRules: BuiltinRules = {
  version: {table: admissionPolicyTable},
  defaults(object) {
    const {spec} = object as ValidatingAdmissionPolicy;
    if (!spec) return;
    spec.failurePolicy ??= 'Fail';
    matchDefaults(spec.matchConstraints);
  },
  strategy: {
    ...statusIsolation({initial: {}, generation: 'spec'}),
    validate: (object, _old, context) => (isStatusWrite(context) ? [] : policyErrors(object)),
  },
};

/** ValidatingAdmissionPolicyBindings. */
export const admissionPolicyBindingRules: BuiltinRules = {
  version: {table: admissionPolicyBindingTable},
  defaults: (object) => matchDefaults((object as ValidatingAdmissionPolicyBinding).spec?.matchResources),
  strategy: {
    prepareForCreate(object) {
      object.metadata.generation = 1;
    },
    prepareForUpdate(object, old) {
      if (!sameJson(object['spec'], old['spec'])) object.metadata.generation = (old.metadata.generation ?? 0) + 1;
    },
    validate: (object) => bindingErrors(object),
  },
};
