import type {DeepReadonly} from './cache.ts';
import type {KubernetesObject} from './kind.ts';

/** Decides which changes of a watched object reach the work queue. A function that is left out lets everything through. */
export interface Predicate<T extends KubernetesObject = KubernetesObject> {
  /** `initial` is true for objects that were there when the watch began. */
  create?(object: DeepReadonly<T>, initial: boolean): boolean;
  update?(previous: DeepReadonly<T>, object: DeepReadonly<T>): boolean;
  /** `object` is the last known state. */
  delete?(object: DeepReadonly<T>): boolean;
}

/** Lets through what `test` accepts; of an update, the new object is judged. */
export function matching<T extends KubernetesObject>(
  test: (object: DeepReadonly<T>) => boolean,
): Required<Predicate<T>> {
  return {
    create: (object) => test(object),
    update: (_previous, object) => test(object),
    delete: (object) => test(object),
  };
}

/** Drops updates that leave metadata.generation alone, such as those of status. */
export function generationChanged(): Predicate {
  return {update: (previous, object) => previous.metadata?.generation !== object.metadata?.generation};
}

/** Drops updates that leave metadata.resourceVersion alone, such as those of a resync. */
export function resourceVersionChanged(): Predicate {
  return {update: (previous, object) => previous.metadata?.resourceVersion !== object.metadata?.resourceVersion};
}

/** Drops updates that leave the labels alone. */
export function labelsChanged(): Predicate {
  return {update: (previous, object) => !sameMap(previous.metadata?.labels, object.metadata?.labels)};
}

/** Drops updates that leave the annotations alone. */
export function annotationsChanged(): Predicate {
  return {update: (previous, object) => !sameMap(previous.metadata?.annotations, object.metadata?.annotations)};
}

/** Lets through what all of `predicates` let through. */
export function and<T extends KubernetesObject>(...predicates: readonly Predicate<T>[]): Required<Predicate<T>> {
  return {
    create: (object, initial) => predicates.every((p) => p.create?.(object, initial) ?? true),
    update: (previous, object) => predicates.every((p) => p.update?.(previous, object) ?? true),
    delete: (object) => predicates.every((p) => p.delete?.(object) ?? true),
  };
}

/** Lets through what at least one of `predicates` lets through. */
export function or<T extends KubernetesObject>(...predicates: readonly Predicate<T>[]): Required<Predicate<T>> {
  return {
    create: (object, initial) => predicates.some((p) => p.create?.(object, initial) ?? true),
    update: (previous, object) => predicates.some((p) => p.update?.(previous, object) ?? true),
    delete: (object) => predicates.some((p) => p.delete?.(object) ?? true),
  };
}

/** Lets through what `predicate` drops, and the reverse. */
export function not<T extends KubernetesObject>(predicate: Predicate<T>): Required<Predicate<T>> {
  return {
    create: (object, initial) => !(predicate.create?.(object, initial) ?? true),
    update: (previous, object) => !(predicate.update?.(previous, object) ?? true),
    delete: (object) => !(predicate.delete?.(object) ?? true),
  };
}

function sameMap(a: Readonly<Record<string, string>> = {}, b: Readonly<Record<string, string>> = {}): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
