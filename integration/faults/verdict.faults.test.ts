import {describe, expect, test} from '@jest/globals';
import type {Run, RunStatus} from '@kruntimes/api-types';
import {type Evidence, judge} from './verdict.ts';

function state(status: Partial<RunStatus>): Run {
  return {metadata: {uid: 'u'}, spec: {runtime: 'bash'}, status: {phase: 'Pending', ...status}};
}

const pending = state({});
const bound = (attempt: number, disruptions = 0): Run => state({phase: 'Scheduled', attempt, disruptions});
const succeeded = (attempt: number, disruptions = 0): Run =>
  state({phase: 'Succeeded', attempt, disruptions, exitCode: 0});

const good: Evidence = {
  uid: 'u',
  expected: {phase: 'Succeeded', exitCode: 0, ownAttempts: 1},
  states: [pending, bound(1), succeeded(1)],
  executions: [{uid: 'u', attempt: 1, startSeconds: 1, endSeconds: 2}],
  overlaps: 0,
};

const bad: [string, Partial<Evidence>][] = [
  ['it is Scheduled, and so lost', {states: [pending, bound(1)]}],
  ['it is undefined, and so lost', {states: [], executions: []}],
  ['it ended 2 times', {states: [pending, bound(1), succeeded(1), bound(1), succeeded(1)]}],
  [
    'its status changed after it had ended',
    {states: [pending, bound(1), succeeded(1), state({phase: 'Succeeded', attempt: 1, exitCode: 0, message: 'x'})]},
  ],
  ['attempt went from 1 to 2, bound: false', {states: [pending, bound(1), bound(2, 1), succeeded(2, 1)]}],
  ['it is Failed (RuntimeError), not Succeeded', {states: [pending, state({phase: 'Failed', reason: 'RuntimeError'})]}],
  ['its outputs are {}', {expected: {...good.expected, outputs: {a: 'b'}}}],
  ['0 bytes of output, not 7', {expected: {...good.expected, stdoutBytes: 7}}],
  ['2 attempts, 0 of them disrupted', {states: [pending, bound(1), state({attempt: 1}), bound(2), succeeded(2)]}],
  ['1 of its programs ran beside another one', {overlaps: 1}],
  ['2 executions in 1 attempts', {executions: [...good.executions, {uid: 'u', attempt: 1, startSeconds: 3}]}],
  ['an attempt was executed twice: 1, 1', {executions: [...good.executions, ...good.executions]}],
  [
    'attempt 2 started before attempt 1 ended',
    {
      states: [pending, bound(1), state({attempt: 1, disruptions: 1}), bound(2, 1), succeeded(2, 1)],
      executions: [...good.executions, {uid: 'u', attempt: 2, startSeconds: 1.5, endSeconds: 3}],
    },
  ],
  ['its last attempt was executed completely 0 times', {executions: [{uid: 'u', attempt: 1, startSeconds: 1}]}],
];

describe('the verdict', () => {
  test('has nothing to say about a Run that went well', () => {
    expect(judge(good)).toEqual([]);
    const lostOnce: Evidence = {
      ...good,
      states: [pending, bound(1), state({attempt: 1, disruptions: 1}), bound(2, 1), succeeded(2, 1)],
      executions: [
        {uid: 'u', attempt: 1, startSeconds: 1},
        {uid: 'u', attempt: 2, startSeconds: 2, endSeconds: 3},
      ],
    };
    expect(judge(lostOnce)).toEqual([]);
  });

  test.each(bad)('sees that %s', (complaint, evidence) => {
    expect(judge({...good, ...evidence})).toContain(complaint);
  });
});
