import {describe, expect, test} from '@jest/globals';
import type {Runtime} from '@kruntimes/api-types';
import type {Deployment} from 'kubernetes-types/apps/v1.d.ts';
import {runtimeStatusOf} from './runtime-status.ts';

const now = Date.UTC(2026, 0, 2, 3, 4, 5);
const runtime = (replicas: number, status?: Runtime['status']): Runtime => ({
  metadata: {name: 'bash', namespace: 'n', generation: 7},
  spec: {replicas, capacity: {resources: {runs: 4, gpu: 1}}, template: {}},
  ...(status && {status}),
});
const deployment = (status: Deployment['status']): Deployment => ({metadata: {generation: 2}, ...(status && {status})});
const reasons = (status: Runtime['status']): Record<string, string> =>
  Object.fromEntries((status?.conditions ?? []).map((c) => [c.type, `${c.status} ${c.reason}`]));

describe('runtimeStatusOf', () => {
  test('of a complete Deployment', () => {
    const complete = deployment({observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 2});
    const status = runtimeStatusOf(runtime(2), {accepted: true}, complete, now);
    expect(status).toMatchObject({
      observedGeneration: 7,
      replicas: 2,
      readyReplicas: 2,
      selector: 'kruntimes.io/runtime=bash',
      capacity: {runs: 8, gpu: 2},
    });
    expect(reasons(status)).toEqual({
      Accepted: 'True Accepted',
      Available: 'True PodsReady',
      Progressing: 'True Complete',
    });
  });

  test('of a Deployment whose Pods come up', () => {
    const starting = deployment({observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 1});
    expect(reasons(runtimeStatusOf(runtime(2), {accepted: true}, starting, now))).toMatchObject({
      Available: 'True SomePodsReady',
      Progressing: 'True PodsChanging',
    });
    expect(reasons(runtimeStatusOf(runtime(2), {accepted: true}, undefined, now))).toMatchObject({
      Available: 'False NoPodsReady',
      Progressing: 'True PodsChanging',
    });
  });

  test('of a Runtime that is scaled to zero', () => {
    const empty = deployment({observedGeneration: 2});
    expect(reasons(runtimeStatusOf(runtime(0), {accepted: true}, empty, now))).toMatchObject({
      Available: 'False ScaledToZero',
      Progressing: 'True Complete',
    });
  });

  test('passes on why Pods cannot be created', () => {
    const message = 'pods "x" is forbidden: violates PodSecurity "restricted:latest"';
    const refused = deployment({
      conditions: [{type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message}],
    });
    const status = runtimeStatusOf(runtime(2), {accepted: true}, refused, now);
    expect(status.conditions?.find(({type}) => type === 'Progressing')).toMatchObject({
      status: 'False',
      reason: 'FailedCreate',
      message,
    });
  });

  test('of a refused spec, with a message the schema takes', () => {
    const refusal = {accepted: false, reason: 'InvalidTemplate', message: 'x'.repeat(5000)} as const;
    const status = runtimeStatusOf(runtime(2), refusal, undefined, now);
    expect(reasons(status)).toEqual({
      Accepted: 'False InvalidTemplate',
      Available: 'False NotAccepted',
      Progressing: 'False NotAccepted',
    });
    expect(status.conditions?.[0]?.message).toHaveLength(1024);
  });

  test('is the same again, whatever the time', () => {
    const first = runtimeStatusOf(runtime(2), {accepted: true}, undefined, now);
    expect(runtimeStatusOf(runtime(2, first), {accepted: true}, undefined, now + 60_000)).toEqual(first);
  });
});
