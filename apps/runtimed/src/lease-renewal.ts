import {leaseName, MANAGED_BY, MANAGED_BY_LABEL, RUNTIME_LABEL} from '@kruntimes/api-types';
import {
  type Clock,
  isAlreadyExists,
  isConflict,
  isNotFound,
  type KindClient,
  type Logger,
  microTime,
  type Timer,
} from '@kruntimes/reconciler-kit';
import type {Lease} from 'kubernetes-types/coordination/v1.d.ts';
import type {LeaseRecord} from './lease-record.ts';
import type {PodIdentity} from './pod-identity.ts';
import type {RuntimedMetrics} from './runtimed-metrics.ts';

export interface LeaseRenewalOptions {
  leases: KindClient<Lease>;
  pod: PodIdentity;
  runtimeName: string;
  /** Time between renewals, give or take a tenth. */
  renewMs: number;
  /** Without a renewal for so long, {@link LeaseRenewalOptions.onExpired} is called. */
  expiryMs: number;
  onExpired: () => void;
  /** Tells the next process in this Pod when the Lease was renewed last. */
  record: LeaseRecord;
  clock: Clock;
  random: () => number;
  logger: Logger;
  metrics: RuntimedMetrics;
}

/** What observers are told; they judge by what they see themselves. */
const leaseDurationSeconds = 40;
const retryMs = 2_000;
const requestTimeoutMs = 5_000;

interface RequestOptions {
  signal: AbortSignal;
  timeoutMs: number;
}

/** Keeps the Lease of this Pod alive, and notices when that has failed for too long. */
export class LeaseRenewal {
  readonly #options: LeaseRenewalOptions;
  #lease: Lease | undefined;
  #expiry: Timer | undefined;
  #renewed = false;

  constructor(options: LeaseRenewalOptions) {
    this.#options = options;
  }

  /** Whether it was renewed since this process began. */
  get renewed(): boolean {
    return this.#renewed;
  }

  /** Renews until the signal is aborted. @param onRenewed called after the first renewal */
  async run(onRenewed: () => void, signal: AbortSignal): Promise<void> {
    const {clock, random, renewMs, expiryMs, logger, metrics} = this.#options;
    this.#expireIn(expiryMs - (await this.#ageMs()));
    while (!signal.aborted) {
      const since = clock.monotonic();
      let waitMs = renewMs * (0.9 + 0.2 * random());
      try {
        await this.#renew(signal);
        metrics.leaseRenewalsTotal.inc({result: 'renewed'});
        // An observer may have seen the renewal as early as it was sent.
        this.#expireIn(expiryMs - (clock.monotonic() - since));
        await this.#record(clock.now() - (clock.monotonic() - since));
        if (!this.#renewed) {
          this.#renewed = true;
          onRenewed();
        }
      } catch (error) {
        if (signal.aborted) break;
        metrics.leaseRenewalsTotal.inc({result: 'failed'});
        logger.warn('lease renewal failed', {error});
        waitMs = Math.min(retryMs, renewMs);
      }
      await clock.sleep(waitMs, signal).catch(() => {});
    }
    this.#expiry?.cancel();
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const options = {signal, timeoutMs: requestTimeoutMs};
    try {
      await this.#write(options);
    } catch (error) {
      // What is known of the Lease is wrong: it is there already, was changed, or is gone.
      if (!isAlreadyExists(error) && !isConflict(error) && !isNotFound(error)) throw error;
      this.#lease = await this.#read(options);
      await this.#write(options);
    }
  }

  async #write(options: RequestOptions): Promise<void> {
    const {leases} = this.#options;
    const next = this.#next();
    this.#lease = this.#lease === undefined ? await leases.create(next, options) : await leases.update(next, options);
  }

  async #read(options: RequestOptions): Promise<Lease | undefined> {
    const {leases, pod} = this.#options;
    try {
      return await leases.get(leaseName(pod.uid), {...options, namespace: pod.namespace});
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #next(): Lease {
    const {pod, runtimeName, clock} = this.#options;
    const now = microTime(clock.now());
    const present = this.#lease;
    return {
      metadata: {
        ...present?.metadata,
        name: leaseName(pod.uid),
        namespace: pod.namespace,
        labels: {...present?.metadata?.labels, [RUNTIME_LABEL]: runtimeName, [MANAGED_BY_LABEL]: MANAGED_BY},
        ownerReferences: [{apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid}],
      },
      spec: {
        holderIdentity: pod.name,
        leaseDurationSeconds,
        acquireTime: present?.spec?.acquireTime ?? now,
        renewTime: now,
      },
    };
  }

  #expireIn(ms: number): void {
    const {clock, onExpired, logger} = this.#options;
    this.#expiry?.cancel();
    this.#expiry = clock.setTimeout(() => {
      logger.error('lease could not be renewed for too long, all attempts are ended');
      onExpired();
    }, ms);
  }

  /** How long ago an earlier process renewed the Lease; 0 for the first process of a Pod. */
  async #ageMs(): Promise<number> {
    const {record, clock, logger} = this.#options;
    try {
      const recorded = await record.read();
      return recorded === undefined ? 0 : Math.max(0, clock.now() - recorded);
    } catch (error) {
      logger.warn('time of the last lease renewal cannot be read', {error});
      return 0;
    }
  }

  async #record(time: number): Promise<void> {
    const {record, logger} = this.#options;
    await record
      .write(time)
      .catch((error: unknown) => logger.warn('time of the lease renewal cannot be recorded', {error}));
  }
}
