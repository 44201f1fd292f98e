import type {ResourceStorage, Storage} from '../storage/storage.ts';
import {type Resource, type ResourceVersion, resourceName} from './resource.ts';
import {ResourceStore, type StoreEnvironment} from './resource-store.ts';
import {ViewStorage} from './view-storage.ts';

/** A resource as a path names it. */
export interface FoundResource {
  resource: Resource;
  version: ResourceVersion;
  /** Undefined: its objects are answered and not kept (`review`). */
  store: ResourceStore | undefined;
}

interface Entry {
  resource: Resource;
  store: ResourceStore | undefined;
}

/** Which resources a server has. They come and go while it runs. */
export class Registry {
  /** Changes whenever the resources do. */
  revision = 0;
  readonly #storage: Storage;
  readonly #environment: StoreEnvironment;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<() => void>();

  constructor(storage: Storage, environment: StoreEnvironment) {
    this.#storage = storage;
    this.#environment = environment;
  }

  /** In the order in which they came. */
  *resources(): Iterable<Resource> {
    for (const {resource} of this.#entries.values()) yield resource;
  }

  /** The objects of a resource. */
  get(group: string, plural: string): ResourceStore | undefined {
    return this.#entries.get(resourceName({group, plural}))?.store;
  }

  /** A resource in a version that is served. */
  find(group: string, version: string, plural: string): FoundResource | undefined {
    const entry = this.#entries.get(resourceName({group, plural}));
    const found = entry?.resource.versions.find(({name, served}) => name === version && served);
    return entry && found && {...entry, version: found};
  }

  /** Serves a resource, with what is stored of it. */
  async install(resource: Resource): Promise<ResourceStore | undefined> {
    const name = resourceName(resource);
    if (this.#entries.has(name)) throw new Error(`${name} is installed already`);
    const store = resource.review
      ? undefined
      : await ResourceStore.open(resource, this.#storageOf(resource), this.#environment);
    this.#entries.set(name, {resource, store});
    this.#changed();
    return store;
  }

  #storageOf({view, ...resource}: Resource): ResourceStorage {
    if (view === undefined) return this.#storage.resource(resourceName(resource));
    return new ViewStorage(this.#storage.resource(view.of), view);
  }

  /** Goes on serving a resource by another definition, which holds at once. Its objects stay, its watches end. */
  async replace(resource: Resource): Promise<void> {
    const entry = this.#entries.get(resourceName(resource));
    if (entry === undefined) throw new Error(`${resourceName(resource)} is not installed`);
    entry.resource = resource;
    entry.store?.redefine(resource);
    this.#changed();
    await entry.store?.reopen();
    this.#changed();
  }

  /** Serves a resource no more; its watches end. What is stored of it goes too. */
  async remove(group: string, plural: string): Promise<void> {
    const name = resourceName({group, plural});
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    entry.store?.cache.close();
    this.#changed();
    await this.#storage.drop(name);
  }

  /** @returns ends it */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends all watches. */
  close(): void {
    for (const {store} of this.#entries.values()) store?.cache.close();
    this.#listeners.clear();
  }

  #changed(): void {
    this.revision++;
    for (const listener of this.#listeners) listener();
  }
}
