import {type Clock, systemClock, type Timer} from './clock.ts';

export interface LeaseObserverOptions {
  /** How long after its last observed renewal a Lease counts as fresh. */
  durationMs: number;
  clock?: Clock;
  /** Called when a Lease was not renewed for `durationMs`. */
  onExpired?: (key: string) => void;
  /** Called when a Lease that was not known, or had expired, is fresh. */
  onFresh?: (key: string) => void;
}

interface Observation {
  readonly key: string;
  renewTime: string | undefined;
  /** On the monotonic clock. */
  observedAtMs: number;
  expired: boolean;
}

/** A timer that fires so much too late says that this process stood still: it has seen no renewals then, whoever made them. */
const STALL_MS = 5_000;

/**
 * Judges Leases of other processes by the time at which their renewals were *seen* here, never by the times written in them: the
 * clocks of two machines may differ by any amount. A Lease that is seen for the first time counts as renewed at that moment.
 *
 * Feed it from a cache of Leases: {@link observe} for each add and update, {@link forget} for each delete. One timer serves all of
 * them, and a renewal costs O(1).
 *
 * @see https://github.com/kubernetes/client-go/blob/master/tools/leaderelection/leaderelection.go (observedTime)
 */
export class LeaseObserver {
  readonly #durationMs: number;
  readonly #clock: Clock;
  readonly #onExpired: (key: string) => void;
  readonly #onFresh: (key: string) => void;
  readonly #observations = new Map<string, Observation>();
  /** Those that are fresh, in the order of their last renewal. */
  readonly #fresh = new Set<Observation>();
  #timer: Timer | undefined;
  #timerDueMs = 0;

  constructor(options: LeaseObserverOptions) {
    this.#durationMs = options.durationMs;
    this.#clock = options.clock ?? systemClock;
    this.#onExpired = options.onExpired ?? (() => {});
    this.#onFresh = options.onFresh ?? (() => {});
  }

  /** How many Leases are known. */
  get size(): number {
    return this.#observations.size;
  }

  /** How many of them have expired. */
  get expired(): number {
    return this.#observations.size - this.#fresh.size;
  }

  /** Takes note of the `spec.renewTime` of a Lease; only another value than before is a renewal. */
  observe(key: string, renewTime: string | undefined): void {
    const known = this.#observations.get(key);
    if (known !== undefined && known.renewTime === renewTime) return;
    const observation = known ?? {key, renewTime, observedAtMs: 0, expired: true};
    observation.renewTime = renewTime;
    observation.observedAtMs = this.#clock.monotonic();
    this.#observations.set(key, observation);
    this.#fresh.delete(observation);
    this.#fresh.add(observation);
    this.#arm();
    if (!observation.expired) return;
    observation.expired = false;
    this.#onFresh(key);
  }

  forget(key: string): void {
    const known = this.#observations.get(key);
    if (known === undefined) return;
    this.#observations.delete(key);
    this.#fresh.delete(known);
    if (this.#fresh.size === 0) this.#disarm();
  }

  /** Whether the Lease is known and has not expired. */
  isFresh(key: string): boolean {
    return this.#observations.get(key)?.expired === false;
  }

  /** Milliseconds since the last renewal that was seen; undefined for a Lease that is not known. */
  ageMs(key: string): number | undefined {
    const known = this.#observations.get(key);
    return known && this.#clock.monotonic() - known.observedAtMs;
  }

  /** The `spec.renewTime` that was seen last. */
  renewTime(key: string): string | undefined {
    return this.#observations.get(key)?.renewTime;
  }

  /** Forgets everything and stops the timer. */
  close(): void {
    this.#disarm();
    this.#observations.clear();
    this.#fresh.clear();
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    if (this.#timer !== undefined) return;
    const [oldest] = this.#fresh;
    if (oldest === undefined) return;
    this.#timerDueMs = oldest.observedAtMs + this.#durationMs;
    this.#timer = this.#clock.setTimeout(() => this.#sweep(), Math.max(0, this.#timerDueMs - this.#clock.monotonic()));
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonic();
    const lateMs = now - this.#timerDueMs;
    if (lateMs > STALL_MS) {
      for (const observation of this.#observations.values()) {
        observation.observedAtMs = Math.min(now, observation.observedAtMs + lateMs);
      }
    }
    const expired: string[] = [];
    for (const observation of this.#fresh) {
      if (now - observation.observedAtMs < this.#durationMs) break;
      this.#fresh.delete(observation);
      observation.expired = true;
      expired.push(observation.key);
    }
    this.#arm();
    // All of them count as expired before the first is told.
    for (const key of expired) this.#onExpired(key);
  }
}
