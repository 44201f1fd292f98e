/**
 * What JSON can say. An integer beyond 2^53 is a `bigint`; every other number is a `number`. A member that is `undefined` is not there.
 *
 * Objects that came from outside may have any own key, `__proto__` and `constructor` included: set unknown keys with {@link setMember}
 * and ask for them with {@link Object.hasOwn}.
 */
export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | JsonObject;

export interface JsonObject {
  [key: string]: JsonValue | undefined;
}

/**
 * How deep arrays and objects may be nested in what comes from outside. Kubernetes allows 10,000; this many levels can be walked with
 * plain recursion by everything that handles a value, JSON.stringify included.
 */
export const MAX_DEPTH = 1_000;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Sets an own member whatever its name is. */
export function setMember(object: JsonObject, key: string, value: JsonValue): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, {value, writable: true, enumerable: true, configurable: true});
  else object[key] = value;
}

/** An own member; undefined where there is none. */
export function member(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** A deep copy. */
export function cloneJson<T extends JsonValue | undefined>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => cloneJson(item)) as T;
  const copy: JsonObject = {};
  for (const key of Object.keys(value)) {
    const inner = value[key];
    if (inner !== undefined) setMember(copy, key, cloneJson(inner));
  }
  return copy as T;
}
