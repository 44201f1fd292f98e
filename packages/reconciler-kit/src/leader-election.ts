import {randomUUID} from 'node:crypto';
import {hostname} from 'node:os';
import type {Lease, LeaseSpec} from 'kubernetes-types/coordination/v1.d.ts';
import type {KindClient} from './client.ts';
import {type Clock, systemClock} from './clock.ts';
import {isAlreadyExists, isConflict, isNotFound, ReconcilerKitError} from './errors.ts';
import type {HealthCheck} from './health-server.ts';
import {type Kind, kinds} from './kind.ts';
import type {Metrics} from './metrics.ts';
import {type Logger, silentLogger} from './silent-logger.ts';
import {microTime} from './time.ts';

export interface LeaderElectionOptions {
  /** Namespace of the Lease. */
  namespace: string;
  /** Name of the Lease, and label `name` of the metrics. */
  name: string;
  /** Who this candidate is; no two may have the same. Default: host name and a random UUID. */
  identity?: string;
  /** How long others wait after the last renewal they saw. At least 1,000. Default 15,000. */
  leaseDurationMs?: number;
  /** How long after its last renewal the leader gives up. Less than `leaseDurationMs`. Default 10,000. */
  renewDeadlineMs?: number;
  /** Time between two tries; times 1.2 it must be less than `renewDeadlineMs`. Default 2,000. */
  retryPeriodMs?: number;
  /** Whether a stopping leader hands the Lease back, so that the next one need not wait. Default true. */
  releaseOnCancel?: boolean;
  /**
   * Whether a candidate makes the Lease where there is none. Default true. Otherwise it is somebody else's to make and to delete: candidates
   * wait for it, and a leader whose Lease is gone gives up.
   */
  createLease?: boolean;
}

/** What the elector needs of a {@link Client}. */
export interface LeaseSource {
  kind(kind: Kind<Lease>): Pick<KindClient<Lease>, 'get' | 'create' | 'update'>;
}

export interface LeaderElectorOptions extends LeaderElectionOptions {
  client: LeaseSource;
  /** Asked at first and before the Lease is taken; a leader is not asked. Rejects, with SCOPE_REFUSED, when this candidate must not stand. */
  mayStand?: (signal: AbortSignal) => Promise<void>;
  clock?: Clock;
  random?: () => number;
  logger?: Logger;
  metrics?: Metrics;
}

export interface LeaderCallbacks {
  /**
   * Called when this candidate has become leader. `signal` is aborted when it is no longer, or is to stop; the Lease is handed
   * back only when the returned promise has settled.
   */
  onStartedLeading(signal: AbortSignal): void | Promise<void>;
  /** Called when this candidate was leader and is no longer. */
  onStoppedLeading?(): void;
  /** Called whenever another holder is seen, this candidate included. */
  onNewLeader?(identity: string): void;
}

/** How one try ended: the Lease is ours, it is somebody else's, or it has changed since we read it. */
type Outcome = 'held' | 'other' | 'raced';

/** Candidates wait between one and 2.2 retry periods, so that they do not all write at once. */
const ACQUIRE_JITTER = 1.2;
const RELEASE_TIMEOUT_MS = 5_000;

/**
 * Makes one of several processes the leader, by a Lease that it keeps renewing.
 *
 * A candidate takes a Lease over when it has seen no renewal for the Lease's duration *by its own clock*: the times written in
 * the Lease are for people, since clocks differ. The leader counts from before it sends a renewal and gives up after the
 * shorter `renewDeadlineMs`, so there are never two leaders as long as clocks run at about the same speed. A process that was
 * stopped for longer than that may still finish what it was about to send: fence what must never happen twice.
 *
 * @see https://github.com/kubernetes/client-go/blob/master/tools/leaderelection/leaderelection.go
 */
export class LeaderElector {
  readonly identity: string;

  readonly #namespace: string;
  readonly #name: string;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  readonly #releaseOnCancel: boolean;
  readonly #createLease: boolean;
  readonly #mayStand: (signal: AbortSignal) => Promise<void>;
  readonly #leases: ReturnType<LeaseSource['kind']>;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #logger: Logger;
  readonly #metrics: Metrics | undefined;

  /** As last read or written, and the monotonic time at which this version was first seen. */
  #observed: {lease: Lease; at: number} | undefined;
  #callbacks: LeaderCallbacks | undefined;
  #leading = false;
  /** Why this candidate does not stand; undefined when it does. */
  #refusal: Error | undefined;
  /** Monotonic time until which this candidate may take itself for the leader. */
  #leaderUntil = Number.NEGATIVE_INFINITY;

  constructor(options: LeaderElectorOptions) {
    const {leaseDurationMs = 15_000, renewDeadlineMs = 10_000, retryPeriodMs = 2_000} = options;
    const check = (holds: boolean, rule: string) => {
      if (!holds) throw new ReconcilerKitError('INVALID_ARGUMENT', `leader election ${options.name}: ${rule}`);
    };
    check(leaseDurationMs >= 1_000, 'leaseDurationMs must be at least 1000: Leases count in seconds');
    check(renewDeadlineMs < leaseDurationMs, 'renewDeadlineMs must be less than leaseDurationMs');
    check(
      retryPeriodMs > 0 && retryPeriodMs * ACQUIRE_JITTER < renewDeadlineMs,
      'retryPeriodMs times 1.2 must be less than renewDeadlineMs',
    );
    check(options.identity !== '', 'identity must not be empty');
    this.identity = options.identity ?? `${hostname()}_${randomUUID()}`;
    this.#namespace = options.namespace;
    this.#name = options.name;
    this.#leaseDurationMs = leaseDurationMs;
    this.#renewDeadlineMs = renewDeadlineMs;
    this.#retryPeriodMs = retryPeriodMs;
    this.#releaseOnCancel = options.releaseOnCancel ?? true;
    this.#createLease = options.createLease ?? true;
    this.#mayStand = options.mayStand ?? (async () => {});
    if (options.mayStand !== undefined)
      this.#refusal = new Error('nobody was asked yet whether this candidate may stand');
    this.#leases = options.client.kind(kinds.Lease);
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#logger = (options.logger ?? silentLogger).child({
      lease: `${options.namespace}/${options.name}`,
      identity: this.identity,
    });
    this.#metrics = options.metrics;
    this.#metrics?.leaderElectionMasterStatus.set({name: this.#name}, 0);
    this.#metrics?.leaderElectionSlowpathTotal.inc({name: this.#name}, 0);
  }

  /** Whether this candidate may take itself for the leader now. */
  get isLeader(): boolean {
    return this.#leading && this.#clock.monotonic() < this.#leaderUntil;
  }

  /** Who holds the Lease, as last seen. */
  get leader(): string | undefined {
    return this.#observed?.lease.spec?.holderIdentity || undefined;
  }

  /** Fails when this process believes to lead, but did not renew for the Lease's duration and `toleranceMs` more. */
  healthCheck(toleranceMs = 20_000): HealthCheck {
    return () => {
      const overdueMs = this.#clock.monotonic() - this.#leaderUntil + this.#renewDeadlineMs - this.#leaseDurationMs;
      if (this.#leading && overdueMs > toleranceMs) throw new Error(`the Lease expired ${overdueMs} ms ago`);
    };
  }

  /** Fails while this candidate must not stand for election. */
  readyCheck(): HealthCheck {
    return () => {
      if (this.#refusal !== undefined) throw this.#refusal;
    };
  }

  /**
   * Stands for election until `signal` is aborted; if it leads then, it hands the Lease back and resolves.
   *
   * @throws ReconcilerKitError `LEADERSHIP_LOST`: end the process, another one leads or soon will
   */
  async run(callbacks: LeaderCallbacks, signal: AbortSignal): Promise<void> {
    if (this.#callbacks)
      throw new ReconcilerKitError('ALREADY_STARTED', `leader election ${this.#name} is already started`);
    this.#callbacks = callbacks;
    await this.#acquire(signal);
    if (signal.aborted) await this.#release();
    else await this.#lead(callbacks, signal);
  }

  /** Returns when the Lease is held or `signal` is aborted. */
  async #acquire(signal: AbortSignal): Promise<void> {
    this.#logger.info('standing for election');
    while (!signal.aborted) {
      try {
        if (this.#refusal !== undefined) await this.#mayStand(signal);
        this.#refusal = undefined;
        const outcome = await this.#attempt(this.#renewDeadlineMs, signal);
        if (outcome === 'held' && this.#clock.monotonic() < this.#leaderUntil) return;
      } catch (error) {
        if (error instanceof ReconcilerKitError && error.code === 'SCOPE_REFUSED') this.#refuse(error);
        else if (!signal.aborted) this.#logger.warn('cannot read or take the Lease', {error});
      }
      await this.#pause(this.#retryPeriodMs * (1 + ACQUIRE_JITTER * this.#random()), signal);
    }
  }

  /** Logs a reason once, however often it is given. */
  #refuse(reason: ReconcilerKitError): void {
    if (this.#refusal?.message !== reason.message)
      this.#logger.error('not standing for election', {reason: reason.message});
    this.#refusal = reason;
  }

  async #lead(callbacks: LeaderCallbacks, signal: AbortSignal): Promise<void> {
    const leading = new AbortController();
    const renewing = new AbortController();
    const stopped = Promise.withResolvers<void>();
    const onStop = () => {
      leading.abort(signal.reason);
      stopped.resolve();
    };
    signal.addEventListener('abort', onStop, {once: true});
    this.#setLeading(true);
    this.#logger.info('leading');
    let renewals: Promise<void> = Promise.resolve();
    try {
      renewals = this.#keepRenewing(renewing.signal);
      // Renewals go on until the work has ended: nobody else may begin before.
      const work = (async () => callbacks.onStartedLeading(leading.signal))();
      await Promise.race([renewals, work.then(() => stopped.promise)]);
      renewing.abort();
      await renewals;
    } catch (error) {
      leading.abort(error);
      renewing.abort();
      if (error instanceof ReconcilerKitError && error.code === 'LEADERSHIP_LOST')
        this.#leaderUntil = Number.NEGATIVE_INFINITY;
      else await renewals.catch(() => {});
      throw error;
    } finally {
      signal.removeEventListener('abort', onStop);
      const mayRelease = this.isLeader;
      this.#setLeading(false);
      callbacks.onStoppedLeading?.();
      if (mayRelease) await this.#release();
    }
  }

  /** Renews until `signal` is aborted. Rejects with LEADERSHIP_LOST. */
  async #keepRenewing(signal: AbortSignal): Promise<void> {
    let failure: unknown;
    while (!signal.aborted) {
      const leftMs = this.#leaderUntil - this.#clock.monotonic();
      if (leftMs <= 0) throw this.#lost('could not renew the Lease in time', failure);
      await this.#pause(Math.min(this.#retryPeriodMs, leftMs), signal);
      if (signal.aborted) return;
      try {
        const outcome = await this.#attempt(
          Math.min(this.#renewDeadlineMs / 2, this.#leaderUntil - this.#clock.monotonic()),
        );
        if (outcome === 'other') throw this.#lost(`the Lease is held by ${this.leader}`);
      } catch (error) {
        if (error instanceof ReconcilerKitError && error.code === 'LEADERSHIP_LOST') throw error;
        failure = error;
        this.#logger.warn('cannot renew the Lease', {error});
      }
    }
  }

  #lost(why: string, cause?: unknown): ReconcilerKitError {
    const message = `no longer leader of ${this.#namespace}/${this.#name}: ${why}`;
    return new ReconcilerKitError('LEADERSHIP_LOST', message, {cause});
  }

  /**
   * Tries once to take or renew the Lease, for at most `limitMs`. `stop` ends it only while it reads: a write that may have
   * arrived has to be known about, or the Lease would stay taken by nobody.
   */
  async #attempt(limitMs: number, stop?: AbortSignal): Promise<Outcome> {
    const limit = new AbortController();
    const {promise: timedOut, reject} = Promise.withResolvers<never>();
    const timer = this.#clock.setTimeout(
      () => {
        const error = new ReconcilerKitError('TIMEOUT', `no answer about the Lease within ${limitMs} ms`, {
          retryable: true,
        });
        limit.abort(error);
        reject(error);
      },
      Math.max(0, limitMs),
    );
    try {
      return await Promise.race([this.#takeOrRenew(limit.signal, stop), timedOut]);
    } finally {
      timer.cancel();
    }
  }

  async #takeOrRenew(limit: AbortSignal, stop?: AbortSignal): Promise<Outcome> {
    if (this.isLeader && this.#observed && this.#holds(this.#observed.lease)) {
      if ((await this.#write(this.#observed.lease, limit)) === 'held') return 'held';
      this.#metrics?.leaderElectionSlowpathTotal.inc({name: this.#name});
    }
    const lease = await this.#read(stop ? AbortSignal.any([limit, stop]) : limit);
    if (!lease && !this.#createLease) {
      throw new ReconcilerKitError('LEASE_MISSING', `there is no Lease ${this.#namespace}/${this.#name}`, {
        retryable: true,
      });
    }
    if (!lease) return await this.#write(undefined, limit);
    this.#observe(lease);
    if (!this.#holds(lease) && this.#isHeld(lease)) return 'other';
    if (!this.#holds(lease)) await this.#mayStand(limit);
    return await this.#write(lease, limit);
  }

  #holds(lease: Lease): boolean {
    return lease.spec?.holderIdentity === this.identity;
  }

  /** Whether `lease`, as observed, has a holder and is not known to be expired. */
  #isHeld(lease: Lease): boolean {
    const {holderIdentity, leaseDurationSeconds} = lease.spec ?? {};
    if (!holderIdentity || !this.#observed) return false;
    const durationMs = leaseDurationSeconds ? leaseDurationSeconds * 1000 : this.#leaseDurationMs;
    return this.#clock.monotonic() < this.#observed.at + durationMs;
  }

  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    try {
      return await this.#leases.get(this.#name, {namespace: this.#namespace, signal});
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Writes us as holder, on condition that `lease` is still what is stored (undefined: that there is none). */
  async #write(lease: Lease | undefined, signal: AbortSignal): Promise<Outcome> {
    const sentAt = this.#clock.monotonic();
    const spec = this.#claim(lease?.spec);
    try {
      const written = lease
        ? await this.#leases.update({...lease, spec}, {signal})
        : await this.#leases.create(this.#newLease(spec), {signal});
      // An answer after the time limit must not revive a leadership that was given up.
      if (signal.aborted) return 'raced';
      this.#observe(written);
      this.#leaderUntil = sentAt + this.#renewDeadlineMs;
      return 'held';
    } catch (error) {
      if (isConflict(error) || isAlreadyExists(error) || isNotFound(error)) return 'raced';
      throw error;
    }
  }

  #claim(previous: LeaseSpec | undefined): LeaseSpec {
    const now = microTime(this.#clock.now());
    const isRenewal = previous?.holderIdentity === this.identity;
    return {
      ...previous,
      holderIdentity: this.identity,
      leaseDurationSeconds: Math.ceil(this.#leaseDurationMs / 1000),
      acquireTime: (isRenewal && previous.acquireTime) || now,
      renewTime: now,
      leaseTransitions: (previous?.leaseTransitions ?? 0) + (isRenewal || !previous ? 0 : 1),
    };
  }

  #newLease(spec: LeaseSpec): Lease {
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {name: this.#name, namespace: this.#namespace},
      spec,
    };
  }

  /** Any new version counts as a sign of life: that only ever makes candidates wait longer. */
  #observe(lease: Lease): void {
    const previous = this.#observed?.lease;
    if (previous && previous.metadata?.resourceVersion === lease.metadata?.resourceVersion) return;
    this.#observed = {lease, at: this.#clock.monotonic()};
    const holder = lease.spec?.holderIdentity;
    if (holder && holder !== previous?.spec?.holderIdentity) {
      this.#logger.info('new leader', {leader: holder});
      this.#callbacks?.onNewLeader?.(holder);
    }
  }

  #setLeading(leading: boolean): void {
    this.#leading = leading;
    this.#metrics?.leaderElectionMasterStatus.set({name: this.#name}, leading ? 1 : 0);
  }

  /** Hands the Lease back if it is ours. Failing that, others wait until it expires. */
  async #release(): Promise<void> {
    const lease = this.#observed?.lease;
    this.#leaderUntil = Number.NEGATIVE_INFINITY;
    if (!this.#releaseOnCancel || !lease || !this.#holds(lease)) return;
    const limit = new AbortController();
    const timer = this.#clock.setTimeout(() => limit.abort(), RELEASE_TIMEOUT_MS);
    const now = microTime(this.#clock.now());
    try {
      await this.#leases.update(
        {
          ...lease,
          spec: {...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now},
        },
        {signal: limit.signal},
      );
      this.#logger.info('handed the Lease back');
    } catch (error) {
      this.#logger.warn('cannot hand the Lease back', {error});
    } finally {
      timer.cancel();
    }
  }

  /** Waits; returns early when `signal` is aborted. */
  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(ms, signal).catch(() => {});
  }
}
