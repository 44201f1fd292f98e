import {evaluationError} from './cel-error.ts';

/**
 * A value of CEL: `bigint` is int, `number` is double, {@link Uint} is uint, `Uint8Array` is bytes, an array is a list.
 */
export type CelValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint
  | Uint8Array
  | Duration
  | Timestamp
  | TypeValue
  | Optional
  | CelMap
  | Opaque
  | readonly CelValue[];

/** An unsigned integer of 64 bits. */
export class Uint {
  readonly value: bigint;

  constructor(value: bigint) {
    this.value = value;
  }
}

/** A span of time in nanoseconds. */
export class Duration {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** A moment in nanoseconds since 1970-01-01T00:00:00Z. */
export class Timestamp {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** A type as a value: what `type(x)` gives. */
export class TypeValue {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** A value that may be absent. */
export class Optional {
  static readonly none = new Optional(undefined);
  readonly value: CelValue | undefined;

  constructor(value: CelValue | undefined) {
    this.value = value;
  }
}

/** A value of a library: a quantity, a URL, an IP address. */
export interface Opaque {
  readonly typeName: string;
  equals(other: Opaque): boolean;
}

/** What a map is asked for. Keys are bool, int, uint or string; numbers are equal across types. */
export interface CelMap {
  readonly size: number;
  get(key: CelValue): CelValue | undefined;
  keys(): Iterable<CelValue>;
  /** Of a map that knows better than its entries what it is equal to; undefined: the entries decide. */
  equals?(other: CelMap): boolean | undefined;
}

/** A list that is equal to others, and added to others, in a way of its own: a set, for one, whatever the order. */
export interface CelListRules {
  readonly equals: (other: readonly CelValue[]) => boolean;
  readonly add: (other: readonly CelValue[]) => readonly CelValue[];
}

const listRules = new WeakMap<readonly CelValue[], CelListRules>();

/** Gives a list its own rules of equality and addition. */
export function withListRules<List extends readonly CelValue[]>(list: List, rules: CelListRules): List {
  listRules.set(list, rules);
  return list;
}

/** `+` of lists. */
export function addLists(left: readonly CelValue[], right: readonly CelValue[]): readonly CelValue[] {
  return listRules.get(left)?.add(right) ?? [...left, ...right];
}

/** A map that an expression makes. */
export class MapValue implements CelMap {
  readonly #entries = new Map<string, {key: CelValue; value: CelValue}>();

  static of(entries: Iterable<readonly [CelValue, CelValue]>): MapValue {
    const map = new MapValue();
    for (const [key, value] of entries) map.add(key, value);
    return map;
  }

  /** @throws CelError for a key that is there already, and for what can't be a key */
  add(key: CelValue, value: CelValue): void {
    const name = keyName(key);
    if (name === undefined || typeof key === 'number') throw evaluationError('unsupported key type');
    if (this.#entries.has(name)) throw evaluationError(`insert failed: key ${keyText(key)} already exists`);
    this.#entries.set(name, {key, value});
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: CelValue): CelValue | undefined {
    const name = keyName(key);
    return name === undefined ? undefined : this.#entries.get(name)?.value;
  }

  *keys(): Iterable<CelValue> {
    for (const {key} of this.#entries.values()) yield key;
  }
}

function keyName(key: CelValue): string | undefined {
  if (typeof key === 'string') return `s${key}`;
  if (typeof key === 'boolean') return `b${key}`;
  if (typeof key === 'bigint') return `n${key}`;
  if (key instanceof Uint) return `n${key.value}`;
  if (typeof key === 'number') return Number.isInteger(key) ? `n${BigInt(key)}` : undefined;
  return undefined;
}

/** A key as messages show it. */
export function keyText(key: CelValue): string {
  if (key instanceof Uint) return String(key.value);
  return typeof key === 'object' ? typeName(key) : String(key);
}

export function isMap(value: CelValue): value is CelMap {
  return typeof value === 'object' && value !== null && 'keys' in value && !Array.isArray(value) && 'size' in value;
}

export function isList(value: CelValue): value is readonly CelValue[] {
  return Array.isArray(value);
}

function isOpaque(value: CelValue): value is Opaque {
  return typeof value === 'object' && value !== null && 'typeName' in value;
}

/** Name of the run-time type, as `type(x)` shows it. */
export function typeName(value: CelValue): string {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
    case 'string':
      return 'string';
    default:
      return objectTypeName(value);
  }
}

function objectTypeName(value: Exclude<CelValue, boolean | bigint | number | string>): string {
  if (value === null) return 'null_type';
  if (isList(value)) return 'list';
  if (value instanceof Uint) return 'uint';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Duration) return 'google.protobuf.Duration';
  if (value instanceof Timestamp) return 'google.protobuf.Timestamp';
  if (value instanceof TypeValue) return 'type';
  if (value instanceof Optional) return 'optional_type';
  return isOpaque(value) ? value.typeName : 'map';
}

export function isNumber(value: CelValue): value is bigint | number | Uint {
  return typeof value === 'bigint' || typeof value === 'number' || value instanceof Uint;
}

/** Order of two numbers of any type; undefined if one is NaN. An integer beside a double is compared as a double, as in cel-go. */
export function compareNumbers(left: bigint | number | Uint, right: bigint | number | Uint): -1 | 0 | 1 | undefined {
  const a = left instanceof Uint ? left.value : left;
  const b = right instanceof Uint ? right.value : right;
  if (typeof a === typeof b) return order(a, b);
  return order(Number(a), Number(b));
}

function order(left: bigint | number, right: bigint | number): -1 | 0 | 1 | undefined {
  if (left < right) return -1;
  if (left > right) return 1;
  return left === right ? 0 : undefined;
}

/** `==`: values of different types are unequal, except that numbers compare across types. */
export function equal(left: CelValue, right: CelValue): boolean {
  if (left === right) return true;
  if (isNumber(left)) return isNumber(right) && compareNumbers(left, right) === 0;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (isList(left)) return isList(right) && equalLists(left, right);
  if (left instanceof Uint8Array) return right instanceof Uint8Array && compareBytes(left, right) === 0;
  if (left instanceof Duration) return right instanceof Duration && left.nanos === right.nanos;
  if (left instanceof Timestamp) return right instanceof Timestamp && left.nanos === right.nanos;
  if (left instanceof TypeValue) return right instanceof TypeValue && left.name === right.name;
  if (left instanceof Optional) return right instanceof Optional && equalOptionals(left, right);
  if (isOpaque(left)) return isOpaque(right) && left.typeName === right.typeName && left.equals(right);
  return isMap(left) && isMap(right) && equalMaps(left, right);
}

function equalLists(left: readonly CelValue[], right: readonly CelValue[]): boolean {
  const rules = listRules.get(left);
  if (rules) return rules.equals(right);
  return left.length === right.length && left.every((value, index) => equal(value, right[index] as CelValue));
}

function equalOptionals({value: left}: Optional, {value: right}: Optional): boolean {
  if (left === undefined || right === undefined) return left === right;
  return equal(left, right);
}

function equalMaps(left: CelMap, right: CelMap): boolean {
  const known = left.equals?.(right);
  if (known !== undefined) return known;
  if (left.size !== right.size) return false;
  for (const key of left.keys()) {
    const other = right.get(key);
    if (other === undefined || !equal(left.get(key) as CelValue, other)) return false;
  }
  return true;
}

export function compareBytes(left: Uint8Array, right: Uint8Array): -1 | 0 | 1 {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const difference = (left[index] as number) - (right[index] as number);
    if (difference !== 0) return difference < 0 ? -1 : 1;
  }
  return Math.sign(left.length - right.length) as -1 | 0 | 1;
}

/** Order of strings by Unicode code points, which is that of their UTF-8 bytes. */
export function compareStrings(left: string, right: string): -1 | 0 | 1 {
  if (left === right) return 0;
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a === b) continue;
    const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff;
    // A code point beyond U+FFFF is greater than any unit that is no surrogate.
    if (isSurrogate(a) !== isSurrogate(b)) return isSurrogate(a) ? 1 : -1;
    return a < b ? -1 : 1;
  }
  return left.length < right.length ? -1 : 1;
}

/** Values of JSON: whole numbers are int, others double. */
export function fromJson(json: unknown): CelValue {
  if (json === null || typeof json === 'boolean' || typeof json === 'string' || typeof json === 'bigint') return json;
  if (typeof json === 'number') return Number.isSafeInteger(json) ? BigInt(json) : json;
  if (Array.isArray(json)) return json.map(fromJson);
  if (typeof json === 'object') return MapValue.of(Object.entries(json).map(([key, value]) => [key, fromJson(value)]));
  throw evaluationError(`unsupported conversion of ${typeof json}`);
}
