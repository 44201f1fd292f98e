import {isJsonObject, type JsonValue} from './json-value.ts';

/** Whether two values say the same, whatever the order of the members of objects. Nesting may be of any depth. */
export function jsonEqual(left: JsonValue | undefined, right: JsonValue | undefined): boolean {
  const pairs: (JsonValue | undefined)[] = [left, right];
  while (pairs.length > 0) {
    const b = pairs.pop();
    const a = pairs.pop();
    if (a === b) continue;
    if (Array.isArray(a)) {
      if (!Array.isArray(b) || a.length !== b.length) return false;
      for (let index = 0; index < a.length; index++) pairs.push(a[index], b[index]);
    } else if (isJsonObject(a)) {
      if (!isJsonObject(b)) return false;
      const keys = Object.keys(a);
      if (keys.length !== Object.keys(b).length) return false;
      for (const key of keys) {
        if (!Object.hasOwn(b, key)) return false;
        pairs.push(a[key], b[key]);
      }
    } else {
      return false;
    }
  }
  return true;
}
