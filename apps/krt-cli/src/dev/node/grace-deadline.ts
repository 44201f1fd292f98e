import type {Clock, Timer} from '@kruntimes/reconciler-kit';

/** The time that a Pod has left to end by itself. It can only become shorter. */
export class GraceDeadline {
  readonly #clock: Clock;
  readonly #expired = new AbortController();
  #endMs: number;
  #timer: Timer;

  constructor(clock: Clock, graceMs: number) {
    this.#clock = clock;
    this.#endMs = clock.monotonic() + graceMs;
    this.#timer = clock.setTimeout(() => this.#expired.abort(), graceMs);
  }

  /** Aborted when the time is over. */
  get signal(): AbortSignal {
    return this.#expired.signal;
  }

  get remainingMs(): number {
    return Math.max(0, this.#endMs - this.#clock.monotonic());
  }

  shorten(graceMs: number): void {
    const endMs = this.#clock.monotonic() + graceMs;
    if (endMs >= this.#endMs) return;
    this.#endMs = endMs;
    this.#timer.cancel();
    this.#timer = this.#clock.setTimeout(() => this.#expired.abort(), graceMs);
  }

  cancel(): void {
    this.#timer.cancel();
  }
}
