import type {CachedObject} from '../cache/resource-cache.ts';

/** The objects of a resource, as its cache has them. */
export interface ObjectCache {
  /** @param key `namespace/name`, or `name` where there are no namespaces */
  get(key: string): CachedObject | undefined;
  list(options: {prefix?: string}): {items: CachedObject[]};
  /** Calls the listener in the same turn in which the cache changes; ends with the function that comes back. */
  subscribe(listener: (change: ObjectChange) => void): () => void;
}

export interface ObjectChange {
  /** Undefined: deleted. */
  current?: CachedObject | undefined;
  /** Undefined: new. */
  previous?: CachedObject | undefined;
}

/** Where the objects of all resources are found: what the registry of a server is for those who only read. */
export interface Stores {
  get(group: string, plural: string): {readonly cache: ObjectCache} | undefined;
  /** Called when a resource was installed, replaced or removed. */
  onChange(listener: () => void): () => void;
}

/** The object of a key; undefined where it or its resource is not there. */
export function findObject(stores: Stores, group: string, plural: string, key: string): CachedObject | undefined {
  return stores.get(group, plural)?.cache.get(key);
}

/**
 * Tells of every object of a resource, present and to come, from whenever the resource is installed. A resource that is removed
 * or replaced is told as the deletion of what it had.
 *
 * @returns ends it
 */
export function follow(
  stores: Stores,
  group: string,
  plural: string,
  listener: (change: ObjectChange) => void,
): () => void {
  const known = new Map<string, CachedObject>();
  let cache: ObjectCache | undefined;
  let unsubscribe: (() => void) | undefined;
  const tell = (change: ObjectChange): void => {
    if (change.current) known.set(change.current.key, change.current);
    else if (change.previous) known.delete(change.previous.key);
    listener(change);
  };
  const attach = (): void => {
    const present = stores.get(group, plural)?.cache;
    if (present === cache) return;
    unsubscribe?.();
    for (const previous of known.values()) listener({previous});
    known.clear();
    cache = present;
    unsubscribe = present?.subscribe(tell);
    for (const current of present?.list({}).items ?? []) tell({current});
  };
  attach();
  const detach = stores.onChange(attach);
  return () => {
    detach();
    unsubscribe?.();
  };
}
