import {expect, test} from '@jest/globals';
import {ManualClock} from '../manual-clock.fixture.ts';
import {TimeSlices} from './time-slices.ts';
import {WorkQueue} from './work-queue.ts';

function start(work: (key: string) => Promise<void>, concurrency = 2) {
  const clock = new ManualClock();
  const errors: string[] = [];
  const onError = (error: unknown, key: string): void => void errors.push(`${key}: ${String(error)}`);
  const queue = new WorkQueue({work, concurrency, clock, slices: new TimeSlices(clock), onError});
  return {queue, clock, errors};
}

/** Lets everything happen that waits for nothing outside. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test('a key that is added often is worked on once, and once more when it is added while it is in work', async () => {
  const gates: (() => void)[] = [];
  const begun: string[] = [];
  const {queue} = start(async (key) => {
    begun.push(key);
    await new Promise<void>((resolve) => gates.push(resolve));
  });
  for (const key of ['a', 'a', 'b', 'c', 'a', 'c']) queue.add(key);
  await settled();
  expect(begun).toEqual(['a', 'b']);
  queue.add('a');
  queue.add('a');
  gates[0]!();
  await settled();
  expect(begun).toEqual(['a', 'b', 'c']);
  gates[1]!();
  await settled();
  expect(begun).toEqual(['a', 'b', 'c', 'a']);
  gates[2]!();
  gates[3]!();
  await settled();
  // It starts again after it had nothing to do.
  queue.add('d');
  await settled();
  expect(begun).toEqual(['a', 'b', 'c', 'a', 'd']);
  gates[4]!();
  await queue.close();
});

test('what fails is tried again, later each time, up to a minute', async () => {
  const begun: number[] = [];
  let fails = 20;
  const {queue, clock, errors} = start(async () => {
    begun.push(clock.now());
    if (fails-- > 0) throw new Error('no');
  });
  queue.add('a');
  for (let step = 0; step < 10_000 && begun.length < 21; step++) {
    await settled();
    clock.advance(100);
  }
  const waits = begun.slice(1).map((at, index) => at - begun[index]!);
  expect(waits.slice(0, 5)).toEqual([100, 200, 400, 800, 1_600]);
  expect(Math.max(...waits)).toBe(60_000);
  expect(errors).toHaveLength(20);
  expect(clock.pending).toBe(0);
  await queue.close();
});

test('nothing begins after it was closed, which waits for what is in work', async () => {
  const gates: (() => void)[] = [];
  const begun: string[] = [];
  const {queue, clock, errors} = start(async (key) => {
    begun.push(key);
    await new Promise<void>((resolve) => gates.push(resolve));
    throw new Error('the storage is closed');
  }, 1);
  queue.add('a');
  queue.add('b');
  queue.addAfter('c', 10);
  await settled();
  let closed = false;
  const closing = queue.close().then(() => (closed = true));
  await settled();
  expect(closed).toBe(false);
  gates[0]!();
  await closing;
  clock.advance(1_000);
  queue.add('d');
  await settled();
  expect(begun).toEqual(['a']);
  expect(errors).toEqual([]);
});

test('many keys are worked on in the order in which they came', async () => {
  const begun: string[] = [];
  const {queue} = start(async (key) => void begun.push(key), 1);
  const keys = Array.from({length: 5_000}, (_, index) => String(index));
  for (const key of keys) queue.add(key);
  while (begun.length < keys.length) await settled();
  expect(begun).toEqual(keys);
  await queue.close();
});
