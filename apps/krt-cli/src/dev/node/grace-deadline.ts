import type {Clock, Timer} from '@kruntimes/reconciler-kit';

/** However little is left of the grace period, a container has so long between SIGTERM and SIGKILL, as with a kubelet. */
const MINIMUM_WINDOW_MS = 2_000;

/** The time that a Pod has left to end by itself. It can only become shorter. */
export class GraceDeadline {
  readonly #clock: Clock;
  readonly #expired = new AbortController();
  readonly #forced = new AbortController();
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

  /** Nobody waits any more, not even for the least that a container gets otherwise. */
  force(): void {
    this.#endMs = this.#clock.monotonic();
    this.#timer.cancel();
    this.#forced.abort();
    this.#expired.abort();
  }

  /** When a container that gets its SIGTERM now is to be killed: resolves then, or when `signal` is aborted. */
  async untilKill(signal: AbortSignal): Promise<void> {
    const ending = AbortSignal.any([signal, this.#forced.signal]);
    await Promise.all([
      aborted(AbortSignal.any([ending, this.#expired.signal])),
      this.#clock.sleep(MINIMUM_WINDOW_MS, ending).catch(() => {}),
    ]);
  }

  cancel(): void {
    this.#timer.cancel();
  }
}

/** Resolves when the signal is aborted. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, {once: true}));
}
