import type {Outcome} from '@kruntimes/api-types';
import type {StopReason} from './attempt.ts';
import type {ExecutionEnd} from './execution.ts';

/**
 * What an attempt came to, from what was asked of it and what the Runtime server says.
 *
 * @param stop why it was to end early, if it was
 * @param end how the execution ended; `undefined` when the server has not confirmed an end, or nothing was started
 */
export function attemptOutcome(stop: StopReason | undefined, end: ExecutionEnd | undefined): Outcome {
  // A program that ended before a cancellation reached it has a result of its own.
  if (stop !== undefined && !(end?.kind === 'exited' && end.byItself) && end?.kind !== 'timeout')
    return stopOutcome(stop);
  if (end === undefined) return lost('the end of the execution is not known');
  switch (end.kind) {
    case 'exited':
      return {kind: 'exited', exitCode: end.exitCode, ...(end.signal === undefined ? {} : {signal: end.signal})};
    case 'timeout':
      return {kind: 'timeout'};
    case 'start-failed':
      return {kind: 'failed', reason: 'StartFailed', message: end.message};
    case 'terminated':
      return {kind: 'lost', reason: 'RuntimeTerminated', message: end.message};
    case 'cancelled':
      return lost('the execution was cancelled at the Runtime server');
    case 'lost':
      return lost(end.message);
  }
}

function stopOutcome(stop: StopReason): Outcome {
  switch (stop.kind) {
    case 'cancelled':
    case 'timeout':
      return {kind: stop.kind};
    case 'deleted':
      return {kind: 'cancelled'};
    case 'lost':
      return {kind: 'lost', reason: stop.reason, message: stop.message};
    case 'abandoned':
      return lost('the Run was taken away from this Pod');
  }
}

function lost(message: string): Outcome {
  return {kind: 'lost', reason: 'ExecutionLost', message};
}
