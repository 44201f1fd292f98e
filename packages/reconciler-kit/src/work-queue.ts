import {type Clock, systemClock, type Timer} from './clock.ts';
import {IndexedHeap} from './indexed-heap.ts';
import type {Metrics} from './metrics.ts';
import {ExponentialRateLimiter, type RateLimiter} from './rate-limiter.ts';
import {WorkQueueMetrics} from './work-queue-metrics.ts';

/** Priority of keys that come from an initial list or a resync: real changes overtake them. */
export const LOW_PRIORITY = -100;

export interface WorkQueueOptions<K extends string = string> {
  /** Label `name` of the queue's metrics. */
  name: string;
  /** Label `controller` of the queue's metrics. Default: `name`. */
  controller?: string;
  clock?: Clock;
  metrics?: Metrics;
  /** Default: {@link ExponentialRateLimiter}, 5 ms doubling to 1,000 s. */
  rateLimiter?: RateLimiter<K>;
}

export interface AddOptions {
  /** Higher goes first. A key that is added again keeps the higher of both. Default 0. */
  priority?: number;
  /** Milliseconds until the key may be handed out. A key that is added again keeps the earlier time. */
  after?: number;
  /** Waits as long as the rate limiter says, or `after` if that is shorter, and counts as one failure of the key. */
  rateLimited?: boolean;
}

export interface WorkItem<K extends string = string> {
  key: K;
  priority: number;
}

/** A key that somebody wants handled: due later (`waiting`), or now. */
interface Entry<K> {
  readonly key: K;
  priority: number;
  waiting: boolean;
  /** Monotonic time: of a waiting entry when it becomes due, else since when it is due. */
  readyAt: number;
  /** Order within a priority. */
  turn: number;
}

interface Waiter<K extends string> {
  resolve(item: WorkItem<K> | undefined): void;
}

/**
 * Hands out keys, one at a time each: a key that is handed out is not handed out again before {@link done}, and a key that is
 * added meanwhile is handed out once more afterwards. So no change is lost and no key is worked on twice at once.
 *
 * A key that is added several times is handed out once, with the highest of the priorities and at the earliest of the times.
 *
 * ```ts
 * const queue = new WorkQueue({name: 'pods'});
 * queue.add('default/web', {priority: 10});
 * for (let item = await queue.get(signal); item; item = await queue.get(signal)) {
 *   try { await handle(item.key); queue.forget(item.key); }
 *   catch { queue.add(item.key, {rateLimited: true, priority: item.priority}); }
 *   finally { queue.done(item.key); }
 * }
 * ```
 *
 * @see https://github.com/kubernetes-sigs/controller-runtime/blob/main/pkg/controller/priorityqueue/priorityqueue.go
 */
export class WorkQueue<K extends string = string> {
  readonly #clock: Clock;
  readonly #rateLimiter: RateLimiter<K>;
  readonly #metrics: WorkQueueMetrics | undefined;

  /** Every key somebody wants handled. */
  readonly #entries = new Map<K, Entry<K>>();
  /** Entries that may be handed out now. */
  readonly #ready = new IndexedHeap<Entry<K>>((a, b) => b.priority - a.priority || a.turn - b.turn);
  /** Entries that are due later. */
  readonly #later = new IndexedHeap<Entry<K>>((a, b) => a.readyAt - b.readyAt || a.turn - b.turn);
  /** Keys that are handed out, with the monotonic time since when. */
  readonly #processing = new Map<K, number>();
  readonly #waiters = new Set<Waiter<K>>();
  readonly #drainWaiters: (() => void)[] = [];

  #timer: {at: number; timer: Timer} | undefined;
  #turns = 0;
  #shutDown = false;

  constructor(options: WorkQueueOptions<K>) {
    this.#clock = options.clock ?? systemClock;
    this.#rateLimiter = options.rateLimiter ?? new ExponentialRateLimiter<K>();
    this.#metrics =
      options.metrics &&
      new WorkQueueMetrics(options.metrics, {
        name: options.name,
        controller: options.controller ?? options.name,
        processingSince: () => this.#processing.values(),
        now: () => this.#clock.monotonic(),
      });
  }

  /** How many keys are due and not handed out; those that are due later do not count. */
  get length(): number {
    return this.#entries.size - this.#later.size;
  }

  /** Asks for `key` to be handed out. After {@link shutDown} it does nothing. */
  add(key: K, options: AddOptions = {}): void {
    if (this.#shutDown) return;
    const now = this.#clock.monotonic();
    this.#promoteDue(now);
    const {priority = 0} = options;
    const afterMs = this.#delayOf(key, options);
    if (afterMs > 0) this.#metrics?.retried();
    const entry = this.#entries.get(key);
    if (entry) this.#merge(entry, priority, afterMs, now);
    else this.#insert(key, priority, afterMs, now);
    this.#armTimer(now);
    this.#dispatch();
  }

  /**
   * The next key, as soon as there is one. Call {@link done} when it is handled.
   *
   * @returns undefined when `signal` is aborted, or when the queue is shut down and has nothing left
   */
  get(signal?: AbortSignal): Promise<WorkItem<K> | undefined> {
    return new Promise((resolve) => {
      if (signal?.aborted) {
        resolve(undefined);
        return;
      }
      const onAbort = () => {
        this.#waiters.delete(waiter);
        resolve(undefined);
      };
      const waiter: Waiter<K> = {
        resolve(item) {
          signal?.removeEventListener('abort', onAbort);
          resolve(item);
        },
      };
      signal?.addEventListener('abort', onAbort, {once: true});
      this.#waiters.add(waiter);
      this.#promoteDue(this.#clock.monotonic());
      this.#dispatch();
    });
  }

  /** Says that the work on `key` has ended, well or not. If it was added meanwhile, it may be handed out again. */
  done(key: K): void {
    const since = this.#processing.get(key);
    if (since === undefined) return;
    this.#processing.delete(key);
    this.#metrics?.finished((this.#clock.monotonic() - since) / 1000);
    const entry = this.#entries.get(key);
    if (entry && !entry.waiting) this.#ready.push(entry);
    this.#dispatch();
  }

  /** Forgets the failures of `key`, so that its next one waits shortest again. */
  forget(key: K): void {
    this.#rateLimiter.forget(key);
  }

  /** How often `key` failed since it was last forgotten. */
  retries(key: K): number {
    return this.#rateLimiter.retries(key);
  }

  /** Takes no more keys and drops those that are due later. Keys that are due are still handed out; then {@link get} says undefined. */
  shutDown(): void {
    if (this.#shutDown) return;
    this.#shutDown = true;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
    for (const [key, entry] of this.#entries) {
      if (entry.waiting) this.#entries.delete(key);
    }
    this.#later.clear();
    this.#dispatch();
  }

  /** {@link shutDown}; resolves when every key that was due has been handed out and is done. */
  shutDownWithDrain(): Promise<void> {
    return new Promise((resolve) => {
      this.#drainWaiters.push(resolve);
      this.shutDown();
      this.#dispatch();
    });
  }

  #delayOf(key: K, {after = 0, rateLimited = false}: AddOptions): number {
    if (!rateLimited) return after;
    const limited = this.#rateLimiter.when(key);
    return after > 0 ? Math.min(after, limited) : limited;
  }

  #insert(key: K, priority: number, afterMs: number, now: number): void {
    const waiting = afterMs > 0;
    const entry: Entry<K> = {
      key,
      priority,
      waiting,
      readyAt: now + Math.max(0, afterMs),
      turn: this.#turns++,
    };
    this.#entries.set(key, entry);
    if (waiting) this.#later.push(entry);
    else this.#makeReady(entry, now);
  }

  #merge(entry: Entry<K>, priority: number, afterMs: number, now: number): void {
    if (priority > entry.priority) this.#raise(entry, priority);
    if (!entry.waiting) return;
    if (afterMs <= 0) {
      this.#later.delete(entry);
      this.#makeReady(entry, now);
    } else if (now + afterMs < entry.readyAt) {
      entry.readyAt = now + afterMs;
      this.#later.reorder(entry);
    }
  }

  #raise(entry: Entry<K>, priority: number): void {
    if (entry.waiting) {
      entry.priority = priority;
      return;
    }
    this.#metrics?.priorityChanged(entry.priority, priority);
    entry.priority = priority;
    entry.turn = this.#turns++;
    this.#ready.reorder(entry);
  }

  #makeReady(entry: Entry<K>, readyAt: number): void {
    entry.waiting = false;
    entry.readyAt = readyAt;
    entry.turn = this.#turns++;
    this.#metrics?.added(entry.priority);
    // A key that is handed out keeps its turn and comes into the heap with done().
    if (!this.#processing.has(entry.key)) this.#ready.push(entry);
  }

  #promoteDue(now: number): void {
    for (let entry = this.#later.peek(); entry && entry.readyAt <= now; entry = this.#later.peek()) {
      this.#later.delete(entry);
      this.#makeReady(entry, entry.readyAt);
    }
  }

  #armTimer(now: number): void {
    const next = this.#later.peek();
    if (!next) {
      this.#timer?.timer.cancel();
      this.#timer = undefined;
      return;
    }
    if (this.#timer && this.#timer.at <= next.readyAt) return;
    this.#timer?.timer.cancel();
    // Timers of Node.js have whole milliseconds and may fire a fraction early.
    const timer = this.#clock.setTimeout(() => this.#onTimer(), Math.max(1, Math.ceil(next.readyAt - now)));
    this.#timer = {at: next.readyAt, timer};
  }

  #onTimer(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonic();
    this.#promoteDue(now);
    this.#armTimer(now);
    this.#dispatch();
  }

  #dispatch(): void {
    for (const waiter of this.#waiters) {
      const entry = this.#ready.pop();
      if (!entry) break;
      this.#waiters.delete(waiter);
      this.#entries.delete(entry.key);
      const now = this.#clock.monotonic();
      this.#processing.set(entry.key, now);
      this.#metrics?.handedOut(entry.priority, (now - entry.readyAt) / 1000);
      waiter.resolve({key: entry.key, priority: entry.priority});
    }
    if (this.#shutDown && this.#entries.size === 0) this.#endGets();
  }

  #endGets(): void {
    for (const waiter of this.#waiters) waiter.resolve(undefined);
    this.#waiters.clear();
    if (this.#processing.size > 0) return;
    this.#metrics?.close();
    for (const resolve of this.#drainWaiters.splice(0)) resolve();
  }
}
