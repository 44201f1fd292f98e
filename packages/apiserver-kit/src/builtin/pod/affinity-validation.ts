import type {
  Affinity,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
} from 'kubernetes-types/core/v1.js';
import {type FieldError, fieldErrors} from '../../errors/field-error.ts';
import {labelKeyProblems} from '../../selectors/label-syntax.ts';
import {asInvalid, inRange, labelSelector} from '../validation/field-rules.ts';

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

/** Checks where a Pod wants to be. */
export function affinityProblems(affinity: Affinity | undefined, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const nodes = affinity?.nodeAffinity;
  const terms = nodes?.[REQUIRED]?.nodeSelectorTerms;
  if (nodes?.[REQUIRED]) {
    const path = `${at}.nodeAffinity.${REQUIRED}.nodeSelectorTerms`;
    if ((terms ?? []).length === 0)
      errors.push(fieldErrors.required(path, 'must have at least one node selector term'));
    for (const [index, term] of (terms ?? []).entries()) errors.push(...termProblems(term, `${path}[${index}]`));
  }
  for (const [index, {weight, preference}] of (nodes?.[PREFERRED] ?? []).entries()) {
    const path = `${at}.nodeAffinity.${PREFERRED}[${index}]`;
    if (weight <= 0 || weight > 100)
      errors.push(fieldErrors.invalid(`${path}.weight`, weight, 'must be in the range 1-100'));
    errors.push(...termProblems(preference, `${path}.preference`));
  }
  errors.push(...podProblems(affinity?.podAffinity, `${at}.podAffinity`));
  errors.push(...podProblems(affinity?.podAntiAffinity, `${at}.podAntiAffinity`));
  return errors;
}

function termProblems({matchExpressions, matchFields}: NodeSelectorTerm, at: string): FieldError[] {
  return [
    ...(matchExpressions ?? []).flatMap((each, index) => requirementProblems(each, `${at}.matchExpressions[${index}]`)),
    ...(matchFields ?? []).flatMap(({key}, index) =>
      key === 'metadata.name'
        ? []
        : [fieldErrors.invalid(`${at}.matchFields[${index}].key`, key, 'not a valid field selector key')],
    ),
  ];
}

function requirementProblems({key, operator, values = []}: NodeSelectorRequirement, at: string): FieldError[] {
  const errors: FieldError[] = [];
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0)
        errors.push(fieldErrors.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0)
        errors.push(
          fieldErrors.forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
        );
      break;
    case 'Gt':
    case 'Lt':
      if (values.length !== 1)
        errors.push(
          fieldErrors.required(`${at}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"),
        );
      break;
    default:
      errors.push(fieldErrors.invalid(`${at}.operator`, operator, 'not a valid selector operator'));
  }
  errors.push(...asInvalid(labelKeyProblems(key), key, `${at}.key`));
  return errors;
}

function podProblems(affinity: PodAffinity | undefined, at: string): FieldError[] {
  return [
    ...(affinity?.[REQUIRED] ?? []).flatMap((term, index) => podTermProblems(term, `${at}.${REQUIRED}[${index}]`)),
    ...(affinity?.[PREFERRED] ?? []).flatMap(({weight, podAffinityTerm}, index) => {
      const path = `${at}.${PREFERRED}[${index}]`;
      return [
        ...(inRange(weight, 1, 100, path).length > 0
          ? [fieldErrors.invalid(`${path}.weight`, weight, 'must be in the range 1-100')]
          : []),
        ...podTermProblems(podAffinityTerm, `${path}.podAffinityTerm`),
      ];
    }),
  ];
}

function podTermProblems(term: PodAffinityTerm, at: string): FieldError[] {
  const {topologyKey} = term;
  return [
    ...labelSelector(term.labelSelector, `${at}.labelSelector`),
    ...labelSelector(term.namespaceSelector, `${at}.namespaceSelector`),
    ...(topologyKey ? [] : [fieldErrors.required(`${at}.topologyKey`, 'can not be empty')]),
    ...asInvalid(labelKeyProblems(topologyKey), topologyKey, `${at}.topologyKey`),
  ];
}
