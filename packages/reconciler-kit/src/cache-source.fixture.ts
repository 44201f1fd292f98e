import type {CacheHandler} from './cache.ts';
import type {CacheSource} from './controller.ts';
import type {DeepReadonly} from './deep-readonly.ts';
import type {Kind, KubernetesObject} from './kind.ts';

/** A source of changes that a test makes by hand. */
export class ManualCacheSource<T extends KubernetesObject> implements CacheSource<T> {
  readonly kind: Kind<T>;
  readonly handlers = new Set<CacheHandler<T>>();
  readonly #sync = Promise.withResolvers<void>();

  constructor(kind: Kind<T>) {
    this.kind = kind;
  }

  subscribe(handler: CacheHandler<T>): () => void {
    this.handlers.add(handler);
    return () => this.handlers.delete(handler);
  }

  async synced(signal?: AbortSignal): Promise<void> {
    const aborted = new Promise<never>((_, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), {once: true});
    });
    await Promise.race([this.#sync.promise, aborted]);
  }

  /** Delivers the initial list. */
  sync(...objects: DeepReadonly<T>[]): void {
    for (const object of objects) this.#tell((handler) => handler.add?.(object, {initial: true}));
    this.#sync.resolve();
  }

  add(object: DeepReadonly<T>): void {
    this.#tell((handler) => handler.add?.(object, {initial: false}));
  }

  update(previous: DeepReadonly<T>, object: DeepReadonly<T>): void {
    this.#tell((handler) => handler.update?.(previous, object));
  }

  delete(object: DeepReadonly<T>): void {
    this.#tell((handler) => handler.delete?.(object, {exact: true}));
  }

  #tell(call: (handler: CacheHandler<T>) => void): void {
    for (const handler of this.handlers) call(handler);
  }
}
