import type {JsonValue} from '../json/json-value.ts';

/** How large a value is. */
export interface JsonExtent {
  /** About the length of its JSON text. */
  size: number;
  /** Objects and arrays around the innermost value. */
  depth: number;
}

/** Measures without recursion, and no further than where one of the limits is passed. */
export function jsonExtent(value: JsonValue, limits: JsonExtent): JsonExtent {
  const extent = {size: 0, depth: 0};
  const pending: {value: JsonValue; depth: number}[] = [{value, depth: 0}];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    extent.depth = Math.max(extent.depth, next.depth);
    if (extent.size > limits.size || extent.depth > limits.depth) break;
    const {value: each, depth} = next;
    if (typeof each === 'string') extent.size += each.length + 2;
    else if (typeof each !== 'object' || each === null) extent.size += String(each).length;
    else {
      extent.size += 2;
      const list = Array.isArray(each);
      for (const key of Object.keys(each)) {
        const inner = list ? each[Number(key)] : each[key];
        if (inner === undefined) continue;
        extent.size += list ? 1 : key.length + 4;
        pending.push({value: inner, depth: depth + 1});
      }
    }
  }
  return extent;
}
