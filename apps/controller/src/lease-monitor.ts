import {leaseName} from '@kruntimes/api-types';
import {
  type Cache,
  type Clock,
  type DeepReadonly,
  isNotFound,
  type KubernetesObject,
  LeaseObserver,
  type Logger,
  type Metrics,
  objectKey,
  type Timer,
} from '@kruntimes/reconciler-kit';
import type {Lease} from 'kubernetes-types/coordination/v1.d.ts';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {ObserverTrust} from './observer-trust.ts';

type Watched<T extends KubernetesObject> = Pick<Cache<T>, 'get' | 'subscribe'>;

/** Reads of Leases past the cache. */
export interface LeaseReader {
  /** The Leases of all Runtime Pods. */
  list(signal: AbortSignal): Promise<Lease[]>;
  /** One of them; rejects with an ApiError 404 if it does not exist. */
  get(ref: {namespace: string; name: string}, signal: AbortSignal): Promise<Lease>;
}

export interface LeaseMonitorOptions {
  readonly leases: Watched<Lease>;
  /** Runtime Pods. */
  readonly pods: Watched<Pod>;
  readonly reader: LeaseReader;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Called with `namespace/name` of a Pod whose Lease has expired; and again when doubt about it has ended. */
  readonly onExpired: (pod: string) => void;
  /** @defaultValue 40_000 */
  readonly leaseDurationMs?: number | undefined;
}

/** How often the Leases are read while the observer doubts itself. */
const PROBE_MS = 10_000;

/** Knows which Runtime Pods have gone silent, by their Leases and by when their renewals were seen here. */
export class LeaseMonitor {
  readonly #options: LeaseMonitorOptions;
  readonly #clock: Clock;
  readonly #observer: LeaseObserver;
  readonly #trust: ObserverTrust;
  /** Key of the Pod by key of its Lease. */
  readonly #pods = new Map<string, string>();
  /** Since when Pods without a Lease have been known to be without; monotonic ms. */
  readonly #leaselessSinceMs = new Map<string, number>();
  #probe: Timer | undefined;
  #signal: AbortSignal | undefined;

  constructor(options: LeaseMonitorOptions) {
    const {clock, leaseDurationMs = 40_000, metrics} = options;
    this.#options = options;
    this.#clock = clock;
    this.#trust = new ObserverTrust(leaseDurationMs);
    this.#observer = new LeaseObserver({
      durationMs: leaseDurationMs,
      clock,
      onExpired: (lease) => this.#expired(lease),
      onFresh: () => this.#count(),
    });
    const leases = metrics.gauge({
      name: 'kruntimes_controller_leases',
      help: 'Leases of Runtime Pods, by state: fresh, expired',
      labelNames: ['state'],
      collect: () => {
        leases.set({state: 'expired'}, this.#observer.expired);
        leases.set({state: 'fresh'}, this.#observer.size - this.#observer.expired);
      },
    });
    const doubting = metrics.gauge({
      name: 'kruntimes_controller_lease_observer_doubting',
      help: '1 while so many Leases seem expired that this process mistrusts what it sees and takes no Run from a silent Pod',
      collect: () => doubting.set(this.#trust.trusts ? 0 : 1),
    });
  }

  /** Watches until `signal` is aborted. */
  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    const {leases, pods} = this.#options;
    const observe = (lease: DeepReadonly<Lease>): void => {
      if (this.#pods.has(objectKey(lease))) this.#observer.observe(objectKey(lease), lease.spec?.renewTime);
    };
    const stops = [
      pods.subscribe({
        add: (pod) => {
          const key = leaseKeyOf(pod);
          this.#pods.set(key, objectKey(pod));
          const lease = leases.get(key);
          if (lease !== undefined) observe(lease);
        },
        delete: (pod) => {
          const key = leaseKeyOf(pod);
          this.#pods.delete(key);
          this.#leaselessSinceMs.delete(key);
          this.#observer.forget(key);
          this.#count();
        },
      }),
      leases.subscribe({
        add: observe,
        update: (_, lease) => observe(lease),
        delete: (lease) => {
          this.#observer.forget(objectKey(lease));
          this.#count();
        },
      }),
    ];
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), {once: true});
    });
    for (const stop of stops) stop();
    this.#probe?.cancel();
    this.#observer.close();
  }

  /** Whether the Pod's runtimed has renewed its Lease lately, as far as was seen here. */
  isFresh(pod: DeepReadonly<Pod>): boolean {
    return this.#observer.isFresh(leaseKeyOf(pod));
  }

  /** Whether the Pod's Lease may be said to have expired. */
  isExpired(pod: DeepReadonly<Pod>): boolean {
    const key = leaseKeyOf(pod);
    return this.#trust.trusts && this.#observer.ageMs(key) !== undefined && !this.#observer.isFresh(key);
  }

  /**
   * Milliseconds for which nothing was heard of the Pod's runtimed; undefined while the observer doubts itself. A Pod without a Lease
   * counts from the first time it was asked for here.
   */
  silentMs(pod: DeepReadonly<Pod>): number | undefined {
    if (!this.#trust.trusts) return undefined;
    const key = leaseKeyOf(pod);
    const ageMs = this.#observer.ageMs(key);
    const now = this.#clock.monotonic();
    if (ageMs !== undefined) {
      this.#leaselessSinceMs.delete(key);
      return ageMs;
    }
    const sinceMs = this.#leaselessSinceMs.get(key) ?? now;
    this.#leaselessSinceMs.set(key, sinceMs);
    return now - sinceMs;
  }

  /** Asks the API server itself whether the Lease was renewed after all. Rejects when that can't be known. */
  async wasRenewed(pod: DeepReadonly<Pod>, signal: AbortSignal): Promise<boolean> {
    const key = leaseKeyOf(pod);
    try {
      const lease = await this.#options.reader.get(
        {namespace: pod.metadata?.namespace ?? '', name: leaseName(pod.metadata?.uid ?? '')},
        signal,
      );
      const renewed = lease.spec?.renewTime !== this.#observer.renewTime(key);
      if (renewed && this.#pods.has(key)) this.#observer.observe(key, lease.spec?.renewTime);
      return renewed;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  #expired(lease: string): void {
    this.#count();
    const pod = this.#pods.get(lease);
    if (pod !== undefined && this.#trust.trusts) this.#options.onExpired(pod);
  }

  #count(): void {
    const {expired, size} = this.#observer;
    const before = this.#trust.trusts;
    this.#trust.counted(expired, size);
    if (this.#trust.trusts || !before) return;
    this.#options.logger.warn('too many Leases seem expired: taking nothing from silent Pods until that is confirmed', {
      expired,
      leases: size,
    });
    this.#scheduleProbe(0);
  }

  #scheduleProbe(ms: number): void {
    this.#probe = this.#clock.setTimeout(() => void this.#readLeases(), ms);
  }

  async #readLeases(): Promise<void> {
    const signal = this.#signal;
    if (signal === undefined || signal.aborted) return;
    try {
      for (const lease of await this.#options.reader.list(signal)) {
        const key = objectKey(lease);
        if (this.#pods.has(key)) this.#observer.observe(key, lease.spec?.renewTime);
      }
      this.#trust.answered(this.#observer.expired, this.#observer.size, this.#clock.monotonic());
    } catch (error) {
      this.#options.logger.debug('Leases not read', {error});
      this.#trust.unanswered();
    }
    if (signal.aborted) return;
    if (!this.#trust.trusts) {
      this.#scheduleProbe(PROBE_MS);
      return;
    }
    this.#options.logger.info('Leases can be trusted again', {
      expired: this.#observer.expired,
      leases: this.#observer.size,
    });
    for (const [lease, pod] of this.#pods) {
      if (this.#observer.ageMs(lease) !== undefined && !this.#observer.isFresh(lease)) this.#options.onExpired(pod);
    }
  }
}

function leaseKeyOf(pod: DeepReadonly<Pod>): string {
  return `${pod.metadata?.namespace ?? ''}/${leaseName(pod.metadata?.uid ?? '')}`;
}
