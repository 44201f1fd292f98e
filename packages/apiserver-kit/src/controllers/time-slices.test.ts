import {expect, test} from '@jest/globals';
import {systemClock} from '../clock.ts';
import {TimeSlices} from './time-slices.ts';

test('the event loop has its turns while many are worked on', async () => {
  let turns = 0;
  let ended = false;
  const count = (): void => {
    turns++;
    if (!ended) setImmediate(count);
  };
  setImmediate(count);
  let open = 0;
  let most = 0;
  let now = 0;
  const slices = new TimeSlices({...systemClock, monotonic: () => now});
  await slices.forEach(
    Array.from({length: 1_000}, (_, index) => index),
    8,
    async () => {
      open++;
      most = Math.max(most, open);
      // A millisecond each.
      now++;
      await Promise.resolve();
      open--;
    },
  );
  ended = true;
  expect(most).toBe(8);
  // 1,000 ms in slices of 5 ms, plus what all workers begin in the last turn of a slice.
  expect(turns).toBeGreaterThanOrEqual(1_000 / (5 + 8));
});

test('an error is told when all have ended', async () => {
  const done: number[] = [];
  const work = new TimeSlices(systemClock).forEach([1, 2, 3, 4], 2, async (item) => {
    await Promise.resolve();
    if (item === 1) throw new Error('one');
    done.push(item);
  });
  await expect(work).rejects.toThrow('one');
  expect(done).toEqual([2, 3, 4]);
});

test('work ends between two slices when there are no more', async () => {
  const slices = new TimeSlices(systemClock);
  const done: number[] = [];
  const work = slices.forEach(
    Array.from({length: 100}, (_, index) => index),
    2,
    async (item) => {
      await Promise.resolve();
      done.push(item);
      if (item === 9) slices.end();
    },
  );
  await expect(work).rejects.toThrow('the controllers are closed');
  expect(done.length).toBeLessThan(15);
  await expect(slices.turn()).rejects.toThrow('closed');
});
