import {expect, test} from '@jest/globals';
import {describeOpen, lastingObstacle} from './run-waiter.ts';
import {runFixture} from './testing/run-fixture.ts';

test('what goes on after a wait that was too short, and why it has not begun', () => {
  const waiting = runFixture('b', {
    phase: 'Pending',
    conditions: [
      {
        type: 'Scheduled',
        status: 'False',
        reason: 'RuntimeNotFound',
        message: 'there is no Runtime "nosuch"',
        lastTransitionTime: '2026-01-01T12:00:00Z',
      },
    ],
  });
  const ended = runFixture('a', {phase: 'Succeeded'});
  expect(lastingObstacle(waiting)).toBe('Run b waits (RuntimeNotFound: there is no Runtime "nosuch")');
  expect(lastingObstacle(runFixture('c', {phase: 'Pending'}))).toBeUndefined();
  expect(describeOpen([])).toBe('nothing is left to wait for');
  expect(describeOpen([ended])).toBe('Run a (Succeeded) is still there');
  expect(describeOpen([ended, ended])).toBe('Run a (Succeeded) and 1 more are still there');
  expect(describeOpen([ended, runFixture('c', {phase: 'Running'})])).toBe('Run c (Running) goes on');
  expect(describeOpen([waiting, runFixture('c')])).toBe(
    'Run b (Pending, RuntimeNotFound: there is no Runtime "nosuch") and 1 more go on',
  );
});
