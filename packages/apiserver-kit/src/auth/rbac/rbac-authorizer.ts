import {statusErrors} from '../../errors/status-error.ts';
import type {AccessAttributes, Authorizer} from '../authorization.ts';
import type {Stores} from '../stores.ts';
import {MASTERS, type UserInfo} from '../user-info.ts';
import {type PolicyRule, ruleAllows} from './policy-rule.ts';
import {type Grant, RBAC_GROUP, RbacIndex, type RoleRef} from './rbac-index.ts';

/** Rights by roles and bindings. */
export interface RbacAuthorizer {
  authorize: Authorizer;
  /** All rules that somebody has in a namespace, and what is wrong with bindings that lead nowhere. */
  rules(user: UserInfo, namespace: string): {rules: PolicyRule[]; errors: string[]};
  /** What a binding of this namespace refers to; undefined where it is not there. */
  roleRules(roleRef: RoleRef, namespace: string): readonly PolicyRule[] | undefined;
  close(): void;
}

/** Everything is allowed to `system:masters`, to others what Roles, ClusterRoles and their bindings say. */
export function createRbacAuthorizer(stores: Stores): RbacAuthorizer {
  const index = new RbacIndex(stores);
  return {
    async authorize(access) {
      if (access.user.groups.includes(MASTERS)) return {allowed: true, reason: ''};
      const errors: string[] = [];
      for (const grant of index.grants(access.user, access.namespace)) {
        const rules = index.rules(grant.roleRef, grant.namespace);
        if (!rules) errors.push(roleNotFound(grant.roleRef));
        else if (allows(rules, access)) return {allowed: true, reason: `RBAC: allowed by ${describe(grant)}`};
      }
      return {allowed: false, reason: errors.length === 0 ? '' : `RBAC: ${aggregate(errors)}`};
    },
    rules(user, namespace) {
      const errors: string[] = [];
      const rules: PolicyRule[] = [];
      for (const grant of index.grants(user, namespace)) {
        const found = index.rules(grant.roleRef, grant.namespace);
        if (found) rules.push(...found);
        else errors.push(roleNotFound(grant.roleRef));
      }
      return {rules, errors};
    },
    roleRules: (roleRef, namespace) => index.rules(roleRef, namespace),
    close() {
      index.close();
    },
  };
}

function allows(rules: readonly PolicyRule[], access: AccessAttributes): boolean {
  return rules.some((rule) => ruleAllows(rule, access));
}

/** The name of the resource in this message is the singular, as kube-apiserver's caches have it. */
function roleNotFound({kind, name}: RoleRef): string {
  return statusErrors.notFound({group: RBAC_GROUP, name: kind.toLowerCase()}, name).message;
}

function aggregate(errors: readonly string[]): string {
  const different = [...new Set(errors)];
  return different.length === 1 ? different[0]! : `[${different.join(', ')}]`;
}

function describe({binding, namespace, roleRef, subject}: Grant): string {
  const quoted = JSON.stringify;
  const [kind, name] = namespace === '' ? ['ClusterRoleBinding', binding] : ['RoleBinding', `${binding}/${namespace}`];
  const home = subject.namespace === undefined || subject.namespace === '' ? namespace : subject.namespace;
  const who = subject.kind === 'ServiceAccount' ? `${subject.name}/${home}` : subject.name;
  return `${kind} ${quoted(name)} of ${roleRef.kind} ${quoted(roleRef.name)} to ${subject.kind} ${quoted(who)}`;
}
