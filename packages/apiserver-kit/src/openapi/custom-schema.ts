import {isJsonObject, type JsonObject, type JsonValue, setMember} from '../json/json-value.ts';
import type {Resource, ResourceVersion} from '../registry/resource.ts';
import type {Components} from './components.ts';

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';

/** `com.example.stable.v1.CronTab`. */
export function customDefinitionName(group: string, version: string, kind: string): string {
  return [...group.split('.').toReversed(), version, kind].join('.');
}

/** The schema of a custom kind as clients shall see it. */
export function customSchema(resource: Resource, version: ResourceVersion, components: Components): JsonObject {
  const {group, kind} = resource;
  const schema = publish((version.schema ?? {'x-kubernetes-preserve-unknown-fields': true}) as JsonValue, components);
  const published = withObjectFields(isJsonObject(schema) ? schema : {}, components);
  return {
    ...published,
    type: 'object',
    'x-kubernetes-group-version-kind': [{group, kind, version: version.name}],
    ...selectableFields(version),
  };
}

/** The schema of its list. */
export function customListSchema(
  {group, kind, listKind}: Resource,
  version: ResourceVersion,
  item: JsonObject,
  components: Components,
): JsonObject {
  return {
    description: `${listKind} is a list of ${kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: {type: 'string'},
      items: {type: 'array', items: item},
      kind: {type: 'string'},
      metadata: {allOf: [components.builtin(`${META}.ListMeta`)]},
    },
    'x-kubernetes-group-version-kind': [{group, kind: listKind, version: version.name}],
    ...selectableFields(version),
  };
}

function selectableFields({selectableFields: fields = []}: ResourceVersion): JsonObject {
  return fields.length === 0 ? {} : {'x-kubernetes-selectable-fields': fields.map((fieldPath) => ({fieldPath}))};
}

/** The members that hold schemas by name, one schema, or several. */
const NAMED = new Set(['properties']);
const SINGLE = new Set(['items', 'additionalProperties', 'not']);
const SEVERAL = new Set(['allOf', 'anyOf', 'oneOf']);

/** Writes out what clients that do not know Kubernetes' extensions would not understand. */
function publish(schema: JsonValue, components: Components): JsonValue {
  if (!isJsonObject(schema)) return schema;
  const copy: JsonObject = {};
  for (const key of Object.keys(schema)) {
    const value = schema[key];
    if (value === undefined) continue;
    if (NAMED.has(key) && isJsonObject(value)) {
      const named: JsonObject = {};
      for (const name of Object.keys(value)) setMember(named, name, publish(value[name] ?? null, components));
      copy[key] = named;
    } else if (SINGLE.has(key)) copy[key] = publish(value, components);
    else if (SEVERAL.has(key) && Array.isArray(value)) copy[key] = value.map((each) => publish(each, components));
    else setMember(copy, key, value);
  }
  if (copy['x-kubernetes-int-or-string'] === true && copy['anyOf'] === undefined) {
    copy['anyOf'] = [{type: 'integer'}, {type: 'string'}];
  }
  return copy['x-kubernetes-embedded-resource'] === true ? embedded(copy, components) : copy;
}

/** An object within another one says what it is. */
function embedded(schema: JsonObject, components: Components): JsonObject {
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const missing = ['kind', 'apiVersion'].filter((name) => !required.includes(name));
  return {...withObjectFields(schema, components), required: [...required, ...missing]};
}

/** Of what is an object of Kubernetes. */
function withObjectFields(schema: JsonObject, components: Components): JsonObject {
  const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
  const metadata = {allOf: [components.builtin(`${META}.ObjectMeta`)]};
  return {...schema, properties: {...properties, apiVersion: {type: 'string'}, kind: {type: 'string'}, metadata}};
}
