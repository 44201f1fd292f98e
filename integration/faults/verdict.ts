import {isTerminal, type Run} from '@kruntimes/api-types';
import type {LedgerExecution} from '../support/ledger.ts';
import type {Expectation} from './programs.ts';

/** What is known of one Run when a round is over. */
export interface Evidence {
  uid: string;
  expected: Expectation;
  /** All its states, oldest first. */
  states: readonly Run[];
  /** Its programs, in the order of their starts. */
  executions: readonly LedgerExecution[];
  /** Starts of its programs beside another one. */
  overlaps: number;
}

/** Everything that is wrong with the way of one Run, in sentences. Empty: nothing. */
export function judge({expected, states, executions, overlaps}: Evidence): string[] {
  const wrong: string[] = [];
  const last = states.at(-1)?.status;
  const attempt = last?.attempt ?? 0;
  const disruptions = last?.disruptions ?? 0;
  const check = (holds: boolean, complaint: () => string): void => {
    if (!holds) wrong.push(complaint());
  };

  check(isTerminal(last?.phase), () => `it is ${last?.phase}, and so lost`);
  const ends = states.filter(({status}, i) => isTerminal(status?.phase) && !isTerminal(states[i - 1]?.status?.phase));
  check(ends.length <= 1, () => `it ended ${ends.length} times`);
  const first = states.find(({status}) => isTerminal(status?.phase));
  check(first === undefined || sameEnd(first, states.at(-1)), () => 'its status changed after it had ended');
  for (let i = 1; i < states.length; i++) {
    const [before = 0, after = 0] = [states[i - 1]?.status?.attempt, states[i]?.status?.attempt];
    const bound = states[i]?.status?.phase === 'Scheduled' && (states[i - 1]?.status?.phase ?? 'Pending') === 'Pending';
    check(after === (bound ? before + 1 : before), () => `attempt went from ${before} to ${after}, bound: ${bound}`);
  }
  if (isTerminal(last?.phase)) {
    check(last?.phase === expected.phase, () => `it is ${last?.phase} (${last?.reason}), not ${expected.phase}`);
    check(last?.exitCode === expected.exitCode, () => `exit code ${last?.exitCode}, not ${expected.exitCode}`);
    const outputs = JSON.stringify(last?.outputs ?? {});
    check(outputs === JSON.stringify(expected.outputs ?? {}), () => `its outputs are ${outputs}`);
    const bytes = last?.output?.stdoutBytes ?? 0;
    check(bytes === (expected.stdoutBytes ?? 0), () => `${bytes} bytes of output, not ${expected.stdoutBytes ?? 0}`);
    const own = attempt - disruptions;
    check(own >= 1 && own <= expected.ownAttempts, () => `${attempt} attempts, ${disruptions} of them disrupted`);
  }

  check(overlaps === 0, () => `${overlaps} of its programs ran beside another one`);
  check(executions.length <= attempt, () => `${executions.length} executions in ${attempt} attempts`);
  const numbers = executions.map((execution) => execution.attempt);
  check(new Set(numbers).size === numbers.length, () => `an attempt was executed twice: ${numbers.join(', ')}`);
  for (const [i, execution] of executions.entries()) {
    const previous = executions[i - 1];
    check(
      previous?.endSeconds === undefined || execution.startSeconds >= previous.endSeconds,
      () => `attempt ${execution.attempt} started before attempt ${previous?.attempt} ended`,
    );
  }
  if (last?.phase === 'Succeeded' || last?.phase === 'Failed') {
    const whole = executions.filter((each) => each.attempt === attempt && each.endSeconds !== undefined).length;
    check(whole === 1, () => `its last attempt was executed completely ${whole} times`);
  }
  return wrong;
}

function sameEnd(one: Run, other: Run | undefined): boolean {
  return JSON.stringify(one.status) === JSON.stringify(other?.status);
}
