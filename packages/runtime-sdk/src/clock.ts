/** A pending timer. Cancelling it twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

/** Where the server gets time from, so that tests move it by hand. */
export interface Clock {
  /** Wall-clock time in milliseconds since the epoch. */
  now(): number;
  /** Milliseconds since some fixed point, never going back. */
  monotonic(): number;
  /** Calls `fn` once after `ms` milliseconds. Any length is allowed. */
  setTimeout(fn: () => void, ms: number): Timer;
}

/** The longest delay that `setTimeout` of Node.js accepts; anything longer fires at once. */
const longestDelayMs = 2 ** 31 - 1;

/** The time of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout(fn, ms) {
    const end = performance.now() + ms;
    const arm = (): NodeJS.Timeout => {
      const remainingMs = end - performance.now();
      if (remainingMs <= longestDelayMs) return setTimeout(fn, Math.max(0, remainingMs));
      return setTimeout(() => {
        handle = arm();
      }, longestDelayMs);
    };
    let handle = arm();
    return {cancel: () => clearTimeout(handle)};
  },
};
