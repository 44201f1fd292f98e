/** Says how long a key that failed has to wait. */
export interface RateLimiter<K = string> {
  /** Counts one more failure of `key`. Returns the wait in milliseconds. */
  when(key: K): number;
  /** Forgets the failures of `key`. */
  forget(key: K): void;
  /** How often `key` failed since it was last forgotten. */
  retries(key: K): number;
}

export interface ExponentialRateLimiterOptions {
  /** Wait after the first failure. Default 5 ms. */
  baseDelayMs?: number;
  /** Longest wait. Default 1,000 s. */
  maxDelayMs?: number;
}

/**
 * Doubles the wait of a key with each failure: 5 ms, 10 ms, 20 ms, ... up to 1,000 s.
 *
 * @see https://github.com/kubernetes/client-go/blob/master/util/workqueue/default_rate_limiters.go
 */
export class ExponentialRateLimiter<K = string> implements RateLimiter<K> {
  readonly #baseDelayMs: number;
  readonly #maxDelayMs: number;
  readonly #failures = new Map<K, number>();

  constructor(options: ExponentialRateLimiterOptions = {}) {
    this.#baseDelayMs = options.baseDelayMs ?? 5;
    this.#maxDelayMs = options.maxDelayMs ?? 1_000_000;
  }

  when(key: K): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    return Math.min(this.#baseDelayMs * 2 ** failures, this.#maxDelayMs);
  }

  forget(key: K): void {
    this.#failures.delete(key);
  }

  retries(key: K): number {
    return this.#failures.get(key) ?? 0;
  }
}
