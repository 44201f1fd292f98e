import {limits} from './limits.ts';
import type {DeepReadonly} from './read-only.ts';
import type {DisruptionReason, FailureReason, RunReason} from './reasons.ts';
import type {Run} from './run.ts';
import type {RunPhase} from './run-status.ts';

/** How an attempt came to its end. */
export type Outcome =
  /** The program ended by itself; `signal` is the name of the signal if one ended it. */
  | {kind: 'exited'; exitCode: number; signal?: string}
  /** `spec.timeoutSeconds` passed and the process is gone. */
  | {kind: 'timeout'}
  /** `spec.cancelRequested` took effect and the process is gone. */
  | {kind: 'cancelled'}
  /** It could not be started, or its results could not be kept. */
  | {kind: 'failed'; reason: FailureReason; message: string}
  /** Infrastructure took it away. */
  | {kind: 'lost'; reason: DisruptionReason; message: string};

/** What follows from an outcome. */
export type RetryDecision =
  | {retry: false; phase: RunPhase; reason: RunReason}
  | {retry: true; delaySeconds: number; counts: 'attempt' | 'disruption'};

/** Used where `spec.retryPolicy` is silent. */
export const retryDefaults = {maxAttempts: 1, backoffSeconds: 1, maxBackoffSeconds: 300} as const;

/** Waits after a disruption: nobody chose them, so they are short. */
export const disruptionBackoff = {backoffSeconds: 1, maxBackoffSeconds: 30} as const;

/** The one word for an outcome. */
export function outcomeReason(outcome: Outcome): RunReason {
  if (outcome.kind === 'failed' || outcome.kind === 'lost') {
    return outcome.reason;
  }
  if (outcome.kind === 'timeout') {
    return 'TimeoutExceeded';
  }
  if (outcome.kind === 'cancelled') {
    return 'CancelRequested';
  }
  if (outcome.signal) {
    return 'Signaled';
  }
  return outcome.exitCode === 0 ? 'Completed' : 'NonZeroExit';
}

/**
 * Full jitter: anything between nothing and the doubled back-off, so that Runs that failed together do not come back together.
 *
 * @param retries which retry this is, from 1
 * @param random a number of [0, 1)
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoffSeconds(
  policy: {backoffSeconds: number; maxBackoffSeconds: number},
  retries: number,
  random: () => number,
): number {
  // 2^30 s is beyond every bound, and keeps the product far from overflow.
  const doublings = Math.min(Math.max(retries - 1, 0), 30);
  const ceiling = Math.min(policy.backoffSeconds * 2 ** doublings, policy.maxBackoffSeconds);
  const share = Math.min(Math.max(random(), 0), 1) || 0;
  return Math.floor(ceiling * share * 1000) / 1000;
}

/**
 * Whether another attempt follows. `run` is as it was while the attempt ran: its `attempt` is the one that ended, its `disruptions` do not
 * count it yet.
 *
 * - A program that ended with 0 has succeeded, whatever else was asked for meanwhile.
 * - A requested cancellation, or the deletion of the Run, leaves no room for another attempt.
 * - Failed and timed-out attempts are retried up to `retryPolicy.maxAttempts`; lost ones are not counted there.
 * - The fifth lost attempt ends the Run.
 */
export function decideRetry(run: DeepReadonly<Run>, outcome: Outcome, random: () => number): RetryDecision {
  const reason = outcomeReason(outcome);
  if (reason === 'Completed') {
    return {retry: false, phase: 'Succeeded', reason};
  }
  if (outcome.kind === 'cancelled') {
    return {retry: false, phase: 'Cancelled', reason};
  }
  const cancelled = run.spec.cancelRequested === true || run.metadata?.deletionTimestamp !== undefined;
  const disruptions = run.status?.disruptions ?? 0;
  if (outcome.kind === 'lost') {
    if (cancelled) {
      return {retry: false, phase: 'Cancelled', reason: 'CancelRequested'};
    }
    if (disruptions + 1 >= limits.disruptions) {
      return {retry: false, phase: 'Failed', reason: 'TooManyDisruptions'};
    }
    return {
      retry: true,
      counts: 'disruption',
      delaySeconds: backoffSeconds(disruptionBackoff, disruptions + 1, random),
    };
  }
  const end: RetryDecision = {retry: false, phase: outcome.kind === 'timeout' ? 'Timeout' : 'Failed', reason};
  const policy = run.spec.retryPolicy;
  const used = Math.max((run.status?.attempt ?? 1) - disruptions, 1);
  if (used >= (policy?.maxAttempts ?? retryDefaults.maxAttempts)) {
    return end;
  }
  if (policy?.retryableReasons !== undefined && !policy.retryableReasons.some((retryable) => retryable === reason)) {
    return end;
  }
  if (cancelled) {
    return {retry: false, phase: 'Cancelled', reason: 'CancelRequested'};
  }
  return {
    retry: true,
    counts: 'attempt',
    delaySeconds: backoffSeconds(
      {
        backoffSeconds: policy?.backoffSeconds ?? retryDefaults.backoffSeconds,
        maxBackoffSeconds: policy?.maxBackoffSeconds ?? retryDefaults.maxBackoffSeconds,
      },
      used,
      random,
    ),
  };
}
