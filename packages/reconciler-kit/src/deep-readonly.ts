type Primitive = string | number | boolean | bigint | symbol | null | undefined;

/** `T` with every property below it read-only: the type of objects that are shared through a cache. */
export type DeepReadonly<T> = T extends Primitive | ((...args: never[]) => unknown)
  ? T
  : T extends readonly (infer Item)[]
    ? readonly DeepReadonly<Item>[]
    : {readonly [Key in keyof T]: DeepReadonly<T[Key]>};

function cloneJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(cloneJson);
  const clone: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const copy = cloneJson((value as Record<string, unknown>)[key]);
    // A valid key of a ConfigMap, and the one key that cannot be assigned.
    if (key === '__proto__')
      Object.defineProperty(clone, key, {value: copy, enumerable: true, configurable: true, writable: true});
    else clone[key] = copy;
  }
  return clone;
}

/** A copy of a cached object that may be changed. Only for plain JSON data, which is all the API server sends. */
export function cloneForEdit<T>(object: DeepReadonly<T>): T {
  return cloneJson(object) as T;
}

/** Freezes plain JSON data to its leaves, so that writing to it throws. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const child of Object.values(value)) deepFreeze(child);
  return Object.freeze(value);
}
