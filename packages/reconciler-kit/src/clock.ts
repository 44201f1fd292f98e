/** A pending timer; cancelling it twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * Where the kit gets time from. Everything in the kit that waits or compares times takes a `Clock`, so that a test
 * moves time by hand instead of sleeping.
 */
export interface Clock {
  /** Wall-clock time in milliseconds since the epoch. Use it for timestamps that others read. */
  now(): number;
  /** Milliseconds since some fixed point, never going back. Use it for durations and deadlines. */
  monotonic(): number;
  /** Calls `fn` once after `ms` milliseconds. Any length is allowed. */
  setTimeout(fn: () => void, ms: number): Timer;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The longest delay that `setTimeout` of Node.js accepts; anything longer fires at once. */
const longestDelayMs = 2 ** 31 - 1;

function startTimer(fn: () => void, ms: number): Timer {
  let handle: NodeJS.Timeout;
  const arm = (remainingMs: number): void => {
    handle =
      remainingMs > longestDelayMs
        ? setTimeout(() => arm(remainingMs - longestDelayMs), longestDelayMs)
        : setTimeout(fn, remainingMs);
  };
  arm(Math.max(0, ms));
  return {cancel: () => clearTimeout(handle)};
}

/** The time of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: startTimer,
  sleep: (ms, signal) => sleepOn(systemClock, ms, signal),
};

/** `Clock.sleep` in terms of `Clock.setTimeout`, for those who write a clock. */
export function sleepOn(clock: Pick<Clock, 'setTimeout'>, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, {once: true});
  });
}
