import type {JsonObject} from '../../json/json-value.ts';
import type {KubeObject} from '../../kube-object.ts';
import {serviceAccountUsername} from '../service-account-names.ts';
import {follow, type ObjectChange, type Stores} from '../stores.ts';
import type {UserInfo} from '../user-info.ts';
import type {PolicyRule} from './policy-rule.ts';

export const RBAC_GROUP = 'rbac.authorization.k8s.io';

export interface RoleRef {
  apiGroup: string;
  kind: string;
  name: string;
}

interface Subject extends JsonObject {
  kind: string;
  name: string;
  namespace?: string;
}

/** A binding that gives somebody the rules of a role. */
export interface Grant {
  binding: string;
  /** Empty: everywhere. */
  namespace: string;
  roleRef: RoleRef;
  subject: Subject;
}

/** Grants by who gets them. */
type Grants = Map<string, Map<string, Grant>>;

/** Roles and bindings, by what a decision asks for. Follows the caches of the four kinds. */
export class RbacIndex {
  readonly #roles = new Map<string, readonly PolicyRule[]>();
  /** By namespace; the empty one is that of ClusterRoleBindings. */
  readonly #grants = new Map<string, Grants>();
  readonly #ends: (() => void)[];

  constructor(stores: Stores) {
    const roles = ({current, previous}: ObjectChange): void => {
      const object = (current ?? previous)?.object;
      if (!object) return;
      const key = roleKey(object.metadata.namespace ?? '', object.metadata.name ?? '');
      if (current) this.#roles.set(key, rulesOf(object));
      else this.#roles.delete(key);
    };
    const bindings = ({current, previous}: ObjectChange): void => {
      if (previous) this.#unbind(previous.object);
      if (current) this.#bind(current.object);
    };
    this.#ends = [
      follow(stores, RBAC_GROUP, 'clusterroles', roles),
      follow(stores, RBAC_GROUP, 'roles', roles),
      follow(stores, RBAC_GROUP, 'clusterrolebindings', bindings),
      follow(stores, RBAC_GROUP, 'rolebindings', bindings),
    ];
  }

  close(): void {
    for (const end of this.#ends) end();
  }

  /** What a binding of this namespace refers to; undefined where it is not there. */
  rules({kind, name}: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    if (kind === 'ClusterRole') return this.#roles.get(roleKey('', name));
    return kind === 'Role' ? this.#roles.get(roleKey(namespace, name)) : undefined;
  }

  /** Everything that was granted to somebody: everywhere, and in a namespace. */
  *grants(user: UserInfo, namespace: string): Iterable<Grant> {
    yield* this.#grantsIn('', user);
    if (namespace !== '') yield* this.#grantsIn(namespace, user);
  }

  *#grantsIn(namespace: string, {username, groups}: UserInfo): Iterable<Grant> {
    const grants = this.#grants.get(namespace);
    if (!grants) return;
    yield* grants.get(`User ${username}`)?.values() ?? [];
    for (const group of groups) yield* grants.get(`Group ${group}`)?.values() ?? [];
  }

  #bind(object: KubeObject): void {
    const {name: binding = '', namespace = ''} = object.metadata;
    const roleRef = object['roleRef'] as JsonObject as unknown as RoleRef;
    const grants = this.#grants.get(namespace) ?? new Map<string, Map<string, Grant>>();
    this.#grants.set(namespace, grants);
    for (const [who, subject] of subjectsOf(object, namespace)) {
      const bindings = grants.get(who) ?? new Map<string, Grant>();
      grants.set(who, bindings);
      if (!bindings.has(binding)) bindings.set(binding, {binding, namespace, roleRef, subject});
    }
  }

  #unbind(object: KubeObject): void {
    const {name = '', namespace = ''} = object.metadata;
    const grants = this.#grants.get(namespace);
    for (const [who] of subjectsOf(object, namespace)) {
      const bindings = grants?.get(who);
      bindings?.delete(name);
      if (bindings?.size === 0) grants?.delete(who);
    }
    if (grants?.size === 0) this.#grants.delete(namespace);
  }
}

function roleKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** Of a role; empty where it has none. */
export function rulesOf(role: KubeObject): readonly PolicyRule[] {
  return (role['rules'] as PolicyRule[] | null | undefined) ?? [];
}

/** Each subject with the name under which a decision finds it. */
function subjectsOf(binding: KubeObject, namespace: string): [string, Subject][] {
  const subjects = (binding['subjects'] as Subject[] | null | undefined) ?? [];
  return subjects.flatMap((subject): [string, Subject][] => {
    if (subject.kind !== 'ServiceAccount') return [[`${subject.kind} ${subject.name}`, subject]];
    const home = subject.namespace === undefined || subject.namespace === '' ? namespace : subject.namespace;
    if (home === '') return [];
    return [[`User ${serviceAccountUsername({namespace: home, name: subject.name})}`, subject]];
  });
}
