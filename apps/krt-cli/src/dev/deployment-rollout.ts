import {createHash} from 'node:crypto';
import type {DeepReadonly} from '@kruntimes/reconciler-kit';
import type {Deployment, DeploymentCondition, DeploymentStatus} from 'kubernetes-types/apps/v1.d.ts';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';

export const TEMPLATE_HASH_LABEL = 'pod-template-hash';
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

/** How many Pods more than wanted a rolling update may have. None is ever missing. */
const SURGE = 1;

export interface RolloutPlan {
  create: number;
  delete: DeepReadonly<Pod>[];
  /** Pods that run, or may, by template. */
  current: DeepReadonly<Pod>[];
  old: DeepReadonly<Pod>[];
}

/** Names a Pod template: equal for equal templates, whatever the order of their keys. */
export function templateHash(deployment: DeepReadonly<Deployment>): string {
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

/** What to do next so that all wanted Pods are of the present template, one more at a time, none missing. */
export function planRollout(
  deployment: DeepReadonly<Deployment>,
  pods: readonly DeepReadonly<Pod>[],
  hash: string,
): RolloutPlan {
  const wanted = deployment.spec?.replicas ?? 1;
  const present = pods.filter(({metadata}) => !metadata?.deletionTimestamp);
  const finished = present.filter(isFinished);
  const active = present.filter((pod) => !isFinished(pod));
  const isCurrent = (pod: DeepReadonly<Pod>): boolean => pod.metadata?.labels?.[TEMPLATE_HASH_LABEL] === hash;
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
  const room = wanted + SURGE - active.length;
  const missing = wanted - current.length;
  const create = Math.max(0, old.length === 0 ? missing : Math.min(missing, room));
  // An old Pod that is not ready serves nobody; a ready one goes when enough others are.
  const spare = Math.max(0, active.filter(isPodReady).length - surplus.filter(isPodReady).length - wanted);
  const oldReady = old.filter(isPodReady);
  const retired = [...old.filter((pod) => !isPodReady(pod)), ...oldReady.slice(Math.max(0, oldReady.length - spare))];
  return {create, delete: [...finished, ...surplus, ...retired], current, old};
}

function isPodReady(pod: DeepReadonly<Pod>): boolean {
  return pod.status?.conditions?.some(({type, status}) => type === 'Ready' && status === 'True') ?? false;
}

/** The status after a plan, with the error of the last attempt to create a Pod. */
export function deploymentStatus(
  deployment: DeepReadonly<Deployment>,
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

function isFinished({status}: DeepReadonly<Pod>): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** Those that go last come first: cost, then bound, then ready, then old. */
function bySurvival(a: DeepReadonly<Pod>, b: DeepReadonly<Pod>): number {
  const cost = ({metadata}: DeepReadonly<Pod>): number => Number(metadata?.annotations?.[DELETION_COST] ?? 0) || 0;
  const bound = ({spec}: DeepReadonly<Pod>): number => (spec?.nodeName ? 1 : 0);
  const age = ({metadata}: DeepReadonly<Pod>): number => Date.parse(metadata?.creationTimestamp ?? '') || 0;
  return (
    cost(b) - cost(a) ||
    bound(b) - bound(a) ||
    Number(isPodReady(b)) - Number(isPodReady(a)) ||
    age(a) - age(b) ||
    ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1)
  );
}
