import {type Clock, systemClock, type Timer} from '../clock.ts';
import {StatusError, statusErrors} from '../errors/status-error.ts';
import type {KubeObject} from '../kube-object.ts';
import {RevisionLog} from '../storage/revision-log.ts';
import {
  type ResourceStorage,
  type StorageChange,
  StorageError,
  type StorageSnapshot,
  type StoredObject,
} from '../storage/storage.ts';
import {type CachedObject, encodeStored, type ObjectForm, TextObject} from './cached-object.ts';
import {Change} from './change.ts';
import {ParsedObjects} from './parsed-objects.ts';
import {SortedObjects} from './sorted-objects.ts';
import {HistoryWatch, type Watch, type WatchOptions, type WatchSource} from './watch.ts';

export type {CachedObject} from './cached-object.ts';
export type {WatchEvent} from './watch-event.ts';

export interface ResourceCacheOptions {
  storage: ResourceStorage;
  /** Parses what is stored and fills in defaults of the schema. The cache sets `metadata.resourceVersion`. */
  decode: (stored: StoredObject) => KubeObject;
  /** Changes that are kept for watches and for lists of the past. Default: 20,000. */
  historyLimit?: number;
  /** Bytes of JSON that these changes may hold. Default: 8 MiB. */
  historyBytes?: number;
  /** Length of the JSON of the objects that are held in parsed form too. Default: 1 MiB. */
  parsedBytes?: number;
  /** The first listener: see {@link ResourceCache.subscribe}. */
  onUpdate?: ChangeListener;
  clock?: Clock;
}

/** One of the two is undefined where the object was created or deleted. */
export type ChangeListener = (change: {
  current?: CachedObject | undefined;
  previous?: CachedObject | undefined;
}) => void;

export interface ListOptions {
  /** `ns/`: only objects of that namespace. Default: all. */
  prefix?: string | undefined;
  /** Only what comes behind this key. */
  after?: string | undefined;
  limit?: number | undefined;
  /** Exactly the state at this revision. Default: the present one. */
  revision?: number | undefined;
  matches?: ((object: CachedObject) => boolean) | undefined;
}

export interface ObjectList {
  /** Ordered by key. */
  items: CachedObject[];
  revision: number;
  /** Key of the last item, if there may be more behind it. */
  next?: string;
  /** How many more there are, if that is known: not with {@link ListOptions.matches}. */
  remaining?: number;
}

export interface CacheWrite {
  key: string;
  /** Revision that the object must have; 0: there must be none. */
  expected: number;
  /** Undefined: delete. Belongs to the cache from now on. */
  object: KubeObject | undefined;
}

/** All objects of a resource in memory, with their last changes: what reads and watches are answered from. Writes go through it to the storage. */
export class ResourceCache {
  readonly #storage: ResourceStorage;
  readonly #form: ObjectForm;
  readonly #objects: SortedObjects<TextObject>;
  readonly #history: RevisionLog<Change>;
  readonly #source: WatchSource;
  readonly #clock: Clock;
  readonly #listeners = new Set<ChangeListener>();
  /** By scope. */
  readonly #watches = new Map<string, Set<HistoryWatch>>();
  /** Objects that are being written, by their text. */
  readonly #written = new Map<string, KubeObject>();
  readonly #waiters = new Set<Waiter>();
  readonly #controller = new AbortController();
  #offset = 0;
  #failure: unknown;

  /**
   * Reads what is stored, and follows the changes from then on.
   *
   * @throws StorageError
   */
  static async open(options: ResourceCacheOptions): Promise<ResourceCache> {
    const snapshot = await options.storage.snapshot();
    return new ResourceCache(options, snapshot, await recentChanges(options.storage, snapshot));
  }

  private constructor(options: ResourceCacheOptions, snapshot: StorageSnapshot, recent: readonly StorageChange[]) {
    this.#storage = options.storage;
    this.#clock = options.clock ?? systemClock;
    this.#form = {decode: options.decode, parsed: new ParsedObjects(options.parsedBytes ?? 2 ** 20)};
    this.#objects = SortedObjects.of(
      snapshot.objects.map(({key, revision, json}) => new TextObject(this.#form, key, revision, json, false)),
    );
    this.#history = new RevisionLog(snapshot.revision - recent.length, {
      clock: this.#clock,
      ...(options.historyLimit !== undefined && {
        maxEntries: options.historyLimit,
        keepEntries: Math.min(options.historyLimit, 1_000),
      }),
      ...(options.historyBytes !== undefined && {maxBytes: options.historyBytes}),
    });
    this.#recall(recent);
    if (options.onUpdate !== undefined) this.#listeners.add(options.onUpdate);
    this.#source = this.#watchSource();
    void this.#follow(snapshot.revision);
  }

  /** Of the present state. */
  get revision(): number {
    return this.#history.head;
  }

  /** Watches and lists of the past are answered from memory from this revision on. */
  get oldestRevision(): number {
    return this.#history.oldest;
  }

  /** Number of objects. */
  get size(): number {
    return this.#objects.size;
  }

  get(key: string): CachedObject | undefined {
    return this.#objects.get(key);
  }

  /**
   * Waits until the cache has a revision.
   *
   * @throws StatusError 504 with the cause `ResourceVersionTooLarge`
   */
  async waitFor(revision: number, timeoutMs: number): Promise<void> {
    await this.#reach(revision, (fail) =>
      this.#clock.setTimeout(() => fail(tooLarge(revision, this.revision)), timeoutMs),
    );
  }

  /** Waits until the cache is not older than the storage is now: a read after it is consistent. */
  async fresh(): Promise<void> {
    await this.#reach(await this.#storage.revision());
  }

  /** @throws StatusError 410 where the history does not reach back to the revision, 504 where it is yet to come */
  list(options: ListOptions = {}): ObjectList {
    const {prefix = '', after, limit = Number.POSITIVE_INFINITY, revision = this.revision, matches} = options;
    if (revision > this.revision) throw tooLarge(revision, this.revision);
    if (revision < this.#history.oldest)
      throw statusErrors.expired('The resourceVersion for the provided list is too old.');
    const items: CachedObject[] = [];
    let hasMore = false;
    this.#form.parsed.scan(() => {
      for (const object of this.#at(revision, {prefix, key: undefined}, after)) {
        if (items.length >= limit) {
          hasMore = true;
          break;
        }
        if (matches === undefined || matches(object)) items.push(object);
      }
    });
    const last = items.at(-1);
    if (!hasMore || last === undefined) return {items, revision};
    if (matches !== undefined) return {items, revision, next: last.key};
    return {items, revision, next: last.key, remaining: this.#count(revision, prefix, last.key)};
  }

  /**
   * Stores an object, or deletes it. Nothing is written where it is as it is to be.
   *
   * @returns the object as it is now; of a deletion: its last state, with the revision of the deletion
   * @throws StorageError `CONFLICT`, when the cache has what is there instead; `FULL`, `FAILED`, `CLOSED`
   */
  async write({key, expected, object}: CacheWrite): Promise<CachedObject | undefined> {
    this.#assertOpen();
    const json = object === undefined ? undefined : encodeStored(object);
    const present = this.#objects.get(key);
    if (
      json !== undefined &&
      object !== undefined &&
      present?.revision === expected &&
      present.isStoredAs(json, object)
    )
      return present;
    const revision = await this.#store(key, expected, json, object);
    const change = this.#history.get(revision);
    return change?.current ?? change?.previous?.at(revision);
  }

  async #store(
    key: string,
    expected: number,
    json: string | undefined,
    object: KubeObject | undefined,
  ): Promise<number> {
    if (json !== undefined && object !== undefined) this.#written.set(json, object);
    try {
      const revision = await this.#storage.write({key, expected, json});
      await this.#reach(revision);
      return revision;
    } catch (error) {
      if (error instanceof StorageError && error.code === 'CONFLICT') await this.fresh();
      throw error;
    } finally {
      if (json !== undefined) this.#written.delete(json);
    }
  }

  /** @throws StatusError 410 from {@link Watch.next}, not from here */
  watch(options: WatchOptions): Watch {
    const watch = new HistoryWatch(this.#source, options);
    if (watch.closed.aborted) return watch;
    if (this.#controller.signal.aborted) {
      watch.close();
      return watch;
    }
    const {scope} = watch;
    const others = this.#watches.get(scope);
    if (others === undefined) this.#watches.set(scope, new Set([watch]));
    else others.add(watch);
    return watch;
  }

  /** Number of watches that are open. */
  get watchCount(): number {
    let count = 0;
    for (const watches of this.#watches.values()) count += watches.size;
    return count;
  }

  /**
   * Tells of every change, in order, before it can be seen by watches and before the write that made it resolves. A listener must not throw.
   *
   * @returns ends it
   */
  subscribe(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends all watches. What is stored stays. */
  close(): void {
    if (this.#controller.signal.aborted) return;
    this.#controller.abort();
    for (const watches of [...this.#watches.values()]) for (const watch of [...watches]) watch.close();
    for (const waiter of [...this.#waiters]) waiter.settle(this.#closedError());
    this.#listeners.clear();
  }

  async #follow(after: number): Promise<void> {
    try {
      for await (const changes of this.#storage.changes(after, this.#controller.signal)) {
        this.#apply(changes);
        if (this.#controller.signal.aborted) return;
      }
    } catch (error) {
      this.#failure = error;
    }
    this.close();
  }

  #apply(changes: readonly StorageChange[]): void {
    const scopes = new Set(['']);
    for (const stored of changes) {
      const change = this.#changeOf(stored, this.#objects.get(stored.key));
      if (change.current === undefined) this.#objects.delete(change.key);
      else this.#objects.set(change.current);
      this.#remember(change);
      scopes.add(change.key).add(change.key.slice(0, change.key.indexOf('/') + 1));
      const {current, previous} = change;
      for (const listener of this.#listeners) listener({current, previous});
    }
    const first = changes[0]!.revision;
    for (const scope of scopes) for (const watch of this.#watches.get(scope) ?? []) watch.wake(first);
    for (const waiter of this.#waiters) if (waiter.revision <= this.revision) waiter.settle(undefined);
  }

  /** Puts changes into the history that led to the present objects. */
  #recall(changes: readonly StorageChange[]): void {
    const known = new Map<string, TextObject | undefined>();
    for (const {revision, key, json, previous: stored} of changes) {
      const present = this.#objects.get(key);
      const text = (of: StoredObject): TextObject => new TextObject(this.#form, key, of.revision, of.json, false);
      const previous = known.get(key) ?? (stored && text(stored));
      let current: TextObject | undefined;
      if (json !== undefined) current = present?.revision === revision ? present : text({key, revision, json});
      known.set(key, current);
      this.#remember(new Change(revision, key, {current, previous}));
    }
  }

  #remember(change: Change): void {
    this.#history.append(change, 300 + (change.previous?.size ?? 0));
    this.#offset += change.size;
  }

  #changeOf({revision, key, json}: StorageChange, previous: TextObject | undefined): Change {
    if (json === undefined) return new Change(revision, key, {current: undefined, previous});
    const object = this.#written.get(json);
    const current = new TextObject(this.#form, key, revision, json, object !== undefined);
    if (object !== undefined) current.seed(object);
    return new Change(revision, key, {current, previous});
  }

  #watchSource(): WatchSource {
    const offset = (): number => this.#offset;
    return {
      clock: this.#clock,
      history: this.#history,
      get offset() {
        return offset();
      },
      at: (revision, scope, after) => this.#at(revision, scope, after),
      replay: (after, signal) => this.#replay(after, signal),
      scan: (work) => this.#form.parsed.scan(work),
      forget: (watch) => this.#forget(watch),
    };
  }

  #forget(watch: HistoryWatch): void {
    const watches = this.#watches.get(watch.scope);
    watches?.delete(watch);
    if (watches?.size === 0) this.#watches.delete(watch.scope);
  }

  async *#replay(after: number, signal: AbortSignal): AsyncGenerator<readonly Change[], void, undefined> {
    for await (const changes of this.#storage.changes(after, signal)) {
      yield changes.map(({revision, key, json, previous}) => {
        const text = (of: StoredObject): TextObject => new TextObject(this.#form, key, of.revision, of.json, false);
        return new Change(revision, key, {
          current: json === undefined ? undefined : text({key, revision, json}),
          previous: previous === undefined ? undefined : text(previous),
        });
      });
    }
  }

  /** What has changed since a revision, as it was then. */
  #undone(revision: number): Map<string, TextObject | undefined> {
    const undone = new Map<string, TextObject | undefined>();
    for (const {key, previous} of this.#history.after(revision)) if (!undone.has(key)) undone.set(key, previous);
    return undone;
  }

  *#at(
    revision: number,
    {prefix, key}: {prefix: string; key: string | undefined},
    after: string | undefined,
  ): Generator<TextObject, void, undefined> {
    const undone = revision === this.revision ? undefined : this.#undone(revision);
    if (key !== undefined) {
      const object = undone?.has(key) === true ? undone.get(key) : this.#objects.get(key);
      if (object !== undefined && (after === undefined || after < key)) yield object;
      return;
    }
    const from = after === undefined || after < prefix ? prefix : `${after}\0`;
    const past = undone === undefined ? [] : pastObjects(undone, from, prefix);
    let next = 0;
    for (const object of this.#objects.from(from)) {
      if (!object.key.startsWith(prefix)) break;
      while (next < past.length && past[next]!.key < object.key) yield past[next++]!;
      if (undone?.has(object.key) !== true) yield object;
    }
    while (next < past.length) yield past[next++]!;
  }

  /** How many objects with a prefix there were behind a key. */
  #count(revision: number, prefix: string, after: string): number {
    // '0' is the character behind '/', in which a prefix ends.
    const end = prefix === '' ? this.#objects.size : this.#objects.rank(`${prefix.slice(0, -1)}0`);
    let count = end - this.#objects.rank(`${after}\0`);
    if (revision === this.revision) return count;
    for (const [key, previous] of this.#undone(revision)) {
      if (key <= after || !key.startsWith(prefix)) continue;
      if (previous !== undefined) count += 1;
      if (this.#objects.get(key) !== undefined) count -= 1;
    }
    return count;
  }

  /** @param limit starts a timer that gives up; without one: the storage has the revision, so it will come */
  async #reach(revision: number, limit?: (fail: (error: Error) => void) => Timer): Promise<void> {
    if (this.revision >= revision) return;
    this.#assertOpen();
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        revision,
        settle: (error) => {
          timer?.cancel();
          this.#waiters.delete(waiter);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      const timer = limit?.((error) => waiter.settle(error));
      this.#waiters.add(waiter);
    });
  }

  #assertOpen(): void {
    if (this.#controller.signal.aborted) throw this.#closedError();
  }

  #closedError(): StorageError {
    if (this.#failure instanceof StorageError) return this.#failure;
    return new StorageError('CLOSED', 'the cache is closed', {cause: this.#failure});
  }
}

/** So many changes are read when a cache opens: lists in chunks and watches mostly go on with these. */
const recentLimit = 500;

/** The last changes that led to a snapshot. */
async function recentChanges(
  storage: ResourceStorage,
  {revision, oldest = revision}: StorageSnapshot,
): Promise<StorageChange[]> {
  const from = Math.max(oldest, revision - recentLimit);
  const found: StorageChange[] = [];
  if (from >= revision) return found;
  try {
    for await (const changes of storage.changes(from, new AbortController().signal)) {
      found.push(...changes.filter((change) => change.revision <= revision));
      if (changes.at(-1)!.revision >= revision) break;
    }
    return found;
  } catch (error) {
    // They were let go in between.
    if (error instanceof StorageError && error.code === 'COMPACTED') return [];
    throw error;
  }
}

interface Waiter {
  revision: number;
  settle(error: Error | undefined): void;
}

function pastObjects(undone: ReadonlyMap<string, TextObject | undefined>, from: string, prefix: string): TextObject[] {
  const past: TextObject[] = [];
  for (const [key, object] of undone)
    if (object !== undefined && key >= from && key.startsWith(prefix)) past.push(object);
  return past.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** @see https://kubernetes.io/docs/reference/using-api/api-concepts/#unavailable-resource-versions */
function tooLarge(revision: number, current: number): StatusError {
  const message = `Too large resource version: ${revision}, current: ${current}`;
  return new StatusError(504, 'Timeout', `Timeout: ${message}`, {
    causes: [{reason: 'ResourceVersionTooLarge', message: 'Too large resource version'}],
    retryAfterSeconds: 1,
  });
}
