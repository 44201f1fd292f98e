import {isJsonObject, type JsonObject, type JsonValue, setMember} from './json-value.ts';

/** A copy whose members come in the order of their names, at every level: as Go writes a map. */
export function withSortedKeys<T extends JsonValue>(value: T): T;
export function withSortedKeys(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item) => withSortedKeys(item));
  if (!isJsonObject(value)) return value;
  const sorted: JsonObject = {};
  for (const key of Object.keys(value).sort(byBytes)) {
    const inner = value[key];
    if (inner !== undefined) setMember(sorted, key, withSortedKeys(inner));
  }
  return sorted;
}

/** Go compares the bytes of UTF-8, which for surrogates is another order than that of UTF-16 code units. */
function byBytes(one: string, other: string): number {
  return isPlain(one) && isPlain(other) ? (one < other ? -1 : 1) : Buffer.compare(Buffer.from(one), Buffer.from(other));
}

function isPlain(text: string): boolean {
  return !/[\ud800-\udfff]/.test(text);
}
