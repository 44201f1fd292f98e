import {type CelType, listType, mapType, objectType, types} from '../cel/types.ts';
import {escapeProperty} from './property-names.ts';
import type {Schema} from './schema.ts';

/** Longest request, in bytes: what bounds a value whose schema does not. */
export const MAX_REQUEST_BYTES = 3 * 1024 * 1024;

/** What a schema declares to expressions. */
export interface DeclaredType {
  readonly type: CelType;
  /** By escaped names. Undefined: no type with fields. */
  readonly fields?: ReadonlyMap<string, DeclaredType>;
  /** Of a list or map. */
  readonly element?: DeclaredType;
  /** Most elements, or bytes of a text; 0 where there is no such thing. */
  readonly maxElements: number;
  /** Of the shortest JSON that is a value of this type. */
  readonly minBytes: number;
}

/** Shortest and longest JSON of texts of a format. */
const texts: Readonly<Record<string, {type: CelType; minBytes: number; maxElements: number}>> = {
  duration: {type: types.duration, minBytes: 3, maxElements: 32},
  date: {type: types.timestamp, minBytes: 12, maxElements: 12},
  'date-time': {type: types.timestamp, minBytes: 21, maxElements: 32},
};

const nameSchema: Schema = {type: 'object', properties: {name: {type: 'string'}, generateName: {type: 'string'}}};

/** The schema with what every resource has: expressions see the names in `metadata`, and nothing else of it. */
export function withResourceFields(schema: Schema): Schema {
  const {properties = {}} = schema;
  const {kind, apiVersion, metadata} = properties;
  const {name, generateName} = metadata?.properties ?? {};
  const isComplete =
    [kind, apiVersion, name, generateName].every((each) => each?.type === 'string') && metadata?.type === 'object';
  if (isComplete) return schema;
  return {
    ...schema,
    properties: {...properties, kind: {type: 'string'}, apiVersion: {type: 'string'}, metadata: nameSchema},
  };
}

/**
 * What an expression may know of a value; undefined where it can't know anything.
 *
 * @param name of the type, if it is one with fields; those of its parts begin with it
 */
export function declareType(schema: Schema, name: string, isResource: boolean): DeclaredType | undefined {
  if (schema['x-kubernetes-int-or-string'] === true) {
    const maxElements = schema.maxLength === undefined ? MAX_REQUEST_BYTES - 2 : Math.max(0, schema.maxLength) * 4;
    return {type: types.dyn, maxElements, minBytes: 1};
  }
  const full = isResource ? withResourceFields(schema) : schema;
  switch (full.type) {
    case 'array':
      return declareList(full, name);
    case 'object':
      return declareObject(full, name);
    case 'string':
      return declareText(full);
    case 'boolean':
      return {type: types.bool, maxElements: 0, minBytes: 4};
    case 'number':
      return {type: types.double, maxElements: 0, minBytes: 1};
    case 'integer':
      return {type: types.int, maxElements: 0, minBytes: 1};
    default:
      return undefined;
  }
}

function isEmbedded(schema: Schema): boolean {
  return schema['x-kubernetes-embedded-resource'] === true;
}

function declareList({items, maxItems}: Schema, name: string): DeclaredType | undefined {
  const element = items && declareType(items, `${name}.@idx`, isEmbedded(items));
  if (!element) return undefined;
  const most = Math.floor((MAX_REQUEST_BYTES - 2) / (element.minBytes + 1));
  return {type: listType(element.type), element, maxElements: Math.max(0, maxItems ?? most), minBytes: 2};
}

function declareObject(schema: Schema, name: string): DeclaredType | undefined {
  const {additionalProperties, maxProperties, properties = {}, required = []} = schema;
  if (typeof additionalProperties === 'object') {
    const element = declareType(additionalProperties, `${name}.@elem`, isEmbedded(additionalProperties));
    if (!element) return undefined;
    const most = Math.floor((MAX_REQUEST_BYTES - 2) / (element.minBytes + 6));
    const type = mapType(types.string, element.type);
    return {type, element, maxElements: Math.max(0, maxProperties ?? most), minBytes: 2};
  }
  const fields = new Map<string, DeclaredType>();
  let minBytes = 2;
  for (const [property, inner] of Object.entries(properties)) {
    const escaped = escapeProperty(property);
    const field = declareType(inner, `${name}.${escaped ?? property}`, isEmbedded(inner));
    if (!field) continue;
    if (escaped !== undefined) fields.set(escaped, field);
    const hasDefault = inner.default !== undefined && inner.default !== null;
    if (required.includes(property) && !hasDefault) minBytes += Buffer.byteLength(property) + field.minBytes + 4;
  }
  return {type: objectType(name), fields, maxElements: 0, minBytes};
}

function declareText({format = '', maxLength, enum: allowed = []}: Schema): DeclaredType {
  const known = Object.hasOwn(texts, format) ? texts[format] : undefined;
  if (known) return known;
  if (format === 'byte') {
    return {type: types.bytes, maxElements: Math.max(0, maxLength ?? MAX_REQUEST_BYTES - 2), minBytes: 2};
  }
  let maxElements = MAX_REQUEST_BYTES - 2;
  if (maxLength !== undefined) maxElements = Math.max(0, maxLength) * 4;
  else if (allowed.length > 0) {
    maxElements = Math.max(0, ...allowed.map((each) => (typeof each === 'string' ? Buffer.byteLength(each) : 0)));
  }
  return {type: types.string, maxElements, minBytes: 2};
}

/** Types with fields, by their names. */
export function namedTypes(root: DeclaredType): ReadonlyMap<string, DeclaredType> {
  const found = new Map<string, DeclaredType>();
  const open = [root];
  for (let declared = open.pop(); declared; declared = open.pop()) {
    if (declared.type.kind === 'object') found.set(declared.type.name, declared);
    if (declared.element) open.push(declared.element);
    if (declared.fields) open.push(...declared.fields.values());
  }
  return found;
}
