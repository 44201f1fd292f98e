import type {DeepReadonly, Run} from '@kruntimes/api-types';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';

/** Whether a Run can still be running where it is bound to. */
export type PodFate =
  /** It can, as far as is known; look again after so long. Infinity: something will tell when that changes. */
  | {kind: 'alive'; lookAgainMs: number}
  /** It can't: the Pod is gone, replaced or over. */
  | {kind: 'gone'; message: string}
  /** Nothing was heard of its runtimed for so long that it has ended the attempt itself. */
  | {kind: 'unreachable'; message: string};

export interface PodSilence {
  /** Whether its Lease was renewed lately. */
  readonly isFresh: boolean;
  /** For how long nothing was heard of the Pod's runtimed; undefined if that can't be told at the moment. */
  readonly silentMs: number | undefined;
  /** From when on that is too long. */
  readonly unreachableMs: number;
}

/** Look again a little later than the moment itself, so that rounding does not make it look twice. */
const MARGIN_MS = 100;
/** While nothing can be told. */
const UNKNOWN_MS = 10_000;

/** Judges the Pod of a bound Run. `pod`: as the API server has it, undefined if there is none of that name. */
export function podFate(run: DeepReadonly<Run>, pod: DeepReadonly<Pod> | undefined, silence: PodSilence): PodFate {
  const {assignedPod = '', assignedPodUID} = run.status ?? {};
  if (pod === undefined) return {kind: 'gone', message: `Pod ${assignedPod} does not exist any more`};
  if (pod.metadata?.uid !== assignedPodUID) {
    return {kind: 'gone', message: `Pod ${assignedPod} was replaced by another of the same name`};
  }
  const {phase} = pod.status ?? {};
  if (phase === 'Failed' || phase === 'Succeeded')
    return {kind: 'gone', message: `Pod ${assignedPod} has ${phase.toLowerCase()}`};
  const {isFresh, silentMs, unreachableMs} = silence;
  if (isFresh) return {kind: 'alive', lookAgainMs: Number.POSITIVE_INFINITY};
  if (silentMs === undefined) return {kind: 'alive', lookAgainMs: UNKNOWN_MS};
  if (silentMs >= unreachableMs) {
    const seconds = Math.floor(silentMs / 1000);
    return {kind: 'unreachable', message: `nothing was heard of runtimed in Pod ${assignedPod} for ${seconds} s`};
  }
  return {kind: 'alive', lookAgainMs: unreachableMs - silentMs + MARGIN_MS};
}
