import {Buffer} from 'node:buffer';
import {ShapeError} from '../builtin/shape-error.ts';
import type {WireField} from '../builtin/wire-type.ts';
import {wireType} from '../builtin/wire-types.ts';
import {decodeJson} from '../json/decode-json.ts';
import {isJsonObject, type JsonObject, type JsonValue, MAX_DEPTH, setMember} from '../json/json-value.ts';
import {decodeUtf8} from '../json/utf8.ts';
import {WireReader} from './wire-reader.ts';

const crd = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';

/**
 * Decodes the protobuf form of a Go type into what stands in JSON. What is empty is written as it came; nothing is checked
 * beyond the wire format.
 *
 * @param name of the definition, such as `io.k8s.api.core.v1.Pod`
 * @throws ShapeError in Go's words
 */
export function decodeMessage(name: string, bytes: Uint8Array): JsonObject {
  const result: JsonObject = {};
  readStruct(name, bytes, result, 0);
  return result;
}

const tables = new Map<string, ReadonlyMap<number, WireField>>();

function tableOf(name: string): ReadonlyMap<number, WireField> {
  let table = tables.get(name);
  if (table === undefined) {
    const fields = wireType(name);
    if (!Array.isArray(fields)) throw new Error(`${name} is not a struct`);
    table = new Map(fields.filter(([, number]) => number > 0).map((row) => [row[1], row]));
    tables.set(name, table);
  }
  return table;
}

/** Reads into an object: a message may come in several pieces, and embedded structs stand in their parents. */
function readStruct(name: string, bytes: Uint8Array, target: JsonObject, depth: number): void {
  if (depth > MAX_DEPTH) throw new ShapeError('proto: exceeded max depth');
  const table = tableOf(name);
  const reader = new WireReader(bytes);
  while (!reader.done) {
    const {field, wireType: found} = reader.tag(name.slice(name.lastIndexOf('.') + 1));
    const row = table.get(field);
    if (row === undefined) reader.skip(found);
    else if (row[0] === '') readStruct(row[2], bytesOf(reader, found, row), target, depth + 1);
    else readField(row, reader, found, target, depth);
  }
}

function readField(row: WireField, reader: WireReader, found: number, target: JsonObject, depth: number): void {
  const [json] = row;
  const {type, wrapped} = resolve(row[2]);
  const inner = type.slice(1);
  if (wrapped) {
    // A named list is a message with one repeated field.
    const list: JsonObject = {};
    readItems(inner, bytesOf(reader, found, row), list, depth);
    setMember(target, json, list['items'] ?? []);
  } else if (type.startsWith('[')) {
    const list = target[json];
    const items = Array.isArray(list) ? list : [];
    if (!Array.isArray(list)) setMember(target, json, items);
    if (found === 2 && (inner === 'i' || inner === 'l')) {
      // Packed.
      const packed = new WireReader(reader.bytes());
      while (!packed.done) items.push(integer(inner, packed.varint()));
    } else items.push(readValue(inner, row, reader, found, undefined, depth));
  } else if (type.startsWith('{')) {
    const known = target[json];
    const map = isJsonObject(known) ? known : {};
    if (!isJsonObject(known)) setMember(target, json, map);
    readEntry(inner, row, bytesOf(reader, found, row), map, depth);
  } else setMember(target, json, readValue(type, row, reader, found, target[json], depth));
}

function readItems(type: string, bytes: Uint8Array, target: JsonObject, depth: number): void {
  const reader = new WireReader(bytes);
  const row: WireField = ['items', 1, `[${type}`, ''];
  while (!reader.done) {
    const {field, wireType: found} = reader.tag('items');
    if (field === 1) readField(row, reader, found, target, depth + 1);
    else reader.skip(found);
  }
}

function readEntry(type: string, row: WireField, bytes: Uint8Array, map: JsonObject, depth: number): void {
  const reader = new WireReader(bytes);
  const entry: JsonObject = {};
  while (!reader.done) {
    const {field, wireType: found} = reader.tag(row[0]);
    if (field === 1) entry['key'] = decodeUtf8(bytesOf(reader, found, row));
    else if (field === 2) readField(['value', 2, type, ''], reader, found, entry, depth + 1);
    else reader.skip(found);
  }
  const key = entry['key'];
  setMember(map, typeof key === 'string' ? key : '', entry['value'] ?? zeroOf(type));
}

/** What the value of an entry is that has none: protobuf leaves zeros out. */
function zeroOf(type: string): JsonValue {
  if (type === 's' || type === 'y') return '';
  return type === 'i' || type === 'l' ? 0 : null;
}

/** Follows names of other types, and pointers. */
function resolve(type: string): {type: string; wrapped: boolean} {
  let current = type;
  for (;;) {
    if (current.startsWith('*')) current = current.slice(1);
    else if (current.length === 1 || current.startsWith('[') || current.startsWith('{'))
      return {type: current, wrapped: false};
    else {
      const next = wireType(current);
      if (typeof next !== 'string') return {type: current, wrapped: false};
      if (next.startsWith('!')) return {type: next.slice(1), wrapped: true};
      current = next;
    }
  }
}

function bytesOf(reader: WireReader, found: number, row: WireField): Uint8Array {
  expectWireType(2, found, row);
  return reader.bytes();
}

function expectWireType(wanted: number, found: number, [json, , type]: WireField): void {
  if (found === wanted) return;
  // Go names the field; an embedded one has the name of its type.
  const field =
    json === 'metadata' ? type.slice(type.lastIndexOf('.') + 1) : json.charAt(0).toUpperCase() + json.slice(1);
  throw new ShapeError(`proto: wrong wireType = ${found} for field ${field}`);
}

function readValue(
  type: string,
  row: WireField,
  reader: WireReader,
  found: number,
  before: JsonValue | undefined,
  depth: number,
): JsonValue {
  switch (type) {
    case 's':
      return decodeUtf8(bytesOf(reader, found, row));
    case 'y':
      return Buffer.from(bytesOf(reader, found, row)).toString('base64');
    case 'b':
      expectWireType(0, found, row);
      return reader.varint() !== 0n;
    case 'i':
    case 'l':
      expectWireType(0, found, row);
      return integer(type, reader.varint());
    case 'd':
      expectWireType(1, found, row);
      return reader.double();
    default: {
      const {type: resolved, wrapped} = resolve(type);
      if (resolved !== type || wrapped) {
        const holder: JsonObject = before === undefined ? {} : {value: before};
        readField(['value', row[1], wrapped ? type : resolved, ''], reader, found, holder, depth);
        return holder['value'] ?? null;
      }
      const bytes = bytesOf(reader, found, row);
      const special = readSpecial(type, bytes, depth);
      if (special !== undefined) return special;
      const target = isJsonObject(before) ? before : {};
      readStruct(type, bytes, target, depth + 1);
      return target;
    }
  }
}

function integer(type: 'i' | 'l', bits: bigint): number | bigint {
  const value = BigInt.asIntN(type === 'i' ? 32 : 64, bits);
  return value >= -(2n ** 53n) && value <= 2n ** 53n ? Number(value) : value;
}

/** Messages whose JSON is something else. Undefined: `type` is not one of them. */
function readSpecial(type: string, bytes: Uint8Array, depth: number): JsonValue | undefined {
  switch (type) {
    case 'io.k8s.apimachinery.pkg.apis.meta.v1.Time':
    case 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': {
      const {1: seconds = 0n, 2: nanos = 0n} = numbers(bytes);
      return seconds === 0n && nanos === 0n ? null : timeText(seconds, nanos, type.endsWith('MicroTime'));
    }
    case 'io.k8s.apimachinery.pkg.api.resource.Quantity': {
      const text = bytesField(bytes, 1);
      return text === undefined ? '0' : decodeUtf8(text);
    }
    case 'io.k8s.apimachinery.pkg.util.intstr.IntOrString': {
      const {1: kind = 0n, 2: value = 0n} = numbers(bytes);
      return kind === 0n ? integer('i', value) : decodeUtf8(bytesField(bytes, 3) ?? new Uint8Array());
    }
    case 'io.k8s.apimachinery.pkg.runtime.RawExtension':
    case 'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1':
    case `${crd}.JSON`: {
      const raw = bytesField(bytes, 1);
      return raw === undefined || raw.length === 0 ? null : decodeJson(raw).value;
    }
    case `${crd}.JSONSchemaPropsOrBool`: {
      const schema = bytesField(bytes, 2);
      return schema === undefined ? (numbers(bytes)[1] ?? 0n) !== 0n : schemaOf(schema, depth);
    }
    case `${crd}.JSONSchemaPropsOrArray`:
    case `${crd}.JSONSchemaPropsOrStringArray`: {
      const schema = bytesField(bytes, 1);
      if (schema !== undefined) return schemaOf(schema, depth);
      const list: JsonObject = {};
      const reader = new WireReader(bytes);
      const items = type.endsWith('OrArray') ? `${crd}.JSONSchemaProps` : 's';
      while (!reader.done) {
        const {field: number, wireType: found} = reader.tag('items');
        if (number === 2) readField(['items', 2, `[${items}`, ''], reader, found, list, depth + 1);
        else reader.skip(found);
      }
      return list['items'] ?? null;
    }
    default:
      return undefined;
  }
}

function schemaOf(bytes: Uint8Array, depth: number): JsonObject {
  const schema: JsonObject = {};
  readStruct(`${crd}.JSONSchemaProps`, bytes, schema, depth + 1);
  return schema;
}

/** The last occurrence of a field that is written with its length. */
function bytesField(bytes: Uint8Array, wanted: number): Uint8Array | undefined {
  const reader = new WireReader(bytes);
  let value: Uint8Array | undefined;
  while (!reader.done) {
    const {field: number, wireType: found} = reader.tag('message');
    if (number === wanted && found === 2) value = reader.bytes();
    else reader.skip(found);
  }
  return value;
}

/** Fields that are written as varints. */
function numbers(bytes: Uint8Array): Record<number, bigint> {
  const reader = new WireReader(bytes);
  const values: Record<number, bigint> = {};
  while (!reader.done) {
    const {field: number, wireType: found} = reader.tag('message');
    if (found === 0) values[number] = reader.varint();
    else reader.skip(found);
  }
  return values;
}

/** The last second that a year of four digits has, and the first. */
const latest = 253_402_300_799n;
const earliest = -62_167_219_200n;

function timeText(seconds: bigint, nanos: bigint, micro: boolean): string {
  const at = BigInt.asIntN(64, seconds);
  const fraction = BigInt.asIntN(32, nanos);
  const whole = at + fraction / 1_000_000_000n;
  if (whole > latest || whole < earliest) throw new ShapeError('Time.MarshalJSON: year outside of range [0,9999]');
  const text = new Date(Number(whole) * 1000).toISOString().slice(0, 19);
  if (!micro) return `${text}Z`;
  const micros = (((fraction % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n) / 1000n;
  return `${text}.${`${micros}`.padStart(6, '0')}Z`;
}
