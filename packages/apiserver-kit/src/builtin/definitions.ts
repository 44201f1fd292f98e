import {definitionsByKind, definitionTexts} from '../gen/definitions.ts';
import {isJsonObject, type JsonObject, type JsonValue} from '../json/json-value.ts';
import type {Schema} from '../schema/schema.ts';
import {referencesOf} from './definition-references.ts';

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

/** The name of the definition of a kind; undefined where it is not built in. */
export function definitionName(apiVersion: string, kind: string): string | undefined {
  const key = `${apiVersion} ${kind}`;
  return Object.hasOwn(definitionsByKind, key) ? definitionsByKind[key] : undefined;
}

const linked = new Map<string, Schema>();

/**
 * A schema whose parts are linked: it may be cyclic. Defaults that only stand for Go's zero values are left out.
 *
 * @throws Error where there is none
 */
export function builtinSchema(name: string): Schema {
  if (!linked.has(name)) link(name);
  return linked.get(name)!;
}

/** First all schemas with their `properties` still empty, so that whoever refers to one has what will be its parts. */
function link(root: string): void {
  const added: string[] = [];
  const add = (name: string): void => {
    if (linked.has(name)) return;
    const definition = builtinDefinition(name);
    const {properties, oneOf, ...rest} = definition;
    const schema = simple(rest);
    if (properties !== undefined) schema.properties = {};
    // Quantities and ports: scalars that are written in two ways.
    if (oneOf !== undefined) schema['x-kubernetes-int-or-string'] = true;
    if (properties === undefined && oneOf === undefined && (rest['type'] ?? 'object') === 'object')
      schema['x-kubernetes-preserve-unknown-fields'] = true;
    linked.set(name, schema);
    added.push(name);
    for (const each of referencesOf(definition)) add(each);
  };
  add(root);
  for (const name of added) {
    const {properties} = builtinDefinition(name);
    if (!isJsonObject(properties)) continue;
    const schema = linked.get(name)!;
    for (const [key, value] of Object.entries(properties))
      schema.properties![key] = linkedSchema(value as JsonObject, linked);
  }
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
