import {describe, expect, test} from '@jest/globals';
import type {Run} from '@kruntimes/api-types';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {type PodSilence, podFate} from './pod-fate.ts';

const run: Run = {
  spec: {runtime: 'bash'},
  status: {phase: 'Running', attempt: 1, assignedPod: 'p', assignedPodUID: 'u'},
};
const pod = (uid: string, phase: string): Pod => ({metadata: {name: 'p', uid}, status: {phase}});
const silence = (fields: Partial<PodSilence>): PodSilence => ({
  isFresh: false,
  silentMs: 0,
  unreachableMs: 300_000,
  ...fields,
});

describe('podFate', () => {
  test('a Run on a fresh Pod needs no second look', () => {
    expect(podFate(run, pod('u', 'Running'), silence({isFresh: true}))).toEqual({kind: 'alive', lookAgainMs: Infinity});
  });

  test.each([
    ['no Pod', undefined, 'Pod p does not exist any more'],
    ['another Pod of that name', pod('v', 'Running'), 'Pod p was replaced by another of the same name'],
    ['a failed Pod', pod('u', 'Failed'), 'Pod p has failed'],
    ['a Pod that is over', pod('u', 'Succeeded'), 'Pod p has succeeded'],
  ])('%s can not run anything, however fresh its Lease', (_, present, message) => {
    expect(podFate(run, present, silence({isFresh: true}))).toEqual({kind: 'gone', message});
  });

  test('a silent Pod is given its time', () => {
    expect(podFate(run, pod('u', 'Running'), silence({silentMs: 299_999}))).toEqual({kind: 'alive', lookAgainMs: 101});
    expect(podFate(run, pod('u', 'Running'), silence({silentMs: 300_000}))).toEqual({
      kind: 'unreachable',
      message: 'nothing was heard of runtimed in Pod p for 300 s',
    });
  });

  test('a Pod that is terminating may still be running its Runs', () => {
    const terminating: Pod = {
      ...pod('u', 'Running'),
      metadata: {name: 'p', uid: 'u', deletionTimestamp: '2026-01-01T00:00:00Z'},
    };
    expect(podFate(run, terminating, silence({isFresh: true})).kind).toBe('alive');
  });

  test('nothing is taken while nothing can be told', () => {
    expect(podFate(run, pod('u', 'Running'), silence({silentMs: undefined}))).toEqual({
      kind: 'alive',
      lookAgainMs: 10_000,
    });
  });
});
