import {type Clock, sleepOn, type Timer} from '../clock.ts';

interface Pending {
  dueMs: number;
  fn: () => void;
}

export interface ManualClockOptions {
  /** Wall-clock time at the start. Default 2026-01-01T00:00:00Z. */
  startMs?: number;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  readonly #startMs: number;
  /** In the order in which they fire. */
  readonly #pending: Pending[] = [];
  #elapsedMs = 0;

  constructor(options: ManualClockOptions = {}) {
    this.#startMs = options.startMs ?? Date.UTC(2026, 0, 1);
  }

  now(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  /** How many timers wait to fire. */
  get pendingTimers(): number {
    return this.#pending.length;
  }

  setTimeout(fn: () => void, ms: number): Timer {
    const pending: Pending = {dueMs: this.#elapsedMs + Math.max(0, ms), fn};
    // Timers that are due at the same moment fire in the order in which they were set, as Node's do.
    const later = this.#pending.findIndex((other) => other.dueMs > pending.dueMs);
    this.#pending.splice(later === -1 ? this.#pending.length : later, 0, pending);
    return {
      cancel: () => {
        const index = this.#pending.indexOf(pending);
        if (index !== -1) this.#pending.splice(index, 1);
      },
    };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal);
  }

  /**
   * Moves time on by `ms` and fires what becomes due, each timer at its own moment, timers set meanwhile included.
   * Before, between and after them everything that is already under way (promises, callbacks of the event loop) runs.
   */
  async advance(ms: number): Promise<void> {
    const targetMs = this.#elapsedMs + ms;
    await settle();
    for (let next = this.#pending[0]; next !== undefined && next.dueMs <= targetMs; next = this.#pending[0]) {
      this.#pending.shift();
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      next.fn();
      await settle();
    }
    this.#elapsedMs = targetMs;
  }
}

/** One turn of the event loop, with all promise reactions before and after it. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
