import {definitionTexts} from '../gen/definitions.ts';
import {isJsonObject, type JsonObject, type JsonValue} from '../json/json-value.ts';
import {apiVersionOf} from '../kube-object.ts';
import type {Schema} from '../schema/schema.ts';

const parsed = new Map<string, JsonObject>();

/** Names of the schemas of built-in kinds and their parts: `io.k8s.api.core.v1.Pod`. */
export function definitionNames(): readonly string[] {
  return Object.keys(definitionTexts);
}

/**
 * A schema as kube-apiserver publishes it, without descriptions; `$ref` is a bare name.
 *
 * @throws Error where there is none
 */
export function builtinDefinition(name: string): JsonObject {
  let definition = parsed.get(name);
  if (definition === undefined) {
    const text = Object.hasOwn(definitionTexts, name) ? definitionTexts[name] : undefined;
    if (text === undefined) throw new Error(`there is no definition ${name}`);
    definition = JSON.parse(text) as JsonObject;
    parsed.set(name, definition);
  }
  return definition;
}

let names: Map<string, string> | undefined;

/** The name of the definition of a kind; undefined where it is not built in. */
export function definitionName(apiVersion: string, kind: string): string | undefined {
  if (names === undefined) {
    names = new Map();
    for (const name of definitionNames()) {
      const rows = builtinDefinition(name)['x-kubernetes-group-version-kind'];
      // Those of more than one group (DeleteOptions) are asked for by their names.
      if (!Array.isArray(rows) || rows.length !== 1) continue;
      const {group, version, kind: own} = rows[0] as {group: string; version: string; kind: string};
      names.set(`${apiVersionOf(group, version)} ${own}`, name);
    }
  }
  return names.get(`${apiVersion} ${kind}`);
}

let linked: Map<string, Schema> | undefined;

/**
 * A schema whose parts are linked: it may be cyclic. Defaults are those of keys of lists as well: Go's zero values of what cannot be absent.
 * Empty objects are left out.
 *
 * @throws Error where there is none
 */
export function builtinSchema(name: string): Schema {
  linked ??= link();
  const schema = linked.get(name);
  if (schema === undefined) throw new Error(`there is no definition ${name}`);
  return schema;
}

/** First all schemas with their `properties` still empty, so that whoever refers to one has what will be its parts. */
function link(): Map<string, Schema> {
  const schemas = new Map<string, Schema>();
  for (const name of definitionNames()) {
    const {properties, oneOf, ...rest} = builtinDefinition(name);
    const schema = simple(rest);
    if (properties !== undefined) schema.properties = {};
    // Quantities and ports: scalars that are written in two ways.
    if (oneOf !== undefined) schema['x-kubernetes-int-or-string'] = true;
    if (properties === undefined && oneOf === undefined && (rest['type'] ?? 'object') === 'object')
      schema['x-kubernetes-preserve-unknown-fields'] = true;
    schemas.set(name, schema);
  }
  for (const [name, schema] of schemas) {
    const {properties} = builtinDefinition(name);
    if (!isJsonObject(properties)) continue;
    for (const [key, value] of Object.entries(properties))
      schema.properties![key] = linkedSchema(value as JsonObject, schemas);
  }
  return schemas;
}

const kept = ['type', 'format', 'required', 'enum'] as const;

function simple(definition: JsonObject): Schema {
  const schema: JsonObject = {};
  for (const [key, value] of Object.entries(definition)) {
    const extension = key.startsWith('x-kubernetes-') && !key.endsWith('group-version-kind') && !key.endsWith('unions');
    if (extension || kept.some((each) => each === key)) schema[key] = value;
  }
  if (!isEmptyObject(definition['default'])) schema['default'] = definition['default'];
  return schema;
}

function linkedSchema(definition: JsonObject, schemas: ReadonlyMap<string, Schema>): Schema {
  const reference = referenceOf(definition);
  if (reference !== undefined) {
    const target = schemas.get(reference)!;
    const own = simple(definition);
    return Object.keys(own).length === 0 ? target : {...target, ...own};
  }
  const schema = simple(definition);
  const {items, additionalProperties} = definition;
  if (isJsonObject(items)) schema.items = linkedSchema(items, schemas);
  if (isJsonObject(additionalProperties)) schema.additionalProperties = linkedSchema(additionalProperties, schemas);
  return schema;
}

/** Siblings of a reference stand beside `allOf` with the reference alone. */
function referenceOf({$ref, allOf}: JsonObject): string | undefined {
  if (typeof $ref === 'string') return $ref;
  const only = Array.isArray(allOf) ? allOf[0] : undefined;
  return isJsonObject(only) && typeof only['$ref'] === 'string' ? only['$ref'] : undefined;
}

function isEmptyObject(value: JsonValue | undefined): boolean {
  return value === undefined || (isJsonObject(value) && Object.keys(value).length === 0);
}
