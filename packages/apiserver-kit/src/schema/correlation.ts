import {jsonEqual} from '../json/json-equal.ts';
import {isJsonObject, type JsonObject, type JsonValue, member} from '../json/json-value.ts';
import {fieldOf, type Schema} from './schema.ts';

/** Finds elements of the former state of a list by their keys; only where the list is one of type `map`. */
export type OldItems = (item: JsonValue) => JsonObject | undefined;

const none: OldItems = () => undefined;

/** @see https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy */
export function oldItemsOf(schema: Schema, old: JsonValue | undefined): OldItems {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (schema['x-kubernetes-list-type'] !== 'map' || keys.length === 0 || !Array.isArray(old)) return none;
  let byKey: Map<string, JsonObject> | undefined;
  return (item) => {
    const wanted = compositeKey(item, keys);
    if (wanted === undefined) return undefined;
    if (!byKey) {
      byKey = new Map();
      for (const each of old) {
        const key = compositeKey(each, keys);
        if (key !== undefined && !byKey.has(key)) byKey.set(key, each as JsonObject);
      }
    }
    return byKey.get(wanted);
  };
}

/** Undefined for what has not all keys, or one that is no scalar. */
function compositeKey(item: JsonValue, keys: readonly string[]): string | undefined {
  if (!isJsonObject(item)) return undefined;
  let composite = '';
  for (const key of keys) {
    const value = member(item, key);
    if (value === undefined || value === null || typeof value === 'object') return undefined;
    composite += `\u0000${typeof value}:${String(value)}`;
  }
  return composite;
}

/** The value of a member before; undefined where it was not there, or is none that the schema knows. */
export function oldMember(schema: Schema, old: JsonValue | undefined, key: string): JsonValue | undefined {
  if (!isJsonObject(old) || fieldOf(schema, key) === undefined) return undefined;
  return member(old, key);
}

/**
 * Whether a value is as it was, as far as its parts can be told apart by the schema: elements of a list of type `map` by their keys,
 * members by their names. Members that the schema does not know make it different.
 */
export function isUnchanged(value: JsonValue, old: JsonValue | undefined, schema: Schema): boolean {
  if (old === undefined) return false;
  if (value === null || old === null) return value === old;
  if (Array.isArray(value)) {
    if (!Array.isArray(old) || old.length !== value.length) return false;
    const {items} = schema;
    if (items === undefined || schema['x-kubernetes-list-type'] !== 'map') return jsonEqual(value, old);
    const find = oldItemsOf(schema, old);
    return value.every((item) => isUnchanged(item, find(item), items));
  }
  if (isJsonObject(value)) {
    if (!isJsonObject(old)) return false;
    const keys = Object.keys(value);
    if (keys.length !== Object.keys(old).length) return false;
    return keys.every((key) => {
      const field = fieldOf(schema, key);
      return field !== undefined && isUnchanged(value[key] as JsonValue, member(old, key), field);
    });
  }
  return value === old;
}
