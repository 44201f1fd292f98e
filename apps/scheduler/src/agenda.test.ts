import {describe, expect, test} from '@jest/globals';
import {ManualClock} from '@kruntimes/reconciler-kit/testing';
import {Agenda} from './agenda.ts';

function setUp(): {clock: ManualClock; agenda: Agenda<string>; log: string[]} {
  const clock = new ManualClock();
  const log: string[] = [];
  return {clock, agenda: new Agenda<string>(clock, (item) => log.push(`${clock.monotonic()} ${item}`)), log};
}

describe('Agenda', () => {
  test('calls for each item at its time, with one timer', async () => {
    const {clock, agenda, log} = setUp();
    agenda.in(300, 'c');
    agenda.in(100, 'a');
    agenda.in(200, 'b');
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(1000);
    expect(log).toEqual(['100 a', '200 b', '300 c']);
    expect(agenda.size).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  test('the last time set for an item counts', async () => {
    const {clock, agenda, log} = setUp();
    agenda.in(100, 'a');
    agenda.in(500, 'a');
    await clock.advance(400);
    expect(log).toEqual([]);
    await clock.advance(100);
    expect(log).toEqual(['500 a']);
  });

  test('a deleted item is not due, and an empty agenda has no timer', async () => {
    const {clock, agenda, log} = setUp();
    agenda.in(100, 'a');
    agenda.in(100, 'b');
    agenda.delete('a');
    await clock.advance(100);
    expect(log).toEqual(['100 b']);
    agenda.in(100, 'c');
    agenda.clear();
    expect(clock.pendingTimers).toBe(0);
  });
});
