import {describe, expect, test} from '@jest/globals';
import type {Outcome} from '@kruntimes/api-types';
import type {StopReason} from './attempt.ts';
import {attemptOutcome} from './attempt-outcome.ts';
import type {ExecutionEnd} from './execution.ts';

const totals = {stdoutBytes: 0, stderrBytes: 0, truncatedBytes: 0, time: 0};
const exited: ExecutionEnd = {...totals, kind: 'exited', exitCode: 3, byItself: true};
const exitedSomehow: ExecutionEnd = {...exited, byItself: false};
const killed: ExecutionEnd = {...totals, kind: 'exited', exitCode: 137, signal: 'SIGKILL', byItself: true};
const end = (kind: 'timeout' | 'cancelled'): ExecutionEnd => ({...totals, kind});
const told = (kind: 'start-failed' | 'terminated' | 'lost'): ExecutionEnd => ({...totals, kind, message: 'why'});
const cancel: StopReason = {kind: 'cancelled'};
const deadline: StopReason = {kind: 'timeout'};
const drain: StopReason = {kind: 'lost', reason: 'PodTerminating', message: 'the Pod is stopping'};

describe('attemptOutcome', () => {
  test.each<[string, StopReason | undefined, ExecutionEnd | undefined, Outcome]>([
    ['ended by itself', undefined, exited, {kind: 'exited', exitCode: 3}],
    ['ended by a signal', undefined, killed, {kind: 'exited', exitCode: 137, signal: 'SIGKILL'}],
    ['ended, as a polled server says', undefined, exitedSomehow, {kind: 'exited', exitCode: 3}],
    ['ended before the cancellation reached it', cancel, exited, {kind: 'exited', exitCode: 3}],
    ['ended somehow after the cancellation', cancel, exitedSomehow, {kind: 'cancelled'}],
    ['ended before the deadline was noticed', deadline, exited, {kind: 'exited', exitCode: 3}],
    ['ended somehow after the deadline', deadline, exitedSomehow, {kind: 'timeout'}],
    ['ended before the drain reached it', drain, exited, {kind: 'exited', exitCode: 3}],
    ["the server's own timeout", undefined, end('timeout'), {kind: 'timeout'}],
    ["the server's own timeout during a cancellation", cancel, end('timeout'), {kind: 'timeout'}],
    ['cancelled', cancel, end('cancelled'), {kind: 'cancelled'}],
    ['cancelled at the deadline', deadline, end('cancelled'), {kind: 'timeout'}],
    ['cancelled at the drain', drain, end('cancelled'), drain],
    [
      'cancelled by somebody else',
      undefined,
      end('cancelled'),
      lost('ExecutionLost', 'the execution was cancelled at the Runtime server'),
    ],
    ['not started', undefined, told('start-failed'), {kind: 'failed', reason: 'StartFailed', message: 'why'}],
    ['not started as a polled server says of a cancelled one', cancel, told('start-failed'), {kind: 'cancelled'}],
    ['ended by the server', undefined, told('terminated'), lost('RuntimeTerminated', 'why')],
    ['ended by the server while cancelled', cancel, told('terminated'), {kind: 'cancelled'}],
    ['lost', undefined, told('lost'), lost('ExecutionLost', 'why')],
    ['lost while cancelled', cancel, told('lost'), {kind: 'cancelled'}],
    ['never started', cancel, undefined, {kind: 'cancelled'}],
    ['taken away', {kind: 'abandoned'}, undefined, lost('ExecutionLost', 'the Run was taken away from this Pod')],
  ])('%s', (_, stop, executionEnd, outcome) => {
    expect(attemptOutcome(stop, executionEnd)).toEqual(outcome);
  });
});

function lost(reason: 'ExecutionLost' | 'RuntimeTerminated', message: string): Outcome {
  return {kind: 'lost', reason, message};
}
