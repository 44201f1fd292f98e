import {
  ARTIFACT_STORE_LABEL,
  type ArtifactStoreSpec,
  MAINTAINER_SERVICE_ACCOUNT,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  maintainerName,
  type Run,
} from '@kruntimes/api-types';
import {
  type Cache,
  type Client,
  type DeepReadonly,
  isForbidden,
  isNotFound,
  type Kind,
  type KubernetesObject,
  kinds,
  type Logger,
  type Manager,
  type ReconcileRequest,
} from '@kruntimes/reconciler-kit';
import type {Deployment} from 'kubernetes-types/apps/v1.d.ts';
import type {ServiceAccount} from 'kubernetes-types/core/v1.d.ts';
import type {Role, RoleBinding} from 'kubernetes-types/rbac/v1.d.ts';
import {FIELD_MANAGER} from './field-manager.ts';
import {
  maintainerDeployment,
  maintainerRole,
  maintainerRoleBinding,
  maintainerServiceAccount,
} from './maintainer-deployment.ts';
import {BY_STORE, storeKeysOf} from './runs-with-artifacts.ts';

export interface MaintainerControllerOptions {
  manager: Manager;
  /** Those that may have artifacts in a store. */
  runs: Cache<Run>;
  serviceAccounts: Cache<ServiceAccount>;
  maintainerImage: string;
  /** Watch one namespace only. */
  namespace?: string;
}

/**
 * Keeps one maintainer for each store in which Runs of a namespace have artifacts, as their status says, and takes it away with the last of
 * these Runs.
 */
export function addMaintainerController(options: MaintainerControllerOptions): void {
  const {manager, runs, serviceAccounts} = options;
  const scope = options.namespace === undefined ? {} : {namespace: options.namespace};
  const deployments = manager.cache(kinds.Deployment, {
    ...scope,
    labelSelector: `${ARTIFACT_STORE_LABEL},${MANAGED_BY_LABEL}=${MANAGED_BY}`,
    metadataOnly: true,
  });
  const ours = {...scope, labelSelector: `${MANAGED_BY_LABEL}=${MANAGED_BY}`};
  const roles = manager.cache(kinds.Role, ours);
  const roleBindings = manager.cache(kinds.RoleBinding, ours);
  const reconciler = new MaintainerReconciler({...options, client: manager.client, deployments, roles, roleBindings});
  const keyOf = ({metadata}: DeepReadonly<KubernetesObject>): string[] => [
    `${metadata?.namespace ?? ''}/${metadata?.labels?.[ARTIFACT_STORE_LABEL] ?? ''}`,
  ];
  const identityKeys = ({metadata}: DeepReadonly<KubernetesObject>): string[] =>
    metadata?.name === MAINTAINER_SERVICE_ACCOUNT ? deployments.list(metadata.namespace).flatMap(keyOf) : [];
  manager
    .controller({
      name: 'maintainer',
      // One at a time: the stores of a namespace share an identity.
      maxConcurrent: 1,
      reconcile: (request, {logger}) => reconciler.reconcile(request, logger),
    })
    .watches(runs, storeKeysOf, [{update: (before, run) => storeKeysOf(before).join() !== storeKeysOf(run).join()}])
    .watches(deployments, keyOf, [
      {update: (before, deployment) => before.metadata?.generation !== deployment.metadata?.generation},
    ])
    .watches(roles, identityKeys)
    .watches(roleBindings, identityKeys)
    .watches(serviceAccounts, identityKeys, [{update: () => false}]);
}

interface Parts extends MaintainerControllerOptions {
  client: Client;
  /** Metadata only. */
  deployments: Cache<Deployment>;
  roles: Cache<Role>;
  roleBindings: Cache<RoleBinding>;
}

/** What was applied last, and what the API server made of it: as long as both stay, applying again changes nothing. */
interface Applied {
  desired: string;
  uid: string | undefined;
  generation: number | undefined;
}

class MaintainerReconciler {
  readonly #parts: Parts;
  readonly #applied = new Map<string, Applied>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** @param request `namespace/hash` of a store */
  async reconcile({key, namespace = '', name: hash}: ReconcileRequest, logger: Logger): Promise<void> {
    const store = this.#parts.runs.byIndex(BY_STORE, key)[0]?.status?.artifactStore;
    try {
      if (store === undefined) await this.#remove(key, namespace, hash, logger);
      else await this.#ensure(key, namespace, store, logger);
    } catch (error) {
      // Nothing can be made in a namespace that is going: its Runs are let go without.
      if (isForbidden(error) && /being terminated/.test(error.message)) return;
      throw error;
    }
  }

  async #ensure(key: string, namespace: string, store: DeepReadonly<ArtifactStoreSpec>, logger: Logger): Promise<void> {
    await this.#ensureIdentity(namespace);
    const desired = maintainerDeployment({namespace, store, image: this.#parts.maintainerImage});
    const name = desired.metadata?.name ?? '';
    const text = JSON.stringify(desired);
    const present = this.#parts.deployments.get(`${namespace}/${name}`)?.metadata;
    const last = this.#applied.get(key);
    if (present && last?.desired === text && last.uid === present.uid && last.generation === present.generation) return;
    const {metadata} = await this.#parts.client
      .kind(kinds.Deployment)
      .apply(desired, {fieldManager: FIELD_MANAGER, force: true});
    this.#applied.set(key, {desired: text, uid: metadata?.uid, generation: metadata?.generation});
    if (metadata?.generation !== present?.generation) logger.info('maintainer applied', {deployment: name, namespace});
  }

  async #ensureIdentity(namespace: string): Promise<void> {
    const {client, serviceAccounts, roles, roleBindings} = this.#parts;
    const options = {fieldManager: FIELD_MANAGER, force: true};
    const key = `${namespace}/${MAINTAINER_SERVICE_ACCOUNT}`;
    const role = maintainerRole(namespace);
    if (!same(roles.get(key)?.rules, role.rules)) await client.kind(kinds.Role).apply(role, options);
    if (serviceAccounts.get(key) === undefined)
      await client.kind(kinds.ServiceAccount).apply(maintainerServiceAccount(namespace), options);
    const binding = maintainerRoleBinding(namespace);
    const present = roleBindings.get(key);
    if (present && same(present.subjects, binding.subjects) && same(present.roleRef, binding.roleRef)) return;
    // What a RoleBinding refers to can't be changed: one that refers elsewhere has to go first.
    if (present && !same(present.roleRef, binding.roleRef)) await this.#delete(kinds.RoleBinding, present);
    await client.kind(kinds.RoleBinding).apply(binding, options);
  }

  async #remove(key: string, namespace: string, hash: string, logger: Logger): Promise<void> {
    const {runs, deployments, roles, roleBindings, serviceAccounts} = this.#parts;
    this.#applied.delete(key);
    const deployment = deployments.get(`${namespace}/${maintainerName(hash)}`);
    if (deployment !== undefined) {
      await this.#delete(kinds.Deployment, deployment);
      logger.info('maintainer removed', {deployment: deployment.metadata?.name, namespace});
    }
    if (runs.list(namespace).some((run) => storeKeysOf(run).length > 0)) return;
    const identity = `${namespace}/${MAINTAINER_SERVICE_ACCOUNT}`;
    await this.#delete(kinds.RoleBinding, roleBindings.get(identity));
    await this.#delete(kinds.ServiceAccount, serviceAccounts.get(identity));
    await this.#delete(kinds.Role, roles.get(identity));
  }

  async #delete<T extends KubernetesObject>(kind: Kind<T>, object: DeepReadonly<T> | undefined): Promise<void> {
    if (object === undefined) return;
    const {name = '', namespace, uid} = object.metadata ?? {};
    try {
      await this.#parts.client
        .kind(kind)
        .delete({name, namespace}, {propagationPolicy: 'Background', preconditions: {uid}});
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
