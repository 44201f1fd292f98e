import type {Cache, CacheOptions} from './cache.ts';
import {Client} from './client.ts';
import {type Clock, systemClock} from './clock.ts';
import type {ClusterConfig} from './config.ts';
import {Controller, type ControllerOptions} from './controller.ts';
import {ReconcilerKitError} from './errors.ts';
import {EventRecorder} from './event-recorder.ts';
import {type HealthCheck, HealthServer} from './health-server.ts';
import type {Kind, KubernetesObject} from './kind.ts';
import {type LeaderElectionOptions, LeaderElector} from './leader-election.ts';
import {Metrics} from './metrics.ts';
import {MetricsServer} from './metrics-server.ts';
import {type Runnable, RunnableGroup} from './runnable-group.ts';
import {SharedCaches} from './shared-caches.ts';
import {type Logger, silentLogger} from './silent-logger.ts';
import {Transport} from './transport.ts';

export interface ManagerOptions {
  /** Name of the program: reportingController of its Events, user agent of its requests. Default `reconciler-kit`. */
  name?: string;
  /** How to reach the API server. Either this or `transport`. */
  config?: ClusterConfig;
  /** A transport of the caller, who also closes it. */
  transport?: Transport;
  /** `:8081`, `127.0.0.1:0`, `[::1]:8081`; `0` turns it off. Default `0`. */
  healthProbeBindAddress?: string;
  /** `:8080`, `127.0.0.1:0`, `[::1]:8080`; `0` turns it off. Default `0`. */
  metricsBindAddress?: string;
  /** Without it, this process takes itself for the leader. */
  leaderElection?: LeaderElectionOptions & {
    /** Asked at first and before the Lease is taken. While it rejects with SCOPE_REFUSED, this process is not ready. */
    mayStand?: (client: Client, signal: AbortSignal) => Promise<void>;
  };
  /** How long {@link Manager.start} waits for the caches. Default 120,000. */
  cacheSyncTimeoutMs?: number;
  /** How long a stop may take in all. Default 30,000. */
  gracefulShutdownMs?: number;
  logger?: Logger;
  /** Default: new ones, with those of the process. */
  metrics?: Metrics;
  clock?: Clock;
  random?: () => number;
}

/** What a stop may still cost after everything has stopped: the last counts of Events. */
const EVENT_CLOSE_MS = 5_000;

/**
 * Runs the parts of a controller process in the right order and stops them in the reverse one.
 *
 * Start: servers for metrics and health, caches (until they are synced), other runnables, leader election, controllers.
 * Stop: other runnables, controllers, caches, servers, the Lease, Events. A lost Lease ends it at once instead, without waiting
 * for anything, because another process may lead by now: let the process exit.
 *
 * ```ts
 * const manager = new Manager({config: await inClusterConfig(), logger});
 * const pods = manager.cache(kinds.Pod);
 * manager.controller({name: 'pods', reconcile}).for(pods);
 * await manager.start(signal);
 * ```
 */
export class Manager {
  readonly client: Client;
  readonly metrics: Metrics;
  readonly events: EventRecorder;
  /** Resolves when this process is the leader; at the start of controllers if there is no election. */
  readonly elected: Promise<void>;

  readonly #options: ManagerOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ownTransport: Transport | undefined;
  readonly #health: HealthServer;
  readonly #metricsServer: MetricsServer;
  readonly #elector: LeaderElector | undefined;
  readonly #sharedCaches: SharedCaches;
  readonly #caches: Pick<Cache<KubernetesObject>, 'kind' | 'hasSynced' | 'synced'>[] = [];

  readonly #cacheGroup = new RunnableGroup((error) => this.#fail(error));
  readonly #otherGroup = new RunnableGroup((error) => this.#fail(error));
  readonly #leaderGroup = new RunnableGroup((error) => this.#fail(error));
  /** Rejects with the first failure before a stop. */
  readonly #failed = Promise.withResolvers<never>();
  /** Rejects when leadership is lost during a stop. */
  readonly #lost = Promise.withResolvers<never>();
  readonly #election = Promise.withResolvers<void>();
  #state: 'new' | 'running' | 'stopping' = 'new';

  /** @throws ReconcilerKitError `INVALID_ARGUMENT` */
  constructor(options: ManagerOptions) {
    const {name = 'reconciler-kit', config, transport} = options;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.metrics = options.metrics ?? new Metrics({processMetrics: true});
    const parts = {
      clock: this.#clock,
      logger: this.#logger,
      metrics: this.metrics,
      ...(options.random && {random: options.random}),
    };
    this.#ownTransport = config && new Transport(config, {...parts, userAgent: name});
    const used = transport ?? this.#ownTransport;
    if (!used || (transport && config)) {
      throw new ReconcilerKitError('INVALID_ARGUMENT', 'a Manager needs either config or transport');
    }
    this.client = new Client(used);
    this.#sharedCaches = new SharedCaches(this.client, parts);
    this.events = new EventRecorder({...parts, client: this.client, controller: name});
    this.#metricsServer = new MetricsServer({...parts, bindAddress: options.metricsBindAddress ?? '0'});
    this.#health = new HealthServer({...parts, bindAddress: options.healthProbeBindAddress ?? '0'});
    this.addReadyCheck('informer-sync', () => this.#checkCaches());
    this.addReadyCheck('shutdown', () => this.#checkRunning());
    if (options.leaderElection) {
      const {mayStand, ...election} = options.leaderElection;
      this.#elector = new LeaderElector({
        ...parts,
        client: this.client,
        ...election,
        ...(mayStand && {mayStand: (signal: AbortSignal) => mayStand(this.client, signal)}),
      });
      this.addHealthCheck('leader-election', this.#elector.healthCheck());
      this.addReadyCheck('leader-election', this.#elector.readyCheck());
    }
    this.elected = this.#election.promise;
    // Failures are told by start(); until it is called, nobody listens.
    this.#failed.promise.catch(() => {});
    this.#lost.promise.catch(() => {});
  }

  /** Where the health server listens, such as `127.0.0.1:43127`; undefined while it does not. */
  get healthAddress(): string | undefined {
    return this.#health.address;
  }

  /** Where the metrics server listens; undefined while it does not. */
  get metricsAddress(): string | undefined {
    return this.#metricsServer.address;
  }

  /** Whether this process may take itself for the leader now. */
  get isLeader(): boolean {
    return this.#elector ? this.#elector.isLeader : this.#state === 'running';
  }

  /**
   * The cache of a kind: the same one for the same kind, namespace, selectors and transform. It runs with the Manager.
   * All indexers have to be named where a cache is first asked for.
   */
  cache<T extends KubernetesObject>(kind: Kind<T>, options: CacheOptions<T> = {}): Cache<T> {
    return this.#sharedCaches.get(kind, options, (cache) => {
      this.#caches.push(cache);
      this.#cacheGroup.add({name: `cache of ${kind.plural}`, start: (signal) => cache.start(signal)});
    });
  }

  /** Makes a controller with this Manager's logger, metrics and clock, and adds it. */
  controller(options: ControllerOptions): Controller {
    const controller = new Controller({clock: this.#clock, logger: this.#logger, metrics: this.metrics, ...options});
    this.add(controller);
    return controller;
  }

  /** Adds something that runs as long as the Manager; if that has been started, it starts at once. */
  add(runnable: Runnable): void {
    (runnable.needsLeaderElection ? this.#leaderGroup : this.#otherGroup).add(runnable);
  }

  /** Adds a check to `/healthz`: whether a restart would help. */
  addHealthCheck(name: string, check: HealthCheck): void {
    this.#health.addHealthCheck(name, check);
  }

  /** Adds a check to `/readyz`: whether this process can do its work now. That the caches are synced is checked anyway. */
  addReadyCheck(name: string, check: HealthCheck): void {
    this.#health.addReadyCheck(name, check);
  }

  /**
   * Runs until `signal` is aborted and everything has stopped.
   *
   * @throws whatever a runnable rejects with; ReconcilerKitError `LEADERSHIP_LOST`, `CACHE_SYNC_TIMEOUT`, `LISTEN_FAILED`,
   * `SHUTDOWN_TIMEOUT`
   */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#state !== 'new') throw new ReconcilerKitError('ALREADY_STARTED', 'this Manager is already started');
    this.#state = 'running';
    const stopElection = new AbortController();
    const aborted = whenAborted(signal);
    let election: Promise<void> = Promise.resolve();
    try {
      const started = this.#startUp(signal).then(() => {
        if (!signal.aborted) election = this.#elect(stopElection.signal);
        return aborted.promise;
      });
      await Promise.race([started, aborted.promise, this.#failed.promise]);
    } catch (error) {
      if (isLeadershipLost(error)) this.#stopAtOnce(error);
      else
        await this.#stop(stopElection, () => election).catch((stopError: unknown) =>
          this.#logger.error('stop failed', {error: stopError}),
        );
      throw error;
    } finally {
      aborted.end();
    }
    await this.#stop(stopElection, () => election);
  }

  async #startUp(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#metricsServer.start(), this.#health.start()]);
    this.#cacheGroup.start();
    await this.#waitForCaches(signal);
    if (signal.aborted) return;
    this.#logger.info('caches synced', {caches: this.#caches.length});
    this.#otherGroup.start();
  }

  async #waitForCaches(signal: AbortSignal): Promise<void> {
    const {cacheSyncTimeoutMs = 120_000} = this.#options;
    const timeout = new AbortController();
    const timer = this.#clock.setTimeout(() => timeout.abort(), cacheSyncTimeoutMs);
    const either = AbortSignal.any([signal, timeout.signal]);
    try {
      await Promise.all(this.#caches.map((cache) => cache.synced(either)));
    } catch (error) {
      if (signal.aborted) return;
      if (!timeout.signal.aborted) throw error;
      const missing = this.#caches.filter((cache) => !cache.hasSynced).map((cache) => cache.kind.plural);
      throw new ReconcilerKitError(
        'CACHE_SYNC_TIMEOUT',
        `no complete list of ${missing.join(', ')} within ${cacheSyncTimeoutMs} ms; ` +
          'check that the API server answers and that this identity may list and watch them',
        {cause: error, retryable: true},
      );
    } finally {
      timer.cancel();
    }
  }

  /** Starts the controllers, at once or when elected. Resolves when the election has ended. */
  async #elect(stop: AbortSignal): Promise<void> {
    const lead = () => {
      this.#leaderGroup.start();
      this.#election.resolve();
    };
    if (!this.#elector) {
      lead();
      return;
    }
    try {
      await this.#elector.run(
        {
          onStartedLeading: (leading) => {
            leading.addEventListener('abort', () => this.#leaderGroup.abort(leading.reason), {once: true});
            lead();
          },
        },
        stop,
      );
    } catch (error) {
      this.#fail(error);
    }
  }

  /** In the order of the class comment, within `gracefulShutdownMs`. */
  async #stop(stopElection: AbortController, election: () => Promise<void>): Promise<void> {
    const {gracefulShutdownMs = 30_000} = this.#options;
    this.#state = 'stopping';
    this.#logger.info('stopping');
    const inOrder = async () => {
      await this.#otherGroup.stop();
      await this.#leaderGroup.stop();
      await this.#cacheGroup.stop();
      await Promise.all([this.#metricsServer.close(), this.#health.close()]);
      stopElection.abort();
      await election();
      await this.events.close(EVENT_CLOSE_MS);
      await this.#ownTransport?.close();
    };
    const {promise: late, reject} = Promise.withResolvers<never>();
    const timer = this.#clock.setTimeout(() => {
      const running = [this.#otherGroup, this.#leaderGroup, this.#cacheGroup].flatMap((group) => group.running);
      const what = running.join(', ') || 'the Lease or Events';
      reject(new ReconcilerKitError('SHUTDOWN_TIMEOUT', `not stopped within ${gracefulShutdownMs} ms: ${what}`));
    }, gracefulShutdownMs);
    try {
      await Promise.race([inOrder(), late, this.#lost.promise]);
    } finally {
      timer.cancel();
    }
    this.#logger.info('stopped');
  }

  #fail(error: unknown): void {
    if (this.#state !== 'stopping') this.#failed.reject(error);
    else if (isLeadershipLost(error)) this.#lost.reject(error);
    // What goes wrong during a stop does not keep the rest from stopping.
    else this.#logger.error('failed while stopping', {error});
  }

  #stopAtOnce(reason: unknown): void {
    this.#state = 'stopping';
    for (const group of [this.#leaderGroup, this.#otherGroup, this.#cacheGroup]) group.abort(reason);
    void this.#health.close();
    void this.#metricsServer.close();
    void this.#ownTransport?.close().catch(() => {});
  }

  #checkCaches(): void {
    const missing = this.#caches.filter((cache) => !cache.hasSynced).map((cache) => cache.kind.plural);
    if (missing.length > 0) throw new Error(`not synced: ${missing.join(', ')}`);
  }

  #checkRunning(): void {
    if (this.#state !== 'running') throw new Error('stopping');
  }
}

function isLeadershipLost(error: unknown): boolean {
  return error instanceof ReconcilerKitError && error.code === 'LEADERSHIP_LOST';
}

function whenAborted(signal: AbortSignal): {promise: Promise<void>; end(): void} {
  const {promise, resolve} = Promise.withResolvers<void>();
  const onAbort = () => resolve();
  if (signal.aborted) resolve();
  else signal.addEventListener('abort', onAbort, {once: true});
  return {promise, end: () => signal.removeEventListener('abort', onAbort)};
}
