import type {Clock, Timer} from './clock.ts';

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  readonly #pending = new Set<{dueMs: number; fn: () => void}>();
  #elapsedMs = 0;

  now(): number {
    return Date.UTC(2026, 0, 1) + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  get pendingTimers(): number {
    return this.#pending.size;
  }

  setTimeout(fn: () => void, ms: number): Timer {
    const timer = {dueMs: this.#elapsedMs + ms, fn};
    this.#pending.add(timer);
    return {cancel: () => this.#pending.delete(timer)};
  }

  /** Moves time on and fires what becomes due, in order; between the timers everything under way runs. */
  async advance(ms: number): Promise<void> {
    const targetMs = this.#elapsedMs + ms;
    for (;;) {
      await settle();
      const next = [...this.#pending].filter(({dueMs}) => dueMs <= targetMs).toSorted((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.#pending.delete(next);
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      next.fn();
    }
    this.#elapsedMs = targetMs;
  }
}

/** Lets everything that is under way run: promises, streams, callbacks of the event loop. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
