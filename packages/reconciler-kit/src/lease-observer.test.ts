import {describe, expect, test} from '@jest/globals';
import {LeaseObserver} from './lease-observer.ts';
import {ManualClock} from './testing/manual-clock.ts';

function setUp(): {clock: ManualClock; observer: LeaseObserver; events: string[]} {
  const clock = new ManualClock();
  const events: string[] = [];
  const observer = new LeaseObserver({
    durationMs: 40_000,
    clock,
    onExpired: (key) => events.push(`${clock.monotonic() / 1000} ${key} expired`),
    onFresh: (key) => events.push(`${clock.monotonic() / 1000} ${key} fresh`),
  });
  return {clock, observer, events};
}

describe('LeaseObserver', () => {
  test('a Lease expires a full duration after its last renewal was seen, and is fresh again with the next', async () => {
    const {clock, observer, events} = setUp();
    observer.observe('a', '1');
    observer.observe('b', '1');
    await clock.advance(30_000);
    observer.observe('a', '2');
    await clock.advance(10_000);
    expect(events).toEqual(['0 a fresh', '0 b fresh', '40 b expired']);
    expect([observer.isFresh('a'), observer.isFresh('b'), observer.expired, observer.size]).toEqual([
      true,
      false,
      1,
      2,
    ]);
    await clock.advance(30_000);
    expect(events.at(-1)).toBe('70 a expired');
    observer.observe('b', '2');
    expect(events.at(-1)).toBe('70 b fresh');
    expect(observer.ageMs('a')).toBe(40_000);
    expect(observer.ageMs('b')).toBe(0);
  });

  test('an event without another renewTime is no renewal', async () => {
    const {clock, observer} = setUp();
    observer.observe('a', '1');
    await clock.advance(39_999);
    observer.observe('a', '1');
    await clock.advance(1);
    expect(observer.isFresh('a')).toBe(false);
  });

  test('what is forgotten neither expires nor is fresh', async () => {
    const {clock, observer, events} = setUp();
    observer.observe('a', '1');
    observer.forget('a');
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(100_000);
    expect(events).toEqual(['0 a fresh']);
    expect(observer.isFresh('a')).toBe(false);
    expect(observer.ageMs('a')).toBeUndefined();
  });

  test('time in which this process stood still does not count', async () => {
    const clock = new ManualClock();
    let offsetMs = 0;
    const stalling = {
      now: () => clock.now() + offsetMs,
      monotonic: () => clock.monotonic() + offsetMs,
      setTimeout: clock.setTimeout.bind(clock),
      sleep: clock.sleep.bind(clock),
    };
    const expired: string[] = [];
    const observer = new LeaseObserver({durationMs: 40_000, clock: stalling, onExpired: (key) => expired.push(key)});
    observer.observe('a', '1');
    await clock.advance(10_000);
    observer.observe('b', '1');
    offsetMs = 600_000;
    await clock.advance(30_000);
    expect(expired).toEqual(['a']);
    expect(observer.ageMs('b')).toBe(30_000);
    await clock.advance(10_000);
    expect(expired).toEqual(['a', 'b']);
  });

  test('one timer serves all, and close ends it', () => {
    const {clock, observer} = setUp();
    for (const key of ['a', 'b', 'c']) observer.observe(key, '1');
    expect(clock.pendingTimers).toBe(1);
    observer.close();
    expect(clock.pendingTimers).toBe(0);
    expect(observer.size).toBe(0);
  });
});
