import {cloneJson, type JsonValue, setMember} from '../json/json-value.ts';
import {fieldOf, type Schema} from './schema.ts';

/**
 * Fills in, in place, the defaults of fields that are absent, and drops each null where none may be.
 *
 * @param options.keepNulls a null where none may be, and for which there is no default, is left for validation to refuse
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting
 */
export function applyDefaults(value: JsonValue, schema: Schema, options: {keepNulls?: boolean} = {}): void {
  if (typeof value !== 'object' || value === null || !reaches(schema)) return;
  if (!options.keepNulls) dropNulls(value, schema);
  fill(value, schema);
}

/** Removes each null that may not be, unless there is a default to put in its place. */
export function dropNulls(value: JsonValue, schema: Schema): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    const {items} = schema;
    if (items) for (const item of value) dropNulls(item, items);
    return;
  }
  for (const key of Object.keys(value)) {
    const inner = value[key];
    const field = fieldOf(schema, key);
    if (field === undefined || inner === undefined) continue;
    if (inner !== null) dropNulls(inner, field);
    else if (field.nullable !== true && !hasDefault(field)) delete value[key];
  }
}

function fill(value: JsonValue, schema: Schema): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    const {items} = schema;
    if (!items) return;
    for (const [index, item] of value.entries()) {
      if (item === null && items.nullable !== true && hasDefault(items)) value[index] = cloneJson(items.default);
      fill(value[index] as JsonValue, items);
    }
    return;
  }
  const {properties = {}} = schema;
  for (const key of defaultedFields(schema)) {
    const field = properties[key] as Schema;
    const inner = Object.hasOwn(value, key) ? value[key] : undefined;
    if (inner === undefined || (inner === null && field.nullable !== true)) {
      setMember(value, key, cloneJson(field.default as JsonValue));
    }
  }
  for (const key of Object.keys(value)) {
    const field = fieldOf(schema, key);
    if (field === undefined) continue;
    if (value[key] === null && field.nullable !== true && hasDefault(field)) {
      setMember(value, key, cloneJson(field.default));
    }
    const inner = value[key];
    if (typeof inner === 'object') fill(inner, field);
  }
}

function hasDefault(schema: Schema): schema is Schema & {default: JsonValue} {
  return schema.default !== undefined && schema.default !== null;
}

const defaulted = new WeakMap<Schema, readonly string[]>();

/** Names of the fields that have a default. */
function defaultedFields(schema: Schema): readonly string[] {
  let names = defaulted.get(schema);
  if (!names) {
    const {properties = {}} = schema;
    names = Object.keys(properties).filter((key) => hasDefault(properties[key] as Schema));
    defaulted.set(schema, names);
  }
  return names;
}

/** Nothing is to be done in a value whose schema says nothing of its parts. */
function reaches({properties, additionalProperties, items}: Schema): boolean {
  return properties !== undefined || items !== undefined || typeof additionalProperties === 'object';
}
