import {describe, expect, test} from '@jest/globals';
import type {Run} from './run.ts';
import {fenceOf, holdsFence} from './run-fence.ts';
import {
  artifactStoreStatus,
  bindStatus,
  cancelPendingStatus,
  endAttemptStatus,
  executionId,
  runningStatus,
  unschedulableStatus,
  workspaceName,
} from './run-lifecycle.ts';
import type {RunStatus} from './run-status.ts';

const t0 = new Date('2026-01-02T03:04:05.678Z');
const later = (seconds: number) => new Date(t0.getTime() + seconds * 1000);
const pod = {name: 'bash-runtime-abc', uid: 'pod-1'};
const fence = {uid: 'run-1', podUID: 'pod-1', attempt: 1};
const half = {now: later(2), random: () => 0.5};

function run(status?: RunStatus, spec: Partial<Run['spec']> = {}): Run {
  return {
    metadata: {name: 'hello', namespace: 'default', uid: 'run-1'},
    spec: {runtime: 'bash', ...spec},
    ...(status && {status}),
  };
}

const bound = bindStatus(run(), pod, t0);
const ref = (name: string) => ({name, key: 'k', sizeBytes: 1, digest: 'sha256:00'});

describe('a Run that goes well', () => {
  test('needs two writes, and these are all their fields', () => {
    expect(bound).toEqual({
      phase: 'Scheduled',
      attempt: 1,
      assignedPod: 'bash-runtime-abc',
      assignedPodUID: 'pod-1',
      scheduledTime: '2026-01-02T03:04:05.678000Z',
    });
    const end = {
      outcome: {kind: 'exited' as const, exitCode: 0},
      startTime: later(1),
      outputs: {result: 'ok'},
      output: {stdoutBytes: 6, stderrBytes: 0, truncated: false, tail: 'hello\n'},
    };
    expect(endAttemptStatus(run(bound), fence, end, half)).toEqual({
      phase: 'Succeeded',
      reason: 'Completed',
      attempt: 1,
      assignedPod: 'bash-runtime-abc',
      assignedPodUID: 'pod-1',
      scheduledTime: '2026-01-02T03:04:05.678000Z',
      startTime: '2026-01-02T03:04:06.678000Z',
      completionTime: '2026-01-02T03:04:07.678000Z',
      exitCode: 0,
      outputs: {result: 'ok'},
      output: {stdoutBytes: 6, stderrBytes: 0},
      conditions: [
        {
          type: 'Finished',
          status: 'True',
          reason: 'Completed',
          message: '',
          lastTransitionTime: '2026-01-02T03:04:07Z',
        },
      ],
    });
  });

  test('is Running in between if it takes its time, and keeps that start', () => {
    const running = runningStatus(run(bound), fence, later(1));
    expect(running).toEqual({...bound, phase: 'Running', startTime: '2026-01-02T03:04:06.678000Z'});
    const ended = endAttemptStatus(run(running), fence, {outcome: {kind: 'exited', exitCode: 0}}, half);
    expect(ended.startTime).toBe(running.startTime);
  });
});

describe('a Run with artifacts', () => {
  const store = {filesystem: {claimName: 'artifacts'}};
  const refs = [{name: 'a', key: 'ns/u/1/a', sizeBytes: 1, digest: 'sha256:0'}];
  const exited = {kind: 'exited', exitCode: 0} as const;

  test('is Running with the store that they go to, and keeps both', () => {
    const storing = artifactStoreStatus(run(bound), fence, store, later(1));
    expect(storing).toEqual({
      ...bound,
      phase: 'Running',
      startTime: '2026-01-02T03:04:06.678000Z',
      artifactStore: store,
    });
    const again = artifactStoreStatus(run(storing), fence, {...store, maxBytesPerRun: 5}, later(2));
    expect(again).toMatchObject({startTime: storing.startTime, artifactStore: {...store, maxBytesPerRun: 5}});
    const artifacts = {reason: 'Stored', message: ''} as const;
    const ended = endAttemptStatus(run(storing), fence, {outcome: exited, artifactRefs: refs, artifacts}, half);
    expect(ended).toMatchObject({phase: 'Succeeded', artifactStore: store, artifactRefs: refs});
    expect(ended.conditions?.map(({type, status, reason}) => [type, status, reason])).toEqual([
      ['Finished', 'True', 'Completed'],
      ['ArtifactsStored', 'True', 'Stored'],
    ]);
  });

  test('does not forget a store that may have something of it', () => {
    const storing = artifactStoreStatus(run(bound), fence, store, later(1));
    const other = {s3: {bucket: 'bucket'}};
    expect(() => artifactStoreStatus(run(storing), fence, other, later(1))).toThrow(
      expect.objectContaining({code: 'ILLEGAL_TRANSITION'}),
    );
    expect(() => artifactStoreStatus(run(bound), {...fence, attempt: 9}, store, later(1))).toThrow(
      expect.objectContaining({code: 'FENCE_LOST'}),
    );
    const retried = endAttemptStatus(
      run(storing, {retryPolicy: {maxAttempts: 2}}),
      fence,
      {outcome: {kind: 'failed', reason: 'ArtifactError', message: 'no'}, artifacts: {reason: 'Stored', message: ''}},
      half,
    );
    expect(retried).toMatchObject({phase: 'Pending', artifactStore: store});
    expect(retried.conditions).toBeUndefined();
  });

  test('says what is missing, whatever conditions others have put there', () => {
    const conditions = Array.from({length: 8}, (_, i) => ({
      type: `example.com/${i}`,
      status: 'True' as const,
      reason: 'Theirs',
      message: '',
      lastTransitionTime: '2026-01-02T03:04:05Z',
    }));
    const artifacts = {reason: 'EntriesRejected', message: 'x'.repeat(5000)} as const;
    const ended = endAttemptStatus(run({...bound, conditions}), fence, {outcome: exited, artifacts}, half);
    expect(ended.conditions).toHaveLength(8);
    expect(ended.conditions?.slice(-2)).toMatchObject([
      {type: 'Finished'},
      {type: 'ArtifactsStored', status: 'False', reason: 'EntriesRejected', message: 'x'.repeat(1024)},
    ]);
  });
});

test('a Run that is being deleted is not tried again', () => {
  const deleted = run(bound, {retryPolicy: {maxAttempts: 3}});
  deleted.metadata = {...deleted.metadata, deletionTimestamp: '2026-01-02T03:04:05Z'};
  const status = endAttemptStatus(deleted, fence, {outcome: {kind: 'exited', exitCode: 1}}, half);
  expect(status).toMatchObject({phase: 'Cancelled', reason: 'CancelRequested'});
});

describe('a Run that waits', () => {
  const waiting = unschedulableStatus(run(), 'NoReadyPods', 'Runtime bash has no ready Pod', t0);

  test('says why, once', () => {
    expect(waiting).toEqual({
      phase: 'Pending',
      reason: 'NoReadyPods',
      message: 'Runtime bash has no ready Pod',
      conditions: [
        {
          type: 'Scheduled',
          status: 'False',
          reason: 'NoReadyPods',
          message: 'Runtime bash has no ready Pod',
          lastTransitionTime: '2026-01-02T03:04:05Z',
        },
      ],
    });
    expect(unschedulableStatus(run(waiting), 'NoReadyPods', 'another sentence', later(9))).toBeUndefined();
  });

  test('says a new reason, without a new transition', () => {
    const next = unschedulableStatus(run(waiting), 'InsufficientCapacity', 'full', later(9));
    expect(next?.conditions).toEqual([
      expect.objectContaining({reason: 'InsufficientCapacity', lastTransitionTime: '2026-01-02T03:04:05Z'}),
    ]);
  });

  test('no longer says so once it is bound', () => {
    const status = bindStatus(run(waiting), pod, later(5));
    expect(status.reason).toBeUndefined();
    expect(status.message).toBeUndefined();
    expect(status.conditions).toEqual([
      {type: 'Scheduled', status: 'True', reason: 'Bound', message: '', lastTransitionTime: '2026-01-02T03:04:10Z'},
    ]);
  });

  test('is cancelled without ever being bound', () => {
    const status = cancelPendingStatus(run(waiting, {cancelRequested: true}), later(5));
    expect(status).toMatchObject({
      phase: 'Cancelled',
      reason: 'CancelRequested',
      completionTime: '2026-01-02T03:04:10.678000Z',
    });
    expect(status.conditions?.map(({type, status: is}) => [type, is])).toEqual([
      ['Scheduled', 'False'],
      ['Finished', 'True'],
    ]);
  });
});

describe('a Run that does not succeed', () => {
  test.each([
    [{kind: 'exited', exitCode: 3}, 'Failed', 'NonZeroExit', 'the program ended with exit code 3', 3],
    [{kind: 'exited', exitCode: 137, signal: 'SIGKILL'}, 'Failed', 'Signaled', 'the program was ended by SIGKILL', 137],
    [{kind: 'timeout'}, 'Timeout', 'TimeoutExceeded', 'the attempt took longer than 30 s', undefined],
    [{kind: 'cancelled'}, 'Cancelled', 'CancelRequested', 'cancelled while it was running', undefined],
    [
      {kind: 'failed', reason: 'StartFailed', message: 'no such file'},
      'Failed',
      'StartFailed',
      'no such file',
      undefined,
    ],
  ] as const)('%j: %s, %s', (outcome, phase, reason, message, exitCode) => {
    const output = {stdoutBytes: 3, stderrBytes: 0, truncated: true, tail: 'why'};
    const status = endAttemptStatus(run(bound, {timeoutSeconds: 30}), fence, {outcome, output}, half);
    expect(status).toMatchObject({
      phase,
      reason,
      message,
      output: {stdoutBytes: 3, stderrBytes: 0, truncated: true, tail: 'why'},
    });
    expect(status.exitCode).toBe(exitCode);
    expect(status.attempts).toBeUndefined();
  });

  test('the message of the caller goes first', () => {
    const outcome = {kind: 'exited', exitCode: 1} as const;
    expect(endAttemptStatus(run(bound), fence, {outcome, message: 'own words'}, half).message).toBe('own words');
  });

  test('keeps the end of a long output, whole characters only', () => {
    const output = {stdoutBytes: 9, stderrBytes: 0, truncated: false, tail: `start${'€'.repeat(2000)}`};
    const status = endAttemptStatus(run(bound), fence, {outcome: {kind: 'timeout'}, output}, half);
    expect(status.output?.tail).toBe('€'.repeat(1365));
  });

  test('outputs that do not fit are left out, and the message says so', () => {
    const end = {outcome: {kind: 'exited', exitCode: 0} as const, outputs: {big: 'x'.repeat(65_536)}};
    const status = endAttemptStatus(run(bound), fence, end, half);
    expect(status).toMatchObject({
      phase: 'Succeeded',
      message: 'the outputs are left out: output big is larger than 8192 bytes',
    });
    expect(status.outputs).toBeUndefined();
  });

  test('a file name that does not fit does not keep the Run from ending', () => {
    const end = {outcome: {kind: 'exited', exitCode: 0} as const, artifactRefs: [ref('a'), ref('x'.repeat(513))]};
    expect(endAttemptStatus(run(bound), fence, end, half).artifactRefs).toEqual([ref('a')]);
  });
});

describe('a Run that is tried again', () => {
  const spec = {retryPolicy: {maxAttempts: 3, backoffSeconds: 10}};
  const failed = {outcome: {kind: 'exited', exitCode: 3}, startTime: later(1)} as const;
  const again = endAttemptStatus(run(bound, spec), fence, failed, half);

  test('is Pending, with what happened and when it goes on', () => {
    expect(again).toEqual({
      phase: 'Pending',
      reason: 'NonZeroExit',
      message: 'the program ended with exit code 3',
      attempt: 1,
      attempts: [
        {
          number: 1,
          reason: 'NonZeroExit',
          exitCode: 3,
          startTime: '2026-01-02T03:04:06.678000Z',
          completionTime: '2026-01-02T03:04:07.678000Z',
        },
      ],
      nextAttemptTime: '2026-01-02T03:04:12.678000Z',
    });
  });

  test('is bound with the next number; the last attempt is in the list as well', () => {
    const second = bindStatus(run(again, spec), {name: 'other', uid: 'pod-2'}, later(20));
    expect(second).toMatchObject({phase: 'Scheduled', attempt: 2, assignedPodUID: 'pod-2'});
    expect([second.nextAttemptTime, second.reason, second.exitCode]).toEqual([undefined, undefined, undefined]);
    const end = endAttemptStatus(
      run(second, spec),
      {uid: 'run-1', podUID: 'pod-2', attempt: 2},
      {outcome: {kind: 'exited', exitCode: 0}},
      {now: later(21), random: () => 0},
    );
    expect(end.attempts?.map(({number, reason}) => [number, reason])).toEqual([
      [1, 'NonZeroExit'],
      [2, 'Completed'],
    ]);
  });

  test('a Scheduled condition from before does not stay', () => {
    const waited = unschedulableStatus(run(), 'NoReadyPods', '', t0);
    const status = bindStatus(run(waited), pod, t0);
    expect(endAttemptStatus(run(status, spec), fence, failed, half).conditions).toBeUndefined();
  });

  test('a lost attempt is not counted as one of the program', () => {
    const lost = {outcome: {kind: 'lost', reason: 'PodGone', message: 'Pod deleted'}} as const;
    const status = endAttemptStatus(run(bound), fence, lost, {now: t0, random: () => 0});
    expect(status).toMatchObject({phase: 'Pending', reason: 'PodGone', disruptions: 1, attempt: 1});
    expect(status.nextAttemptTime).toBeUndefined();
  });

  test('the fifth lost attempt ends the Run', () => {
    const lost = {outcome: {kind: 'lost', reason: 'PodGone', message: 'Pod deleted'}} as const;
    const status = endAttemptStatus(run({...bound, disruptions: 4}), fence, lost, half);
    expect(status).toMatchObject({
      phase: 'Failed',
      reason: 'TooManyDisruptions',
      disruptions: 5,
      message: '5 attempts were lost, the last one: Pod deleted',
    });
  });

  test('cancellation leaves no room for another attempt', () => {
    const status = endAttemptStatus(run(bound, {...spec, cancelRequested: true}), fence, failed, half);
    expect(status).toMatchObject({phase: 'Cancelled', reason: 'CancelRequested', exitCode: 3});
  });
});

describe('what is refused', () => {
  const other = [
    ['uid', {...fence, uid: 'run-2'}],
    ['Pod', {...fence, podUID: 'pod-2'}],
    ['attempt', {...fence, attempt: 2}],
  ] as const;

  test.each(other)('a fence with another %s', (_what, stale) => {
    expect(holdsFence(run(bound), stale)).toBe(false);
    const lost = expect.objectContaining({code: 'FENCE_LOST'});
    expect(() => runningStatus(run(bound), stale, t0)).toThrow(lost);
    expect(() => endAttemptStatus(run(bound), stale, {outcome: {kind: 'timeout'}}, half)).toThrow(lost);
  });

  test('binding what is bound, or over', () => {
    expect(() => bindStatus(run(bound), pod, t0)).toThrow('a Run that is Scheduled can not become Scheduled');
    expect(() => bindStatus(run({phase: 'Failed'}), pod, t0)).toThrow(
      expect.objectContaining({code: 'ILLEGAL_TRANSITION'}),
    );
  });

  test('Running twice', () => {
    const running = runningStatus(run(bound), fence, t0);
    expect(() => runningStatus(run(running), fence, t0)).toThrow('a Run that is Running can not become Running');
  });

  test('ending twice', () => {
    const ended = endAttemptStatus(run(bound), fence, {outcome: {kind: 'timeout'}}, half);
    expect(() => endAttemptStatus(run(ended), fence, {outcome: {kind: 'timeout'}}, half)).toThrow(
      'attempt 1 on Pod pod-1 is over: the Run is Timeout, attempt 1, Pod pod-1',
    );
  });

  test('cancelling as Pending what is bound, or what nobody asked to cancel', () => {
    expect(() => cancelPendingStatus(run(bound, {cancelRequested: true}), t0)).toThrow(
      'by the daemon that executes it',
    );
    expect(() => cancelPendingStatus(run(), t0)).toThrow('spec.cancelRequested is not set');
  });

  test('a reason to wait for a Run that does not', () => {
    expect(() => unschedulableStatus(run(bound), 'NoReadyPods', '', t0)).toThrow('is not waiting for a slot');
  });
});

test('names of an attempt', () => {
  expect([executionId('u', 1), executionId('u', 2)]).toEqual(['u', 'u-2']);
  expect([workspaceName('u', 1), workspaceName('u', 2)]).toEqual(['u-1', 'u-2']);
  expect(fenceOf(run(bound))).toEqual(fence);
  expect(fenceOf(run())).toBeUndefined();
});
