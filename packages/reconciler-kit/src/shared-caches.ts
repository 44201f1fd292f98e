import {Cache, type CacheOptions} from './cache.ts';
import type {Client} from './client.ts';
import {ReconcilerKitError} from './errors.ts';
import {apiVersionOf, type Kind, type KubernetesObject} from './kind.ts';

/** One cache per kind, namespace, selection and transform: however many parts of a program ask, there is one watch. */
export class SharedCaches {
  readonly #client: Client;
  readonly #defaults: Pick<CacheOptions<KubernetesObject>, 'clock' | 'random' | 'logger' | 'metrics'>;
  readonly #shared = new Map<string, {cache: unknown; indexers: Set<string>}>();
  readonly #functions = new Map<unknown, number>();

  constructor(
    client: Client,
    defaults: Pick<CacheOptions<KubernetesObject>, 'clock' | 'random' | 'logger' | 'metrics'>,
  ) {
    this.#client = client;
    this.#defaults = defaults;
  }

  /**
   * The cache for `options`; `create` is called if it is a new one.
   *
   * @throws ReconcilerKitError `INVALID_ARGUMENT` for an index that the cache was not made with
   */
  get<T extends KubernetesObject>(
    kind: Kind<T>,
    options: CacheOptions<T>,
    onCreate: (cache: Cache<T>) => void,
  ): Cache<T> {
    const {namespace, labelSelector, fieldSelector, metadataOnly, freeze, select, transform, indexers = {}} = options;
    const key = JSON.stringify([
      apiVersionOf(kind),
      kind.plural,
      namespace,
      labelSelector,
      fieldSelector,
      metadataOnly ?? false,
      freeze ?? false,
      select && this.#idOf(select),
      transform && this.#idOf(transform),
    ]);
    const known = this.#shared.get(key);
    if (known) {
      const missing = Object.keys(indexers).filter((index) => !known.indexers.has(index));
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the key contains the kind
      if (missing.length === 0) return known.cache as Cache<T>;
      throw new ReconcilerKitError(
        'INVALID_ARGUMENT',
        `the shared cache of ${kind.plural} has no index ${missing.join(', ')}: name all indexers where it is first asked for`,
      );
    }
    const cache = new Cache(this.#client.kind(kind), {...this.#defaults, ...options});
    this.#shared.set(key, {cache, indexers: new Set(Object.keys(indexers))});
    onCreate(cache);
    return cache;
  }

  #idOf(fn: unknown): number {
    const id = this.#functions.get(fn) ?? this.#functions.size;
    this.#functions.set(fn, id);
    return id;
  }
}
