import {type DeepReadonly, deepFreeze} from './deep-readonly.ts';
import {ReconcilerKitError} from './errors.ts';
import type {Kind, KubernetesObject} from './kind.ts';
import type {KindClient} from './kind-client.ts';
import {type Logger, silentLogger} from './logger.ts';
import {ObjectIndex} from './object-index.ts';
import {objectKey} from './object-key.ts';
import {Watcher, type WatcherOptions} from './watcher.ts';

export {cloneForEdit, type DeepReadonly} from './deep-readonly.ts';
export {objectKey} from './object-key.ts';

export interface CacheOptions<T> extends WatcherOptions<T> {
  /** Name → values under which {@link Cache.byIndex} finds an object. Pure functions of the object. */
  indexers?: Record<string, (object: DeepReadonly<T>) => string[]>;
  /** Freeze every object, so that a write to it throws. For tests; costs time per object. Default false. */
  freeze?: boolean;
}

/**
 * Called synchronously and in order, when the cache already has the new state. What a handler throws is logged and
 * counted; the cache and the other handlers go on.
 */
export interface CacheHandler<T> {
  /** `initial`: part of the state that was there when the cache started or the handler was subscribed. */
  add?(object: DeepReadonly<T>, info: {initial: boolean}): void;
  update?(previous: DeepReadonly<T>, object: DeepReadonly<T>): void;
  /** `exact` is false when the deletion was noticed by a list only: `lastKnown` need not be the last state. */
  delete?(lastKnown: DeepReadonly<T>, info: {exact: boolean}): void;
}

type Change<T> =
  | {type: 'add'; object: T}
  | {type: 'update'; previous: T; object: T}
  | {type: 'delete'; object: T; exact: boolean};

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

function isSameVersion(a: KubernetesObject, b: KubernetesObject): boolean {
  const version = a.metadata?.resourceVersion;
  return version !== undefined && version === b.metadata?.resourceVersion;
}

function uidOf(object: KubernetesObject): string | undefined {
  return object.metadata?.uid;
}

/**
 * The current state of a kind (or of what its selectors match), kept by one watch and shared by all who need it.
 * Objects are not copied on reading: use {@link cloneForEdit} before changing one.
 *
 * An object that was deleted and made again under the same name is two objects: handlers see a delete, then an add.
 */
export class Cache<T extends KubernetesObject> {
  readonly kind: Kind<T>;
  readonly #watcher: Watcher<T>;
  readonly #logger: Logger;
  readonly #options: CacheOptions<T>;
  readonly #resource: string;
  readonly #objects = new Map<string, T>();
  readonly #namespaces = new ObjectIndex<T>((object) => [object.metadata?.namespace ?? '']);
  readonly #indices = new Map<string, ObjectIndex<T>>();
  readonly #handlers = new Set<CacheHandler<T>>();
  readonly #waiters = new Set<Waiter>();
  #started = false;
  #hasSynced = false;
  #failure: {error: unknown} | undefined;

  constructor(client: KindClient<T>, options: CacheOptions<T> = {}) {
    this.kind = client.kind;
    this.#options = options;
    this.#resource = this.kind.group === '' ? this.kind.plural : `${this.kind.plural}.${this.kind.group}`;
    this.#logger = (options.logger ?? silentLogger).child({resource: this.#resource});
    this.#watcher = new Watcher(client, options);
    for (const [name, valuesOf] of Object.entries(options.indexers ?? {})) {
      this.#indices.set(name, new ObjectIndex((object) => this.#indexValues(name, valuesOf, object)));
    }
  }

  /**
   * Fills the cache and keeps it current until `signal` is aborted, then resolves.
   *
   * @throws ReconcilerKitError `ALREADY_STARTED`
   */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#started) throw new ReconcilerKitError('ALREADY_STARTED', `the cache of ${this.#resource} runs already`);
    this.#started = true;
    try {
      await this.#watcher.run(
        {
          replace: (objects) => this.#replace(objects),
          event: (type, object) => this.#event(type, object),
        },
        signal,
      );
    } catch (error) {
      this.#failure = {error};
      for (const waiter of this.#waiters) waiter.reject(error);
      this.#waiters.clear();
      throw error;
    } finally {
      this.#options.metrics?.client.cacheSize({resource: this.#resource, delta: -this.#objects.size});
    }
  }

  /** True once the initial state is here and has been delivered to every handler. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Why the cache does not get on at the moment, e.g. an {@link ApiError} for missing permissions. */
  get lastError(): unknown {
    return this.#watcher.lastError;
  }

  /** Resolves when {@link hasSynced} becomes true; rejects with the signal's reason when it is aborted first. */
  synced(signal?: AbortSignal): Promise<void> {
    if (this.#hasSynced) return Promise.resolve();
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        signal?.removeEventListener('abort', onAbort);
        this.#waiters.delete(waiter);
      };
      const onAbort = (): void => {
        leave();
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        resolve: () => {
          leave();
          resolve();
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', onAbort, {once: true});
    });
  }

  get size(): number {
    return this.#objects.size;
  }

  /** @param key `namespace/name`, or `name` of a cluster-scoped kind */
  get(key: string): DeepReadonly<T> | undefined {
    return this.#objects.get(key) as DeepReadonly<T> | undefined;
  }

  /** All objects, or those of one namespace, in no particular order. */
  list(namespace?: string): DeepReadonly<T>[] {
    const objects = namespace === undefined ? [...this.#objects.values()] : this.#namespaces.get(namespace);
    return objects as DeepReadonly<T>[];
  }

  /** The objects for which the indexer of that name returned `value`. @throws ReconcilerKitError `INVALID_ARGUMENT` for an unknown index */
  byIndex(index: string, value: string): DeepReadonly<T>[] {
    const found = this.#indices.get(index);
    if (found === undefined) {
      throw new ReconcilerKitError(
        'INVALID_ARGUMENT',
        `the cache of ${this.#resource} has no index ${JSON.stringify(index)}: name it in its indexers`,
      );
    }
    return found.get(value) as DeepReadonly<T>[];
  }

  /**
   * Tells a handler about every change from now on, after an `add` for each object that is already here. Returns a
   * function that ends it.
   */
  subscribe(handler: CacheHandler<T>): () => void {
    // A copy per subscription, so that one object may be subscribed twice and each time be ended for itself.
    const subscription: CacheHandler<T> = {
      ...(handler.add === undefined ? {} : {add: handler.add.bind(handler)}),
      ...(handler.update === undefined ? {} : {update: handler.update.bind(handler)}),
      ...(handler.delete === undefined ? {} : {delete: handler.delete.bind(handler)}),
    };
    this.#handlers.add(subscription);
    for (const object of this.#objects.values()) {
      this.#deliver(subscription, {type: 'add', object}, true);
    }
    return () => this.#handlers.delete(subscription);
  }

  #event(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T): void {
    const changes: Change<T>[] = [];
    if (type === 'DELETED') this.#remove(object, true, changes);
    else this.#put(object, changes);
    this.#publish(changes);
  }

  #replace(objects: T[]): void {
    const changes: Change<T>[] = [];
    const kept = new Set(objects.map(objectKey));
    for (const [key, object] of this.#objects) {
      if (!kept.has(key)) this.#remove(object, false, changes);
    }
    for (const object of objects) this.#put(object, changes);
    this.#publish(changes);
    if (this.#hasSynced) return;
    this.#hasSynced = true;
    for (const waiter of this.#waiters) waiter.resolve();
  }

  #put(object: T, changes: Change<T>[]): void {
    const key = objectKey(object);
    const previous = this.#objects.get(key);
    if (previous !== undefined) {
      if (uidOf(previous) !== uidOf(object)) {
        this.#remove(previous, false, changes);
      } else if (isSameVersion(previous, object)) {
        // A list repeats what did not change.
        return;
      }
    }
    if (this.#options.freeze === true) deepFreeze(object);
    const before = this.#objects.get(key);
    this.#objects.set(key, object);
    this.#namespaces.set(key, object);
    for (const index of this.#indices.values()) index.set(key, object);
    changes.push(before === undefined ? {type: 'add', object} : {type: 'update', previous: before, object});
  }

  #remove(object: T, exact: boolean, changes: Change<T>[]): void {
    const key = objectKey(object);
    const previous = this.#objects.get(key);
    // An earlier object of that name: its deletion says nothing about the one that is here.
    if (previous === undefined || uidOf(previous) !== uidOf(object)) return;
    this.#objects.delete(key);
    this.#namespaces.delete(key);
    for (const index of this.#indices.values()) index.delete(key);
    if (this.#options.freeze === true) deepFreeze(object);
    changes.push({type: 'delete', object, exact});
  }

  #publish(changes: Change<T>[]): void {
    if (changes.length === 0) return;
    let delta = 0;
    for (const change of changes) delta += change.type === 'add' ? 1 : change.type === 'delete' ? -1 : 0;
    if (delta !== 0) this.#options.metrics?.client.cacheSize({resource: this.#resource, delta});
    const initial = !this.#hasSynced;
    // Whoever subscribes from within a handler has seen these changes already.
    const handlers = [...this.#handlers];
    for (const change of changes) {
      for (const handler of handlers) {
        if (this.#handlers.has(handler)) this.#deliver(handler, change, initial);
      }
    }
  }

  #deliver(handler: CacheHandler<T>, change: Change<T>, initial: boolean): void {
    try {
      switch (change.type) {
        case 'add':
          handler.add?.(change.object as DeepReadonly<T>, {initial});
          break;
        case 'update':
          handler.update?.(change.previous as DeepReadonly<T>, change.object as DeepReadonly<T>);
          break;
        case 'delete':
          handler.delete?.(change.object as DeepReadonly<T>, {exact: change.exact});
          break;
      }
    } catch (error) {
      this.#options.metrics?.client.handlerFailed({resource: this.#resource});
      this.#logger.error('cache handler failed', {event: change.type, object: objectKey(change.object), error});
    }
  }

  #indexValues(name: string, valuesOf: (object: DeepReadonly<T>) => string[], object: T): readonly string[] {
    try {
      return valuesOf(object as DeepReadonly<T>);
    } catch (error) {
      this.#options.metrics?.client.handlerFailed({resource: this.#resource});
      this.#logger.error('indexer failed, the object is not in its index', {
        index: name,
        object: objectKey(object),
        error,
      });
      return [];
    }
  }
}
