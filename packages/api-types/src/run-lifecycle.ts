/**
 * The life of a Run as pure functions. Each takes the Run as it is known and gives a complete new status for a PUT with that Run's
 * resourceVersion; nothing is changed in place. What can't follow throws.
 */

import type {ArtifactStoreSpec} from './artifact-store-spec.ts';
import {isSameArtifactStore} from './artifacts.ts';
import type {Condition} from './conditions.ts';
import {ARTIFACTS_STORED_CONDITION, FINISHED_CONDITION, SCHEDULED_CONDITION} from './constants.ts';
import {ApiTypesError} from './errors.ts';
import {limits} from './limits.ts';
import {describeOutputsProblem} from './outputs.ts';
import type {DeepReadonly} from './read-only.ts';
import {type ArtifactsStoredReason, BOUND_REASON, type RunReason, type UnschedulableReason} from './reasons.ts';
import type {Run} from './run.ts';
import {type Fence, holdsFence} from './run-fence.ts';
import {assertTransition, isTerminal} from './run-phase.ts';
import {decideRetry, type Outcome, outcomeReason} from './run-retry.ts';
import type {ArtifactRef, RunAttempt, RunOutput, RunPhase, RunStatus} from './run-status.ts';
import {headBytes, tailBytes} from './text.ts';
import {microTime, secondTime} from './time.ts';

/** The condition `ArtifactsStored`: True with the reason `Stored` only. */
export interface ArtifactsStored {
  reason: ArtifactsStoredReason;
  /** One sentence for the user; empty with `Stored`. */
  message: string;
}

/** What is known at the end of an attempt. */
export interface AttemptEnd {
  outcome: Outcome;
  /** When the program was started, if it was. */
  startTime?: Date;
  /** The program's outputs. If {@link describeOutputsProblem} finds fault with them they are left out, and the message says why. */
  outputs?: Record<string, string>;
  /** What the program wrote; `tail` is kept only if the Run did not succeed. */
  output?: {stdoutBytes: number; stderrBytes: number; truncated: boolean; tail: string};
  /** What was stored; a reference that is over the bounds of the API is left out. */
  artifactRefs?: ArtifactRef[];
  /** What became of artifacts and log, where there was something to store. Not written when another attempt follows. */
  artifacts?: ArtifactsStored;
  /** One sentence for the user, instead of the outcome's own. */
  message?: string;
}

/** The id under which the Runtime server knows an attempt: the UID for the first, `<uid>-<attempt>` after. */
export function executionId(uid: string, attempt: number): string {
  return attempt === 1 ? uid : `${uid}-${attempt}`;
}

/** Name of the directory of an attempt below the workspace root. */
export function workspaceName(uid: string, attempt: number): string {
  return `${uid}-${attempt}`;
}

/**
 * Pending → Scheduled: the Run gets a slot of `pod`, and with it a new attempt number.
 *
 * @throws {ApiTypesError} ILLEGAL_TRANSITION if the Run is not Pending
 */
export function bindStatus(run: DeepReadonly<Run>, pod: {name: string; uid: string}, now: Date): RunStatus {
  const status = statusOf(run);
  assertTransition(status.phase, 'Scheduled');
  const conditions = setExistingCondition(status.conditions, SCHEDULED_CONDITION, 'True', BOUND_REASON, '', now);
  return {
    phase: 'Scheduled',
    attempt: (status.attempt ?? 0) + 1,
    ...carried(status),
    assignedPod: pod.name,
    assignedPodUID: pod.uid,
    scheduledTime: microTime(now),
    ...(conditions?.length ? {conditions} : {}),
  };
}

/**
 * Scheduled → Running: the program has run long enough to be worth a write.
 *
 * @throws {ApiTypesError} FENCE_LOST, ILLEGAL_TRANSITION
 */
export function runningStatus(run: DeepReadonly<Run>, fence: Fence, startTime: Date): RunStatus {
  assertFence(run, fence);
  const status = statusOf(run);
  assertTransition(status.phase, 'Running');
  return {...status, phase: 'Running', startTime: microTime(startTime)};
}

/**
 * Scheduled or Running → Running, with the store that artifacts of this attempt go to: to be written before the first byte is.
 *
 * @throws {ApiTypesError} FENCE_LOST; ILLEGAL_TRANSITION if the Run may have artifacts in another store already
 */
export function artifactStoreStatus(
  run: DeepReadonly<Run>,
  fence: Fence,
  store: ArtifactStoreSpec,
  startTime: Date,
): RunStatus {
  assertFence(run, fence);
  const status = statusOf(run);
  if (status.artifactStore !== undefined && !isSameArtifactStore(status.artifactStore, store)) {
    throw new ApiTypesError('ILLEGAL_TRANSITION', 'an earlier attempt of this Run may have artifacts in another store');
  }
  return {
    ...status,
    phase: 'Running',
    startTime: status.startTime ?? microTime(startTime),
    artifactStore: structuredClone(store),
  };
}

/**
 * Pending, and why: condition `Scheduled=False`. Undefined if the condition already gives this reason, so that a waiting Run costs one write
 * and not one per look.
 *
 * @throws {ApiTypesError} ILLEGAL_TRANSITION if the Run is not Pending
 */
export function unschedulableStatus(
  run: DeepReadonly<Run>,
  reason: UnschedulableReason,
  message: string,
  now: Date,
): RunStatus | undefined {
  const status = statusOf(run);
  if (status.phase !== 'Pending') {
    throw new ApiTypesError('ILLEGAL_TRANSITION', `a Run that is ${status.phase} is not waiting for a slot`);
  }
  const present = status.conditions?.find((condition) => condition.type === SCHEDULED_CONDITION);
  if (present?.status === 'False' && present.reason === reason) {
    return undefined;
  }
  return {
    ...status,
    reason,
    message: headBytes(message, limits.messageBytes),
    conditions: setCondition(status.conditions, SCHEDULED_CONDITION, 'False', reason, message, now),
  };
}

/**
 * Scheduled or Running → terminal, or back to Pending when another attempt follows.
 *
 * @throws {ApiTypesError} FENCE_LOST if `fence` is not the Run's
 */
export function endAttemptStatus(
  run: DeepReadonly<Run>,
  fence: Fence,
  end: AttemptEnd,
  {now, random}: {now: Date; random: () => number},
): RunStatus {
  assertFence(run, fence);
  const status = statusOf(run);
  const {outcome} = end;
  const decision = decideRetry(run, outcome, random);
  const attemptReason = outcomeReason(outcome);
  const disruptions = (status.disruptions ?? 0) + (outcome.kind === 'lost' ? 1 : 0);
  const exit = exitOf(outcome);
  const startTime = end.startTime === undefined ? status.startTime : microTime(end.startTime);
  const attempts = attemptsAfter(status, decision.retry, {
    number: fence.attempt,
    reason: attemptReason,
    ...exit,
    ...(startTime === undefined ? {} : {startTime}),
    completionTime: microTime(now),
  });
  const counted = {
    ...carried(status),
    attempt: fence.attempt,
    ...(disruptions === 0 ? {} : {disruptions}),
    ...(attempts?.length ? {attempts} : {}),
  };
  if (decision.retry) {
    const message = headBytes(messageOf(run, outcome, end.message), limits.messageBytes);
    const conditions = status.conditions?.filter((condition) => condition.type !== SCHEDULED_CONDITION);
    return {
      phase: 'Pending',
      reason: attemptReason,
      ...(message === '' ? {} : {message}),
      ...counted,
      ...(decision.delaySeconds === 0
        ? {}
        : {nextAttemptTime: microTime(new Date(now.getTime() + decision.delaySeconds * 1000))}),
      ...(conditions?.length ? {conditions} : {}),
    };
  }
  const problem = describeOutputsProblem(end.outputs ?? {});
  const artifactRefs = end.artifactRefs?.filter(isBound).slice(0, limits.artifactRefs);
  const message = headBytes(finalMessage(run, end, decision.reason, problem), limits.messageBytes);
  const fields = terminalFields(status, decision.phase, decision.reason, message, now);
  return {
    ...fields,
    ...(end.artifacts === undefined ? {} : {conditions: withArtifactsStored(fields.conditions, end.artifacts, now)}),
    ...counted,
    ...(status.assignedPod === undefined ? {} : {assignedPod: status.assignedPod}),
    ...(status.assignedPodUID === undefined ? {} : {assignedPodUID: status.assignedPodUID}),
    ...(status.scheduledTime === undefined ? {} : {scheduledTime: status.scheduledTime}),
    ...(startTime === undefined ? {} : {startTime}),
    ...exit,
    ...(end.outputs === undefined || problem !== undefined || Object.keys(end.outputs).length === 0
      ? {}
      : {outputs: {...end.outputs}}),
    ...(artifactRefs?.length ? {artifactRefs} : {}),
    ...(end.output === undefined ? {} : {output: boundOutput(end.output, decision.phase)}),
  };
}

/**
 * Pending → Cancelled: a Run that never got a slot, or waits for its next attempt.
 *
 * @throws {ApiTypesError} ILLEGAL_TRANSITION if the Run is not Pending or nobody asked for cancellation
 */
export function cancelPendingStatus(run: DeepReadonly<Run>, now: Date): RunStatus {
  const status = statusOf(run);
  assertTransition(status.phase, 'Cancelled');
  if (status.phase !== 'Pending') {
    throw new ApiTypesError(
      'ILLEGAL_TRANSITION',
      `a Run that is ${status.phase} is cancelled by the daemon that executes it`,
    );
  }
  if (run.spec.cancelRequested !== true) {
    throw new ApiTypesError('ILLEGAL_TRANSITION', 'spec.cancelRequested is not set');
  }
  return {
    ...terminalFields(status, 'Cancelled', 'CancelRequested', 'cancelled before it was started', now),
    ...(status.attempt === undefined ? {} : {attempt: status.attempt}),
    ...carried(status),
  };
}

/** A copy that may be returned: what a cache hands out stays as it is. */
function statusOf(run: DeepReadonly<Run>): RunStatus {
  const status: object = structuredClone(run.status ?? {});
  return {phase: 'Pending', ...status};
}

function assertFence(run: DeepReadonly<Run>, fence: Fence): void {
  if (!holdsFence(run, fence)) {
    const {phase = 'Pending', attempt = 0, assignedPodUID = 'none'} = run.status ?? {};
    throw new ApiTypesError(
      'FENCE_LOST',
      `attempt ${fence.attempt} on Pod ${fence.podUID} is over: the Run is ${phase}, attempt ${attempt}, Pod ${assignedPodUID}`,
    );
  }
}

/** What stays through every change of phase. */
function carried(status: RunStatus): Pick<RunStatus, 'disruptions' | 'attempts' | 'artifactStore'> {
  return {
    ...(status.disruptions === undefined ? {} : {disruptions: status.disruptions}),
    ...(status.attempts === undefined ? {} : {attempts: status.attempts}),
    ...(status.artifactStore === undefined ? {} : {artifactStore: status.artifactStore}),
  };
}

function terminalFields(status: RunStatus, phase: RunPhase, reason: RunReason, message: string, now: Date) {
  if (!isTerminal(phase)) {
    throw new ApiTypesError('ILLEGAL_TRANSITION', `${phase} does not end a Run`);
  }
  return {
    phase,
    reason,
    ...(message === '' ? {} : {message}),
    completionTime: microTime(now),
    conditions: setCondition(status.conditions, FINISHED_CONDITION, 'True', reason, message, now),
  };
}

function exitOf(outcome: Outcome): {exitCode?: number; signal?: string} {
  if (outcome.kind !== 'exited') {
    return {};
  }
  const code = Number.isFinite(outcome.exitCode) ? Math.trunc(outcome.exitCode) : -1;
  return {
    exitCode: Math.max(-limits.int32 - 1, Math.min(limits.int32, code)),
    ...(outcome.signal ? {signal: headBytes(outcome.signal, limits.signal)} : {}),
  };
}

/** A Run of one attempt tells everything in its status already, so the list begins with the first retry. */
function attemptsAfter(status: RunStatus, retry: boolean, attempt: RunAttempt): RunAttempt[] {
  const earlier = status.attempts ?? [];
  return retry || earlier.length > 0 ? [...earlier, attempt].slice(-limits.attempts) : [];
}

function messageOf(run: DeepReadonly<Run>, outcome: Outcome, given: string | undefined): string {
  if (given !== undefined) {
    return given;
  }
  if (outcome.kind === 'failed' || outcome.kind === 'lost') {
    return outcome.message;
  }
  if (outcome.kind === 'timeout') {
    return `the attempt took longer than ${run.spec.timeoutSeconds ?? 0} s`;
  }
  if (outcome.kind === 'cancelled') {
    return 'cancelled while it was running';
  }
  if (outcome.signal) {
    return `the program was ended by ${outcome.signal}`;
  }
  return outcome.exitCode === 0 ? '' : `the program ended with exit code ${outcome.exitCode}`;
}

function finalMessage(
  run: DeepReadonly<Run>,
  end: AttemptEnd,
  reason: RunReason,
  outputsProblem: string | undefined,
): string {
  const message = messageOf(run, end.outcome, end.message);
  if (reason === 'TooManyDisruptions') {
    return `${limits.disruptions} attempts were lost, the last one: ${message}`;
  }
  if (outputsProblem === undefined) {
    return message;
  }
  return `${message === '' ? '' : `${message}; `}the outputs are left out: ${outputsProblem}`;
}

function boundOutput(output: NonNullable<AttemptEnd['output']>, phase: RunPhase): RunOutput {
  const tail = phase === 'Succeeded' ? '' : tailBytes(output.tail, limits.tailBytes);
  return {
    stdoutBytes: count(output.stdoutBytes),
    stderrBytes: count(output.stderrBytes),
    ...(output.truncated ? {truncated: true} : {}),
    ...(tail === '' ? {} : {tail}),
  };
}

/** A program chooses the names of its files, and one that is too long must not keep its Run from ending. */
function isBound({name, key, digest, mediaType = ''}: ArtifactRef): boolean {
  return (
    name.length <= limits.path &&
    key.length <= limits.objectPrefix + limits.path &&
    digest.length <= limits.digest &&
    mediaType.length <= limits.mediaType
  );
}

function count(value: number): number {
  return Number.isFinite(value) ? Math.max(0, Math.min(limits.safeInteger, Math.trunc(value))) : 0;
}

function withArtifactsStored(conditions: Condition[], {reason, message}: ArtifactsStored, now: Date): Condition[] {
  const status = reason === 'Stored' ? 'True' : 'False';
  return setCondition(
    conditions,
    ARTIFACTS_STORED_CONDITION,
    status,
    reason,
    message,
    now,
    limits.artifactsMessageBytes,
  );
}

function setExistingCondition(
  conditions: Condition[] | undefined,
  type: string,
  ...rest: [status: Condition['status'], reason: string, message: string, now: Date]
): Condition[] | undefined {
  return conditions?.some((condition) => condition.type === type)
    ? setCondition(conditions, type, ...rest)
    : conditions;
}

const ownConditions: ReadonlySet<string> = new Set([
  SCHEDULED_CONDITION,
  FINISHED_CONDITION,
  ARTIFACTS_STORED_CONDITION,
]);

function setCondition(
  conditions: Condition[] | undefined,
  type: string,
  status: Condition['status'],
  reason: string,
  message: string,
  now: Date,
  maxMessageBytes: number = limits.runConditionMessageBytes,
): Condition[] {
  const present = conditions?.find((condition) => condition.type === type);
  const next: Condition = {
    type,
    status,
    reason,
    message: headBytes(message, maxMessageBytes),
    lastTransitionTime: present?.status === status ? present.lastTransitionTime : secondTime(now),
  };
  const others = (conditions ?? []).filter((condition) => condition.type !== type);
  const ours = others.filter((condition) => ownConditions.has(condition.type));
  const strangers = others.filter((condition) => !ownConditions.has(condition.type));
  // Keeps room for ours: conditions of strangers are dropped from the end before the API server refuses the status.
  return [...strangers.slice(0, limits.conditions - ours.length - 1), ...ours, next];
}
