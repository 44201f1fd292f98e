import {describe, expect, test} from '@jest/globals';
import type {Run, RunStatus} from '@kruntimes/api-types';
import {describeEnd, describePosition, runDurationMs} from './run-position.ts';
import {runFixture} from './testing/run-fixture.ts';

const nowMs = Date.UTC(2026, 0, 1, 12);

describe('describePosition', () => {
  const waiting = {
    type: 'Scheduled' as const,
    status: 'False' as const,
    reason: 'NoReadyPods',
    message: 'no Pod of Runtime bash is ready',
    lastTransitionTime: '2026-01-01T12:00:00Z',
  };
  const cases: [string, Run][] = [
    ['Pending', runFixture('a')],
    [
      'Pending (NoReadyPods: no Pod of Runtime bash is ready)',
      runFixture('a', {phase: 'Pending', conditions: [waiting]}),
    ],
    [
      'Pending (attempt 2 in 8s)',
      runFixture('a', {phase: 'Pending', attempt: 1, nextAttemptTime: '2026-01-01T12:00:07.500000Z'}),
    ],
    ['Scheduled on bash-1', runFixture('a', {phase: 'Scheduled', attempt: 1, assignedPod: 'bash-1'})],
    ['Running on bash-1, attempt 2', runFixture('a', {phase: 'Running', attempt: 2, assignedPod: 'bash-1'})],
    [
      'Running on bash-1, cancelling',
      runFixture('a', {phase: 'Running', assignedPod: 'bash-1'}, {cancelRequested: true}),
    ],
    ['Failed (exit code 3)', runFixture('a', {phase: 'Failed', exitCode: 3})],
  ];
  test.each(cases)('%s', (text, run) => {
    expect(describePosition(run, nowMs)).toBe(text);
  });
});

describe('describeEnd', () => {
  const cases: [string, RunStatus][] = [
    ['Succeeded', {phase: 'Succeeded', reason: 'Completed', exitCode: 0}],
    ['Failed (signal SIGSEGV)', {phase: 'Failed', exitCode: 139, signal: 'SIGSEGV'}],
    [
      'Failed (StartFailed: no such file ^[[31m)',
      {phase: 'Failed', reason: 'StartFailed', message: 'no such file \u001b[31m'},
    ],
    ['Cancelled', {phase: 'Cancelled', reason: 'CancelRequested'}],
    ['Timeout (after 30s)', {phase: 'Timeout', reason: 'TimeoutExceeded'}],
  ];
  test.each(cases)('%s', (text, status) => {
    expect(describeEnd(runFixture('a', status, {timeoutSeconds: 30}))).toBe(text);
  });
});

describe('runDurationMs', () => {
  test('is the time of the last attempt', () => {
    const times = {startTime: '2026-01-01T12:00:00.250000Z', completionTime: '2026-01-01T12:00:01.500000Z'};
    expect(runDurationMs(runFixture('a', {phase: 'Succeeded', ...times}))).toBe(1250);
    expect(runDurationMs(runFixture('a', {phase: 'Cancelled', completionTime: times.completionTime}))).toBeUndefined();
  });
});
