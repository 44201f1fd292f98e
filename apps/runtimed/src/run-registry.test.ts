import {describe, expect, test} from '@jest/globals';
import type {Run, RunStatus} from '@kruntimes/api-types';
import {silentLogger} from '@kruntimes/reconciler-kit';
import type {Attempt} from './attempt.ts';
import {RunRegistry} from './run-registry.ts';

const podUID = 'pod-uid';

function boundRun(attempt: number, resourceVersion: string, phase: RunStatus['phase'] = 'Scheduled'): Run {
  return {
    metadata: {name: 'run', namespace: 'default', uid: 'run-uid', resourceVersion},
    spec: {runtime: 'bash'},
    status: {phase, attempt, assignedPod: 'pod', assignedPodUID: podUID},
  };
}

function world() {
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const executor = {
    execute(attempt: Attempt): Promise<void> {
      begun.push(attempt.fence.attempt);
      return new Promise((resolve) => ends.push(resolve));
    },
  };
  const {signal} = new AbortController();
  const registry = new RunRegistry({podUID, executor, begun: new Set(), logger: silentLogger, signal});
  /** Ends the oldest attempt that has not ended. */
  const end = async (): Promise<void> => {
    ends.shift()?.();
    await registry.finished();
  };
  const update = async (run: Run): Promise<void> => {
    registry.update(run, run);
    await Promise.resolve();
  };
  return {registry, begun, end, update};
}

describe('RunRegistry', () => {
  test('executes each attempt once, also when the watch tells of it after it has ended', async () => {
    const {registry, begun, end, update} = world();
    registry.add(boundRun(1, '1'), {initial: false});
    await Promise.resolve();
    await end();
    await update(boundRun(1, '2', 'Running'));
    expect([begun, registry.size]).toEqual([[1], 0]);
    registry.delete(boundRun(1, '2', 'Running'));
    expect(registry.size).toBe(0);
  });

  test('executes the next attempt of a Run that comes back', async () => {
    const {registry, begun, end, update} = world();
    registry.add(boundRun(1, '1'), {initial: false});
    await Promise.resolve();
    await end();
    await update(boundRun(2, '5'));
    expect(begun).toEqual([1, 2]);
    await end();
    registry.delete(boundRun(2, '5'));
    registry.add(boundRun(3, '9'), {initial: false});
    await Promise.resolve();
    expect(begun).toEqual([1, 2, 3]);
  });
});
