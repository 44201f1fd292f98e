import {describe, expect, test} from '@jest/globals';
import {
  bindStatus,
  endAttemptStatus,
  fenceOf,
  isTerminal,
  type Outcome,
  type Run,
  runningStatus,
} from '@kruntimes/api-types';
import fc from 'fast-check';
import {runTimes} from './run-times.ts';
import {runFixture} from './testing/run-fixture.ts';

const created = Date.parse('2026-01-01T10:00:00Z');
const at = (seconds: number): string => new Date(created + seconds * 1000).toISOString();

function run(status: Run['status'] & object, spec: Partial<Run['spec']> = {}): Run {
  const fixture = runFixture('hello', status, spec);
  return {...fixture, metadata: {...fixture.metadata, creationTimestamp: '2026-01-01T10:00:00Z'}};
}

const brief = (each: Run, nowSeconds: number): string[] =>
  runTimes(each, created + nowSeconds * 1000).steps.map(
    ({attempt, step, seconds, to, atMost}) => `${attempt} ${step} ${atMost ? '<=' : ''}${seconds}${to ? '' : '...'}`,
  );

describe('runTimes', () => {
  test('of a Run that waits, that is prepared, that runs and that has ended', () => {
    expect(brief(run({phase: 'Pending'}), 5)).toEqual(['1 queue <=5...']);
    const bound = {attempt: 1, assignedPod: 'p', assignedPodUID: 'u', scheduledTime: at(2)};
    expect(brief(run({phase: 'Scheduled', ...bound}), 5)).toEqual(['1 queue <=2', '1 bind and prepare 3...']);
    const started = {...bound, startTime: at(3)};
    expect(brief(run({phase: 'Running', ...started}), 5)).toEqual([
      '1 queue <=2',
      '1 bind and prepare 1',
      '1 execute 2...',
    ]);
    const ended = run({phase: 'Succeeded', ...started, completionTime: at(4.5)});
    expect(brief(ended, 99)).toEqual(['1 queue <=2', '1 bind and prepare 1', '1 execute 1.5']);
    expect(runTimes(ended, 0).notRecorded.join()).toContain('reporting');
  });

  test('of retries: what status keeps of them, and what it does not', () => {
    const first = {number: 1, reason: 'NonZeroExit' as const, startTime: at(1), completionTime: at(3)};
    const waiting = {phase: 'Pending' as const, attempt: 1, attempts: [first], nextAttemptTime: at(8)};
    expect(brief(run(waiting), 5)).toEqual(['1 start <=1', '1 execute 2', '2 back-off 2...']);
    expect(brief(run(waiting), 10)).toEqual(['1 start <=1', '1 execute 2', '2 back-off 5', '2 queue 2...']);
    const again = {attempt: 2, attempts: [first], assignedPod: 'p', assignedPodUID: 'u', scheduledTime: at(9)};
    const second = run({phase: 'Scheduled', ...again});
    expect(brief(second, 10)).toEqual(['1 start <=1', '1 execute 2', '2 queue 6', '2 bind and prepare 1...']);
    expect(runTimes(second, 0).notRecorded.join()).toContain('back-off');
  });

  test('says so when the attempt before is not kept', () => {
    const times = runTimes(
      run({
        phase: 'Scheduled',
        attempt: 14,
        scheduledTime: at(50),
        attempts: [{number: 13, reason: 'NonZeroExit', completionTime: at(40)}],
      }),
      created + 60_000,
    );
    expect(times.steps.map(({step, seconds}) => [step, seconds])).toEqual([
      ['queue', 10],
      ['bind and prepare', 10],
    ]);
    expect(times.notRecorded.join()).toMatch(/attempts before number 13.*attempt 13 was started/);
  });

  test('a Run that was cancelled while it waited was in the queue only', () => {
    expect(brief(run({phase: 'Cancelled', reason: 'CancelRequested', completionTime: at(7)}), 99)).toEqual([
      '1 queue <=7',
    ]);
  });

  test('whatever a Run lives through: steps follow each other, are never negative, and never sum up to more than there was', () => {
    const outcomes: Outcome[] = [
      {kind: 'exited', exitCode: 0},
      {kind: 'exited', exitCode: 1},
      {kind: 'timeout'},
      {kind: 'cancelled'},
      {kind: 'lost', reason: 'PodGone', message: 'gone'},
      {kind: 'failed', reason: 'SourceError', message: 'no'},
    ];
    const life = fc.array(
      fc.record({gap: fc.integer({min: 0, max: 10_000}), outcome: fc.constantFrom(...outcomes), runs: fc.boolean()}),
      {maxLength: 14},
    );
    fc.assert(
      fc.property(life, (events) => {
        let now = created + 500;
        let each = run({phase: 'Pending'}, {retryPolicy: {maxAttempts: 20, backoffSeconds: 1}});
        const check = (): void => {
          const {steps} = runTimes(each, now);
          const total = steps.reduce((sum, {seconds}) => sum + seconds, 0);
          expect(total).toBeLessThanOrEqual((now - created) / 1000 + 1e-3);
          let previous = 0;
          for (const {from, to, seconds} of steps) {
            expect(seconds).toBeGreaterThanOrEqual(0);
            expect(Date.parse(from)).toBeGreaterThanOrEqual(previous);
            previous = Date.parse(to ?? from);
          }
          // Only the last step can go on, and only as long as the Run does.
          expect(steps.slice(0, -1).every(({to}) => to !== undefined)).toBe(true);
          if (isTerminal(each.status?.phase)) expect(steps.at(-1)?.to).toBeDefined();
        };
        for (const {gap, outcome, runs} of events) {
          if (isTerminal(each.status?.phase)) break;
          now = Math.max(now, Date.parse(each.status?.nextAttemptTime ?? '') || 0) + gap;
          check();
          each = {...each, status: bindStatus(each, {name: 'p', uid: 'u'}, new Date(now))};
          check();
          const fence = fenceOf(each);
          if (fence === undefined) throw new Error('not bound');
          now += gap;
          if (runs) each = {...each, status: runningStatus(each, fence, new Date(now))};
          check();
          now += gap;
          const end = {outcome, ...(runs ? {startTime: new Date(now - gap)} : {})};
          each = {...each, status: endAttemptStatus(each, fence, end, {now: new Date(now), random: () => 0.5})};
          check();
        }
      }),
    );
  });
});
