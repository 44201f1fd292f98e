import type {Deployment, DeploymentStatus} from 'kubernetes-types/apps/v1.js';
import type {Pod} from 'kubernetes-types/core/v1.js';
import type {CachedObject} from '../cache/cached-object.ts';
import type {Clock} from '../clock.ts';
import {jsonEqual} from '../json/json-equal.ts';
import {cloneJson, type JsonValue} from '../json/json-value.ts';
import type {KubeObject, OwnerReference} from '../kube-object.ts';
import {timestamp} from '../registry/deletion.ts';
import type {Registry} from '../registry/registry.ts';
import type {ResourceStore} from '../registry/resource-store.ts';
import {
  type Controller,
  type ControllerEnvironment,
  controllerContext,
  errorTeller,
  isConflict,
  isGone,
  isTerminating,
} from './controller.ts';
import {
  deploymentStatus,
  planRollout,
  type RolloutPlan,
  TEMPLATE_HASH_LABEL,
  templateHash,
} from './deployment-rollout.ts';
import {FirstLooks} from './first-looks.ts';
import {followStores, named, scan, splitKey} from './follow-stores.ts';
import {PodsByOwner} from './pods-by-owner.ts';
import type {TimeSlices} from './time-slices.ts';
import {WorkQueue} from './work-queue.ts';

const ACCOUNT = 'deployment-controller';

/**
 * Turns Deployments into Pods. The Pods are owned by the Deployment itself: without ReplicaSets there is no history to
 * roll back to.
 */
export class DeploymentController implements Controller {
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #slices: TimeSlices;
  readonly #queue: WorkQueue;
  readonly #podsOf = new PodsByOwner();
  readonly #end: () => void;
  /** Until all Pods that are stored were seen: who does not know them would make them again. */
  readonly #looks: FirstLooks;

  constructor(environment: ControllerEnvironment) {
    const {registry, clock, slices} = environment;
    this.#registry = registry;
    this.#clock = clock;
    this.#slices = slices;
    const tell = errorTeller(environment, 'deployment');
    this.#looks = new FirstLooks(tell);
    this.#queue = new WorkQueue({
      work: (key) => this.#reconcile(key),
      concurrency: 5,
      clock,
      slices,
      onError: tell,
    });
    const endDeployments = followStores(registry, named('apps', 'deployments'), {
      changed: (_, {current}) => {
        if (current !== undefined) this.#queue.add(current.key);
      },
      opened: ({cache}) => {
        for (const {key} of cache.list().items) this.#queue.add(key);
      },
    });
    const endPods = followStores(registry, named('', 'pods'), {
      changed: (_, {current, previous}) => {
        if (current !== undefined) this.#observe(current);
        else if (previous !== undefined) this.#forget(previous.key);
      },
      opened: (store) => {
        this.#looks.add('pods', this.#scan(store));
      },
    });
    this.#end = () => {
      endDeployments();
      endPods();
    };
  }

  async close(): Promise<void> {
    const looked = this.#looks.close();
    this.#end();
    await looked;
    await this.#queue.close();
  }

  async #scan(store: ResourceStore): Promise<void> {
    for await (const object of scan(store, this.#slices)) {
      if (object.mentions('"ownerReferences"') && store.cache.get(object.key)?.revision === object.revision)
        this.#observe(object);
    }
    for (const key of this.#podsOf.keys()) if (store.cache.get(key) === undefined) this.#forget(key);
  }

  #observe({key, object: {metadata}}: CachedObject): void {
    const owner = metadata.ownerReferences?.find(isDeployment);
    if (owner === undefined) {
      this.#forget(key);
      return;
    }
    const deployment = `${splitKey(key).namespace}/${owner.name}`;
    this.#podsOf.set(key, {uid: owner.uid, deployment});
    this.#queue.add(deployment);
  }

  #forget(pod: string): void {
    const deployment = this.#podsOf.delete(pod);
    if (deployment !== undefined) this.#queue.add(deployment);
  }

  async #reconcile(key: string): Promise<void> {
    await this.#looks.over;
    const deployments = this.#registry.get('apps', 'deployments');
    const pods = this.#registry.get('', 'pods');
    const deployment = deployments?.cache.get(key)?.object as (KubeObject & Deployment) | undefined;
    if (deployments === undefined || pods === undefined || deployment === undefined) return;
    if (deployment.metadata.deletionTimestamp !== undefined) return;
    const hash = templateHash(deployment);
    const own = this.#podsOf
      .of(deployment.metadata.uid ?? '')
      .flatMap((pod) => (pods.cache.get(pod)?.object as Pod | undefined) ?? []);
    const plan = planRollout(deployment, own, hash);
    let failure: unknown;
    await this.#ensurePods(pods, deployment, plan, hash).catch((error: unknown) => (failure = error));
    if (isTerminating(failure)) return;
    const createError = failure instanceof Error ? failure.message : undefined;
    const now = timestamp(new Date(this.#clock.now()));
    await this.#writeStatus(deployments, key, deployment, deploymentStatus(deployment, plan, {now, createError}));
    if (failure !== undefined) throw failure;
  }

  async #ensurePods(
    pods: ResourceStore,
    deployment: KubeObject & Deployment,
    plan: RolloutPlan,
    hash: string,
  ): Promise<void> {
    const {namespace = ''} = deployment.metadata;
    for (const {metadata} of plan.delete) {
      const {name = '', uid = ''} = metadata ?? {};
      const context = controllerContext(ACCOUNT, pods, `${namespace}/${name}`, {verb: 'delete'});
      await pods.delete(context, name, {preconditions: {uid}}).catch((error: unknown) => {
        if (!isGone(error) && !isConflict(error)) throw error;
      });
    }
    for (let index = 0; index < plan.create; index++) {
      const context = controllerContext(ACCOUNT, pods, `${namespace}/`, {verb: 'create'});
      await pods.create(context, podOf(deployment, hash));
    }
  }

  async #writeStatus(
    deployments: ResourceStore,
    key: string,
    deployment: KubeObject & Deployment,
    status: DeploymentStatus,
  ): Promise<void> {
    const next = status as unknown as JsonValue;
    if (jsonEqual((deployment.status ?? {}) as unknown as JsonValue, next)) return;
    const {uid} = deployment.metadata;
    const context = controllerContext(ACCOUNT, deployments, key, {verb: 'update', subresource: 'status'});
    await deployments
      .update(context, context.name, (current) => ({...current, status: next}), {uid})
      .catch((error: unknown) => {
        if (!isGone(error) && !isConflict(error)) throw error;
      });
  }
}

function isDeployment({apiVersion, kind, controller}: OwnerReference): boolean {
  return kind === 'Deployment' && apiVersion === 'apps/v1' && controller === true;
}

function podOf(deployment: KubeObject & Deployment, hash: string): KubeObject {
  const {metadata: given, spec} = cloneJson(
    deployment.spec?.template as unknown as JsonValue,
  ) as unknown as NonNullable<Deployment['spec']>['template'];
  const {name = '', namespace = '', uid = ''} = deployment.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...(given?.annotations && {annotations: given.annotations}),
      ...(given?.finalizers && {finalizers: given.finalizers}),
      generateName: `${name}-${hash}-`,
      namespace,
      labels: {...given?.labels, [TEMPLATE_HASH_LABEL]: hash},
      ownerReferences: [
        {apiVersion: 'apps/v1', kind: 'Deployment', name, uid, controller: true, blockOwnerDeletion: true},
      ],
    },
    spec: (spec ?? {containers: []}) as unknown as JsonValue,
  };
}
