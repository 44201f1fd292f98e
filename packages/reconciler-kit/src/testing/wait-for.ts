import {Cache, type DeepReadonly} from '../cache.ts';
import type {KindClient, ObjectRef, SelectorOptions} from '../client.ts';
import {ReconcilerKitError} from '../errors.ts';
import type {KubernetesObject} from '../kind.ts';
import {Watcher} from '../watcher.ts';

export interface WaitOptions {
  /** Default 45 s: patient with slow machines, and still before most test runners give up. */
  timeoutMs?: number;
  /** For the message of the error: what did not happen. */
  description?: string;
}

export interface WaitForObjectsOptions extends WaitOptions, SelectorOptions {}

/** Resolves when `predicate` holds for a cache; it is asked at once and after each event. */
export async function waitFor<T extends KubernetesObject>(
  source: Cache<T>,
  predicate: (objects: DeepReadonly<T>[]) => boolean,
  options?: WaitOptions,
): Promise<DeepReadonly<T>[]>;
/** Resolves when `predicate` holds for the objects that a list and watch with these selectors sees. */
export async function waitFor<T extends KubernetesObject>(
  source: KindClient<T>,
  predicate: (objects: DeepReadonly<T>[]) => boolean,
  options?: WaitForObjectsOptions,
): Promise<DeepReadonly<T>[]>;
export async function waitFor<T extends KubernetesObject>(
  source: Cache<T> | KindClient<T>,
  predicate: (objects: DeepReadonly<T>[]) => boolean,
  options: WaitForObjectsOptions = {},
): Promise<DeepReadonly<T>[]> {
  if (source instanceof Cache) return await untilCache(source, predicate, options);
  const found = new Map<string, T>();
  return await watchUntil(
    source,
    options,
    () => {
      const objects = [...found.values()] as DeepReadonly<T>[];
      return predicate(objects) ? objects : undefined;
    },
    found,
  );
}

/**
 * Resolves with one object as soon as `predicate` holds for it; an object that does not exist is waited for.
 *
 * @throws ReconcilerKitError `TIMEOUT`, with the object's last state in the message.
 */
export async function waitForObject<T extends KubernetesObject>(
  client: KindClient<T>,
  ref: ObjectRef,
  predicate: (object: T) => boolean = () => true,
  options: WaitOptions = {},
): Promise<T> {
  const found = new Map<string, T>();
  return await watchUntil(
    client,
    {...options, ...byName(ref)},
    () => {
      const [object] = found.values();
      return object !== undefined && predicate(object) ? object : undefined;
    },
    found,
  );
}

/** Resolves when there is no object of that name (any more). */
export async function waitForDeletion<T extends KubernetesObject>(
  client: KindClient<T>,
  ref: ObjectRef,
  options: WaitOptions = {},
): Promise<void> {
  const found = new Map<string, T>();
  await watchUntil(client, {...options, ...byName(ref)}, () => (found.size === 0 ? true : undefined), found);
}

function byName(ref: ObjectRef): SelectorOptions {
  return {namespace: ref.namespace, fieldSelector: `metadata.name=${ref.name}`};
}

/** Keeps `found` in step with the API server until `check` returns something. */
async function watchUntil<T extends KubernetesObject, R>(
  client: KindClient<T>,
  options: WaitForObjectsOptions,
  check: () => R | undefined,
  found: Map<string, T>,
): Promise<R> {
  const {timeoutMs = 45_000, description, ...selectors} = options;
  const stop = new AbortController();
  const {promise, resolve, reject} = Promise.withResolvers<R>();
  const examine = (): void => {
    try {
      const result = check();
      if (result !== undefined) resolve(result);
    } catch (error) {
      reject(error);
    }
  };
  const uid = (object: T): string => object.metadata?.uid ?? '';
  const watcher = new Watcher(client, selectors);
  const watching = watcher.run(
    {
      replace(objects) {
        found.clear();
        for (const object of objects) found.set(uid(object), object);
        examine();
      },
      event(type, object) {
        if (type === 'DELETED') found.delete(uid(object));
        else found.set(uid(object), object);
        examine();
      },
    },
    stop.signal,
  );
  watching.catch(reject);
  const timer = setTimeout(() => {
    const state = JSON.stringify([...found.values()].map(summary)).slice(0, 4000);
    reject(timeout(description ?? `the condition on ${client.kind.plural}`, timeoutMs, state));
  }, timeoutMs);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    stop.abort();
    await watching.catch(() => {});
  }
}

async function untilCache<T extends KubernetesObject>(
  cache: Cache<T>,
  predicate: (objects: DeepReadonly<T>[]) => boolean,
  {timeoutMs = 45_000, description}: WaitOptions,
): Promise<DeepReadonly<T>[]> {
  const {promise, resolve, reject} = Promise.withResolvers<DeepReadonly<T>[]>();
  const examine = (): void => {
    try {
      const objects = cache.list();
      if (predicate(objects)) resolve(objects);
    } catch (error) {
      reject(error);
    }
  };
  const unsubscribe = cache.subscribe({add: examine, update: examine, delete: examine});
  const timer = setTimeout(() => {
    const state = JSON.stringify(cache.list().map(summary)).slice(0, 4000);
    reject(timeout(description ?? `the condition on the cache of ${cache.kind.plural}`, timeoutMs, state));
  }, timeoutMs);
  examine();
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    unsubscribe();
  }
}

function timeout(what: string, timeoutMs: number, state: string): ReconcilerKitError {
  return new ReconcilerKitError('TIMEOUT', `${what} was not met within ${timeoutMs} ms; last seen: ${state}`);
}

/** For the message: which object, and its status; the whole of an object that has none. */
function summary(object: KubernetesObject | DeepReadonly<KubernetesObject>): unknown {
  const {name, namespace, resourceVersion, deletionTimestamp} = object.metadata ?? {};
  const metadata = {name, namespace, resourceVersion, deletionTimestamp};
  if ('status' in object) return {metadata, status: object.status};
  return {...object, metadata};
}
