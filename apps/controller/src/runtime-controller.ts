import {
  deploymentName,
  RUNTIME_LABEL,
  RUNTIMED_SERVICE_ACCOUNT,
  type Runtime,
  type RuntimeStatus,
  runtimeKind,
} from '@kruntimes/api-types';
import {
  type Cache,
  type Client,
  type Clock,
  type DeepReadonly,
  isApiError,
  isForbidden,
  isNotFound,
  kinds,
  type Logger,
  type Manager,
  type ReconcileRequest,
  type ReconcileResult,
} from '@kruntimes/reconciler-kit';
import type {Deployment} from 'kubernetes-types/apps/v1.d.ts';
import type {ServiceAccount} from 'kubernetes-types/core/v1.d.ts';
import {deploymentOf, serviceAccountOf} from './deployment.ts';
import {FIELD_MANAGER} from './field-manager.ts';
import {type Acceptance, runtimeStatusOf} from './runtime-status.ts';
import {templateProblems} from './template-rules.ts';

export interface RuntimeControllerOptions {
  manager: Manager;
  runtimes: Cache<Runtime>;
  serviceAccounts: Cache<ServiceAccount>;
  /** Image of runtimed where a Runtime names none. */
  runtimedImage: string;
  /** See DeploymentOptions. */
  runtimedEnv?: Readonly<Record<string, string>> | undefined;
  clock: Clock;
  /** Watch one namespace only. */
  namespace?: string;
}

/** The Deployment was refused by an admission policy, a quota or missing permissions: nothing tells when that changes. */
const FORBIDDEN = 'DeploymentForbidden';
const FORBIDDEN_RETRY_MS = 60_000;

/** Keeps each Runtime's Deployment as its spec says, and its status as the Deployment says. */
export function addRuntimeController(options: RuntimeControllerOptions): void {
  const {manager, runtimes, serviceAccounts} = options;
  const deployments = manager.cache(kinds.Deployment, {
    labelSelector: RUNTIME_LABEL,
    ...(options.namespace && {namespace: options.namespace}),
  });
  const reconciler = new RuntimeReconciler({...options, client: manager.client, deployments});
  manager
    .controller({
      name: 'runtime',
      maxConcurrent: 4,
      reconcile: (request, {logger}) => reconciler.reconcile(request, logger),
    })
    .for(runtimes)
    .owns(deployments, {ownerKind: runtimeKind})
    .watches(serviceAccounts, (account) =>
      runtimes
        .list(account.metadata?.namespace)
        .filter((runtime) => serviceAccountOf(runtime) === account.metadata?.name)
        .map(({metadata}) => `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`),
    );
}

interface Parts extends RuntimeControllerOptions {
  client: Client;
  deployments: Cache<Deployment>;
}

/** What was applied last, and what the API server made of it: as long as both stay, applying again changes nothing. */
interface Applied {
  desired: string;
  uid: string | undefined;
  generation: number | undefined;
}

class RuntimeReconciler {
  readonly #parts: Parts;
  readonly #applied = new Map<string, Applied>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async reconcile({key}: ReconcileRequest, logger: Logger): Promise<ReconcileResult> {
    const runtime = this.#parts.runtimes.get(key);
    if (runtime === undefined || runtime.metadata?.deletionTimestamp !== undefined) {
      // Its Deployment is garbage-collected.
      this.#applied.delete(key);
      return {};
    }
    const acceptance = this.#judge(runtime) ?? (await this.#ensureDeployment(key, runtime, logger));
    await this.#ensureStatus(runtime, acceptance);
    return !acceptance.accepted && acceptance.reason === FORBIDDEN ? {requeueAfterMs: FORBIDDEN_RETRY_MS} : {};
  }

  /** What can be said without asking the API server. */
  #judge(runtime: DeepReadonly<Runtime>): Acceptance | undefined {
    const problems = templateProblems(runtime);
    if (problems.length > 0) {
      return {accepted: false, reason: 'InvalidTemplate', message: `spec.template: ${problems.join('; ')}`};
    }
    const account = serviceAccountOf(runtime);
    const namespace = runtime.metadata?.namespace ?? '';
    if (account !== RUNTIMED_SERVICE_ACCOUNT && !this.#parts.serviceAccounts.get(`${namespace}/${account}`)) {
      const message = `spec.template.spec.serviceAccountName: there is no ServiceAccount "${account}" in namespace ${namespace}`;
      return {accepted: false, reason: 'ServiceAccountNotFound', message};
    }
    return undefined;
  }

  /** Applies the Deployment. Where the API server refuses it, nothing has changed, and its answer is the user's to read. */
  async #ensureDeployment(key: string, runtime: DeepReadonly<Runtime>, logger: Logger): Promise<Acceptance> {
    const desired = deploymentOf(runtime, this.#parts);
    const text = JSON.stringify(desired);
    const present = this.#present(runtime);
    const last = this.#applied.get(key);
    const {uid, generation} = present?.metadata ?? {};
    if (present && last?.desired === text && last.uid === uid && last.generation === generation)
      return {accepted: true};
    const deployments = this.#parts.client.kind(kinds.Deployment);
    try {
      if (present === undefined && (await this.#isTaken(runtime))) {
        const message = `there is a Deployment "${deploymentName(runtime.metadata?.name ?? '')}" that does not belong to this Runtime`;
        return {accepted: false, reason: 'DeploymentExists', message};
      }
      const applied = await deployments.apply(desired, {fieldManager: FIELD_MANAGER, force: true});
      this.#applied.set(key, {desired: text, uid: applied.metadata?.uid, generation: applied.metadata?.generation});
      if (applied.metadata?.generation !== generation)
        logger.info('deployment applied', {deployment: applied.metadata?.name});
      return {accepted: true};
    } catch (error) {
      if (isForbidden(error)) return {accepted: false, reason: FORBIDDEN, message: error.message};
      if (!isRefusal(error)) throw error;
      return {accepted: false, reason: 'InvalidTemplate', message: error.message};
    }
  }

  /** The Runtime's own Deployment, as far as the cache knows. */
  #present(runtime: DeepReadonly<Runtime>): DeepReadonly<Deployment> | undefined {
    const {name = '', namespace = '', uid} = runtime.metadata ?? {};
    const found = this.#parts.deployments.get(`${namespace}/${deploymentName(name)}`);
    return found?.metadata?.ownerReferences?.some((owner) => owner.controller && owner.uid === uid) ? found : undefined;
  }

  /** Whether somebody else's Deployment has the name. Asked once, before the first apply: the cache shows only our own. */
  async #isTaken(runtime: DeepReadonly<Runtime>): Promise<boolean> {
    const {name = '', namespace, uid} = runtime.metadata ?? {};
    try {
      const found = await this.#parts.client
        .kind(kinds.Deployment)
        .get(deploymentName(name), namespace ? {namespace} : {});
      return !found.metadata?.ownerReferences?.some((owner) => owner.controller && owner.uid === uid);
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async #ensureStatus(runtime: DeepReadonly<Runtime>, acceptance: Acceptance): Promise<void> {
    const status = runtimeStatusOf(runtime, acceptance, this.#present(runtime), this.#parts.clock.now());
    if (isSame(runtime.status, status)) return;
    await this.#parts.client.kind(runtimeKind).updateStatus({...(runtime as Runtime), status});
  }
}

/** Whether the API server looked at the object and said no, as opposed to not having got that far. */
function isRefusal(error: unknown): error is Error {
  if (!isApiError(error)) return false;
  if (error.status === 400 || error.status === 422) return true;
  // Server-side apply answers so where a field does not exist or has a value of another type.
  return error.status === 500 && error.message.includes('failed to create typed patch object');
}

function isSame(a: DeepReadonly<RuntimeStatus> | undefined, b: RuntimeStatus): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

/** With object keys in order, so that equal values have equal JSON. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, sorted(v)]),
  );
}
