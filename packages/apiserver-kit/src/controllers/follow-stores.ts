import type {CachedObject} from '../cache/cached-object.ts';
import type {ChangeListener, ResourceCache} from '../cache/resource-cache.ts';
import type {Registry} from '../registry/registry.ts';
import {type Resource, resourceName} from '../registry/resource.ts';
import type {ResourceStore} from '../registry/resource-store.ts';
import type {TimeSlices} from './time-slices.ts';

/** Told of the objects of many resources, in the same turn in which a cache changes. Its methods must not throw. */
export interface StoreListener {
  changed(store: ResourceStore, change: Parameters<ChangeListener>[0]): void;
  /** The cache of a store is there, or is another one (`again`, after changes that were not told): what is in it is to be looked at. */
  opened(store: ResourceStore, again: boolean): void;
  /** The resource is not served any more. */
  closed?(store: ResourceStore): void;
}

/**
 * Follows the stores of a registry, also those that come later.
 *
 * @returns ends it
 */
export function followStores(
  registry: Registry,
  isWanted: (resource: Resource) => boolean,
  listener: StoreListener,
): () => void {
  const followed = new Map<ResourceStore, {cache: ResourceCache; end: () => void}>();
  const update = (): void => {
    const present = new Set<ResourceStore>();
    for (const resource of registry.resources()) {
      const store = isWanted(resource) ? registry.get(resource.group, resource.plural) : undefined;
      if (store === undefined) continue;
      present.add(store);
      const {cache} = store;
      const known = followed.get(store);
      if (known?.cache === cache) continue;
      known?.end();
      followed.set(store, {cache, end: cache.subscribe((change) => listener.changed(store, change))});
      listener.opened(store, known !== undefined);
    }
    for (const [store, {end}] of followed) {
      if (present.has(store)) continue;
      end();
      followed.delete(store);
      listener.closed?.(store);
    }
  };
  update();
  const detach = registry.onChange(update);
  return () => {
    detach();
    for (const {end} of followed.values()) end();
    followed.clear();
  };
}

/** Chooses one resource. */
export function named(group: string, plural: string): (resource: Resource) => boolean {
  return (resource) => resource.group === group && resource.plural === plural;
}

const PAGE = 500;

/** All objects of a store, or those of a namespace, in slices: one that comes meanwhile may be left out. */
export async function* scan(
  {cache}: ResourceStore,
  slices: TimeSlices,
  {prefix}: {prefix?: string} = {},
): AsyncGenerator<CachedObject, void, undefined> {
  let after: string | undefined;
  do {
    await slices.turn();
    const {items, next} = cache.list({prefix, after, limit: PAGE});
    yield* items;
    after = next;
  } while (after !== undefined);
}

/** `pods default/web-1`: an object of any resource. */
export function itemName(store: ResourceStore, key: string): string {
  return `${resourceName(store.resource)} ${key}`;
}

/** What {@link itemName} named. */
export function itemOf(registry: Registry, name: string): {store: ResourceStore; key: string} | undefined {
  const space = name.indexOf(' ');
  const resource = name.slice(0, space);
  const dot = resource.indexOf('.');
  const store = dot < 0 ? registry.get('', resource) : registry.get(resource.slice(dot + 1), resource.slice(0, dot));
  return store && {store, key: name.slice(space + 1)};
}

/** Namespace (empty where there is none) and name of a key. */
export function splitKey(key: string): {namespace: string; name: string} {
  const slash = key.indexOf('/');
  return slash < 0 ? {namespace: '', name: key} : {namespace: key.slice(0, slash), name: key.slice(slash + 1)};
}
