import {isJsonObject, type JsonObject, type JsonValue, setMember} from '../json/json-value.ts';
import {sortedKeys} from '../json/sorted-keys.ts';
import {canonicalBase64} from './go-base64.ts';
import {canonicalMicroTime, canonicalTime} from './go-time.ts';
import {formatQuantity, parseQuantity, quantityMessage} from './quantity.ts';
import {ShapeError} from './shape-error.ts';
import {goName, wireType} from './wire-types.ts';

/** Takes the path of a field that the type does not have: `spec.containers[0].foo`. */
export type UnknownField = (path: string) => void;

/** Where a value stands, for Go's messages: the struct, its fields from the root (no indexes), and the path with indexes. */
interface Place {
  struct: string;
  fields: string;
  path: string;
  unknown: UnknownField;
}

/**
 * How Go's `encoding/json` reads a type and writes it back. Kubernetes' answers are shaped by it: what was null is not
 * there, what is empty is left out or written as a zero, by the tags of the field; lists stay, maps are sorted by key.
 */
interface Shape {
  /** As Go's messages name it. */
  name: string;
  /** `value` is not null. @throws ShapeError */
  read(value: JsonValue, place: Place): JsonValue;
  /** What an absent value is written as. */
  zero(): JsonValue;
  /** Whether `omitempty` leaves it out. */
  isEmpty(value: JsonValue): boolean;
  /** Of a pointer: an absent one is null. */
  pointer?: boolean;
  /** Nothing stands inside: where it stands is no matter. */
  isScalar?: boolean;
}

const timeName = 'io.k8s.apimachinery.pkg.apis.meta.v1.Time';
const crd = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';

/**
 * Reads values of a built-in type: checks types, drops what the type does not have, and gives the value the form in
 * which kube-apiserver would write it.
 *
 * @param name of the definition, such as `io.k8s.api.core.v1.Pod`
 * @returns a function that throws ShapeError with Go's message
 */
export function shapeOf(name: string): (value: JsonValue, unknown?: UnknownField) => JsonValue {
  const shape = shapeNamed(name);
  const struct = name.slice(name.lastIndexOf('.') + 1);
  return (value, unknown = () => {}) =>
    value === null ? shape.zero() : shape.read(value, {struct, fields: '', path: '', unknown});
}

const shapes = new Map<string, Shape>();

function shapeNamed(name: string): Shape {
  let shape = shapes.get(name);
  if (shape === undefined) {
    shape = special(name);
    if (shape === undefined) {
      const type = wireType(name);
      if (type === undefined) throw new Error(`there is no type ${name}`);
      shape =
        typeof type === 'string' ? {...shapeOfType(type.replace('!', '')), name: goName(name)} : structShape(name);
    }
    shapes.set(name, shape);
  }
  return shape;
}

function shapeOfType(type: string): Shape {
  const known = scalars[type];
  if (known !== undefined) return known;
  const inner = type.slice(1);
  if (type.startsWith('*')) return lazy(() => ({...shapeOfType(inner), isEmpty: () => false, pointer: true}));
  if (type.startsWith('[')) return listShape(lazy(() => shapeOfType(inner)));
  if (type.startsWith('{')) return mapShape(lazy(() => shapeOfType(inner)));
  return lazy(() => shapeNamed(type));
}

/** Types refer to each other in circles. */
function lazy(make: () => Shape): Shape {
  let made: Shape | undefined;
  const get = (): Shape => (made ??= make());
  return {
    get name() {
      return get().name;
    },
    read: (value, place) => get().read(value, place),
    zero: () => get().zero(),
    isEmpty: (value) => get().isEmpty(value),
    get pointer() {
      return get().pointer ?? false;
    },
    get isScalar() {
      return get().isScalar ?? false;
    },
  };
}

function mismatch(value: JsonValue, type: string, place: Place, detail = ''): ShapeError {
  const kind = Array.isArray(value) ? 'array' : typeof value === 'bigint' ? 'number' : typeof value;
  const found = kind === 'boolean' ? 'bool' : kind;
  const where = place.fields === '' ? `Go value` : `Go struct field ${place.struct}.${place.fields}`;
  return new ShapeError(`json: cannot unmarshal ${found}${detail} into ${where} of type ${type}`);
}

/** `read` is given the name under which the type is used: names of strings are types of their own. */
function scalar(
  name: string,
  zero: JsonValue,
  read: (value: JsonValue, place: Place, name: string) => JsonValue,
): Shape {
  return {
    name,
    read(value, place) {
      return read(value, place, this.name);
    },
    zero: () => zero,
    isEmpty: (value) => value === zero,
    isScalar: true,
  };
}

function integerShape(type: string, bits: bigint): Shape {
  const limit = 2n ** (bits - 1n);
  return scalar(type, 0, (value, place, name) => {
    if (typeof value !== 'number' && typeof value !== 'bigint') throw mismatch(value, name, place);
    const whole = typeof value === 'bigint' || Number.isInteger(value);
    if (!whole || BigInt(value) >= limit || BigInt(value) < -limit) throw mismatch(value, name, place, ` ${value}`);
    return Object.is(value, -0) ? 0 : value;
  });
}

const int32 = integerShape('int32', 32n);

const scalars: Readonly<Record<string, Shape>> = {
  s: scalar('string', '', (value, place, name) => {
    if (typeof value !== 'string') throw mismatch(value, name, place);
    return value;
  }),
  b: scalar('bool', false, (value, place, name) => {
    if (typeof value !== 'boolean') throw mismatch(value, name, place);
    return value;
  }),
  i: int32,
  l: integerShape('int64', 64n),
  d: scalar('float64', 0, (value, place, name) => {
    if (typeof value !== 'number' && typeof value !== 'bigint') throw mismatch(value, name, place);
    return value;
  }),
  y: scalar('[]uint8', '', (value, place, name) => {
    if (typeof value !== 'string') throw mismatch(value, name, place);
    return canonicalBase64(value);
  }),
};

function listShape(item: Shape): Shape {
  return {
    get name() {
      return `[]${item.name}`;
    },
    read(value, place) {
      if (!Array.isArray(value)) throw mismatch(value, this.name, place);
      const {isScalar = false} = item;
      return value.map((each, index) => {
        if (each === null) return item.zero();
        return item.read(each, isScalar ? place : {...place, path: `${place.path}[${index}]`});
      });
    },
    zero: () => null,
    isEmpty: (value) => value === null || (Array.isArray(value) && value.length === 0),
  };
}

/** Those that were read: to ask a map for its first member takes as long as to list all of them. */
const emptyMaps = new WeakSet<JsonObject>();

function mapShape(item: Shape): Shape {
  return {
    get name() {
      return `map[string]${item.name}`;
    },
    read(value, place) {
      if (!isJsonObject(value)) throw mismatch(value, this.name, place);
      const result: JsonObject = {};
      const {isScalar = false} = item;
      let isEmpty = true;
      for (const key of sortedKeys(value)) {
        const each = value[key];
        if (each === undefined) continue;
        const there = isScalar ? place : {...place, path: `${place.path}.${key}`};
        setMember(result, key, each === null ? item.zero() : item.read(each, there));
        isEmpty = false;
      }
      if (isEmpty) emptyMaps.add(result);
      return result;
    },
    zero: () => null,
    isEmpty: (value) => value === null || emptyMaps.has(value as JsonObject),
  };
}

interface StructField {
  json: string;
  shape: Shape;
  omitEmpty: boolean;
  omitZero: boolean;
  /** Names of Go: those of embedded structs stand in front. */
  goPath: string;
}

function structShape(name: string): Shape {
  const fields = fieldsOf(name, '');
  const byName = new Map(fields.map((field) => [field.json, field]));
  const struct = name.slice(name.lastIndexOf('.') + 1);
  return {
    name: goName(name),
    read(value, place) {
      if (!isJsonObject(value)) throw mismatch(value, this.name, place);
      const found = new Map<string, JsonValue>();
      for (const key of Object.keys(value)) {
        const each = value[key];
        if (each === undefined) continue;
        const path = place.path === '' ? key : `${place.path}.${key}`;
        const field = byName.get(key);
        if (field === undefined) {
          place.unknown(path);
          continue;
        }
        if (each === null) continue;
        const goFields = place.fields === '' ? field.goPath : `${place.fields}.${field.goPath}`;
        found.set(key, field.shape.read(each, {struct, fields: goFields, path, unknown: place.unknown}));
      }
      return write(fields, found);
    },
    zero: () => write(fields, new Map()),
    isEmpty: () => false,
  };
}

function write(fields: readonly StructField[], found: ReadonlyMap<string, JsonValue>): JsonObject {
  const result: JsonObject = {};
  for (const {json, shape, omitEmpty, omitZero} of fields) {
    let value = found.get(json);
    if (value === undefined) {
      if (shape.pointer || omitZero) {
        if (!omitEmpty && !omitZero) result[json] = null;
        continue;
      }
      value = shape.zero();
    }
    if ((omitEmpty && shape.isEmpty(value)) || (omitZero && value === null)) continue;
    setMember(result, json, value);
  }
  return result;
}

function fieldsOf(name: string, prefix: string): StructField[] {
  const fields = wireType(name);
  if (!Array.isArray(fields)) throw new Error(`${name} is not a struct`);
  return fields.flatMap(([json, , type, flags]) => {
    if (json === '') return fieldsOf(type, `${prefix}${type.slice(type.lastIndexOf('.') + 1)}.`);
    return {
      json,
      shape: shapeOfType(type),
      omitEmpty: flags.includes('o'),
      omitZero: flags.includes('z'),
      goPath: `${prefix}${json}`,
    };
  });
}

/** Types with a form of their own. */
function special(name: string): Shape | undefined {
  const own = (read: Shape['read'], zero: JsonValue = null): Shape => ({
    name: goName(name),
    read,
    zero: () => zero,
    isEmpty: () => false,
  });
  const text = (canonical: (value: string) => JsonValue): Shape =>
    own((value, place) => {
      if (typeof value !== 'string') throw mismatch(value, 'string', place);
      return canonical(value);
    });
  switch (name) {
    case timeName:
      return text(canonicalTime);
    case 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime':
      return text(canonicalMicroTime);
    case 'io.k8s.apimachinery.pkg.api.resource.Quantity':
      return own((value) => {
        const quantity =
          typeof value === 'object' || typeof value === 'boolean' ? undefined : parseQuantity(`${value}`.trim());
        if (quantity === undefined) throw new ShapeError(quantityMessage);
        return formatQuantity(quantity);
      }, '0');
    case 'io.k8s.apimachinery.pkg.util.intstr.IntOrString':
      return own((value, place) => (typeof value === 'string' ? value : int32.read(value, place)), 0);
    case 'io.k8s.apimachinery.pkg.runtime.RawExtension':
    case 'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1':
    case `${crd}.JSON`:
      return own((value) => value);
    case `${crd}.JSONSchemaPropsOrBool`:
      return own((value, place) => {
        if (typeof value === 'boolean') return value;
        if (isJsonObject(value)) return shapeNamed(`${crd}.JSONSchemaProps`).read(value, place);
        throw new ShapeError('boolean or JSON schema expected');
      }, false);
    case `${crd}.JSONSchemaPropsOrArray`:
      return own((value, place) => orList(value, `${crd}.JSONSchemaProps`, place));
    case `${crd}.JSONSchemaPropsOrStringArray`:
      return own((value, place) => orList(value, 's', place));
    default:
      return undefined;
  }
}

function orList(value: JsonValue, items: string, place: Place): JsonValue {
  if (Array.isArray(value)) return listShape(shapeOfType(items)).read(value, place);
  if (isJsonObject(value)) return shapeNamed(`${crd}.JSONSchemaProps`).read(value, place);
  return null;
}
