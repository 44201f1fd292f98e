import type {ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding} from 'kubernetes-types/rbac/v1.js';
import {type FieldError, fieldErrors} from '../../errors/field-error.ts';
import type {KubeObject} from '../../kube-object.ts';
import {pathSegmentProblems, subdomainProblems} from '../../registry/name-rules.ts';
import type {BuiltinRules} from '../rules.ts';
import {roleBindingTable, roleTable} from '../tables/policy-tables.ts';
import {asInvalid, goStruct, labelSelector, sameJson} from '../validation/field-rules.ts';

const GROUP = 'rbac.authorization.k8s.io';

/** Roles. */
export const roleRules: BuiltinRules = {
  version: {table: roleTable},
  strategy: {
    allowCreateOnUpdate: true,
    validateName: pathSegmentProblems,
    validate: (object) => rulesProblems((object as Role).rules, true),
  },
};

/** ClusterRoles. */
export const clusterRoleRules: BuiltinRules = {
  version: {table: roleTable},
  strategy: {
    allowCreateOnUpdate: true,
    validateName: pathSegmentProblems,
    validate(object) {
      const {rules, aggregationRule} = object as ClusterRole;
      const errors = rulesProblems(rules, false);
      if (aggregationRule) {
        const selectors = aggregationRule.clusterRoleSelectors ?? [];
        if (selectors.length === 0)
          errors.push(
            fieldErrors.required(
              'aggregationRule.clusterRoleSelectors',
              'at least one clusterRoleSelector required if aggregationRule is non-nil',
            ),
          );
        for (const [index, selector] of selectors.entries()) {
          const at = `aggregationRule.clusterRoleSelectors[${index}]`;
          const wrong = labelSelector(selector, at);
          errors.push(...wrong);
          if (wrong.length > 0) errors.push(fieldErrors.invalid(at, null, 'invalid label selector.'));
        }
      }
      return errors;
    },
  },
};

function rulesProblems(rules: readonly PolicyRule[] | undefined | null, namespaced: boolean): FieldError[] {
  return (rules ?? []).flatMap(({verbs, apiGroups, resources, nonResourceURLs}, index) => {
    const at = `rules[${index}]`;
    const errors: FieldError[] = [];
    if ((verbs ?? []).length === 0)
      errors.push(fieldErrors.required(`${at}.verbs`, 'verbs must contain at least one value'));
    if ((nonResourceURLs ?? []).length > 0) {
      if (namespaced)
        errors.push(
          fieldErrors.invalid(
            `${at}.nonResourceURLs`,
            nonResourceURLs,
            'namespaced rules cannot apply to non-resource URLs',
          ),
        );
      if ((apiGroups ?? []).length > 0 || (resources ?? []).length > 0)
        errors.push(
          fieldErrors.invalid(
            `${at}.nonResourceURLs`,
            nonResourceURLs,
            'rules cannot apply to both regular resources and non-resource URLs',
          ),
        );
      return errors;
    }
    if ((apiGroups ?? []).length === 0)
      errors.push(fieldErrors.required(`${at}.apiGroups`, 'resource rules must supply at least one api group'));
    if ((resources ?? []).length === 0)
      errors.push(fieldErrors.required(`${at}.resources`, 'resource rules must supply at least one resource'));
    return errors;
  });
}

/** RoleBindings and ClusterRoleBindings. */
export function bindingRules(namespaced: boolean): BuiltinRules {
  return {
    version: {table: roleBindingTable},
    defaults(object) {
      const {roleRef, subjects} = object as KubeObject & RoleBinding;
      roleRef.apiGroup ||= GROUP;
      for (const subject of subjects ?? [])
        if (subject.kind === 'User' || subject.kind === 'Group') subject.apiGroup ||= GROUP;
    },
    strategy: {
      allowCreateOnUpdate: true,
      validateName: pathSegmentProblems,
      validate: (object, old) => bindingProblems(object as KubeObject & RoleBinding, old, namespaced),
    },
  };
}

function bindingProblems(
  {roleRef, subjects}: RoleBinding | ClusterRoleBinding,
  old: KubeObject | undefined,
  namespaced: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  if (roleRef.apiGroup !== GROUP) errors.push(fieldErrors.notSupported('roleRef.apiGroup', roleRef.apiGroup, [GROUP]));
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  if (!kinds.includes(roleRef.kind)) errors.push(fieldErrors.notSupported('roleRef.kind', roleRef.kind, kinds));
  if (roleRef.name) errors.push(...asInvalid(pathSegmentProblems(roleRef.name), roleRef.name, 'roleRef.name'));
  else errors.push(fieldErrors.required('roleRef.name'));
  for (const [index, {kind, name, apiGroup = '', namespace}] of (subjects ?? []).entries()) {
    const at = `subjects[${index}]`;
    if (!name) errors.push(fieldErrors.required(`${at}.name`));
    if (kind === 'ServiceAccount') {
      if (name) errors.push(...asInvalid(subdomainProblems(name), name, `${at}.name`));
      if (apiGroup !== '') errors.push(fieldErrors.notSupported(`${at}.apiGroup`, apiGroup, ['']));
      if (!namespace && !namespaced) errors.push(fieldErrors.required(`${at}.namespace`));
    } else if (kind === 'User' || kind === 'Group') {
      if (apiGroup !== GROUP) errors.push(fieldErrors.notSupported(`${at}.apiGroup`, apiGroup, [GROUP]));
    } else errors.push(fieldErrors.notSupported(`${at}.kind`, kind, ['ServiceAccount', 'User', 'Group']));
  }
  const before = (old as RoleBinding | undefined)?.roleRef;
  if (before && !sameJson(roleRef, before)) {
    // Shown with the names of Go's fields.
    const shown = goStruct({APIGroup: roleRef.apiGroup, Kind: roleRef.kind, Name: roleRef.name});
    errors.push(fieldErrors.invalid('roleRef', shown, 'cannot change roleRef'));
  }
  return errors;
}
