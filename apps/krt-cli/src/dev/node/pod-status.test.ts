import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import type {ContainerState, Pod} from 'kubernetes-types/core/v1.d.ts';
import {type ContainerRecord, type ContainerRole, podPhase, podStatus, restarts} from './pod-status.ts';

const waiting: ContainerState = {waiting: {reason: 'PodInitializing'}};
const running: ContainerState = {running: {startedAt: '2026-01-01T00:00:00Z'}};
const exited = (exitCode: number): ContainerState => ({terminated: {exitCode}});

function record(
  name: string,
  role: ContainerRole,
  state: ContainerState,
  more: Partial<ContainerRecord> = {},
): ContainerRecord {
  const isRunning = state.running !== undefined;
  return {name, role, image: name, state, restartCount: 0, started: isRunning, ready: isRunning, ...more};
}

describe('restarts', () => {
  test.each([
    ['main', 'Always', 0, true],
    ['main', 'OnFailure', 0, false],
    ['main', 'OnFailure', 1, true],
    ['main', 'Never', 1, false],
    ['sidecar', 'Never', 0, true],
    ['init', 'Always', 0, false],
    ['init', 'Always', 1, true],
    ['init', 'Never', 1, false],
  ] as const)('%s with %s after exit %i: %s', (role, policy, code, expected) => {
    expect(restarts(role, policy, code)).toBe(expected);
  });
});

describe('podPhase', () => {
  const sidecar = record('runtimed', 'sidecar', running);
  test.each([
    ['Pending', [sidecar, record('a', 'main', waiting)]],
    ['Pending', [record('i', 'init', running), record('a', 'main', waiting)]],
    ['Pending', [sidecar, record('a', 'main', running), record('b', 'main', waiting)]],
    ['Running', [sidecar, record('a', 'main', running)]],
    ['Running', [sidecar, record('a', 'main', {waiting: {reason: 'CrashLoopBackOff'}}, {lastState: exited(1)})]],
    ['Running', [sidecar, record('a', 'main', exited(1)), record('b', 'main', running)]],
    ['Succeeded', [sidecar, record('a', 'main', exited(0)), record('b', 'main', exited(0))]],
    ['Failed', [sidecar, record('a', 'main', exited(0)), record('b', 'main', exited(2))]],
    ['Failed', [record('i', 'init', exited(1)), record('a', 'main', waiting)]],
  ] as const)('%s', (phase, records) => {
    expect(podPhase(records, 'Never')).toBe(phase);
  });

  test('a Pod that restarts everything is never over', () => {
    const state = fc.constantFrom(waiting, running, exited(0), exited(1));
    fc.assert(
      fc.property(fc.array(state, {minLength: 1}), (states) => {
        const records = states.map((each, index) => record(`c${index}`, 'main', each));
        expect(['Pending', 'Running']).toContain(podPhase(records, 'Always'));
      }),
    );
  });
});

describe('podStatus', () => {
  const input = {
    hostIP: '127.0.0.1',
    podIP: '127.77.0.2',
    startTime: '2026-01-01T00:00:00Z',
    now: '2026-01-01T00:01:00Z',
  };
  const gate = 'example.org/Gate';
  const pod: Pod = {spec: {containers: [], readinessGates: [{conditionType: gate}]}};
  const up = [record('runtimed', 'sidecar', running), record('runtime', 'main', running)];
  const condition = (status: ReturnType<typeof podStatus>, type: string) =>
    status.conditions?.find((other) => other.type === type);

  test('Ready waits for the gate, which somebody else opens', () => {
    const closed = podStatus(pod, {...input, records: up});
    expect(condition(closed, 'ContainersReady')?.status).toBe('True');
    expect(condition(closed, 'Ready')).toMatchObject({status: 'False', reason: 'ReadinessGatesNotReady'});
    expect(condition(closed, gate)).toBeUndefined();
    const gated: Pod = {...pod, status: {conditions: [{type: gate, status: 'True'}]}};
    const open = podStatus(gated, {...input, records: up});
    expect(condition(open, 'Ready')).toEqual({
      type: 'Ready',
      status: 'True',
      lastTransitionTime: input.now,
      reason: '',
      message: '',
    });
    expect(open).toMatchObject({
      phase: 'Running',
      podIP: input.podIP,
      initContainerStatuses: [{name: 'runtimed', started: true}],
    });
  });

  test('a condition keeps its time until its status changes', () => {
    const before: Pod = {status: {conditions: [{type: 'ContainersReady', status: 'True', lastTransitionTime: 'then'}]}};
    expect(condition(podStatus(before, {...input, records: up}), 'ContainersReady')?.lastTransitionTime).toBe('then');
    const down = [up[0]!, record('runtime', 'main', exited(1))];
    expect(condition(podStatus(before, {...input, records: down}), 'ContainersReady')).toMatchObject({
      status: 'False',
      lastTransitionTime: input.now,
      message: 'containers with unready status: [runtime]',
    });
  });

  test('the sidecar must have started before the Pod is initialised', () => {
    const starting = [
      record('runtimed', 'sidecar', running, {started: false, ready: false}),
      record('runtime', 'main', waiting),
    ];
    expect(condition(podStatus(pod, {...input, records: starting}), 'Initialized')).toMatchObject({
      status: 'False',
      message: 'containers with incomplete status: [runtimed]',
    });
  });

  test('a Pod that is over is not ready and stays over', () => {
    const status = podStatus({}, {...input, records: up, finalPhase: 'Failed'});
    expect(status.phase).toBe('Failed');
    expect(condition(status, 'Ready')).toMatchObject({status: 'False', reason: 'PodCompleted'});
  });
});
