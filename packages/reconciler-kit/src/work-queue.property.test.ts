import {expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import {ManualClock} from './testing/manual-clock.ts';
import {type AddOptions, type WorkItem, WorkQueue} from './work-queue.ts';

type Command =
  | {do: 'add'; key: string; options: AddOptions}
  | {do: 'get'}
  | {do: 'giveUp'; which: number}
  | {do: 'done'; which: number}
  | {do: 'forget'; key: string}
  | {do: 'advance'; ms: number};

/** The queue as one would explain it: a list, searched from the start for everything. */
class ModelQueue {
  now = 0;
  wanted: {key: string; priority: number; readyAt: number; ready: boolean; turn: number}[] = [];
  readonly processing = new Set<string>();
  readonly failures = new Map<string, number>();
  waiters: number[] = [];
  readonly handedOut = new Map<number, WorkItem | undefined>();
  turns = 0;

  add(key: string, {priority = 0, after = 0, rateLimited = false}: AddOptions): void {
    let delay = after;
    if (rateLimited) {
      const failures = this.failures.get(key) ?? 0;
      this.failures.set(key, failures + 1);
      const limited = Math.min(5 * 2 ** failures, 1_000_000);
      delay = after > 0 ? Math.min(after, limited) : limited;
    }
    const known = this.wanted.find((entry) => entry.key === key);
    if (!known) {
      this.wanted.push({key, priority, readyAt: this.now + delay, ready: delay === 0, turn: this.turns++});
    } else {
      if (priority > known.priority) {
        known.priority = priority;
        if (known.ready) known.turn = this.turns++;
      }
      if (!known.ready) {
        known.readyAt = Math.min(known.readyAt, this.now + delay);
        if (delay === 0) this.#makeReady(known);
      }
    }
    this.#deliver();
  }

  get(id: number): void {
    this.waiters.push(id);
    this.#deliver();
  }

  giveUp(id: number): void {
    this.waiters = this.waiters.filter((waiter) => waiter !== id);
    this.handedOut.set(id, undefined);
  }

  done(key: string): void {
    this.processing.delete(key);
    this.#deliver();
  }

  advance(ms: number): void {
    this.now += ms;
    const due = this.wanted.filter((entry) => !entry.ready && entry.readyAt <= this.now);
    for (const moment of new Set(due.map((entry) => entry.readyAt).toSorted((a, b) => a - b))) {
      for (const entry of due.filter((other) => other.readyAt === moment).toSorted((a, b) => a.turn - b.turn)) {
        this.#makeReady(entry);
      }
      this.#deliver();
    }
  }

  #makeReady(entry: {ready: boolean; turn: number}): void {
    entry.ready = true;
    entry.turn = this.turns++;
  }

  #deliver(): void {
    for (;;) {
      const free = this.wanted.filter((entry) => entry.ready && !this.processing.has(entry.key));
      const [first] = free.toSorted((a, b) => b.priority - a.priority || a.turn - b.turn);
      const waiter = this.waiters[0];
      if (!first || waiter === undefined) return;
      this.waiters.shift();
      this.wanted = this.wanted.filter((entry) => entry !== first);
      this.processing.add(first.key);
      this.handedOut.set(waiter, {key: first.key, priority: first.priority});
    }
  }
}

const keys = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      key: keys,
      options: fc.record(
        {
          priority: fc.constantFrom(-100, -1, 0, 1, 7),
          after: fc.constantFrom(0, 1, 5, 17, 100),
          rateLimited: fc.boolean(),
        },
        {requiredKeys: []},
      ),
    }),
  },
  {weight: 5, arbitrary: fc.constant({do: 'get' as const})},
  {weight: 1, arbitrary: fc.record({do: fc.constant('giveUp' as const), which: fc.nat(9)})},
  {weight: 4, arbitrary: fc.record({do: fc.constant('done' as const), which: fc.nat(9)})},
  {weight: 1, arbitrary: fc.record({do: fc.constant('forget' as const), key: keys})},
  {weight: 3, arbitrary: fc.record({do: fc.constant('advance' as const), ms: fc.constantFrom(0, 1, 4, 13, 200)})},
);

test('whatever is added, taken and done in whatever order, it does what the model does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, {maxLength: 80}), async (commands) => {
      const clock = new ManualClock();
      const queue = new WorkQueue({name: 'q', clock});
      const model = new ModelQueue();
      const handedOut = new Map<number, WorkItem | undefined>();
      const aborts: AbortController[] = [];

      for (const step of commands) {
        switch (step.do) {
          case 'add':
            queue.add(step.key, step.options);
            model.add(step.key, step.options);
            break;
          case 'get': {
            const id = aborts.length;
            const abort = new AbortController();
            aborts.push(abort);
            void queue.get(abort.signal).then((item) => handedOut.set(id, item));
            model.get(id);
            break;
          }
          case 'giveUp': {
            const id = model.waiters[step.which % Math.max(1, model.waiters.length)];
            if (id === undefined) break;
            aborts[id]?.abort();
            model.giveUp(id);
            break;
          }
          case 'done': {
            const held = [...model.processing];
            const key = held[step.which % Math.max(1, held.length)];
            if (key === undefined) break;
            queue.done(key);
            model.done(key);
            break;
          }
          case 'forget':
            queue.forget(step.key);
            model.failures.delete(step.key);
            break;
          case 'advance':
            await clock.advance(step.ms);
            model.advance(step.ms);
            break;
        }
        // The promise of a get() settles a few microtasks after it was decided.
        for (let i = 0; i < 3; i++) await Promise.resolve();
        expect(handedOut).toEqual(model.handedOut);
        expect(queue.length).toBe(model.wanted.filter((entry) => entry.ready).length);
        for (const key of ['a', 'b', 'c', 'd', 'e']) expect(queue.retries(key)).toBe(model.failures.get(key) ?? 0);
      }

      // Whatever is left comes out in a drain, each key once.
      const left = new Set(model.wanted.filter((entry) => entry.ready).map((entry) => entry.key));
      for (const abort of aborts) abort.abort();
      const drained = queue.shutDownWithDrain();
      for (const key of model.processing) queue.done(key);
      for (let item = await queue.get(); item; item = await queue.get()) {
        expect(left.delete(item.key)).toBe(true);
        queue.done(item.key);
      }
      await drained;
      expect(left.size).toBe(0);
      expect(clock.pendingTimers).toBe(0);
    }),
    {numRuns: 500},
  );
});
