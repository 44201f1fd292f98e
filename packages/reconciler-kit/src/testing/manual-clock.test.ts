import {describe, expect, test} from '@jest/globals';
import {ManualClock} from './manual-clock.ts';

describe('ManualClock', () => {
  test('fires timers in order, each at its own moment, and those that were set meanwhile', async () => {
    const clock = new ManualClock({startMs: 1000});
    const fired: string[] = [];
    const note = (name: string) => () => fired.push(`${name}@${clock.monotonic()}`);
    clock.setTimeout(note('late'), 30);
    clock.setTimeout(() => {
      note('first')();
      clock.setTimeout(note('nested'), 5);
    }, 10);
    clock.setTimeout(note('same moment, set later'), 10);
    await clock.advance(20);
    expect(fired).toEqual(['first@10', 'same moment, set later@10', 'nested@15']);
    expect(clock.now()).toBe(1020);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(10);
    expect(fired.at(-1)).toBe('late@30');
  });

  test('a cancelled timer never fires', async () => {
    const clock = new ManualClock();
    const timer = clock.setTimeout(() => {
      throw new Error('fired');
    }, 1);
    timer.cancel();
    timer.cancel();
    await clock.advance(10);
    expect(clock.pendingTimers).toBe(0);
  });

  test('code that sleeps in a loop goes round once per period', async () => {
    const clock = new ManualClock();
    let rounds = 0;
    const stop = new AbortController();
    const loop = (async () => {
      for (;;) {
        await clock.sleep(100, stop.signal);
        rounds++;
      }
    })();
    await clock.advance(1000);
    expect(rounds).toBe(10);
    stop.abort(new Error('enough'));
    await expect(loop).rejects.toThrow('enough');
    expect(clock.pendingTimers).toBe(0);
  });
});
