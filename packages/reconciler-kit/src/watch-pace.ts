/** Jittered, rising pauses after failures. */
export class Backoff {
  readonly #random: () => number;
  #failures = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Milliseconds to wait after one more failure: anything up to 800 ms, doubled each time, 30 s at most. */
  next(atLeastMs = 0): number {
    const ceilingMs = Math.min(firstBackoffMs * 2 ** this.#failures, longestBackoffMs);
    this.#failures++;
    return Math.max(atLeastMs, shortestBackoffMs, this.#random() * ceilingMs);
  }

  reset(): void {
    this.#failures = 0;
  }
}

const firstBackoffMs = 800;
const longestBackoffMs = 30_000;
/** Full jitter may say 0, and a row of zeros would be a hot loop. */
const shortestBackoffMs = 50;

/**
 * How soon a watch that ended by itself is resumed. The end of a watch is normal, so: at once, also when it brought
 * nothing. Only a row of watches that are both short and empty slows down, step by step, so that a server or proxy that
 * closes every watch as it opens is asked no more than every few seconds.
 */
export class ResumePace {
  readonly #random: () => number;
  #shortAndEmpty = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Milliseconds to wait before the watch is resumed. */
  next(watch: {lifetimeMs: number; empty: boolean}): number {
    if (!watch.empty || watch.lifetimeMs >= shortWatchMs) {
      this.#shortAndEmpty = 0;
      return 0;
    }
    this.#shortAndEmpty++;
    if (this.#shortAndEmpty <= freeResumes) return 0;
    const steps = this.#shortAndEmpty - freeResumes - 1;
    const periodMs = Math.min(firstPeriodMs * periodGrowth ** steps, longestPeriodMs);
    // From start to start: the longer the watch lasted, the less is left to wait.
    return Math.max(0, periodMs * (0.5 + 0.5 * this.#random()) - watch.lifetimeMs);
  }
}

/** client-go calls a watch below this without an event a very short one. */
const shortWatchMs = 1000;
const freeResumes = 2;
const firstPeriodMs = 100;
const periodGrowth = 1.5;
const longestPeriodMs = 5000;
