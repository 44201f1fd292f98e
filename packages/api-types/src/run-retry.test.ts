import {describe, expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import type {Run} from './run.ts';
import {backoffSeconds, decideRetry, type Outcome} from './run-retry.ts';
import type {RetryPolicy} from './run-spec.ts';

const failed: Outcome = {kind: 'exited', exitCode: 1};

function run(retryPolicy: RetryPolicy | undefined, status: {attempt: number; disruptions?: number}): Run {
  return {spec: {runtime: 'bash', ...(retryPolicy && {retryPolicy})}, status: {phase: 'Running', ...status}};
}

describe('decideRetry', () => {
  test('without a policy the first failure is final', () => {
    expect(decideRetry(run(undefined, {attempt: 1}), failed, Math.random)).toEqual({
      retry: false,
      phase: 'Failed',
      reason: 'NonZeroExit',
    });
  });

  test('maxAttempts counts what the program ended, not what was lost', () => {
    const policy = {maxAttempts: 2};
    expect(decideRetry(run(policy, {attempt: 4, disruptions: 3}), failed, () => 0)).toMatchObject({
      retry: true,
      counts: 'attempt',
    });
    expect(decideRetry(run(policy, {attempt: 5, disruptions: 3}), failed, () => 0)).toMatchObject({retry: false});
  });

  test('waits double, up to maxBackoffSeconds', () => {
    const policy = {maxAttempts: 20, backoffSeconds: 2, maxBackoffSeconds: 30};
    const waits = [1, 2, 3, 4, 5, 6].map((attempt) => decideRetry(run(policy, {attempt}), failed, () => 0.999_999));
    expect(waits.map((decision) => (decision.retry ? Math.ceil(decision.delaySeconds) : -1))).toEqual([
      2, 4, 8, 16, 30, 30,
    ]);
  });

  test('only the given reasons are retried', () => {
    const policy = {maxAttempts: 5, retryableReasons: ['TimeoutExceeded' as const]};
    expect(decideRetry(run(policy, {attempt: 1}), failed, () => 0)).toMatchObject({
      retry: false,
      reason: 'NonZeroExit',
    });
    expect(decideRetry(run(policy, {attempt: 1}), {kind: 'timeout'}, () => 0)).toMatchObject({retry: true});
    expect(
      decideRetry(run(policy, {attempt: 1}), {kind: 'lost', reason: 'PodGone', message: ''}, () => 0),
    ).toMatchObject({
      retry: true,
      counts: 'disruption',
    });
  });

  test('success is success, even after cancellation was requested', () => {
    const cancelled = run(undefined, {attempt: 1});
    cancelled.spec.cancelRequested = true;
    expect(decideRetry(cancelled, {kind: 'exited', exitCode: 0}, Math.random)).toEqual({
      retry: false,
      phase: 'Succeeded',
      reason: 'Completed',
    });
  });
});

describe('backoffSeconds', () => {
  const policy = fc.record({backoffSeconds: fc.nat(86_400), maxBackoffSeconds: fc.nat(86_400)});
  const anyNumber = fc.oneof(fc.double(), fc.constantFrom(0, 1, Number.NaN, -1, Number.POSITIVE_INFINITY));

  test('stays between nothing and the bound, whatever comes in', () => {
    fc.assert(
      fc.property(policy, fc.oneof(fc.maxSafeNat(), fc.constantFrom(-1, 0)), anyNumber, (given, retries, random) => {
        const wait = backoffSeconds(given, retries, () => random);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(given.maxBackoffSeconds);
        expect(wait).toBeLessThanOrEqual(given.backoffSeconds * 2 ** Math.min(Math.max(retries - 1, 0), 30));
      }),
    );
  });

  test('is spread over the whole of it: full jitter', () => {
    fc.assert(
      fc.property(
        policy,
        fc.integer({min: 1, max: 1000}),
        fc.double({min: 0, max: 1, noNaN: true}),
        (given, retries, share) => {
          const most = backoffSeconds(given, retries, () => 1);
          expect(backoffSeconds(given, retries, () => 0)).toBe(0);
          expect(Math.abs(backoffSeconds(given, retries, () => share) - most * share)).toBeLessThanOrEqual(0.002);
        },
      ),
    );
  });

  test('never shrinks from one retry to the next', () => {
    fc.assert(
      fc.property(policy, fc.integer({min: 1, max: 100}), (given, retries) => {
        expect(backoffSeconds(given, retries + 1, () => 1)).toBeGreaterThanOrEqual(
          backoffSeconds(given, retries, () => 1),
        );
      }),
    );
  });
});
