/** A pending timer; cancelling it twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

/** Where the server gets time from, so that a test moves time by hand instead of sleeping. */
export interface Clock {
  /** Milliseconds since the epoch: for timestamps that others read. */
  now(): number;
  /** Milliseconds since some fixed point, never going back: for durations and deadlines. */
  monotonic(): number;
  /** Calls `fn` once after `ms` milliseconds (at most 2^31 - 1). It keeps no process alive. */
  setTimeout(fn: () => void, ms: number): Timer;
}

/** The time of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout(fn, ms) {
    const handle = setTimeout(fn, ms).unref();
    return {cancel: () => clearTimeout(handle)};
  },
};
