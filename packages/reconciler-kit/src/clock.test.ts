import {afterEach, describe, expect, jest, test} from '@jest/globals';
import {systemClock} from './clock.ts';

afterEach(() => {
  jest.useRealTimers();
});

describe('systemClock', () => {
  test('a timer longer than Node allows does not fire early', () => {
    jest.useFakeTimers();
    const fired = jest.fn();
    const days = 24 * 3600 * 1000;
    systemClock.setTimeout(fired, 30 * days);
    jest.advanceTimersByTime(30 * days - 1);
    expect(fired).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1);
    expect(fired).toHaveBeenCalledTimes(1);
  });

  test('a long timer can be cancelled in its second part', () => {
    jest.useFakeTimers();
    const fired = jest.fn();
    const timer = systemClock.setTimeout(fired, 2 ** 32);
    jest.advanceTimersByTime(2 ** 31 + 10);
    timer.cancel();
    jest.advanceTimersByTime(2 ** 32);
    expect(fired).not.toHaveBeenCalled();
  });

  test('sleep rejects with the reason of the signal and leaves no timer behind', async () => {
    jest.useFakeTimers();
    const controller = new AbortController();
    const sleeping = systemClock.sleep(60_000, controller.signal);
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    expect(jest.getTimerCount()).toBe(0);
    await expect(systemClock.sleep(1, controller.signal)).rejects.toBe(reason);
  });

  test('monotonic time does not follow the wall clock', () => {
    const before = systemClock.monotonic();
    expect(systemClock.monotonic()).toBeGreaterThanOrEqual(before);
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1000);
  });
});
