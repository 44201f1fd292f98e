import {isJsonObject, type JsonValue, member} from '../json/json-value.ts';

/** What stands at a simple JSONPath, such as `.spec.replicas`; undefined: nothing. */
export function valueAt(object: JsonValue, path: string): JsonValue | undefined {
  let value: JsonValue | undefined = object;
  for (const name of path.replace(/^\./, '').split('.')) {
    if (!isJsonObject(value)) return undefined;
    value = member(value, name);
  }
  return value;
}
