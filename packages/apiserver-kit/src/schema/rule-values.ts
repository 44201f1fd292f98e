import {evaluationError} from '../cel/cel-error.ts';
import {parseTimestamp} from '../cel/time.ts';
import {
  type CelListRules,
  type CelMap,
  type CelValue,
  Duration,
  equal,
  isMap,
  Timestamp,
  typeName,
  withListRules,
} from '../cel/values.ts';
import {jsonEqual} from '../json/json-equal.ts';
import {isJsonObject, type JsonObject, type JsonValue, member} from '../json/json-value.ts';
import {isDate, parseDurationText} from './formats.ts';
import {escapeProperty} from './property-names.ts';
import {withResourceFields} from './rule-types.ts';
import type {Schema} from './schema.ts';

/** Makes a value of CEL of one of JSON. Objects are converted as they are read. @throws CelError where it is not what the schema says */
export type ToCel = (value: JsonValue) => CelValue;

const conversions = new WeakMap<Schema, ToCel>();

/** How values of a schema are converted. */
export function celConversion(schema: Schema): ToCel {
  let conversion = conversions.get(schema);
  if (!conversion) {
    const convert = conversionOf(schema);
    const isNullable = schema.nullable === true;
    conversion = (value) => {
      if (value !== null) return convert(value);
      if (isNullable) return null;
      throw evaluationError('invalid data, got null for schema with nullable=false');
    };
    conversions.set(schema, conversion);
  }
  return conversion;
}

function conversionOf(schema: Schema): ToCel {
  if (schema['x-kubernetes-int-or-string'] === true) return intOrString;
  switch (schema.type) {
    case 'object':
      return objectConversion(schema);
    case 'array':
      return listConversion(schema);
    case 'string':
      return textConversion(schema);
    case 'number':
      return (value) => {
        if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
        throw evaluationError(`invalid data, expected float, got ${goType(value)}`);
      };
    case 'integer':
      return integer;
    case 'boolean':
      return (value) => {
        if (typeof value === 'boolean') return value;
        throw evaluationError(`invalid data, expected bool, got ${goType(value)}`);
      };
    default:
      // What is only preserved can be compared, and nothing else.
      return (value) => new PreservedValue(value);
  }
}

const smallIntegers = Array.from({length: 1024}, (_, index) => BigInt(index));

function integer(value: JsonValue): CelValue {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isInteger(value)) return smallIntegers[value] ?? BigInt(value);
  throw evaluationError(`invalid data, expected int, got ${goType(value)}`);
}

function intOrString(value: JsonValue): CelValue {
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))) return integer(value);
  throw evaluationError('invalid data, expected XIntOrString value to be either a string or integer');
}

function goType(value: JsonValue): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'int64';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}';
}

function textConversion({format}: Schema): ToCel {
  const convert = format !== undefined && Object.hasOwn(textFormats, format) ? textFormats[format] : undefined;
  return (value) => {
    if (typeof value !== 'string') throw evaluationError(`invalid data, expected string, got ${goType(value)}`);
    return convert ? convert(value) : value;
  };
}

const textFormats: Readonly<Record<string, (text: string) => CelValue>> = {
  duration: (text) => {
    const nanos = parseDurationText(text);
    if (nanos === undefined) throw evaluationError(`Invalid duration ${text}: unable to parse ${text} as duration`);
    return new Duration(nanos);
  },
  date: (text) => {
    if (!isDate(text)) throw evaluationError(`Invalid date formatted string ${text}`);
    return midnight(text);
  },
  'date-time': (text) => {
    try {
      return parseTimestamp(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?$/.test(text) ? `${text}Z` : text);
    } catch {
      throw evaluationError(`Invalid date-time formatted string ${text}`);
    }
  },
  byte: (text) => {
    const bytes = Buffer.from(text, 'base64');
    if (bytes.toString('base64') !== text) throw evaluationError(`Invalid byte formatted string ${text}`);
    return new Uint8Array(bytes);
  },
};

function midnight(date: string): Timestamp {
  const day = new Date(0);
  day.setUTCFullYear(Number(date.slice(0, 4)), Number(date.slice(5, 7)) - 1, Number(date.slice(8)));
  return new Timestamp(BigInt(day.getTime()) * 1_000_000n);
}

/** A value of which no schema says anything. */
class PreservedValue {
  readonly typeName = 'unknown';
  readonly #value: JsonValue;

  constructor(value: JsonValue) {
    this.#value = value;
  }

  equals(other: {typeName: string}): boolean {
    return other instanceof PreservedValue && jsonEqual(this.#value, other.#value);
  }
}

/** What an object of a schema has to offer. */
interface ObjectShape {
  /** A map whose keys are data; else an object whose members are declared. */
  readonly values: ToCel | undefined;
  /** Members by the names that expressions give them. */
  readonly members: ReadonlyMap<string, {name: string; convert: ToCel}>;
  readonly escapedNames: ReadonlyMap<string, string>;
}

function objectConversion(schema: Schema): ToCel {
  let shape: ObjectShape | undefined;
  return (value) => {
    if (!isJsonObject(value))
      throw evaluationError('invalid data, expected a map for the provided schema with type=object');
    // Not before it is needed: schemas are large, and rules read little.
    shape ??= shapeOf(schema);
    return new ObjectView(value, shape);
  };
}

function shapeOf(schema: Schema): ObjectShape {
  const full = schema['x-kubernetes-embedded-resource'] === true ? withResourceFields(schema) : schema;
  const {properties, additionalProperties} = full;
  const members = new Map<string, {name: string; convert: ToCel}>();
  const escapedNames = new Map<string, string>();
  for (const [name, inner] of Object.entries(properties ?? {})) {
    const escaped = escapeProperty(name) ?? name;
    members.set(escaped, {name, convert: celConversion(inner)});
    escapedNames.set(name, escaped);
  }
  const isMapOfValues = properties === undefined && typeof additionalProperties === 'object';
  return {values: isMapOfValues ? celConversion(additionalProperties) : undefined, members, escapedNames};
}

/** An object of JSON as a map of CEL. Its members are converted when they are read. */
class ObjectView implements CelMap {
  readonly #value: JsonObject;
  readonly #shape: ObjectShape;
  #converted: Map<string, CelValue> | undefined;
  #keys: readonly string[] | undefined;

  constructor(value: JsonObject, shape: ObjectShape) {
    this.#value = value;
    this.#shape = shape;
  }

  get size(): number {
    this.#keys ??= Object.keys(this.#value);
    return this.#keys.length;
  }

  get(key: CelValue): CelValue | undefined {
    if (typeof key !== 'string') return undefined;
    const known = this.#converted?.get(key);
    if (known !== undefined) return known;
    const converted = this.#convert(key);
    if (typeof converted === 'object' && converted !== null) (this.#converted ??= new Map()).set(key, converted);
    return converted;
  }

  #convert(key: string): CelValue | undefined {
    const {values, members} = this.#shape;
    if (values) {
      const value = member(this.#value, key);
      return value === undefined ? undefined : values(value);
    }
    const field = members.get(key);
    if (!field) return undefined;
    const value = member(this.#value, field.name);
    // A member that is null is as absent.
    return value === undefined || value === null ? undefined : field.convert(value);
  }

  *keys(): Iterable<CelValue> {
    const {values, escapedNames} = this.#shape;
    for (const key of Object.keys(this.#value)) {
      const name = values ? key : escapedNames.get(key);
      if (name !== undefined) yield name;
    }
  }

  equals(other: CelMap): boolean | undefined {
    if (!(other instanceof ObjectView)) return undefined;
    // The same text is the same value, whatever its type. Different texts may be equal still: times, lists that are sets.
    if (jsonEqual(this.#value, other.#value)) return true;
    if (this.size !== other.size) return false;
    for (const key of Object.keys(this.#value)) {
      const name = this.#shape.values ? key : this.#shape.escapedNames.get(key);
      if (name === undefined) {
        const theirs = member(other.#value, key);
        if (theirs !== undefined && !jsonEqual(this.#value[key], theirs)) return false;
        continue;
      }
      const mine = this.get(name);
      const theirs = other.get(name);
      if (mine === undefined || theirs === undefined) {
        if (mine !== theirs) return false;
      } else if (!equal(mine, theirs)) {
        return false;
      }
    }
    return true;
  }
}

function listConversion(schema: Schema): ToCel {
  const {items, 'x-kubernetes-list-type': listType} = schema;
  let convertItem: ToCel | undefined;
  return (value) => {
    if (!Array.isArray(value))
      throw evaluationError('invalid data, expected an array for the provided schema with type=array');
    if (!items) throw evaluationError('invalid array type, expected Items with a non-empty Schema');
    convertItem ??= celConversion(items);
    const list = value.map(convertItem);
    if (listType === 'set') return withListRules(list, new SetRules(list));
    if (listType !== 'map') return list;
    const keys = (schema['x-kubernetes-list-map-keys'] ?? []).map((key) => escapeProperty(key) ?? key);
    return withListRules(list, new KeyedRules(list, keys));
  };
}

/** The order does not count. */
class SetRules implements CelListRules {
  readonly #list: readonly CelValue[];

  constructor(list: readonly CelValue[]) {
    this.#list = list;
  }

  equals(other: readonly CelValue[]): boolean {
    if (other.length !== this.#list.length) return false;
    const mine = new Set(this.#list.map(scalarKey));
    return other.every((value) => mine.has(scalarKey(value)));
  }

  add(other: readonly CelValue[]): readonly CelValue[] {
    const seen = new Set(this.#list.map(scalarKey));
    const sum = [...this.#list];
    for (const value of other) {
      const key = scalarKey(value);
      if (!seen.has(key)) sum.push(value);
      seen.add(key);
    }
    return withListRules(sum, new SetRules(sum));
  }
}

/** Elements are told apart by their keys; the order does not count. */
class KeyedRules implements CelListRules {
  readonly #list: readonly CelValue[];
  readonly #keys: readonly string[];

  constructor(list: readonly CelValue[], keys: readonly string[]) {
    this.#list = list;
    this.#keys = keys;
  }

  equals(other: readonly CelValue[]): boolean {
    if (other.length !== this.#list.length) return false;
    const mine = new Map(this.#list.map((element) => [this.#keyOf(element), element]));
    return other.every((element) => {
      const found = mine.get(this.#keyOf(element));
      return found !== undefined && equal(found, element);
    });
  }

  add(other: readonly CelValue[]): readonly CelValue[] {
    const sum = [...this.#list];
    const positions = new Map(sum.map((element, index) => [this.#keyOf(element), index]));
    for (const element of other) {
      const position = positions.get(this.#keyOf(element));
      if (position === undefined) sum.push(element);
      else sum[position] = element;
    }
    return withListRules(sum, new KeyedRules(sum, this.#keys));
  }

  #keyOf(element: CelValue): string {
    if (!isMap(element)) return '';
    return this.#keys.map((key) => scalarKey(element.get(key) ?? null)).join('\u0000');
  }
}

function scalarKey(value: CelValue): string {
  if (value instanceof Timestamp || value instanceof Duration) return `nanos:${value.nanos}`;
  return typeof value === 'object' ? typeName(value) : `${typeof value}:${value}`;
}
