import {describe, expect, test} from '@jest/globals';
import {Metrics} from './metrics.ts';
import {ManualClock} from './testing/manual-clock.ts';
import {LOW_PRIORITY, WorkQueue} from './work-queue.ts';

function setUp() {
  const clock = new ManualClock();
  const metrics = new Metrics();
  const queue = new WorkQueue({name: 'q', controller: 'c', clock, metrics});
  /** Keys that are due now, in order; each is done at once. */
  const take = async (limit = 100): Promise<string[]> => {
    const keys: string[] = [];
    for (let i = 0; i < limit; i++) {
      const item = await queue
        .get(AbortSignal.abort())
        .then((none) => none ?? (queue.length > 0 ? queue.get() : undefined));
      if (!item) break;
      keys.push(item.key);
      queue.done(item.key);
    }
    return keys;
  };
  return {clock, metrics, queue, take};
}

describe('WorkQueue', () => {
  test('hands out each key once, in the order in which they came', async () => {
    const {queue, take} = setUp();
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    expect(queue.length).toBe(3);
    expect(await take()).toEqual(['a', 'b', 'c']);
  });

  test('hands out higher priorities first, and a key keeps the highest it was given', async () => {
    const {queue, take} = setUp();
    queue.add('initial-1', {priority: LOW_PRIORITY});
    queue.add('initial-2', {priority: LOW_PRIORITY});
    queue.add('changed');
    queue.add('urgent', {priority: 5});
    queue.add('initial-2');
    queue.add('urgent', {priority: -7});
    expect(await take()).toEqual(['urgent', 'changed', 'initial-2', 'initial-1']);
  });

  test('does not hand out a key twice at once, and not lose what was added meanwhile', async () => {
    const {queue} = setUp();
    queue.add('a');
    expect(await queue.get()).toEqual({key: 'a', priority: 0});
    queue.add('a', {priority: 3});
    queue.add('b');
    expect(await queue.get()).toEqual({key: 'b', priority: 0});
    const next = queue.get();
    queue.done('a');
    expect(await next).toEqual({key: 'a', priority: 3});
  });

  test('hands out a delayed key at its time, or earlier if it is added again', async () => {
    const {clock, queue, take} = setUp();
    queue.add('late', {after: 1000});
    queue.add('early', {after: 10});
    queue.add('late', {after: 5000});
    queue.add('moved', {after: 2000});
    expect(queue.length).toBe(0);
    await clock.advance(9);
    expect(await take()).toEqual([]);
    await clock.advance(1);
    expect(await take()).toEqual(['early']);
    queue.add('moved');
    expect(await take()).toEqual(['moved']);
    await clock.advance(990);
    expect(await take()).toEqual(['late']);
    expect(clock.pendingTimers).toBe(0);
  });

  test('uses one timer, however many keys wait', async () => {
    const {clock, queue} = setUp();
    for (let i = 0; i < 100; i++) queue.add(`key-${i}`, {after: 1000 - i});
    expect(clock.pendingTimers).toBe(1);
    queue.shutDown();
    expect(clock.pendingTimers).toBe(0);
  });

  test('doubles the wait of a failing key until it is forgotten', async () => {
    const {clock, queue} = setUp();
    const waits: number[] = [];
    for (let i = 0; i < 20; i++) {
      if (i === 18) queue.forget('a');
      queue.add('a', {rateLimited: true});
      const start = clock.monotonic();
      const item = queue.get().then(() => waits.push(clock.monotonic() - start));
      await clock.advance(1_000_000);
      await item;
      queue.done('a');
    }
    expect(waits.slice(0, 4)).toEqual([5, 10, 20, 40]);
    expect(waits.slice(15, 18)).toEqual([163_840, 327_680, 655_360]);
    expect(waits.slice(18)).toEqual([5, 10]);
    expect(queue.retries('a')).toBe(2);
  });

  test('gives the first key to whoever asked first, and nothing to who gave up', async () => {
    const {queue} = setUp();
    const order: string[] = [];
    const gaveUp = new AbortController();
    const gets = [
      queue.get(gaveUp.signal).then((item) => order.push(`1:${item?.key}`)),
      queue.get().then((item) => order.push(`2:${item?.key}`)),
      queue.get().then((item) => order.push(`3:${item?.key}`)),
    ];
    gaveUp.abort();
    queue.add('a');
    queue.add('b');
    await Promise.all(gets);
    expect(order).toEqual(['1:undefined', '2:a', '3:b']);
  });

  test('hands out what is due after a shutdown, but takes nothing new and drops what is due later', async () => {
    const {queue} = setUp();
    queue.add('due');
    queue.add('later', {after: 10});
    queue.shutDown();
    queue.add('new');
    expect((await queue.get())?.key).toBe('due');
    expect(await queue.get()).toBeUndefined();
  });

  test('a drain waits for work in progress and for keys that were added during it', async () => {
    const {queue} = setUp();
    queue.add('a');
    await queue.get();
    queue.add('a');
    let drained = false;
    const drain = queue.shutDownWithDrain().finally(() => {
      drained = true;
    });
    queue.done('a');
    expect((await queue.get())?.key).toBe('a');
    expect(drained).toBe(false);
    queue.done('a');
    await drain;
    expect(await queue.get()).toBeUndefined();
  });

  test('counts in the series of controller-runtime, which start at 0', async () => {
    const {clock, metrics, queue} = setUp();
    const lines = async () => (await metrics.text()).split('\n');
    const q = 'name="q",controller="c"';
    expect(await lines()).toEqual(
      expect.arrayContaining([
        `workqueue_depth{${q},priority="0"} 0`,
        `workqueue_adds_total{${q}} 0`,
        `workqueue_retries_total{${q}} 0`,
        `workqueue_unfinished_work_seconds{${q}} 0`,
        `workqueue_longest_running_processor_seconds{${q}} 0`,
        `workqueue_queue_duration_seconds_count{${q}} 0`,
        `workqueue_work_duration_seconds_count{${q}} 0`,
      ]),
    );
    queue.add('a');
    queue.add('b', {priority: LOW_PRIORITY});
    queue.add('c', {after: 100});
    queue.add('b', {priority: 2});
    await clock.advance(2000);
    await queue.get();
    await queue.get();
    await clock.advance(3000);
    queue.done('b');
    expect(await lines()).toEqual(
      expect.arrayContaining([
        `workqueue_depth{${q},priority="0"} 1`,
        `workqueue_depth{${q},priority="-100"} 0`,
        `workqueue_depth{${q},priority="2"} 0`,
        `workqueue_adds_total{${q}} 3`,
        `workqueue_retries_total{${q}} 1`,
        `workqueue_unfinished_work_seconds{${q}} 3`,
        `workqueue_longest_running_processor_seconds{${q}} 3`,
        `workqueue_queue_duration_seconds_sum{${q}} 4`,
        `workqueue_work_duration_seconds_sum{${q}} 3`,
      ]),
    );
  });

  test('has at most 25 label values for priorities', async () => {
    const {metrics, queue} = setUp();
    for (let i = 0; i < 40; i++) queue.add(`key-${i}`, {priority: i});
    const depths = (await metrics.text()).split('\n').filter((line) => line.startsWith('workqueue_depth{'));
    expect(depths).toHaveLength(26);
    expect(depths.at(-1)).toBe('workqueue_depth{name="q",controller="c",priority="exceeded_cardinality_limit"} 15');
  });
});
