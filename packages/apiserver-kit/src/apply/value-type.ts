import type {JsonValue} from '../json/json-value.ts';
import {isJsonObject} from '../json/json-value.ts';
import type {Schema} from '../schema/schema.ts';
import {objectMetaSchema} from './object-meta-schema.ts';

export type ScalarType = 'string' | 'numeric' | 'boolean' | 'untyped';

/** What a value may be: often one of the three, all of them where the schema does not say. */
export interface ValueType {
  readonly scalar?: ScalarType;
  readonly list?: ListType;
  readonly map?: MapType;
}

/** As what a value is treated; `any` is null, or a value that its type does not allow. */
export type Form = 'scalar' | 'list' | 'map' | 'any';

/** A list that is owned as a whole, a set of scalars, or objects that are told apart by the values of some of their members. */
export class ListType {
  readonly atomic: boolean;
  /** Of the members by which items are told apart, in order; empty for a set. */
  readonly keys: readonly string[];
  readonly #element: () => ValueType;
  #resolved: ValueType | undefined;

  constructor(options: {atomic: boolean; keys?: readonly string[]; element: () => ValueType}) {
    this.atomic = options.atomic;
    this.keys = options.keys?.toSorted() ?? [];
    this.#element = options.element;
  }

  get element(): ValueType {
    return (this.#resolved ??= this.#element());
  }
}

interface MapFields {
  schemas: Readonly<Record<string, Schema>>;
  type: (schema: Schema) => ValueType;
}

/** An object: its fields, and what other members may be. */
export class MapType {
  /** Owned as a whole. */
  readonly atomic: boolean;
  readonly #fields: MapFields | undefined;
  readonly #element: (() => ValueType) | undefined;
  readonly #types = new Map<string, ValueType>();
  /** Nothing is known of its members. */
  readonly deduced: boolean;
  #elementType: ValueType | undefined;

  constructor(options: {atomic: boolean; fields?: MapFields; element?: () => ValueType; deduced?: boolean}) {
    this.atomic = options.atomic;
    this.#fields = options.fields;
    this.#element = options.element;
    this.deduced = options.deduced === true && options.fields === undefined;
  }

  isField(name: string): boolean {
    return this.#fields !== undefined && Object.hasOwn(this.#fields.schemas, name);
  }

  /** Of any member; undefined where there may be none of this name. */
  typeOf(name: string): ValueType | undefined {
    if (!this.isField(name)) return (this.#elementType ??= this.#element?.());
    let type = this.#types.get(name);
    if (type === undefined) {
      const fields = this.#fields!;
      type = fields.type(fields.schemas[name]!);
      this.#types.set(name, type);
    }
    return type;
  }

  defaultOf(name: string): JsonValue | undefined {
    return this.isField(name) ? this.#fields!.schemas[name]!.default : undefined;
  }
}

/** Anything, owned as a whole. */
const untypedType: ValueType = {
  scalar: 'untyped',
  list: new ListType({atomic: true, element: () => untypedType}),
  map: new MapType({atomic: true, element: () => untypedType}),
};

/** Anything: objects are owned member by member, lists as a whole. */
export const deducedType: ValueType = {
  scalar: 'untyped',
  list: new ListType({atomic: true, element: () => untypedType}),
  map: new MapType({atomic: false, element: () => deducedType, deduced: true}),
};

/** What a value of this type is treated as. */
export function formOf(type: ValueType, value: JsonValue | undefined): Form {
  if (Array.isArray(value)) {
    if (type.list) return 'list';
  } else if (isJsonObject(value)) {
    if (type.map) return 'map';
  } else if (value !== null && value !== undefined && type.scalar) {
    return 'scalar';
  }
  if (type.map) return type.scalar || type.list ? 'any' : 'map';
  if (type.scalar) return type.list ? 'any' : 'scalar';
  return 'list';
}

const closedTypes = new WeakMap<Schema, ValueType>();
const openTypes = new WeakMap<Schema, ValueType>();

/** Of a built-in kind, or a part of one. */
export function typeOfSchema(schema: Schema): ValueType {
  return typeOf(schema, false);
}

const customTypes = new WeakMap<Schema, ValueType>();

/** Of a custom kind, whose schema need not tell what metadata is. Undefined: everything is possible. */
export function typeOfCustomKind(schema: Schema | undefined): ValueType {
  if (schema === undefined) return deducedType;
  let type = customTypes.get(schema);
  if (type === undefined) {
    type = typeOf(withTypeMeta(schema), false);
    customTypes.set(schema, type);
  }
  return type;
}

/** @param open whether something around it says that unknown members are kept */
function typeOf(schema: Schema, open: boolean): ValueType {
  const keep = open || schema['x-kubernetes-preserve-unknown-fields'] === true;
  const cache = keep ? openTypes : closedTypes;
  let type = cache.get(schema);
  if (type === undefined) {
    type = makeType(schema, keep);
    cache.set(schema, type);
  }
  return type;
}

function makeType(schema: Schema, open: boolean): ValueType {
  switch (schema.type) {
    case 'object':
      return {map: mapType(schema, open)};
    case 'array':
      return {list: listType(schema, open)};
    case 'integer':
    case 'number':
      return {scalar: 'numeric'};
    case 'boolean':
      return {scalar: 'boolean'};
    case 'string': {
      const plain = schema.format === undefined || schema.format === '' || schema.format === 'byte';
      return {scalar: plain && !schema['x-kubernetes-int-or-string'] ? 'string' : 'untyped'};
    }
    case undefined:
      return {scalar: 'untyped', list: listType(schema, open), map: mapType(schema, open)};
    default:
      return deducedType;
  }
}

function mapType(given: Schema, open: boolean): MapType {
  const schema = given['x-kubernetes-embedded-resource'] ? withTypeMeta(given) : given;
  const {properties, additionalProperties} = schema;
  const known = properties !== undefined && Object.keys(properties).length > 0;
  const atomic = schema['x-kubernetes-map-type'] === 'atomic';
  const fields: MapFields | undefined = known ? {schemas: properties, type: (inner) => typeOf(inner, open)} : undefined;
  if (typeof additionalProperties === 'object') {
    return new MapType({atomic, ...(fields && {fields}), element: () => typeOf(additionalProperties, open)});
  }
  const anything = additionalProperties === undefined ? open || !known : additionalProperties;
  return new MapType({atomic, ...(fields && {fields}), ...(anything && {element: () => deducedType, deduced: true})});
}

function listType(schema: Schema, open: boolean): ListType {
  const {items} = schema;
  const element = (): ValueType => (items === undefined ? untypedType : typeOf(items, open));
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return new ListType({atomic: false, element});
    case 'map':
      return new ListType({atomic: false, keys: schema['x-kubernetes-list-map-keys'] ?? [], element});
    case 'atomic':
      return new ListType({atomic: true, element});
    default: {
      const strategy = schema['x-kubernetes-patch-strategy'];
      if (strategy !== 'merge' && strategy !== 'merge,retainKeys') return new ListType({atomic: true, element});
      const key = schema['x-kubernetes-patch-merge-key'];
      return new ListType({atomic: false, keys: key === undefined ? [] : [key], element});
    }
  }
}

/** With what every object has, as it is published for custom kinds and embedded objects. */
function withTypeMeta(schema: Schema): Schema {
  const properties = {
    ...schema.properties,
    apiVersion: {type: 'string'} as const,
    kind: {type: 'string'} as const,
    metadata: objectMetaSchema,
  };
  return {...schema, type: 'object', properties};
}
