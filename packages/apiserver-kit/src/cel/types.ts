/** A static type. `dyn` is any value; a `param` stands for a type that a call decides; `object` is a type with declared fields. */
export type CelType =
  | {readonly kind: PrimitiveKind}
  | {readonly kind: 'list' | 'optional' | 'type'; readonly of: CelType}
  | {readonly kind: 'map'; readonly key: CelType; readonly value: CelType}
  | {readonly kind: 'param'; readonly name: string}
  | {readonly kind: 'object'; readonly name: string}
  /** A type of a library, such as a quantity. */
  | {readonly kind: 'opaque'; readonly name: string};

const primitiveKinds = [
  'dyn',
  'null',
  'bool',
  'int',
  'uint',
  'double',
  'string',
  'bytes',
  'duration',
  'timestamp',
] as const;
type PrimitiveKind = (typeof primitiveKinds)[number];

export const types = Object.fromEntries(primitiveKinds.map((kind) => [kind, {kind}])) as {
  readonly [Kind in PrimitiveKind]: {readonly kind: Kind};
};

export function listType(of: CelType): CelType {
  return {kind: 'list', of};
}

export function mapType(key: CelType, value: CelType): CelType {
  return {kind: 'map', key, value};
}

export function optionalType(of: CelType): CelType {
  return {kind: 'optional', of};
}

export function objectType(name: string): CelType {
  return {kind: 'object', name};
}

/**
 * Reads a type as signatures write it: `list(string)`, `map(K, V)`. One capital letter is a parameter, a name with a dot
 * the type of a library.
 */
export function parseType(text: string): CelType {
  const [, name = '', inside] = /^([\w.]+)(?:\((.*)\))?$/.exec(text.trim()) ?? [];
  if (inside !== undefined) {
    const [first = types.dyn, second = types.dyn] = splitTypes(inside).map(parseType);
    if (name === 'map') return mapType(first, second);
    if (name === 'list' || name === 'optional' || name === 'type') return {kind: name, of: first};
  } else {
    const primitive = primitiveKinds.find((kind) => kind === name);
    if (primitive) return types[primitive];
    if (/^[A-Z]$/.test(name)) return {kind: 'param', name};
    if (name.includes('.')) return {kind: 'opaque', name};
  }
  throw new Error(`${text} is no type`);
}

/** Splits at the commas that are in no parentheses. */
export function splitTypes(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text.charAt(index);
    if (character === '(') depth++;
    else if (character === ')') depth--;
    else if (character === ',' && depth === 0) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  const last = text.slice(start);
  return last.trim() === '' ? parts : [...parts, last];
}

/** A type as messages show it. */
export function typeText(type: CelType): string {
  switch (type.kind) {
    case 'list':
    case 'type':
      return `${type.kind}(${typeText(type.of)})`;
    case 'optional':
      return `optional_type(${typeText(type.of)})`;
    case 'map':
      return `map(${typeText(type.key)}, ${typeText(type.value)})`;
    case 'param':
    case 'object':
    case 'opaque':
      return type.name;
    case 'duration':
      return 'google.protobuf.Duration';
    case 'timestamp':
      return 'google.protobuf.Timestamp';
    default:
      return type.kind;
  }
}
