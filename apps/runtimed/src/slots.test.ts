import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {type Reservation, Slots} from './slots.ts';

const never = new AbortController().signal;

/** Runs everything that waits for promises that are already settled. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('Slots', () => {
  test('makes the one too many wait until another releases', async () => {
    const slots = new Slots({runs: 1});
    const first = await slots.acquire({runs: 1}, never);
    const second = slots.acquire({runs: 1}, never);
    expect(slots.waiting).toBe(1);
    first.release();
    first.release();
    await second;
    expect(slots.waiting).toBe(0);
    slots.acquire({runs: 1}, never).catch(() => {});
    expect(slots.waiting).toBe(1);
  });

  test('lets nobody overtake', async () => {
    const slots = new Slots({runs: 2});
    const first = await slots.acquire({runs: 1}, never);
    const order: string[] = [];
    const large = slots.acquire({runs: 2}, never).then((r) => (order.push('large'), r));
    const small = slots.acquire({runs: 1}, never).then(() => order.push('small'));
    first.release();
    (await large).release();
    await small;
    expect(order).toEqual(['large', 'small']);
  });

  test('lets the next in line go when the one before it gives up', async () => {
    const slots = new Slots({runs: 2});
    await slots.acquire({runs: 1}, never);
    const abort = new AbortController();
    const large = slots.acquire({runs: 2}, abort.signal);
    const small = slots.acquire({runs: 1}, never);
    abort.abort(new Error('cancelled'));
    await expect(large).rejects.toThrow('cancelled');
    await small;
  });

  test('refuses what can never fit', async () => {
    const slots = new Slots({runs: 1});
    for (const requests of [{runs: 2}, {runs: 1, gpu: 1}]) {
      expect(slots.fits(requests)).toBe(false);
      await expect(slots.acquire(requests, never)).rejects.toMatchObject({code: 'REQUEST_TOO_LARGE'});
    }
  });

  test('counts what runs already, even beyond the capacity', async () => {
    const slots = new Slots({runs: 1});
    const running = [slots.occupy({runs: 1}), slots.occupy({runs: 1})];
    const waiting = slots.acquire({runs: 1}, never);
    running[0]?.release();
    await settle();
    expect(slots.waiting).toBe(1);
    running[1]?.release();
    await waiting;
  });

  test('never hands out more than there is, and everything in the end', async () => {
    const step = fc.record({runs: fc.integer({min: 1, max: 3}), abort: fc.boolean(), release: fc.boolean()});
    await fc.assert(
      fc.asyncProperty(fc.array(step, {maxLength: 30}), async (steps) => {
        const slots = new Slots({runs: 3});
        let used = 0;
        const held: Reservation[] = [];
        const release = () => held.shift()?.release();
        for (const {runs, abort, release: releaseOne} of steps) {
          const controller = new AbortController();
          slots.acquire({runs}, controller.signal).then(
            (reservation) => {
              used += runs;
              expect(used).toBeLessThanOrEqual(3);
              held.push({
                release: () => {
                  used -= runs;
                  reservation.release();
                },
              });
            },
            () => {},
          );
          if (abort) controller.abort();
          await settle();
          if (releaseOne) release();
          await settle();
        }
        while (held.length > 0) {
          release();
          await settle();
        }
        expect(slots.waiting).toBe(0);
        await slots.acquire({runs: 3}, never);
      }),
      {numRuns: 50},
    );
  });
});
