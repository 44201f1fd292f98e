import {createHash} from 'node:crypto';

import type {Deployment, DeploymentCondition, DeploymentStatus} from 'kubernetes-types/apps/v1.js';
import type {Pod} from 'kubernetes-types/core/v1.js';

export const TEMPLATE_HASH_LABEL = 'pod-template-hash';
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

export interface RolloutPlan {
  create: number;
  delete: Pod[];
  /** Pods that run, or may, by template. */
  current: Pod[];
  old: Pod[];
}

/** Names a Pod template: equal for equal templates, whatever the order of their keys. */
export function templateHash(deployment: Deployment): string {
  const stable = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(stable);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(value)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, each]) => [key, stable(each)]),
    );
  };
  return createHash('sha256')
    .update(JSON.stringify(stable(deployment.spec?.template)))
    .digest('hex')
    .slice(0, 10);
}

/** What to do next so that all wanted Pods are of the present template, within `maxSurge` and `maxUnavailable`. */
export function planRollout(deployment: Deployment, pods: readonly Pod[], hash: string): RolloutPlan {
  const wanted = deployment.spec?.replicas ?? 1;
  const present = pods.filter(({metadata}) => !metadata?.deletionTimestamp);
  const finished = present.filter(isFinished);
  const active = present.filter((pod) => !isFinished(pod));
  const isCurrent = (pod: Pod): boolean => pod.metadata?.labels?.[TEMPLATE_HASH_LABEL] === hash;
  const current = active.filter(isCurrent).toSorted(bySurvival);
  const old = active.filter((pod) => !isCurrent(pod)).toSorted(bySurvival);
  const surplus = current.slice(wanted);

  if (deployment.spec?.strategy?.type === 'Recreate') {
    const anyOld = pods.some((pod) => !isCurrent(pod));
    return {
      create: anyOld ? 0 : Math.max(0, wanted - current.length),
      delete: [...finished, ...old, ...surplus],
      current,
      old,
    };
  }
  const {surge, unavailable} = rollingUpdate(deployment, wanted);
  const room = wanted + surge - active.length;
  const missing = wanted - current.length;
  const create = Math.max(0, old.length === 0 ? missing : Math.min(missing, room));
  // An old Pod that is not ready serves nobody; a ready one goes when enough others are.
  const kept = active.filter(isPodReady).length - surplus.filter(isPodReady).length;
  const spare = Math.max(0, kept - (wanted - unavailable));
  const oldReady = old.filter(isPodReady);
  const retired = [...old.filter((pod) => !isPodReady(pod)), ...oldReady.slice(Math.max(0, oldReady.length - spare))];
  return {create, delete: [...finished, ...surplus, ...retired], current, old};
}

/** How many Pods more than wanted there may be, and how many less may be ready. @see https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#strategy */
function rollingUpdate({spec}: Deployment, wanted: number): {surge: number; unavailable: number} {
  const {maxSurge = '25%', maxUnavailable = '25%'} = spec?.strategy?.rollingUpdate ?? {};
  const surge = Math.ceil(share(maxSurge, wanted));
  const unavailable = Math.min(wanted, Math.floor(share(maxUnavailable, wanted)));
  // Something has to move.
  return surge === 0 && unavailable === 0 ? {surge: 0, unavailable: 1} : {surge, unavailable};
}

/** Of a number, or of a percentage of `all`. */
function share(value: number | string, all: number): number {
  if (typeof value === 'number') return value;
  return value.endsWith('%') ? (Number(value.slice(0, -1)) * all) / 100 : Number(value);
}

function isPodReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({type, status}) => type === 'Ready' && status === 'True') ?? false;
}

/** The status after a plan, with the error of the last attempt to create a Pod. */
export function deploymentStatus(
  deployment: Deployment,
  plan: RolloutPlan,
  options: {now: string; createError?: string | undefined},
): DeploymentStatus {
  const wanted = deployment.spec?.replicas ?? 1;
  const all = [...plan.current, ...plan.old];
  const ready = all.filter(isPodReady).length;
  const complete = plan.old.length === 0 && plan.current.length === wanted && ready === wanted;
  const condition = (type: string, status: boolean, reason: string, message: string): DeploymentCondition => {
    const previous = deployment.status?.conditions?.find((other) => other.type === type);
    const value = status ? 'True' : 'False';
    const sameStatus = previous?.status === value;
    const unchanged = sameStatus && previous.reason === reason && previous.message === message;
    return {
      type,
      status: value,
      reason,
      message,
      lastTransitionTime: (sameStatus && previous.lastTransitionTime) || options.now,
      lastUpdateTime: (unchanged && previous.lastUpdateTime) || options.now,
    };
  };
  const counts = {
    replicas: all.length,
    updatedReplicas: plan.current.length,
    readyReplicas: ready,
    availableReplicas: ready,
    unavailableReplicas: Math.max(0, wanted - ready),
  };
  return {
    ...(deployment.metadata?.generation === undefined ? {} : {observedGeneration: deployment.metadata.generation}),
    // The API server leaves zeros out: so that what is read equals what was written.
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    conditions: [
      ready >= wanted
        ? condition('Available', true, 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
        : condition('Available', false, 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.'),
      complete
        ? condition('Progressing', true, 'NewReplicaSetAvailable', 'All Pods are of the present template and ready.')
        : condition('Progressing', true, 'ReplicaSetUpdated', 'Pods of the present template are coming up.'),
      ...(options.createError === undefined
        ? []
        : [condition('ReplicaFailure', true, 'FailedCreate', options.createError)]),
    ],
  };
}

function isFinished({status}: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** Those that go last come first: cost, then bound, then ready, then old. */
function bySurvival(a: Pod, b: Pod): number {
  const cost = ({metadata}: Pod): number => Number(metadata?.annotations?.[DELETION_COST] ?? 0) || 0;
  const bound = ({spec}: Pod): number => (spec?.nodeName ? 1 : 0);
  const age = ({metadata}: Pod): number => Date.parse(metadata?.creationTimestamp ?? '') || 0;
  return (
    cost(b) - cost(a) ||
    bound(b) - bound(a) ||
    Number(isPodReady(b)) - Number(isPodReady(a)) ||
    age(a) - age(b) ||
    ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1)
  );
}
