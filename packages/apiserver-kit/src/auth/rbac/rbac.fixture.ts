import type {JsonObject} from '../../json/json-value.ts';
import type {KubeObject} from '../../kube-object.ts';
import type {PolicyRule} from './policy-rule.ts';

const apiVersion = 'rbac.authorization.k8s.io/v1';

/** A Role, or a ClusterRole where it has no namespace. */
export function role(name: string, rules: PolicyRule[], namespace?: string): KubeObject {
  return {
    apiVersion,
    kind: namespace === undefined ? 'ClusterRole' : 'Role',
    metadata: {name, ...(namespace !== undefined && {namespace})},
    rules,
  };
}

/** Gives a role (`ClusterRole/edit`) to subjects (`User/alice`, `ServiceAccount/ns:name`). */
export function binding(name: string, roleRef: string, subjects: string[], namespace?: string): KubeObject {
  const [kind = '', of = ''] = roleRef.split('/');
  return {
    apiVersion,
    kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
    metadata: {name, ...(namespace !== undefined && {namespace})},
    roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind, name: of},
    subjects: subjects.map(subject),
  };
}

function subject(text: string): JsonObject {
  const slash = text.indexOf('/');
  const kind = text.slice(0, slash);
  const name = text.slice(slash + 1);
  if (kind !== 'ServiceAccount') return {kind, name, apiGroup: 'rbac.authorization.k8s.io'};
  const [namespace = '', account = ''] = name.split(':');
  return {kind, name: account, ...(namespace !== '' && {namespace})};
}
