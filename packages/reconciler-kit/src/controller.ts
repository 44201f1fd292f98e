import {randomUUID} from 'node:crypto';
import {setImmediate as nextTurn} from 'node:timers/promises';
import type {Span, Tracer} from '@opentelemetry/api';
import {type Cache, objectKey} from './cache.ts';
import {type Clock, systemClock, type Timer} from './clock.ts';
import {ControllerMetrics} from './controller-metrics.ts';
import type {DeepReadonly} from './deep-readonly.ts';
import {isConflict, ReconcilerKitError, TerminalError} from './errors.ts';
import type {KubernetesObject} from './kind.ts';
import type {Metrics} from './metrics.ts';
import {controllerOwnerKeys, type OwnerKind} from './owner.ts';
import {and, type Predicate} from './predicates.ts';
import type {RateLimiter} from './rate-limiter.ts';
import {type Logger, silentLogger} from './silent-logger.ts';
import {kitTracer, withSpan} from './tracing.ts';
import {type AddOptions, LOW_PRIORITY, type WorkItem, WorkQueue} from './work-queue.ts';

/** Which object to bring into its wanted state. It may be gone by now. */
export interface ReconcileRequest {
  /** `namespace/name`, or `name` of a cluster-scoped object: what {@link Cache.get} takes. */
  key: string;
  /** Absent for cluster-scoped objects. */
  namespace?: string;
  name: string;
}

export interface ReconcileContext {
  /**
   * Aborted by the reconcile timeout, by lost leadership, and when a stop has waited `shutdownGraceMs`. Hand it to every
   * request.
   */
  signal: AbortSignal;
  /** Carries the controller's name, the key and a reconcileID of this one call. */
  logger: Logger;
  /** The span around this call. */
  span: Span;
}

export interface ReconcileResult {
  /** Reconcile this key again in so many milliseconds, if nothing does so earlier. 0 or absent: only after a change. */
  requeueAfterMs?: number;
  /** Priority of that requeue. Default: that of the item just handled. */
  priority?: number;
}

/**
 * Brings one object into its wanted state. Never called twice at once for the same key.
 *
 * A rejection is retried with back-off, unless it is a {@link TerminalError}, which is only counted and logged.
 */
export interface Reconciler {
  // biome-ignore lint/suspicious/noConfusingVoidType: a reconciler that returns nothing is the usual case
  (request: ReconcileRequest, context: ReconcileContext): Promise<ReconcileResult | void>;
}

export interface ControllerOptions {
  /** Names the controller in logs, metrics and spans. */
  name: string;
  reconcile: Reconciler;
  /** How many keys are reconciled at the same time. Default 1. */
  maxConcurrent?: number;
  /** How long {@link Controller.start} waits for the caches. Default 120,000. */
  cacheSyncTimeoutMs?: number;
  /** Aborts the signal of a reconcile that takes longer. Default: none. */
  reconcileTimeoutMs?: number;
  /** How long a stop lets running reconciles go on before it aborts their signal. Default 10,000. */
  shutdownGraceMs?: number;
  /** Whether a Manager starts this controller on the leader only. Default true. */
  needsLeaderElection?: boolean;
  /** Default: 5 ms doubling to 1,000 s. */
  rateLimiter?: RateLimiter;
  clock?: Clock;
  logger?: Logger;
  metrics?: Metrics;
  tracer?: Tracer;
}

/** What a controller needs of a {@link Cache}. */
export type CacheSource<T extends KubernetesObject> = Pick<Cache<T>, 'kind' | 'subscribe' | 'synced'>;

interface Source {
  readonly name: string;
  subscribe(): () => void;
  synced(signal: AbortSignal): Promise<void>;
}

/** Longest time that reconciles which never wait for anything keep timers and sockets waiting. */
const MAX_TURN_MS = 20;

/**
 * Calls a reconciler for each object that may need it: after changes of watched objects, after failures with back-off,
 * and when the reconciler asked to be called again.
 *
 * ```ts
 * const controller = new Controller({name: 'website', reconcile})
 *   .for(websites, [generationChanged()])
 *   .owns(deployments, {ownerKind: websites.kind});
 * await controller.start(signal);
 * ```
 *
 * Objects of an initial list and resyncs get {@link LOW_PRIORITY}, so that real changes overtake them after a restart.
 *
 * @see https://github.com/kubernetes-sigs/controller-runtime/blob/main/pkg/internal/controller/controller.go
 */
export class Controller {
  readonly name: string;
  readonly needsLeaderElection: boolean;

  readonly #reconcile: Reconciler;
  readonly #maxConcurrent: number;
  readonly #cacheSyncTimeoutMs: number;
  readonly #reconcileTimeoutMs: number | undefined;
  readonly #shutdownGraceMs: number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #metrics: ControllerMetrics | undefined;
  readonly #tracer: Tracer;
  readonly #queue: WorkQueue;
  readonly #sources: Source[] = [];
  /** Ends reconciles that run. */
  readonly #abort = new AbortController();
  #started = false;

  constructor(options: ControllerOptions) {
    const {name, maxConcurrent = 1, metrics} = options;
    if (!Number.isInteger(maxConcurrent) || maxConcurrent < 1) {
      throw new ReconcilerKitError(
        'INVALID_ARGUMENT',
        `maxConcurrent of controller ${name} must be a whole number from 1`,
      );
    }
    this.name = name;
    this.needsLeaderElection = options.needsLeaderElection ?? true;
    this.#reconcile = options.reconcile;
    this.#maxConcurrent = maxConcurrent;
    this.#cacheSyncTimeoutMs = options.cacheSyncTimeoutMs ?? 120_000;
    this.#reconcileTimeoutMs = options.reconcileTimeoutMs;
    this.#shutdownGraceMs = options.shutdownGraceMs ?? 10_000;
    this.#clock = options.clock ?? systemClock;
    this.#logger = (options.logger ?? silentLogger).child({controller: name});
    this.#metrics = metrics && new ControllerMetrics(metrics, {controller: name, maxConcurrent});
    this.#tracer = options.tracer ?? kitTracer();
    this.#queue = new WorkQueue({
      name,
      clock: this.#clock,
      ...(metrics && {metrics}),
      ...(options.rateLimiter && {rateLimiter: options.rateLimiter}),
    });
  }

  /** Reconciles each object of `cache` that changes. */
  for<T extends KubernetesObject>(cache: CacheSource<T>, predicates: readonly Predicate<T>[] = []): this {
    return this.watches(cache, (object) => [objectKey(object)], predicates);
  }

  /** Reconciles the controller owner (of any version of `ownerKind`) of each object of `cache` that changes. */
  owns<T extends KubernetesObject>(
    cache: CacheSource<T>,
    options: {ownerKind: OwnerKind},
    predicates: readonly Predicate<T>[] = [],
  ): this {
    return this.watches(cache, (object) => controllerOwnerKeys(object, options.ownerKind), predicates);
  }

  /**
   * Reconciles the keys that `map` names for each object of `cache` that changes. For an update, `map` is asked for the old
   * and for the new state, so that both the former and the present owner hear of a move.
   */
  watches<T extends KubernetesObject>(
    cache: CacheSource<T>,
    map: (object: DeepReadonly<T>) => readonly string[],
    predicates: readonly Predicate<T>[] = [],
  ): this {
    if (this.#started) throw this.#alreadyStarted();
    const predicate = and(...predicates);
    const enqueue = (keys: Iterable<string>, priority: number) => {
      for (const key of keys) this.#queue.add(key, {priority});
    };
    this.#sources.push({
      name: cache.kind.plural,
      synced: (signal) => cache.synced(signal),
      subscribe: () =>
        cache.subscribe({
          add: (object, {initial}) => {
            if (predicate.create(object, initial)) enqueue(map(object), initial ? LOW_PRIORITY : 0);
          },
          update: (previous, object) => {
            if (!predicate.update(previous, object)) return;
            const priority = isSameVersion(previous, object) ? LOW_PRIORITY : 0;
            // Each key once: a free worker takes the first at once, and would be called again for the second.
            enqueue(new Set([...map(previous), ...map(object)]), priority);
          },
          delete: (object) => {
            if (predicate.delete(object)) enqueue(map(object), 0);
          },
        }),
    });
    return this;
  }

  /** Reconciles `key`, for reasons that no watched object shows. */
  enqueue(key: string, options?: AddOptions): void {
    this.#queue.add(key, options);
  }

  /**
   * Runs until `signal` is aborted; then lets running reconciles end. Keys that still wait are dropped: whoever starts next
   * lists everything anew.
   *
   * @throws ReconcilerKitError `CACHE_SYNC_TIMEOUT`
   */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#started) throw this.#alreadyStarted();
    this.#started = true;
    const unsubscribes = this.#sources.map((source) => source.subscribe());
    const stopGrace = this.#abortReconcilesAfter(signal);
    try {
      await this.#waitForCaches(signal);
      if (signal.aborted) return;
      this.#logger.info('controller started', {workers: this.#maxConcurrent});
      await Promise.all(Array.from({length: this.#maxConcurrent}, () => this.#work(signal)));
      this.#logger.info('controller stopped');
    } finally {
      for (const unsubscribe of unsubscribes) unsubscribe();
      this.#queue.shutDown();
      stopGrace();
    }
  }

  #alreadyStarted(): ReconcilerKitError {
    return new ReconcilerKitError('ALREADY_STARTED', `controller ${this.name} is already started`);
  }

  /** Lost leadership ends running reconciles at once: another process may work on the same objects by now. */
  #abortReconcilesAfter(signal: AbortSignal): () => void {
    let timer: Timer | undefined;
    const onAbort = () => {
      this.#queue.shutDown();
      const {reason} = signal;
      if (reason instanceof ReconcilerKitError && reason.code === 'LEADERSHIP_LOST') this.#abort.abort(reason);
      else timer = this.#clock.setTimeout(() => this.#abort.abort(reason), this.#shutdownGraceMs);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, {once: true});
    return () => {
      signal.removeEventListener('abort', onAbort);
      timer?.cancel();
    };
  }

  async #waitForCaches(signal: AbortSignal): Promise<void> {
    const timeout = new AbortController();
    const timer = this.#clock.setTimeout(() => timeout.abort(), this.#cacheSyncTimeoutMs);
    const either = AbortSignal.any([signal, timeout.signal]);
    const missing = new Set(this.#sources.map((source) => source.name));
    try {
      await Promise.all(
        this.#sources.map(async (source) => {
          await source.synced(either);
          missing.delete(source.name);
        }),
      );
    } catch (error) {
      if (signal.aborted) return;
      if (!timeout.signal.aborted) throw error;
      throw new ReconcilerKitError(
        'CACHE_SYNC_TIMEOUT',
        `controller ${this.name}: no complete list of ${[...missing].join(', ')} within ${this.#cacheSyncTimeoutMs} ms; ` +
          'check that the API server answers and that this identity may list and watch them',
        {cause: error, retryable: true},
      );
    } finally {
      timer.cancel();
    }
  }

  async #work(signal: AbortSignal): Promise<void> {
    let turnStart = performance.now();
    for (let item = await this.#queue.get(signal); item; item = await this.#queue.get(signal)) {
      await this.#handle(item);
      if (performance.now() - turnStart > MAX_TURN_MS) {
        await nextTurn();
        turnStart = performance.now();
      }
    }
  }

  async #handle(item: WorkItem): Promise<void> {
    const {key, priority} = item;
    const start = this.#clock.monotonic();
    this.#metrics?.started();
    try {
      const result = await this.#call(item);
      this.#queue.forget(key);
      const after = result?.requeueAfterMs ?? 0;
      if (after > 0) this.#queue.add(key, {after, priority: result?.priority ?? priority});
      this.#metrics?.succeeded(after > 0 ? 'requeue_after' : 'success');
    } catch (error) {
      this.#fail(item, error);
    } finally {
      this.#metrics?.ended((this.#clock.monotonic() - start) / 1000);
      this.#queue.done(key);
    }
  }

  #call({key, priority}: WorkItem): Promise<ReconcileResult | void> {
    const slash = key.indexOf('/');
    const request: ReconcileRequest =
      slash < 0 ? {key, name: key} : {key, namespace: key.slice(0, slash), name: key.slice(slash + 1)};
    const reconcileID = randomUUID();
    const attributes = {
      'reconcile.controller': this.name,
      'reconcile.id': reconcileID,
      'reconcile.key': key,
      'reconcile.priority': priority,
    };
    return withSpan(this.#tracer, `reconcile ${this.name}`, attributes, async (span) => {
      const limit = this.#startTimeLimit();
      const parent = this.#logger;
      let logger: Logger | undefined;
      try {
        return await this.#reconcile(request, {
          signal: limit.signal,
          span,
          // Most reconciles log nothing: the child is made by the first that does.
          get logger() {
            logger ??= parent.child({key, reconcileID});
            return logger;
          },
        });
      } finally {
        limit.end();
      }
    });
  }

  #startTimeLimit(): {signal: AbortSignal; end(): void} {
    const timeoutMs = this.#reconcileTimeoutMs;
    if (timeoutMs === undefined) return {signal: this.#abort.signal, end: () => {}};
    const timeout = new AbortController();
    const timer = this.#clock.setTimeout(() => {
      this.#metrics?.timedOut();
      timeout.abort(
        new ReconcilerKitError('RECONCILE_TIMEOUT', `reconcile took longer than ${timeoutMs} ms`, {retryable: true}),
      );
    }, timeoutMs);
    return {signal: AbortSignal.any([this.#abort.signal, timeout.signal]), end: () => timer.cancel()};
  }

  #fail({key, priority}: WorkItem, error: unknown): void {
    const terminal = error instanceof TerminalError;
    this.#metrics?.failed(error, terminal);
    if (terminal) {
      this.#queue.forget(key);
      this.#logger.error('reconcile failed for good', {key, error});
      return;
    }
    this.#queue.add(key, {rateLimited: true, priority});
    const fields = {key, error, retries: this.#queue.retries(key)};
    // Two writers met, or the cache was behind: everyday business, settled by the next try.
    if (isConflict(error)) this.#logger.debug('reconcile met a conflict', fields);
    else this.#logger.error('reconcile failed', fields);
  }
}

function isSameVersion(previous: DeepReadonly<KubernetesObject>, object: DeepReadonly<KubernetesObject>): boolean {
  const version = object.metadata?.resourceVersion;
  return version !== undefined && previous.metadata?.resourceVersion === version;
}
