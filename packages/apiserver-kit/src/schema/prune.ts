import {isJsonObject, type JsonObject, type JsonValue} from '../json/json-value.ts';
import type {Schema} from './schema.ts';

export interface PruneOptions {
  /** Told of each field that is dropped, by its path: `spec.foo[0].bar`. */
  onUnknown?: (path: string) => void;
  /** The value is an object with `apiVersion`, `kind` and `metadata`, which stay whatever the schema says. */
  isResourceRoot?: boolean;
}

const resourceFields: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/**
 * Drops, in place, what the schema does not know.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#field-pruning
 */
export function pruneUnknown(value: JsonValue, schema: Schema, options: PruneOptions = {}): void {
  const {onUnknown, isResourceRoot = false} = options;
  const root = isResourceRoot ? {...schema, 'x-kubernetes-embedded-resource': true} : schema;
  prune(value, root, {path: '', onUnknown: onUnknown ?? (() => undefined)});
}

interface Place {
  path: string;
  onUnknown: (path: string) => void;
}

function prune(value: JsonValue, schema: Schema | undefined, place: Place): void {
  if (typeof value !== 'object' || value === null) return;
  const keepsUnknown = schema?.['x-kubernetes-preserve-unknown-fields'] === true;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const inner = {...place, path: `${place.path}[${index}]`};
      if (keepsUnknown) prunePreserved(item, schema?.items, inner);
      else prune(item, schema?.items, inner);
    }
    return;
  }
  pruneMembers(value, schema, place, keepsUnknown);
}

/** In a value of which unknown fields are preserved, the known fields still have their schemas. */
function prunePreserved(value: JsonValue, schema: Schema | undefined, place: Place): void {
  if (schema === undefined || typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      prunePreserved(item, schema.items, {...place, path: `${place.path}[${index}]`});
    }
    return;
  }
  pruneMembers(value, schema, place, true);
}

function pruneMembers(object: JsonObject, schema: Schema | undefined, place: Place, keepsUnknown: boolean): void {
  const isResource = schema?.['x-kubernetes-embedded-resource'] === true;
  for (const key of Object.keys(object)) {
    if (isResource && resourceFields.has(key)) continue;
    const path = place.path === '' ? key : `${place.path}.${key}`;
    const inner = object[key];
    const field = fieldSchema(schema, key);
    if (field !== undefined) {
      if (typeof inner === 'object') prune(inner, field.schema, {path, onUnknown: place.onUnknown});
    } else if (!keepsUnknown) {
      place.onUnknown(path);
      delete object[key];
    }
  }
}

/** Undefined: the schema does not know the field. Without a schema: a field that may be, of which nothing else is known. */
function fieldSchema(schema: Schema | undefined, key: string): {schema: Schema | undefined} | undefined {
  const {properties, additionalProperties} = schema ?? {};
  if (properties && Object.hasOwn(properties, key)) return {schema: properties[key]};
  if (additionalProperties === undefined || additionalProperties === false) return undefined;
  return {schema: isJsonObject(additionalProperties) ? additionalProperties : undefined};
}
