import {isJsonObject, type JsonValue} from '../json/json-value.ts';

/** Names that a definition refers to, directly. */
export function referencesOf(value: JsonValue | undefined): string[] {
  if (Array.isArray(value)) return value.flatMap(referencesOf);
  if (!isJsonObject(value)) return [];
  const own = value['$ref'];
  return [...(typeof own === 'string' ? [own] : []), ...Object.values(value).flatMap(referencesOf)];
}
