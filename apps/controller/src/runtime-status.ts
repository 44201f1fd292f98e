import {
  ACCEPTED_CONDITION,
  AVAILABLE_CONDITION,
  capacityOf,
  type DeepReadonly,
  PROGRESSING_CONDITION,
  RUNTIME_LABEL,
  type Runtime,
  type RuntimeStatus,
} from '@kruntimes/api-types';
import {type ConditionUpdate, findCondition, setCondition} from '@kruntimes/reconciler-kit';
import type {Deployment} from 'kubernetes-types/apps/v1.d.ts';

/** Whether a Runtime's spec can be carried out. */
export type Acceptance = {accepted: true} | {accepted: false; reason: string; message: string};

/** As in the schema: longer messages would be refused. */
const MESSAGE_CHARACTERS = 1024;

/**
 * The status of a Runtime, from whether it was accepted and from the Deployment as it is. Equal input gives equal output but for
 * transition times, which move only when a condition changes.
 *
 * @param now milliseconds since the epoch
 */
export function runtimeStatusOf(
  runtime: DeepReadonly<Runtime>,
  acceptance: Acceptance,
  deployment: DeepReadonly<Deployment> | undefined,
  now: number,
): RuntimeStatus {
  const {name = '', generation = 0} = runtime.metadata ?? {};
  const replicas = deployment?.status?.replicas ?? 0;
  const readyReplicas = deployment?.status?.readyReplicas ?? 0;
  let conditions = runtime.status?.conditions;
  for (const update of [
    acceptedCondition(acceptance),
    availableCondition(runtime, acceptance, readyReplicas),
    progressingCondition(runtime, acceptance, deployment),
  ]) {
    const message = update.message.slice(0, MESSAGE_CHARACTERS);
    conditions = setCondition(conditions, {...update, message, observedGeneration: generation}, now);
  }
  const capacity: Record<string, number> = {};
  for (const [resource, units] of Object.entries(capacityOf(runtime))) capacity[resource] = units * readyReplicas;
  return {
    observedGeneration: generation,
    replicas,
    readyReplicas,
    selector: `${RUNTIME_LABEL}=${name}`,
    capacity,
    conditions: conditions as RuntimeStatus['conditions'] & object,
  };
}

function acceptedCondition(acceptance: Acceptance): ConditionUpdate {
  return acceptance.accepted
    ? {type: ACCEPTED_CONDITION, status: 'True', reason: 'Accepted', message: ''}
    : {type: ACCEPTED_CONDITION, status: 'False', reason: acceptance.reason, message: acceptance.message};
}

function availableCondition(runtime: DeepReadonly<Runtime>, acceptance: Acceptance, ready: number): ConditionUpdate {
  const type = AVAILABLE_CONDITION;
  const wanted = runtime.spec.replicas ?? 1;
  if (ready > 0) return {type, status: 'True', reason: ready < wanted ? 'SomePodsReady' : 'PodsReady', message: ''};
  if (wanted === 0) return {type, status: 'False', reason: 'ScaledToZero', message: 'spec.replicas is 0'};
  const reason = acceptance.accepted ? 'NoPodsReady' : 'NotAccepted';
  return {type, status: 'False', reason, message: 'no Pod is ready'};
}

function progressingCondition(
  runtime: DeepReadonly<Runtime>,
  acceptance: Acceptance,
  deployment: DeepReadonly<Deployment> | undefined,
): ConditionUpdate {
  const type = PROGRESSING_CONDITION;
  if (!acceptance.accepted) {
    return {type, status: 'False', reason: 'NotAccepted', message: 'the present spec is not carried out'};
  }
  const status = deployment?.status;
  // Where PodSecurity, quota or a missing ServiceAccount keeps Pods from being created, the Deployment says so here.
  const failure = findCondition(status?.conditions, 'ReplicaFailure');
  if (failure?.status === 'True') {
    return {type, status: 'False', reason: failure.reason ?? 'ReplicaFailure', message: failure.message ?? ''};
  }
  const progress = findCondition(status?.conditions, 'Progressing');
  if (progress?.status === 'False') {
    return {type, status: 'False', reason: progress.reason ?? 'Stalled', message: progress.message ?? ''};
  }
  const wanted = runtime.spec.replicas ?? 1;
  const done =
    status !== undefined &&
    (status.observedGeneration ?? 0) >= (deployment?.metadata?.generation ?? 1) &&
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.readyReplicas ?? 0) === wanted;
  return {type, status: 'True', reason: done ? 'Complete' : 'PodsChanging', message: ''};
}
