import {createHash, randomUUID} from 'node:crypto';
import {mkdir, readdir, rename, stat, unlink, utimes} from 'node:fs/promises';
import {join} from 'node:path';
import type {Clock, Logger} from '@kruntimes/reconciler-kit';
import {DirectoryHandle} from '../directory-handle.ts';
import {describeError, isRuntimedError, systemErrorCode} from '../errors.ts';
import {removeTree} from '../tree-removal.ts';

export interface GitCacheOptions {
  /** Made on first use. Nobody else may write there: git trusts what is in it. */
  directory: string;
  /** The least recently used repositories go when all of them together are larger. */
  maxBytes: number;
  clock: Clock;
  logger: Logger;
}

/** Names in the cache directory: a repository, a private directory of one Run, something on its way out. */
const prefixes = {repository: 'r-', scratch: 's-', removed: 'x-'} as const;
/** Each fetch adds a pack, and many packs make everything slow. */
const maxPacks = 50;

/** A bare repository in the cache. */
export interface CachedRepository {
  /** Where it is; it is there, but git may not have been initialised in it. */
  readonly directory: string;
  /** Whether nothing was in it when this use began. */
  readonly isNew: boolean;
  /** Runs `work` while nobody else does so on this repository. */
  exclusive<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

interface Entry {
  readonly name: string;
  users: number;
  bytes: number;
  /** Milliseconds since the epoch. */
  usedAt: number;
  gone: boolean;
  /** The end of the last of those who want it for themselves. */
  tail: Promise<void>;
}

/**
 * Repositories that were fetched before, each for one key. An entry is trusted as far as git can read it: where it can
 * not, the entry is thrown away and the work done again on an empty one.
 */
export class GitCache {
  readonly #options: GitCacheOptions;
  readonly #entries = new Map<string, Entry>();
  #opened: Promise<DirectoryHandle> | undefined;

  constructor(options: GitCacheOptions) {
    this.#options = options;
  }

  /** Gives `work` a private directory that is removed afterwards. */
  async withScratch<T>(work: (directory: string) => Promise<T>): Promise<T> {
    await this.#open();
    const name = `${prefixes.scratch}${randomUUID()}`;
    const directory = join(this.#options.directory, name);
    await mkdir(directory, {mode: 0o700});
    try {
      return await work(directory);
    } finally {
      await this.#remove(name);
    }
  }

  /**
   * Gives `work` the repository of a key. When git fails on one that was there before, `work` is called again with an
   * empty one.
   *
   * @param key of what may share a repository
   */
  async use<T>(
    key: string,
    signal: AbortSignal,
    work: (repository: CachedRepository, round: number) => Promise<T>,
  ): Promise<T> {
    for (let round = 1; ; round++) {
      const entry = await this.#acquire(key);
      const isNew = entry.bytes === 0;
      try {
        return await work(this.#repository(entry, isNew), round);
      } catch (error) {
        const maybeBroken = isRuntimedError(error, 'GIT_FAILED') && (!isNew || entry.gone);
        if (!maybeBroken || signal.aborted || round > 1) {
          // What may be incomplete is not worth keeping where it never worked.
          if (isNew) await this.#discard(entry);
          throw error;
        }
        this.#options.logger.warn('cached git repository thrown away', {error: describeError(error)});
        await this.#discard(entry);
      } finally {
        entry.users--;
        await this.#settle(entry);
      }
    }
  }

  #repository(entry: Entry, isNew: boolean): CachedRepository {
    const directory = join(this.#options.directory, entry.name);
    return {
      directory,
      isNew,
      exclusive: async (work, signal) => {
        const before = entry.tail;
        const {promise, resolve} = Promise.withResolvers<void>();
        entry.tail = before.then(() => promise);
        try {
          await settledOrAborted(before, signal);
          // Others copy meanwhile, and what they are writing looks like a leftover.
          await removeLeftovers(directory, {temporary: entry.users === 1});
          return await work();
        } finally {
          resolve();
        }
      },
    };
  }

  async #acquire(key: string): Promise<Entry> {
    await this.#open();
    const name = `${prefixes.repository}${createHash('sha256').update(key).digest('hex').slice(0, 40)}`;
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      entry = {name, users: 0, bytes: 0, usedAt: 0, gone: false, tail: Promise.resolve()};
      this.#entries.set(name, entry);
    }
    entry.users++;
    entry.usedAt = this.#options.clock.now();
    await mkdir(join(this.#options.directory, name), {mode: 0o700, recursive: true});
    return entry;
  }

  /** Takes note of the size of an entry and makes room. */
  async #settle(entry: Entry): Promise<void> {
    if (!entry.gone) {
      const directory = join(this.#options.directory, entry.name);
      const {bytes, packs} = await sizeOf(directory);
      entry.bytes = bytes;
      await utimes(directory, entry.usedAt / 1000, entry.usedAt / 1000).catch(() => {});
      if (entry.users === 0 && (bytes === 0 || packs > maxPacks)) await this.#discard(entry);
    }
    const idle = [...this.#entries.values()].filter(({users}) => users === 0).toSorted((a, b) => a.usedAt - b.usedAt);
    let total = [...this.#entries.values()].reduce((sum, {bytes}) => sum + bytes, 0);
    for (const candidate of idle) {
      if (total <= this.#options.maxBytes) return;
      total -= candidate.bytes;
      await this.#discard(candidate);
    }
  }

  /** Those who still use it fail, and begin again with an empty one. */
  async #discard(entry: Entry): Promise<void> {
    if (entry.gone) return;
    entry.gone = true;
    this.#entries.delete(entry.name);
    const name = `${prefixes.removed}${randomUUID()}`;
    const {directory} = this.#options;
    await rename(join(directory, entry.name), join(directory, name)).catch(() => {});
    await this.#remove(name);
  }

  async #remove(name: string): Promise<void> {
    try {
      await removeTree(await this.#open(), name, this.#options.clock);
    } catch (error) {
      this.#options.logger.warn('part of the git cache was not removed', {name, error: describeError(error)});
    }
  }

  #open(): Promise<DirectoryHandle> {
    this.#opened ??= this.#prepare();
    this.#opened.catch(() => {
      this.#opened = undefined;
    });
    return this.#opened;
  }

  /** Takes over what an earlier process left. */
  async #prepare(): Promise<DirectoryHandle> {
    const {directory, clock} = this.#options;
    await mkdir(directory, {mode: 0o700, recursive: true});
    const handle = DirectoryHandle.open(directory);
    for (const name of await readdir(directory)) {
      if (!name.startsWith(prefixes.repository)) {
        // Of others in that directory, whoever made it, nothing is touched.
        if (name.startsWith(prefixes.scratch) || name.startsWith(prefixes.removed)) {
          await removeTree(handle, name, clock);
        }
        continue;
      }
      const path = join(directory, name);
      const [{bytes}, {mtimeMs}] = await Promise.all([sizeOf(path), stat(path)]);
      this.#entries.set(name, {name, users: 0, bytes, usedAt: mtimeMs, gone: false, tail: Promise.resolve()});
    }
    return handle;
  }

  /** Closes the directory; what is cached stays. */
  async close(): Promise<void> {
    const handle = await this.#opened?.catch(() => undefined);
    handle?.close();
    this.#opened = undefined;
  }
}

async function settledOrAborted(before: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const {promise, reject} = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, {once: true});
  try {
    await Promise.race([before, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Bytes of the packs of a repository, which is nearly all of it. */
async function sizeOf(directory: string): Promise<{bytes: number; packs: number}> {
  let bytes = 0;
  let packs = 0;
  for (const name of await namesIn(join(directory, 'objects', 'pack'))) {
    const size = await stat(join(directory, 'objects', 'pack', name)).then(
      (stats) => stats.size,
      () => 0,
    );
    bytes += size;
    if (name.endsWith('.pack')) packs++;
  }
  return {bytes, packs};
}

/** Removes what a git that was killed left: with a lock file there, the next one would refuse to work. */
async function removeLeftovers(directory: string, {temporary}: {temporary: boolean}): Promise<void> {
  for (const place of ['.', 'objects/pack', 'refs/krt']) {
    for (const name of await namesIn(join(directory, place))) {
      if (name.endsWith('.lock') || (temporary && name.startsWith('tmp_'))) {
        await unlink(join(directory, place, name)).catch(() => {});
      }
    }
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}
