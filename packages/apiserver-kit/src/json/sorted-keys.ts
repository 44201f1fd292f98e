import {isJsonObject, type JsonObject, type JsonValue, setMember} from './json-value.ts';

/** A copy whose members come in the order of their names, at every level: as Go writes a map. */
export function withSortedKeys<T extends JsonValue>(value: T): T;
export function withSortedKeys(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item) => withSortedKeys(item));
  if (!isJsonObject(value)) return value;
  const sorted: JsonObject = {};
  for (const key of sortedKeys(value)) {
    const inner = value[key];
    if (inner !== undefined) setMember(sorted, key, withSortedKeys(inner));
  }
  return sorted;
}

/** Names of the members in the order in which Go writes them. */
export function sortedKeys(object: JsonObject): string[] {
  const keys = Object.keys(object);
  for (let index = 1; index < keys.length; index++) {
    if (byBytes(keys[index - 1]!, keys[index]!) > 0) return keys.sort(byBytes);
  }
  return keys;
}

/** Go compares the bytes of UTF-8, which for surrogates is another order than that of UTF-16 code units. */
export function byBytes(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a === b) continue;
    // A surrogate stands for a character beyond all that are written with one unit.
    const leftIsHigh = a >= 0xd800 && a <= 0xdfff;
    const rightIsHigh = b >= 0xd800 && b <= 0xdfff;
    if (leftIsHigh === rightIsHigh) return a - b;
    return leftIsHigh ? 1 : -1;
  }
  return left.length - right.length;
}
