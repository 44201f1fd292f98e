import type {ListMeta} from 'kubernetes-types/meta/v1.d.ts';
import type {ClientMetricsSource} from './client-metrics.ts';
import {type Clock, systemClock, type Timer} from './clock.ts';
import {isBrokenConnection, messageOf} from './connection-error.ts';
import {isApiError, isGone, ReconcilerKitError} from './errors.ts';
import {apiVersionOf, type KubernetesObject} from './kind.ts';
import type {KindClient, SelectorOptions} from './kind-client.ts';
import {type Logger, silentLogger} from './logger.ts';
import {objectKey} from './object-key.ts';
import {Backoff, ResumePace} from './watch-pace.ts';
import type {RawWatchEvent, WatchStream} from './watch-stream.ts';

export interface WatcherOptions<T> extends SelectorOptions {
  /**
   * Which objects are wanted, where the API server has no selector for it. As with a selector, one that is not wanted any more is reported as
   * deleted; whoever keeps no state hears of the deletion of objects that it was never shown. Looks at the object before `transform` does.
   */
  select?: ((object: T) => boolean) | undefined;
  /** Applied to each object as it comes in, e.g. to drop what nobody reads. May change the object it is given. */
  transform?: (object: T) => T;
  clock?: Clock;
  /** 0 ≤ n < 1, for jitter. Default `Math.random`. */
  random?: () => number;
  logger?: Logger;
  metrics?: ClientMetricsSource;
}

/** Called synchronously, in the order of the server's history. A throw ends the Watcher. */
export interface WatchHandler<T> {
  /** The complete state: at the start, and whenever the thread of events was lost. */
  replace(objects: T[], resourceVersion: string): void;
  event(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T): void;
}

/** How one watch request ended. */
interface WatchEnd {
  result: 'eof' | 'idle' | 'error';
  /** `opened`: the server had answered 200. */
  opened: boolean;
  /** Events and bookmarks seen. */
  events: number;
  lifetimeMs: number;
  error?: unknown;
}

/** What is left of a WatchList that broke before its end: nothing that could be used. */
type Phase = {name: 'initial'; objects: Map<string, unknown>} | {name: 'live'};

const initialEventsEnd = 'k8s.io/initial-events-end';
/** A server that does not know `sendInitialEvents` never ends the initial events: it falls silent. */
const initialSilenceMs = 10_000;
/** Bookmarks come about once a minute; one and a half without any is a dead peer. */
const bookmarkSilenceMs = 90_000;
/** Without bookmarks, the only thing to rely on is the end that was asked for. */
const overdueMs = 30_000;
const pageSize = 500;
/** Refusals in a row without one event, after which the known resourceVersion itself is doubted. */
const refusalsUntilRelist = 5;
/** Answers with which a server refuses the parameters of WatchList, as opposed to refusing to watch. */
const refusals = new Set([400, 405, 406, 415, 422, 501]);

/**
 * One endless watch: lists, follows, resumes where it was, and lists again only when the server has forgotten that
 * place. Opens with WatchList (one request that streams the state and goes on), and with a paged list where the server
 * has no WatchList.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
export class Watcher<T extends KubernetesObject> {
  readonly #client: KindClient<T>;
  readonly #selectors: SelectorOptions;
  readonly #select: (object: T) => boolean;
  readonly #transform: ((object: T) => T) | undefined;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #logger: Logger;
  readonly #metrics: ClientMetricsSource | undefined;
  readonly #resource: string;
  readonly #apiVersion: string;
  readonly #backoff: Backoff;
  readonly #pace: ResumePace;
  /** Where to resume; undefined: the state must be taken anew. */
  #resourceVersion: string | undefined;
  #watchListRefused = false;
  #silentWatchLists = 0;
  #preferList = false;
  #failures = 0;
  /** Of the failures, those in which the server was there and refused. */
  #refusals = 0;
  #relistedWithoutProgress = false;
  #lastError: unknown;
  #running = false;

  constructor(client: KindClient<T>, options: WatcherOptions<T> = {}) {
    const {namespace, labelSelector, fieldSelector, metadataOnly} = options;
    const {kind} = client;
    this.#client = client;
    this.#selectors = {namespace, labelSelector, fieldSelector, metadataOnly};
    this.#select = options.select ?? (() => true);
    this.#transform = options.transform;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#resource = kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
    this.#logger = (options.logger ?? silentLogger).child({resource: this.#resource});
    this.#metrics = options.metrics;
    this.#apiVersion = apiVersionOf(kind);
    this.#backoff = new Backoff(this.#random);
    this.#pace = new ResumePace(this.#random);
  }

  /** The failure that is being waited out, or undefined when all is well. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /**
   * Runs until `signal` is aborted, then resolves. Failures of the server and of the network are logged and waited out.
   *
   * @throws ReconcilerKitError `ALREADY_STARTED` when it runs already.
   * @throws what the handler throws.
   */
  async run(handler: WatchHandler<T>, signal: AbortSignal): Promise<void> {
    if (this.#running) throw new ReconcilerKitError('ALREADY_STARTED', 'the watcher runs already');
    this.#running = true;
    // A handler may be a new one: it gets the state first.
    this.#resourceVersion = undefined;
    try {
      while (!signal.aborted) {
        const pauseMs = await this.#round(handler, signal);
        if (pauseMs > 0 && !signal.aborted) await this.#clock.sleep(pauseMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#running = false;
    }
  }

  /** One list or watch; returns how long to wait before the next. */
  async #round(handler: WatchHandler<T>, signal: AbortSignal): Promise<number> {
    if (this.#resourceVersion === undefined && (this.#watchListRefused || this.#preferList)) {
      return await this.#list(handler, signal);
    }
    const end = await this.#watch(handler, signal);
    if (signal.aborted) return 0;
    const pauseMs = this.#judge(end);
    this.#metrics?.client.watchEnded({
      resource: this.#resource,
      result: isGone(end.error) ? 'expired' : end.result,
    });
    return pauseMs;
  }

  async #list(handler: WatchHandler<T>, signal: AbortSignal): Promise<number> {
    let objects: T[];
    let resourceVersion: string;
    try {
      ({objects, resourceVersion} = await this.#listPages(signal));
    } catch (error) {
      if (signal.aborted) return 0;
      return this.#failed('list failed', error);
    }
    this.#metrics?.client.listDone({resource: this.#resource});
    this.#preferList = false;
    this.#replace(handler, objects, resourceVersion);
    return 0;
  }

  async #listPages(signal: AbortSignal): Promise<{objects: T[]; resourceVersion: string}> {
    const objects: T[] = [];
    let metadata: ListMeta = {};
    let limit: number | undefined = pageSize;
    do {
      try {
        const page = await this.#client.list({...this.#selectors, limit, continue: metadata.continue, signal});
        for (const item of page.items) if (this.#select(item)) objects.push(this.#taken(item));
        metadata = page.metadata;
      } catch (error) {
        // The pages' state was compacted while they were read. Once more, in one piece, which cannot expire.
        if (!isGone(error) || limit === undefined) throw error;
        objects.length = 0;
        metadata = {};
        limit = undefined;
        continue;
      }
      if (metadata.continue === undefined || metadata.continue === '') break;
    } while (!signal.aborted);
    signal.throwIfAborted();
    return {objects, resourceVersion: metadata.resourceVersion ?? ''};
  }

  /** One watch request from the known resourceVersion, or a WatchList where there is none. */
  async #watch(handler: WatchHandler<T>, signal: AbortSignal): Promise<WatchEnd> {
    const timeoutSeconds = 300 + Math.floor(this.#random() * 300);
    const startMs = this.#clock.monotonic();
    const end: WatchEnd = {result: 'eof', opened: false, events: 0, lifetimeMs: 0};
    const phase: Phase = this.#resourceVersion === undefined ? {name: 'initial', objects: new Map()} : {name: 'live'};
    let stream: WatchStream | undefined;
    let handlerError: {error: unknown} | undefined;
    const silence = new SilenceGuard(this.#clock, timeoutSeconds * 1000 + overdueMs, () => {
      end.result = 'idle';
      stream?.close();
    });
    try {
      stream = await this.#client.openWatch({
        ...this.#selectors,
        ...(phase.name === 'initial'
          ? {sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan'}
          : {resourceVersion: this.#resourceVersion}),
        allowWatchBookmarks: true,
        timeoutSeconds,
        signal,
      });
      end.opened = true;
      this.#lastError = undefined;
      this.#logger.debug('watch opened', {resourceVersion: this.#resourceVersion, timeoutSeconds});
      silence.start(phase.name === 'initial' ? initialSilenceMs : undefined);
      let current: Phase = phase;
      for await (const batch of stream.batches) {
        silence.heard();
        if (end.events === 0 && phase.name === 'live') this.#healthy();
        end.events += batch.length;
        this.#metrics?.client.watchEvents({resource: this.#resource, count: batch.length});
        try {
          for (const event of batch) current = this.#take(event, current, handler, silence);
        } catch (error) {
          handlerError = {error};
          break;
        }
      }
    } catch (error) {
      end.result = 'error';
      end.error = error;
    } finally {
      silence.stop();
      stream?.close();
    }
    if (handlerError !== undefined) throw handlerError.error;
    end.lifetimeMs = this.#clock.monotonic() - startMs;
    return end;
  }

  #take(event: RawWatchEvent, phase: Phase, handler: WatchHandler<T>, silence: SilenceGuard): Phase {
    const raw = event.object as T;
    const {metadata} = raw;
    const resourceVersion = metadata?.resourceVersion;
    if (event.type === 'BOOKMARK') {
      if (resourceVersion === undefined) return phase;
      if (phase.name === 'live') {
        this.#resourceVersion = resourceVersion;
        this.#relistedWithoutProgress = false;
        silence.expect(bookmarkSilenceMs);
        return phase;
      }
      if (metadata?.annotations?.[initialEventsEnd] !== 'true') return phase;
      silence.expect(undefined);
      this.#replace(handler, [...phase.objects.values()] as T[], resourceVersion);
      return {name: 'live'};
    }
    if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') {
      this.#logger.debug('watch event of an unknown type', {type: event.type});
      return phase;
    }
    const type = this.#select(raw) ? event.type : 'DELETED';
    const object = this.#taken(raw);
    if (phase.name === 'initial') {
      if (type === 'DELETED') phase.objects.delete(objectKey(object));
      else phase.objects.set(objectKey(object), object);
      return phase;
    }
    handler.event(type, object);
    // After the handler: what it did not take is not done with.
    if (resourceVersion !== undefined) this.#resourceVersion = resourceVersion;
    this.#relistedWithoutProgress = false;
    return phase;
  }

  #replace(handler: WatchHandler<T>, objects: T[], resourceVersion: string): void {
    handler.replace(objects, resourceVersion);
    this.#resourceVersion = resourceVersion;
    this.#healthy();
  }

  #healthy(): void {
    if (this.#failures > 0) this.#logger.info('watch is back', {failures: this.#failures});
    this.#lastError = undefined;
    this.#failures = 0;
    this.#refusals = 0;
    this.#backoff.reset();
  }

  /** Decides from the end of a watch where and when to go on. */
  #judge(end: WatchEnd): number {
    const {error, opened} = end;
    if (opened && this.#resourceVersion === undefined) {
      // Broke among the initial events. Pages make progress where one long answer does not get through.
      this.#preferList = true;
      if (end.result === 'idle') {
        // Once may be load; twice is a server that passes over what it does not know.
        this.#silentWatchLists++;
        this.#watchListRefused = this.#silentWatchLists > 1;
        this.#logger.warn('the server does not end the initial events of a watch, listing instead');
      }
      return isApiError(error) ? this.#failed('watch failed', error) : 0;
    }
    if (!opened && this.#resourceVersion === undefined && isApiError(error) && refusals.has(error.status)) {
      this.#watchListRefused = true;
      this.#logger.debug('the server has no WatchList, listing instead', {error: error.message});
      return 0;
    }
    // A connection that breaks while the watch is being opened is a watch cut very early. One that cannot be made is not.
    if ((opened && !isApiError(error) && !isUnusable(error)) || isBrokenConnection(error)) {
      if (!opened) this.#lastError = error;
      const pauseMs = this.#pace.next({lifetimeMs: end.lifetimeMs, empty: end.events === 0});
      this.#logger.debug('watch ended, resuming', {
        result: end.result,
        events: end.events,
        lifetimeMs: end.lifetimeMs,
        pauseMs,
      });
      return pauseMs;
    }
    if (isGone(error)) {
      this.#resourceVersion = undefined;
      this.#logger.info('resourceVersion expired, taking the state anew');
      // Once at once; but a server that forgets faster than it lists must not be asked in a loop.
      if (!this.#relistedWithoutProgress) {
        this.#relistedWithoutProgress = true;
        return 0;
      }
    }
    return this.#failed('watch failed', error);
  }

  #failed(message: string, error: unknown): number {
    this.#failures++;
    this.#lastError = error;
    const status = isApiError(error) ? error.status : undefined;
    if ((status !== undefined && status !== 429) || isUnusable(error)) this.#refusals++;
    // 404: the kind is not served (any more), and what is served under its name later has another history.
    if (status === 404 || this.#refusals >= refusalsUntilRelist) this.#resourceVersion = undefined;
    const askedMs = isApiError(error) ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
    const pauseMs = this.#backoff.next(askedMs);
    this.#logger.warn(message, {
      error: messageOf(error),
      failures: this.#failures,
      pauseMs: Math.round(pauseMs),
    });
    return pauseMs;
  }

  /** An object as the handler gets it. */
  #taken(object: T): T {
    object.apiVersion = this.#apiVersion;
    object.kind = this.#client.kind.kind;
    if (this.#transform === undefined) return object;
    try {
      return this.#transform(object);
    } catch (error) {
      // One object that the transform does not expect must not hide it, and not stop all others.
      this.#metrics?.client.handlerFailed({resource: this.#resource});
      this.#logger.error('transform failed, the object is taken as it is', {object: objectKey(object), error});
      return object;
    }
  }
}

/** Answers that are no use even though the connection holds: broken JSON, endless lines. */
function isUnusable(error: unknown): boolean {
  return (
    error instanceof ReconcilerKitError && (error.code === 'RESPONSE_INVALID' || error.code === 'RESPONSE_TOO_LARGE')
  );
}

/** Notices a watch on which nothing comes any more although something should. */
class SilenceGuard {
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #onSilence: () => void;
  #heardMs: number;
  #limitMs: number | undefined;
  #timer: Timer | undefined;

  /** @param lifetimeMs longest life of the watch, whatever comes */
  constructor(clock: Clock, lifetimeMs: number, onSilence: () => void) {
    this.#clock = clock;
    this.#onSilence = onSilence;
    this.#heardMs = clock.monotonic();
    this.#deadlineMs = this.#heardMs + lifetimeMs;
  }

  start(limitMs: number | undefined): void {
    this.#limitMs = limitMs;
    this.heard();
    this.#arm();
  }

  heard(): void {
    this.#heardMs = this.#clock.monotonic();
  }

  /** From now on silence may last `limitMs`; undefined: until the end of the watch. */
  expect(limitMs: number | undefined): void {
    if (limitMs === this.#limitMs) return;
    this.#limitMs = limitMs;
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #dueMs(): number {
    return this.#limitMs === undefined ? this.#deadlineMs : Math.min(this.#deadlineMs, this.#heardMs + this.#limitMs);
  }

  /** One timer that looks again, instead of one per event. */
  #arm(): void {
    this.#timer?.cancel();
    const waitMs = this.#dueMs() - this.#clock.monotonic();
    if (waitMs <= 0) this.#onSilence();
    else this.#timer = this.#clock.setTimeout(() => this.#arm(), waitMs);
  }
}
