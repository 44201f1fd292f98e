import type {DeepReadonly} from './read-only.ts';
import type {Run} from './run.ts';

/** Names one execution: whoever holds another fence than the Run's may not write its status. */
export interface Fence {
  /** UID of the Run. */
  uid: string;
  /** UID of the Pod that it is bound to. */
  podUID: string;
  /** Number of the bind, from 1. */
  attempt: number;
}

/** The fence of the present attempt; undefined if the Run is not bound. */
export function fenceOf(run: DeepReadonly<Run>): Fence | undefined {
  const {phase, assignedPodUID, attempt} = run.status ?? {};
  const uid = run.metadata?.uid;
  if ((phase !== 'Scheduled' && phase !== 'Running') || !uid || !assignedPodUID || !attempt) {
    return undefined;
  }
  return {uid, podUID: assignedPodUID, attempt};
}

/** Whether the Run is, as far as `run` tells, still the execution that `fence` names. */
export function holdsFence(run: DeepReadonly<Run>, fence: Fence): boolean {
  const present = fenceOf(run);
  return (
    present !== undefined &&
    present.uid === fence.uid &&
    present.podUID === fence.podUID &&
    present.attempt === fence.attempt
  );
}
