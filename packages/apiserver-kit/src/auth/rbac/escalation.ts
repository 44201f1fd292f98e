import type {AdmissionAttributes, AdmissionPlugin} from '../../admission/admission.ts';
import {StatusError, statusErrors} from '../../errors/status-error.ts';
import {jsonEqual} from '../../json/json-equal.ts';
import type {JsonObject} from '../../json/json-value.ts';
import type {KubeObject} from '../../kube-object.ts';
import type {Authorizer} from '../authorization.ts';
import {MASTERS} from '../user-info.ts';
import {compactRules, missingRules, type PolicyRule, ruleText} from './policy-rule.ts';
import type {RbacAuthorizer} from './rbac-authorizer.ts';
import {RBAC_GROUP, type RoleRef, rulesOf} from './rbac-index.ts';

const everything: readonly PolicyRule[] = [
  {verbs: ['*'], apiGroups: ['*'], resources: ['*']},
  {verbs: ['*'], nonResourceURLs: ['*']},
];
const roles = new Set(['roles', 'clusterroles']);
const bindings = new Set(['rolebindings', 'clusterrolebindings']);

/**
 * Nobody grants more than they have: who writes a role must have all its rules, or the verb `escalate` on it; who writes a
 * binding must have all rules of the role that it names, or the verb `bind` on that role.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
 */
export function escalationCheck(rbac: RbacAuthorizer, authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'RBACEscalation',
    async admit(attributes) {
      const {operation, resource, context, object, oldObject} = attributes;
      if (resource.group !== RBAC_GROUP || object === undefined || context.subresource !== '') return;
      if (operation !== 'CREATE' && operation !== 'UPDATE') return;
      if (context.user.groups.includes(MASTERS)) return;
      if (oldObject && changesOnlyForCollection(object, oldObject)) return;
      if (roles.has(resource.plural)) await checkRole(attributes, object, rbac, authorizer);
      else if (bindings.has(resource.plural)) await checkBinding(attributes, object, rbac, authorizer);
    },
  };
}

async function checkRole(
  {context, resource, oldObject}: AdmissionAttributes,
  role: KubeObject,
  rbac: RbacAuthorizer,
  authorizer: Authorizer,
): Promise<void> {
  const {user, namespace, name} = context;
  const target = {group: RBAC_GROUP, version: '*', resource: resource.plural, subresource: '', namespace, name};
  if ((await authorizer({...target, user, verb: 'escalate'})).allowed) return;
  confirm(rbac, context, resource.plural, role, rulesOf(role));
  if (!hasAggregation(role) && !(oldObject && hasAggregation(oldObject))) return;
  if (missingRules(rbac.rules(user, namespace).rules, everything).length > 0) {
    throw refusal(resource.plural, role, 'must have cluster-admin privileges to use the aggregationRule');
  }
}

async function checkBinding(
  {context, resource}: AdmissionAttributes,
  binding: KubeObject,
  rbac: RbacAuthorizer,
  authorizer: Authorizer,
): Promise<void> {
  const {user, namespace} = context;
  const roleRef = (binding['roleRef'] ?? {}) as unknown as RoleRef;
  if (roleRef.kind !== 'Role' && roleRef.kind !== 'ClusterRole') {
    throw new StatusError(500, '', `unsupported role reference kind: ${JSON.stringify(roleRef.kind ?? '')}`);
  }
  const plural = roleRef.kind === 'Role' ? 'roles' : 'clusterroles';
  const role = {group: roleRef.apiGroup, version: '*', resource: plural, subresource: '', namespace};
  if ((await authorizer({...role, user, verb: 'bind', name: roleRef.name})).allowed) return;
  const rules = rbac.roleRules(roleRef, namespace);
  // The resource of this answer is that of the request, as in kube-apiserver.
  if (!rules) throw statusErrors.notFound({group: RBAC_GROUP, name: resource.plural}, roleRef.name);
  confirm(rbac, context, resource.plural, binding, rules);
}

/** @throws StatusError 403 that names what is missing */
function confirm(
  rbac: RbacAuthorizer,
  {user, namespace}: AdmissionAttributes['context'],
  plural: string,
  object: KubeObject,
  wanted: readonly PolicyRule[],
): void {
  const {rules, errors} = rbac.rules(user, namespace);
  const missing = missingRules(rules, wanted);
  if (missing.length === 0) return;
  const groups = user.groups.map((group) => JSON.stringify(group)).join(' ');
  const texts = [...new Set(compactRules(missing).map(ruleText))].toSorted();
  const who = `user ${JSON.stringify(user.username)} (groups=[${groups}])`;
  const unresolved = errors.length === 0 ? '' : `; resolution errors: [${errors.join(' ')}]`;
  const why = `${who} is attempting to grant RBAC permissions not currently held:\n${texts.join('\n')}${unresolved}`;
  throw refusal(plural, object, why);
}

function refusal(plural: string, object: KubeObject, why: string): StatusError {
  return statusErrors.forbidden({group: RBAC_GROUP, name: plural}, object.metadata.name ?? '', why);
}

function hasAggregation(role: KubeObject): boolean {
  const rule = role['aggregationRule'] as JsonObject | null | undefined;
  const selectors = rule?.['clusterRoleSelectors'];
  return Array.isArray(selectors) && selectors.length > 0;
}

/** What the garbage collector does grants nothing: it changes finalizers and owners. */
function changesOnlyForCollection(object: KubeObject, old: KubeObject): boolean {
  const rest = (each: KubeObject): KubeObject => {
    const metadata = {...each.metadata};
    for (const key of ['ownerReferences', 'finalizers', 'managedFields']) delete metadata[key];
    return {...each, metadata};
  };
  return jsonEqual(rest(object), rest(old));
}
