/** For tests: a cache that is filled by hand. */
import {type CacheHandler, type DeepReadonly, type KubernetesObject, objectKey} from '@kruntimes/reconciler-kit';

export class WatchedObjects<T extends KubernetesObject> {
  readonly #objects = new Map<string, T>();
  readonly #handlers = new Set<CacheHandler<T>>();
  readonly #index: ((object: DeepReadonly<T>) => string[]) | undefined;

  constructor(index?: (object: DeepReadonly<T>) => string[]) {
    this.#index = index;
  }

  set(object: T): void {
    const key = objectKey(object);
    const previous = this.#objects.get(key) as DeepReadonly<T> | undefined;
    this.#objects.set(key, object);
    for (const handler of this.#handlers) {
      if (previous === undefined) handler.add?.(object as DeepReadonly<T>, {initial: false});
      else handler.update?.(previous, object as DeepReadonly<T>);
    }
  }

  delete(key: string): void {
    const object = this.#objects.get(key) as DeepReadonly<T> | undefined;
    this.#objects.delete(key);
    if (object !== undefined) for (const handler of this.#handlers) handler.delete?.(object, {exact: true});
  }

  get(key: string): DeepReadonly<T> | undefined {
    return this.#objects.get(key) as DeepReadonly<T> | undefined;
  }

  byIndex(_index: string, value: string): DeepReadonly<T>[] {
    return ([...this.#objects.values()] as DeepReadonly<T>[]).filter((object) => this.#index?.(object).includes(value));
  }

  subscribe(handler: CacheHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#objects.values()) handler.add?.(object as DeepReadonly<T>, {initial: true});
    return () => this.#handlers.delete(handler);
  }
}
