import {type FieldError, fieldErrors} from '../errors/field-error.ts';
import {goJson} from '../errors/go-text.ts';
import {isJsonObject, type JsonObject, type JsonValue, member} from '../json/json-value.ts';
import {fieldOf, type Schema} from './schema.ts';

/**
 * What is there twice in lists of type `set` and `map`.
 *
 * @see https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
 */
export function duplicatesInLists(value: JsonValue, schema: Schema, path = ''): FieldError[] {
  const errors: FieldError[] = [];
  if (mayHaveRules(schema)) visit(value, schema, path, errors);
  return errors;
}

const relevant = new WeakMap<Schema, boolean>();

/** Whether there is such a list in the schema or below: most parts of an object need not be walked through. */
function mayHaveRules(schema: Schema): boolean {
  const known = relevant.get(schema);
  if (known !== undefined) return known;
  // In a cyclic schema the answer is not known before the walk ends.
  relevant.set(schema, false);
  const {properties = {}, additionalProperties, items} = schema;
  const listType = schema['x-kubernetes-list-type'];
  const parts = [...Object.values(properties), items, additionalProperties];
  const found =
    listType === 'set' || listType === 'map' || parts.some((part) => typeof part === 'object' && mayHaveRules(part));
  relevant.set(schema, found);
  return found;
}

function visit(value: JsonValue, schema: Schema, path: string, errors: FieldError[]): void {
  if (Array.isArray(value)) {
    const {items, 'x-kubernetes-list-type': listType} = schema;
    if (listType === 'set') checkSet(value, path, errors);
    else if (listType === 'map') checkMap(value, schema['x-kubernetes-list-map-keys'] ?? [], path, errors);
    if (!items || !mayHaveRules(items)) return;
    for (const [index, item] of value.entries()) visit(item, items, `${path}[${index}]`, errors);
    return;
  }
  if (!isJsonObject(value)) return;
  for (const key of Object.keys(value)) {
    const field = fieldOf(schema, key);
    const inner = value[key];
    if (field === undefined || inner === undefined || !mayHaveRules(field)) continue;
    const isNamed = schema.properties !== undefined && Object.hasOwn(schema.properties, key);
    const child = path === '' ? key : `${path}.${key}`;
    visit(inner, field, isNamed ? child : `${path}[${key}]`, errors);
  }
}

/** Indices of the second of each that are the same; of a third nothing more is told. */
function repeated(keys: readonly JsonValue[]): number[] {
  const times = new Map<string, number>();
  return keys.flatMap((key, index) => {
    const text = goJson(key);
    const seen = times.get(text) ?? 0;
    times.set(text, seen + 1);
    return seen === 1 ? [index] : [];
  });
}

function checkSet(list: JsonValue[], path: string, errors: FieldError[]): void {
  for (const index of repeated(list)) errors.push(fieldErrors.duplicate(`${path}[${index}]`, list[index]));
}

function checkMap(list: JsonValue[], keyNames: readonly string[], path: string, errors: FieldError[]): void {
  const strange = list.findIndex((item) => item !== null && !isJsonObject(item));
  if (strange !== -1) {
    const detail = 'must be an object for an array of list-type map';
    errors.push(fieldErrors.invalid(`${path}[${strange}]`, list[strange], detail));
    return;
  }
  if (list.length < 2) return;
  const keys = list.map((item) => {
    const key: JsonObject = {};
    for (const name of keyNames) {
      const value = isJsonObject(item) ? member(item, name) : undefined;
      if (value !== undefined) key[name] = value;
    }
    return key;
  });
  for (const index of repeated(keys)) errors.push(fieldErrors.duplicate(`${path}[${index}]`, keys[index]));
}
