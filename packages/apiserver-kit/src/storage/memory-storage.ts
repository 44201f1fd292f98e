import {ChangeFeed, type ChangeSource} from './change-feed.ts';
import {conflict} from './conflict.ts';
import {RevisionLog, type RevisionLogOptions} from './revision-log.ts';
import {
  type ResourceStorage,
  type Storage,
  type StorageChange,
  StorageError,
  type StorageSnapshot,
  type StorageWrite,
  type StoredObject,
} from './storage.ts';

/** How many changes are kept of each resource. */
export type MemoryStorageOptions = RevisionLogOptions;

/** Keeps objects in memory: they are gone when the process ends. */
export function createMemoryStorage(options: MemoryStorageOptions = {}): Storage {
  return new MemoryStorage(options);
}

class MemoryStorage implements Storage {
  readonly #options: MemoryStorageOptions;
  readonly #resources = new Map<string, MemoryResource>();
  #closed = false;

  constructor(options: MemoryStorageOptions) {
    this.#options = options;
  }

  resource(name: string): ResourceStorage {
    let resource = this.#resources.get(name);
    if (resource === undefined) {
      resource = new MemoryResource(this.#options);
      this.#resources.set(name, resource);
      if (this.#closed) resource.close();
    }
    return resource;
  }

  async drop(name: string): Promise<void> {
    this.#resources.get(name)?.drop();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const resource of this.#resources.values()) resource.close();
  }
}

/** Pages of what a late reader missed. */
const pageSize = 500;

class MemoryResource implements ResourceStorage, ChangeSource {
  readonly #objects = new Map<string, StoredObject>();
  readonly #log: RevisionLog<StorageChange>;
  readonly #feed = new ChangeFeed(this);
  #closed: StorageError | undefined;

  constructor(options: MemoryStorageOptions) {
    this.#log = new RevisionLog(1, options);
  }

  async snapshot(): Promise<StorageSnapshot> {
    this.#assertOpen();
    const objects = [...this.#objects.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    return {revision: this.#log.head, objects, oldest: this.oldest()};
  }

  async write({key, expected, json}: StorageWrite): Promise<number> {
    this.#assertOpen();
    const previous = this.#objects.get(key);
    if ((previous?.revision ?? 0) !== expected) throw conflict(key, expected, previous);
    const revision = this.#log.head + 1;
    if (json === undefined) this.#objects.delete(key);
    else this.#objects.set(key, {key, revision, json});
    const change: StorageChange = {revision, key, json, previous};
    this.#log.append(change, 200 + (previous?.json.length ?? 0));
    this.#feed.publish([change]);
    return revision;
  }

  changes(after: number, signal: AbortSignal): AsyncIterable<readonly StorageChange[]> {
    return this.#feed.read(after, signal);
  }

  async revision(): Promise<number> {
    this.#assertOpen();
    return this.#log.head;
  }

  head(): number {
    return this.#log.head;
  }

  oldest(): number {
    this.#log.trim();
    return this.#log.oldest;
  }

  read(after: number): readonly StorageChange[] {
    return this.#log.after(after, pageSize);
  }

  drop(): void {
    this.#objects.clear();
    // One more, so that who knows the objects of before learns that their end was not told.
    this.#log.reset(this.#log.head + 1);
    this.#feed.reset();
  }

  close(): void {
    this.#closed = new StorageError('CLOSED', 'the storage is closed');
    this.#feed.close(this.#closed);
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) throw this.#closed;
  }
}
