import type {CachedObject} from '../cache/resource-cache.ts';
import type {KubeObject} from '../kube-object.ts';
import {type Resource, resourceName} from '../registry/resource.ts';
import type {ObjectCache, ObjectChange, Stores} from './stores.ts';

class FixtureCache implements ObjectCache {
  readonly #objects = new Map<string, CachedObject>();
  readonly #listeners = new Set<(change: ObjectChange) => void>();
  #revision = 1;

  get(key: string): CachedObject | undefined {
    return this.#objects.get(key);
  }

  list({prefix = ''}: {prefix?: string}): {items: CachedObject[]} {
    return {items: [...this.#objects.values()].filter(({key}) => key.startsWith(prefix))};
  }

  subscribe(listener: (change: ObjectChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  set(key: string, object: KubeObject | undefined): void {
    const previous = this.#objects.get(key);
    const revision = ++this.#revision;
    const current = object && {
      key,
      revision,
      object,
      json: JSON.stringify(object),
      jsonAs: (apiVersion: string) => JSON.stringify({...object, apiVersion}),
      mentions: (text: string) => JSON.stringify(object).includes(text),
    };
    if (current) this.#objects.set(key, current);
    else this.#objects.delete(key);
    for (const listener of this.#listeners) listener({current, previous});
  }
}

/** Caches that tests fill by hand. */
export class FixtureStores implements Stores {
  readonly #caches = new Map<string, FixtureCache>();
  readonly #resources: Resource[] = [];
  readonly #listeners = new Set<() => void>();

  get(group: string, plural: string): {readonly cache: FixtureCache} | undefined {
    const cache = this.#caches.get(resourceName({group, plural}));
    return cache && {cache};
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  resources(): Iterable<Resource> {
    return this.#resources;
  }

  install(resource: Resource): void {
    this.#resources.push(resource);
    this.#open(resource.group, resource.plural);
  }

  remove(group: string, plural: string): void {
    this.#caches.delete(resourceName({group, plural}));
    for (const listener of this.#listeners) listener();
  }

  /** Puts objects there, of whatever resource. */
  put(plural: string, ...objects: KubeObject[]): this {
    for (const object of objects) {
      const slash = object.apiVersion.indexOf('/');
      const group = slash < 0 ? '' : object.apiVersion.slice(0, slash);
      const {namespace = '', name = ''} = object.metadata;
      this.#open(group, plural).set(namespace === '' ? name : `${namespace}/${name}`, object);
    }
    return this;
  }

  delete(group: string, plural: string, key: string): void {
    this.get(group, plural)?.cache.set(key, undefined);
  }

  #open(group: string, plural: string): FixtureCache {
    const name = resourceName({group, plural});
    const present = this.#caches.get(name);
    if (present) return present;
    const cache = new FixtureCache();
    this.#caches.set(name, cache);
    for (const listener of this.#listeners) listener();
    return cache;
  }
}
