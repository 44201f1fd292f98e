import type {Clock, Timer} from '../clock.ts';
import {statusErrors} from '../errors/status-error.ts';
import type {RevisionLog} from '../storage/revision-log.ts';
import {StorageError} from '../storage/storage.ts';
import type {CachedObject, TextObject} from './cached-object.ts';
import type {Change} from './change.ts';
import type {WatchEvent} from './watch-event.ts';

export interface WatchOptions {
  /** `ns/`: only objects of that namespace. Default: all. */
  prefix?: string | undefined;
  /** Only this object. */
  key?: string | undefined;
  /** Changes after this revision; undefined: first the present state as ADDED, then all changes after it. */
  after?: number | undefined;
  /** An object that comes to match is ADDED, one that does not match any more is DELETED. */
  matches?: ((object: CachedObject) => boolean) | undefined;
  /** Send BOOKMARKs about every minute, and when many changes went by that were not for this watch. */
  bookmarks: boolean;
  /** A BOOKMARK tells the end of the present state. It comes only with {@link bookmarks}. */
  sendInitialEvents?: boolean | undefined;
  /** Closes the watch. */
  signal: AbortSignal;
  /** Bytes of changes that may come between two reads before the watch is ended. Default: 4 MiB. */
  bufferBytes?: number | undefined;
}

/**
 * The events of one watcher. It has no queue: it is a position in the history of the cache, so a slow watcher costs no memory. Who does
 * not read for too long is evicted: the history does not wait.
 */
export interface Watch {
  /**
   * Waits for the next events; empty: the watch is closed. Ask again when they are sent.
   *
   * @throws StatusError 410 `Expired` where the changes since {@link WatchOptions.after} are not kept any more
   */
  next(): Promise<readonly WatchEvent[]>;
  close(): void;
  /** Of one that takes bookmarks: a BOOKMARK is sent as soon as there is nothing else to send. */
  requestBookmark(): void;
  /** It was closed since it read too slowly. */
  readonly evicted: boolean;
  /** Aborted when the watch is closed, for one who cannot ask since he waits for his client. */
  readonly closed: AbortSignal;
}

/** What a watch needs of its cache. */
export interface WatchSource {
  readonly clock: Clock;
  readonly history: RevisionLog<Change>;
  /** Bytes of all changes so far. */
  readonly offset: number;
  /** The state at a revision that the history still knows. */
  at(
    revision: number,
    scope: {prefix: string; key: string | undefined},
    after: string | undefined,
  ): Iterable<TextObject>;
  /** Changes that are in the history no more. @throws StorageError `COMPACTED` */
  replay(after: number, signal: AbortSignal): AsyncIterator<readonly Change[]>;
  scan<T>(work: () => T): T;
  forget(watch: HistoryWatch): void;
}

/** At most so many events, of so many bytes, in one batch. */
const batchEvents = 500;
const batchBytes = 256 * 1_024;
const bookmarkIntervalMs = 60_000;
/** After so many changes that were not for it, a watch that takes bookmarks is sent one: it could resume too far behind else. */
const progressChanges = 1_000;

export class HistoryWatch implements Watch {
  evicted = false;
  readonly #source: WatchSource;
  readonly #prefix: string;
  readonly #key: string | undefined;
  readonly #matches: ((object: CachedObject) => boolean) | undefined;
  readonly #bookmarks: boolean;
  readonly #bufferBytes: number;
  readonly #controller = new AbortController();
  /** All up to this revision was given. */
  #position: number;
  /** Where the initial state goes on; undefined: it is given. */
  #initial: {after: string | undefined; marked: boolean} | undefined;
  /** It starts with changes that only the storage still has. */
  #isBehind = false;
  #replay: AsyncIterator<readonly Change[]> | undefined;
  /** Of the source, when this watch read last. */
  #offset: number;
  #waiting: ((events: readonly WatchEvent[]) => void) | undefined;
  #timer: Timer | undefined;
  #bookmarkDue = false;
  /** Changes that went by since the last event. */
  #skipped = 0;

  constructor(source: WatchSource, options: WatchOptions) {
    this.#source = source;
    this.#prefix = options.prefix ?? '';
    this.#key = options.key;
    this.#matches = options.matches;
    this.#bookmarks = options.bookmarks;
    this.#bufferBytes = options.bufferBytes ?? 4 * 2 ** 20;
    this.#offset = source.offset;
    if (options.after === undefined) {
      this.#position = source.history.head;
      this.#initial = {after: undefined, marked: options.sendInitialEvents === true && options.bookmarks};
    } else {
      this.#position = options.after;
      this.#isBehind = options.after < source.history.oldest;
    }
    if (this.#bookmarks) this.#startTimer();
    const {signal} = options;
    const onAbort = (): void => this.close();
    signal.addEventListener('abort', onAbort);
    this.closed.addEventListener('abort', () => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) this.close();
  }

  get closed(): AbortSignal {
    return this.#controller.signal;
  }

  /** Changes that it may be concerned with: `''` all, `ns/` of a namespace, else those of one object. */
  get scope(): string {
    return this.#key ?? this.#prefix;
  }

  async next(): Promise<readonly WatchEvent[]> {
    if (this.#waiting !== undefined) throw new Error('a watch is read by one reader at a time');
    for (;;) {
      if (this.closed.aborted) return [];
      if (this.#isBehind) {
        const events = await this.#replayed();
        if (events.length > 0 || this.closed.aborted) return this.#read(events);
        continue;
      }
      const events = this.#collect();
      if (events.length > 0) return this.#read(events);
      if (this.closed.aborted) return [];
      return new Promise((resolve) => {
        this.#waiting = resolve;
      });
    }
  }

  close(): void {
    if (this.closed.aborted) return;
    this.#timer?.cancel();
    this.#source.forget(this);
    this.#controller.abort();
    void this.#replay?.return?.();
    this.#replay = undefined;
    this.#give([]);
  }

  requestBookmark(): void {
    if (!this.#bookmarks || this.closed.aborted) return;
    this.#bookmarkDue = true;
    // One that waits was not told of anything: up to now nothing was for it.
    if (this.#waiting !== undefined) this.wake(this.#source.history.head + 1);
  }

  /** Tells of changes in its scope, of which `first` is the first. What came before that, and it was not told of, was not in its scope. */
  wake(first: number): void {
    if (this.#waiting !== undefined) {
      this.#skipTo(first - 1);
      const events = this.#collect();
      if (events.length > 0) this.#give(events);
    } else if (this.#source.offset - this.#offset > this.#bufferBytes) this.#evict();
  }

  #read(events: readonly WatchEvent[]): readonly WatchEvent[] {
    this.#offset = this.#source.offset;
    return events;
  }

  #give(events: readonly WatchEvent[]): void {
    const resolve = this.#waiting;
    this.#waiting = undefined;
    resolve?.(this.#read(events));
  }

  #evict(): void {
    this.evicted = true;
    this.close();
  }

  #collect(): WatchEvent[] {
    if (this.#initial !== undefined) {
      const events = this.#source.scan(() => this.#initialEvents(this.#initial!));
      if (events.length > 0 || this.closed.aborted) return events;
    }
    return this.#liveEvents();
  }

  #initialEvents(initial: {after: string | undefined; marked: boolean}): WatchEvent[] {
    if (this.#position < this.#source.history.oldest) {
      this.#evict();
      return [];
    }
    const events: WatchEvent[] = [];
    let bytes = 0;
    const scope = {prefix: this.#prefix, key: this.#key};
    for (const object of this.#source.at(this.#position, scope, initial.after)) {
      initial.after = object.key;
      if (this.#matches?.(object) === false) continue;
      events.push({type: 'ADDED', revision: object.revision, object});
      bytes += object.size;
      if (events.length >= batchEvents || bytes >= batchBytes) return events;
    }
    this.#initial = undefined;
    if (initial.marked)
      events.push({type: 'BOOKMARK', revision: this.#position, object: undefined, initialEventsEnd: true});
    return events;
  }

  #liveEvents(): WatchEvent[] {
    const {history} = this.#source;
    const events: WatchEvent[] = [];
    let bytes = 0;
    if (this.#position < history.oldest) {
      this.#evict();
      return events;
    }
    while (this.#position < history.head && events.length < batchEvents && bytes < batchBytes) {
      const change = history.get(this.#position + 1)!;
      const event = this.#eventOf(change);
      if (event === undefined) continue;
      events.push(event);
      bytes += change.size;
    }
    if (events.length === 0) this.#addBookmark(events);
    return events;
  }

  #eventOf(change: Change): WatchEvent | undefined {
    this.#position = change.revision;
    const event = this.#sees(change.key) ? change.eventFor(this.#matches) : undefined;
    this.#skipped = event === undefined ? this.#skipped + 1 : 0;
    return event;
  }

  #sees(key: string): boolean {
    return this.#key === undefined ? key.startsWith(this.#prefix) : key === this.#key;
  }

  #addBookmark(events: WatchEvent[]): void {
    if (!this.#bookmarks || this.#position > this.#source.history.head) return;
    if (!this.#bookmarkDue && this.#skipped < progressChanges) return;
    this.#bookmarkDue = false;
    this.#skipped = 0;
    events.push({type: 'BOOKMARK', revision: this.#position, object: undefined});
  }

  #startTimer(): void {
    this.#timer = this.#source.clock.setTimeout(() => {
      this.requestBookmark();
      this.#startTimer();
    }, bookmarkIntervalMs);
  }

  #skipTo(revision: number): void {
    if (revision <= this.#position) return;
    this.#skipped += revision - this.#position;
    this.#position = revision;
  }

  /** Reads from the storage until the history of the cache goes on. */
  async #replayed(): Promise<readonly WatchEvent[]> {
    const {history} = this.#source;
    const replay = (this.#replay ??= this.#source.replay(this.#position, this.closed));
    try {
      const {value, done} = await replay.next();
      if (done === true || this.closed.aborted) {
        this.close();
        return [];
      }
      const events = value.map((change) => this.#eventOf(change)).filter((event) => event !== undefined);
      if (this.#position >= history.oldest) {
        this.#isBehind = false;
        this.#replay = undefined;
        await replay.return?.();
      }
      return events;
    } catch (error) {
      this.close();
      if (!(error instanceof StorageError && error.code === 'COMPACTED')) throw error;
      throw statusErrors.expired(`too old resource version: ${this.#position} (${history.oldest})`);
    }
  }
}
