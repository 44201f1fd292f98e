import {
  MANAGED_BY,
  MANAGED_BY_LABEL,
  RUNTIMED_ROLE,
  RUNTIMED_SERVICE_ACCOUNT,
  type Runtime,
} from '@kruntimes/api-types';
import {
  type Cache,
  type Client,
  type DeepReadonly,
  type EventRecorder,
  isForbidden,
  isNotFound,
  type KindClient,
  type KubernetesObject,
  kinds,
  type Manager,
} from '@kruntimes/reconciler-kit';
import type {Pod, ServiceAccount} from 'kubernetes-types/core/v1.d.ts';
import type {Role, RoleBinding} from 'kubernetes-types/rbac/v1.d.ts';
import {serviceAccountOf} from './deployment.ts';
import {FIELD_MANAGER} from './field-manager.ts';
import {runtimedRole, runtimedRoleBinding, runtimedServiceAccount} from './runtimed-rbac.ts';
import {templateProblems} from './template-rules.ts';

export interface RuntimeIdentityOptions {
  manager: Manager;
  runtimes: Cache<Runtime>;
  /** Of all Runtimes. */
  pods: Cache<Pod>;
  serviceAccounts: Cache<ServiceAccount>;
  /** Watch one namespace only. */
  namespace?: string;
}

/**
 * Keeps, in every namespace with Runtimes, exactly what their Pods need to be somebody: the ServiceAccount and the Role of runtimed, and
 * one RoleBinding for each ServiceAccount in use. What no Runtime and no Pod uses any more is taken back; a Pod that is still
 * terminating needs its rights to report.
 */
export function addRuntimeIdentity(options: RuntimeIdentityOptions): void {
  const {manager, runtimes, pods, serviceAccounts} = options;
  const selected = {
    labelSelector: `${MANAGED_BY_LABEL}=${MANAGED_BY}`,
    ...(options.namespace && {namespace: options.namespace}),
  };
  const roles = manager.cache(kinds.Role, selected);
  const roleBindings = manager.cache(kinds.RoleBinding, selected);
  const identity = new RuntimeIdentity({
    ...options,
    client: manager.client,
    events: manager.events,
    roles,
    roleBindings,
  });
  const namespaceOf = (object: DeepReadonly<KubernetesObject>): string[] => [object.metadata?.namespace ?? ''];
  manager
    .controller({name: 'runtime-identity', reconcile: ({name}) => identity.reconcile(name)})
    .watches(runtimes, namespaceOf)
    .watches(roles, namespaceOf)
    .watches(roleBindings, namespaceOf)
    .watches(serviceAccounts, (account) =>
      account.metadata?.name === RUNTIMED_SERVICE_ACCOUNT || identity.isWanted(account) ? namespaceOf(account) : [],
    )
    // Only the end of a Pod can end the use of an identity.
    .watches(pods, namespaceOf, [{create: () => false, update: () => false}]);
}

interface Parts extends RuntimeIdentityOptions {
  client: Client;
  events: EventRecorder;
  roles: Cache<Role>;
  roleBindings: Cache<RoleBinding>;
}

class RuntimeIdentity {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async reconcile(namespace: string): Promise<void> {
    const wanted = new Map<string, DeepReadonly<Runtime>>();
    for (const runtime of this.#parts.runtimes.list(namespace)) {
      const account = serviceAccountOf(runtime);
      if (this.#maySpeakFor(runtime, account)) wanted.set(account, runtime);
    }
    try {
      if (wanted.size > 0) await this.#ensureRole(namespace);
      if (wanted.has(RUNTIMED_SERVICE_ACCOUNT)) await this.#ensureServiceAccount(namespace);
      for (const [account, runtime] of wanted) await this.#ensureBinding(namespace, account, runtime);
    } catch (error) {
      // Nothing can be made in a namespace that is going, and nothing needs to be.
      if (isForbidden(error) && /being terminated/.test(error.message)) return;
      throw error;
    }
    const stillUsed = new Set(this.#parts.pods.list(namespace).map(({spec}) => spec?.serviceAccountName ?? ''));
    await this.#revokeUnused(namespace, new Set([...wanted.keys(), ...stillUsed]));
    if (wanted.size === 0 && stillUsed.size === 0) await this.#removeIdentity(namespace);
  }

  /** Whether some Runtime of its namespace names the ServiceAccount. */
  isWanted(account: DeepReadonly<ServiceAccount>): boolean {
    const {namespace, name} = account.metadata ?? {};
    return this.#parts.runtimes.list(namespace).some((runtime) => serviceAccountOf(runtime) === name);
  }

  /** Nobody gets permissions by a Runtime that is not accepted, nor before he exists. */
  #maySpeakFor(runtime: DeepReadonly<Runtime>, account: string): boolean {
    const {namespace = '', deletionTimestamp} = runtime.metadata ?? {};
    if (deletionTimestamp !== undefined || templateProblems(runtime).length > 0) return false;
    return (
      account === RUNTIMED_SERVICE_ACCOUNT || this.#parts.serviceAccounts.get(`${namespace}/${account}`) !== undefined
    );
  }

  async #ensureRole(namespace: string): Promise<void> {
    const desired = runtimedRole(namespace);
    const present = this.#parts.roles.get(`${namespace}/${RUNTIMED_ROLE}`);
    if (present !== undefined && same(present.rules, desired.rules)) return;
    await this.#parts.client.kind(kinds.Role).apply(desired, {fieldManager: FIELD_MANAGER, force: true});
  }

  async #ensureServiceAccount(namespace: string): Promise<void> {
    if (this.#parts.serviceAccounts.get(`${namespace}/${RUNTIMED_SERVICE_ACCOUNT}`)) return;
    const accounts = this.#parts.client.kind(kinds.ServiceAccount);
    await accounts.apply(runtimedServiceAccount(namespace), {fieldManager: FIELD_MANAGER, force: true});
  }

  async #ensureBinding(namespace: string, account: string, runtime: DeepReadonly<Runtime>): Promise<void> {
    const desired = runtimedRoleBinding(namespace, account);
    const name = desired.metadata?.name ?? '';
    const present = this.#parts.roleBindings.get(`${namespace}/${name}`);
    if (present && same(present.subjects, desired.subjects) && same(present.roleRef, desired.roleRef)) return;
    const bindings = this.#parts.client.kind(kinds.RoleBinding);
    // What a RoleBinding refers to can't be changed: one that refers elsewhere has to go first.
    if (present && !same(present.roleRef, desired.roleRef)) await this.#delete(bindings, present);
    await bindings.apply(desired, {fieldManager: FIELD_MANAGER, force: true});
    if (present !== undefined || account === RUNTIMED_SERVICE_ACCOUNT) return;
    this.#parts.events.event(runtime, {
      type: 'Normal',
      reason: 'PermissionsGranted',
      action: 'Grant',
      note: `RoleBinding ${name} gives ServiceAccount ${account} the Role ${RUNTIMED_ROLE} in namespace ${namespace}`,
      related: {apiVersion: 'v1', kind: 'ServiceAccount', metadata: {name: account, namespace}},
    });
  }

  async #revokeUnused(namespace: string, used: ReadonlySet<string>): Promise<void> {
    for (const binding of this.#parts.roleBindings.list(namespace)) {
      const account = binding.subjects?.[0]?.name ?? '';
      if (binding.roleRef.name !== RUNTIMED_ROLE || used.has(account)) continue;
      await this.#delete(this.#parts.client.kind(kinds.RoleBinding), binding);
      if (account === RUNTIMED_SERVICE_ACCOUNT) continue;
      this.#parts.events.event(
        {apiVersion: 'v1', kind: 'ServiceAccount', metadata: {name: account, namespace}},
        {
          type: 'Normal',
          reason: 'PermissionsRevoked',
          action: 'Revoke',
          note: `no Runtime in namespace ${namespace} uses ServiceAccount ${account} any more`,
        },
      );
    }
  }

  async #removeIdentity(namespace: string): Promise<void> {
    const role = this.#parts.roles.get(`${namespace}/${RUNTIMED_ROLE}`);
    if (role === undefined) return;
    const accounts = this.#parts.client.kind(kinds.ServiceAccount);
    const account = this.#parts.serviceAccounts.get(`${namespace}/${RUNTIMED_SERVICE_ACCOUNT}`);
    if (account !== undefined) await this.#delete(accounts, account);
    // Last: as long as it is there, a controller that is interrupted here comes back to this namespace.
    await this.#delete(this.#parts.client.kind(kinds.Role), role);
  }

  async #delete<T extends KubernetesObject>(client: KindClient<T>, object: DeepReadonly<T>): Promise<void> {
    const {name = '', namespace, uid} = object.metadata ?? {};
    try {
      await client.delete({name, namespace}, uid === undefined ? {} : {preconditions: {uid}});
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
