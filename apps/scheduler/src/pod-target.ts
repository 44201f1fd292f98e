import {
  capacityOf,
  GROUP,
  type Resources,
  RUNTIME_KIND,
  RUNTIME_LABEL,
  RUNTIMED_CONTAINER,
  RUNTIMED_READY_CONDITION,
  type Runtime,
} from '@kruntimes/api-types';
import {type DeepReadonly, isConditionTrue, type KubernetesObject} from '@kruntimes/reconciler-kit';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import type {OwnerReference} from 'kubernetes-types/meta/v1.d.ts';

/** What the judgement needs beside the Pod. Keys are `namespace/name`. */
export interface PodSurroundings {
  runtime(key: string): DeepReadonly<Runtime> | undefined;
  deployment(key: string): DeepReadonly<KubernetesObject> | undefined;
  replicaSet(key: string): DeepReadonly<KubernetesObject> | undefined;
  /** Whether the runtimed of the Pod with this UID has renewed its Lease lately. */
  leaseIsFresh(namespace: string, podUID: string): boolean;
}

/** Why a Pod that carries the label takes no Runs; undefined if it does. */
export type PodObstacle =
  | 'RuntimeMissing'
  | 'RuntimeTerminating'
  | 'NotOwned'
  | 'Terminating'
  | 'NotReady'
  | 'RuntimedNotReady'
  | 'LeaseExpired';

/** `namespace/name` of the Runtime whose label the Pod carries. */
export function runtimeKeyOf(object: DeepReadonly<KubernetesObject>): string | undefined {
  const name = object.metadata?.labels?.[RUNTIME_LABEL];
  return name === undefined ? undefined : `${object.metadata?.namespace ?? ''}/${name}`;
}

/**
 * Whether Runs of the Runtime in the Pod's label may be bound to it. The label makes nobody a target: the Pod must belong to that
 * Runtime's Deployment (directly or through a ReplicaSet) or to the Runtime, by UID; must be ready, also to its runtimed; must not be
 * going; and its runtimed must be heard of.
 */
export function podObstacle(pod: DeepReadonly<Pod>, around: PodSurroundings): PodObstacle | undefined {
  const key = runtimeKeyOf(pod);
  const runtime = key === undefined ? undefined : around.runtime(key);
  if (runtime === undefined) return 'RuntimeMissing';
  if (runtime.metadata?.deletionTimestamp !== undefined) return 'RuntimeTerminating';
  if (!belongsTo(pod, runtime, around)) return 'NotOwned';
  if (pod.metadata?.deletionTimestamp !== undefined) return 'Terminating';
  if (pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') return 'Terminating';
  if (!isConditionTrue(pod.status?.conditions, 'Ready')) return 'NotReady';
  if (!isConditionTrue(pod.status?.conditions, RUNTIMED_READY_CONDITION)) return 'RuntimedNotReady';
  const {namespace = '', uid = ''} = pod.metadata ?? {};
  return around.leaseIsFresh(namespace, uid) ? undefined : 'LeaseExpired';
}

/**
 * What the Pod offers: what its own runtimed was started with, since the Runtime's capacity may have changed after the Pod was made;
 * without such an argument, what the Runtime says.
 */
export function podCapacity(pod: DeepReadonly<Pod>, runtime: DeepReadonly<Runtime> | undefined): Resources {
  const args = pod.spec?.initContainers?.find(({name}) => name === RUNTIMED_CONTAINER)?.args ?? [];
  const flag = '--capacity';
  const index = args.findIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  const given = args[index] === flag ? args[index + 1] : args[index]?.slice(flag.length + 1);
  return parseCapacity(given) ?? (runtime === undefined ? {} : capacityOf(runtime));
}

function parseCapacity(text: string | undefined): Resources | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const entries = Object.entries(value);
    return entries.every(([, amount]) => Number.isSafeInteger(amount) && amount >= 0)
      ? {runs: 1, ...Object.fromEntries(entries)}
      : undefined;
  } catch {
    return undefined;
  }
}

function belongsTo(pod: DeepReadonly<Pod>, runtime: DeepReadonly<Runtime>, around: PodSurroundings): boolean {
  const namespace = pod.metadata?.namespace ?? '';
  const owner = controllerOf(pod);
  if (owner === undefined) return false;
  if (isKind(owner, 'apps', 'ReplicaSet')) {
    const replicaSet = around.replicaSet(`${namespace}/${owner.name}`);
    if (replicaSet === undefined || replicaSet.metadata?.uid !== owner.uid) return false;
    const above = controllerOf(replicaSet);
    return above !== undefined && isDeploymentOf(above, namespace, runtime, around);
  }
  return isDeploymentOf(owner, namespace, runtime, around) || isRuntime(owner, runtime);
}

function isDeploymentOf(
  owner: DeepReadonly<OwnerReference>,
  namespace: string,
  runtime: DeepReadonly<Runtime>,
  around: PodSurroundings,
): boolean {
  if (!isKind(owner, 'apps', 'Deployment')) return false;
  const deployment = around.deployment(`${namespace}/${owner.name}`);
  if (deployment === undefined || deployment.metadata?.uid !== owner.uid) return false;
  const above = controllerOf(deployment);
  return above !== undefined && isRuntime(above, runtime);
}

function isRuntime(owner: DeepReadonly<OwnerReference>, runtime: DeepReadonly<Runtime>): boolean {
  return isKind(owner, GROUP, RUNTIME_KIND) && owner.uid !== '' && owner.uid === runtime.metadata?.uid;
}

function controllerOf(object: DeepReadonly<KubernetesObject>): DeepReadonly<OwnerReference> | undefined {
  return object.metadata?.ownerReferences?.find(({controller}) => controller === true);
}

function isKind(owner: DeepReadonly<OwnerReference>, group: string, kind: string): boolean {
  return owner.kind === kind && owner.apiVersion.startsWith(`${group}/`);
}
