import type {Clock} from './clock.ts';
import {LruMap} from './lru-map.ts';

export interface EventSpamFilterOptions {
  clock: Pick<Clock, 'monotonic'>;
  /** Events of one object at once. Default 25. */
  burst?: number;
  /** Afterwards one in so many milliseconds. Default 300,000. */
  refillMs?: number;
}

const MAX_OBJECTS = 4_096;

/**
 * A token bucket per object, so that one object in trouble does not flood the API server.
 *
 * @see https://github.com/kubernetes/client-go/blob/master/tools/record/events_cache.go
 */
export class EventSpamFilter {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #burst: number;
  readonly #refillMs: number;
  readonly #buckets = new LruMap<string, {tokens: number; at: number}>(MAX_OBJECTS);

  constructor(options: EventSpamFilterOptions) {
    this.#clock = options.clock;
    this.#burst = options.burst ?? 25;
    this.#refillMs = options.refillMs ?? 300_000;
  }

  /** Whether one more Event of `object` may be sent; counts it if so. */
  allows(object: string): boolean {
    const now = this.#clock.monotonic();
    const bucket = this.#buckets.get(object) ?? {tokens: this.#burst, at: now};
    const tokens = Math.min(this.#burst, bucket.tokens + (now - bucket.at) / this.#refillMs);
    const allowed = tokens >= 1;
    this.#buckets.set(object, {tokens: allowed ? tokens - 1 : tokens, at: now});
    return allowed;
  }
}
