import {tests as conformance} from '@bufbuild/cel-spec/testdata/conformance.js';
import {expect, test} from '@jest/globals';
import {CelError} from './cel-error.ts';
import {CelEnvironment, type Program} from './environment.ts';
import {functionTable} from './function-table.ts';
import {parseDuration, parseTimestamp} from './time.ts';
import {type CelType, parseType, types} from './types.ts';
import {type CelValue, equal, MapValue, TypeValue, typeName, Uint} from './values.ts';

/** A value as the vectors write it: protobuf's JSON of `cel.expr.Value`. */
interface VectorValue {
  nullValue?: unknown;
  boolValue?: boolean;
  int64Value?: string;
  uint64Value?: string;
  doubleValue?: number | string;
  stringValue?: string;
  bytesValue?: string;
  typeValue?: string;
  listValue?: {values?: VectorValue[]};
  mapValue?: {entries?: {key: VectorValue; value: VectorValue}[]};
  objectValue?: {'@type': string; value?: string};
}

/** A type as the vectors write it: protobuf's JSON of `cel.expr.Type`. */
interface VectorType {
  primitive?: string;
  wellKnown?: string;
  dyn?: unknown;
  null?: unknown;
  typeParam?: string;
  listType?: {elemType?: VectorType};
  mapType?: {keyType?: VectorType; valueType?: VectorType};
  type?: VectorType;
  messageType?: string;
  abstractType?: {name: string; parameterTypes?: VectorType[]};
}

interface Vector {
  /** What cel-go finds. */
  type?: string;
  /** What cel-go says. */
  error?: string;
  original: {
    name: string;
    expr: string;
    container?: string;
    value?: VectorValue;
    evalError?: unknown;
    typedResult?: {result?: VectorValue};
    typeEnv?: {
      name: string;
      ident?: {type: VectorType};
      function?: {overloads: {params?: VectorType[]; resultType: VectorType; isInstanceFunction?: boolean}[]};
    }[];
    bindings?: Record<string, {value?: VectorValue}>;
    disableCheck?: boolean;
    checkOnly?: boolean;
  };
}

interface Suite {
  name: string;
  tests?: Vector[];
  suites?: Suite[];
}

/** Why vectors do not apply: Kubernetes has no protobuf messages in CEL, and none of these extensions. */
const outOfScope: [reason: string, applies: (suite: string, vector: string) => boolean][] = [
  ['protobuf messages and enums', (suite) => /^(dynamic|enums|proto2|proto3|proto2_ext|wrappers)\//.test(suite)],
  ['protobuf messages and enums', (_, vector) => /TestAllTypes|google\.protobuf\.\w*(Value|Struct|Any)/.test(vector)],
  ['parametric types of a host are not in Kubernetes', (_, vector) => vector.includes('"name":"tuple"')],
  ['cel.block is not in Kubernetes', (suite) => suite.startsWith('block_ext/')],
];

function valueOf(vector: VectorValue): CelValue {
  if ('nullValue' in vector) return null;
  if (vector.boolValue !== undefined) return vector.boolValue;
  if (vector.int64Value !== undefined) return BigInt(vector.int64Value);
  if (vector.uint64Value !== undefined) return new Uint(BigInt(vector.uint64Value));
  if (vector.doubleValue !== undefined) return Number(vector.doubleValue);
  if (vector.stringValue !== undefined) return vector.stringValue;
  if (vector.bytesValue !== undefined) return new Uint8Array(Buffer.from(vector.bytesValue, 'base64'));
  if (vector.typeValue !== undefined) return new TypeValue(vector.typeValue);
  if (vector.listValue) return (vector.listValue.values ?? []).map(valueOf);
  if (vector.mapValue) {
    return MapValue.of((vector.mapValue.entries ?? []).map(({key, value}) => [valueOf(key), valueOf(value)]));
  }
  const {'@type': type = '', value = ''} = vector.objectValue ?? {};
  if (type.endsWith('.Duration')) return parseDuration(value);
  if (type.endsWith('.Timestamp')) return parseTimestamp(value);
  throw new Error(`no value in ${JSON.stringify(vector)}`);
}

function leaves(suite: Suite, path: string): [path: string, vectors: Vector[]][] {
  const here = path === '' ? suite.name : `${path}/${suite.name}`;
  const own: [string, Vector[]][] = suite.tests ? [[here, suite.tests]] : [];
  return [...own, ...(suite.suites ?? []).flatMap((inner) => leaves(inner, here))];
}

const suites = ((conformance as Suite).suites ?? []).flatMap((suite) => leaves(suite, ''));
const skipped = new Map<string, number>();
const inScope = suites.map(([path, vectors]) => {
  const kept = vectors.filter((vector) => {
    const reason = outOfScope.find(([, applies]) => applies(path, JSON.stringify(vector.original)))?.[0];
    if (reason !== undefined) skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
    return reason === undefined;
  });
  return [path, kept] as const;
});

function typeFrom(type: VectorType | undefined): string {
  if (type?.primitive) return type.primitive === 'INT64' ? 'int' : type.primitive.replace('64', '').toLowerCase();
  if (type?.wellKnown) return type.wellKnown.toLowerCase();
  if (type?.typeParam) return type.typeParam;
  if (type?.listType) return `list(${typeFrom(type.listType.elemType)})`;
  if (type?.mapType) return `map(${typeFrom(type.mapType.keyType)}, ${typeFrom(type.mapType.valueType)})`;
  if (type?.abstractType?.name === 'optional_type')
    return `optional(${typeFrom(type.abstractType.parameterTypes?.[0])})`;
  return type && 'null' in type ? 'null' : 'dyn';
}

function compile({original}: Vector): {program: Program; bindings: Record<string, CelValue>} {
  const variables: Record<string, CelType> = {};
  const functions: Record<string, Record<string, () => CelValue>> = {};
  for (const {name, ident, function: declared} of original.typeEnv ?? []) {
    if (ident) variables[name] = parseType(typeFrom(ident.type));
    for (const {params = [], resultType, isInstanceFunction} of declared?.overloads ?? []) {
      const [first, ...rest] = params.map(typeFrom);
      const signature = isInstanceFunction ? `${first}.(${rest.join(', ')})` : `(${params.map(typeFrom).join(', ')})`;
      functions[name] = {...functions[name], [`${signature}: ${typeFrom(resultType)}`]: () => null};
    }
  }
  const bindings: Record<string, CelValue> = {};
  for (const [name, {value}] of Object.entries(original.bindings ?? {})) {
    variables[name] ??= types.dyn;
    if (value) bindings[name] = valueOf(value);
  }
  const libraries = [functionTable(functions)];
  const environment = new CelEnvironment({variables, libraries, container: original.container ?? ''});
  const program = original.disableCheck
    ? environment.compileUnchecked(original.expr)
    : environment.compile(original.expr);
  return {program, bindings};
}

/** A type as the vectors show it. */
function shownType(type: CelType): string {
  switch (type.kind) {
    case 'list':
      return `list(${shownType(type.of)})`;
    case 'map':
      return `map(${shownType(type.key)}, ${shownType(type.value)})`;
    case 'optional':
      return `optional_type(${shownType(type.of)})`;
    case 'type':
      return type.of.kind === 'type' && type.of.of.kind === 'dyn' ? 'type(type)' : `type(${shownType(type.of)})`;
    default:
      return 'name' in type ? type.name : type.kind;
  }
}

/** What is wrong with the engine's answer to a vector; undefined where it is the expected one. */
function flaw(vector: Vector): string | undefined {
  const {original} = vector;
  try {
    const {program, bindings} = compile(vector);
    // Where the vectors name no type, cel-go was not given the extension.
    if (!original.disableCheck && vector.type !== undefined && shownType(program.type) !== vector.type) {
      return `type ${shownType(program.type)} and not ${vector.type}`;
    }
    if (original.checkOnly) return undefined;
    const {value} = program.evaluate(bindings);
    if (original.evalError !== undefined) return `${typeName(value)} and no error`;
    const expected = valueOf(original.value ?? original.typedResult?.result ?? {boolValue: true});
    const same = equal(value, expected) || (Number.isNaN(expected) && Number.isNaN(value));
    return same && typeName(value) === typeName(expected) ? undefined : `another value of type ${typeName(value)}`;
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    return original.evalError === undefined ? error.message : undefined;
  }
}

test.each(inScope.filter(([, vectors]) => vectors.length > 0))('%s', (_, vectors) => {
  const flaws = vectors.map((vector) => [vector.original.name, vector.original.expr, flaw(vector)]);
  expect(flaws.filter(([, , text]) => text !== undefined)).toEqual([]);
});

test('most vectors apply', () => {
  expect(inScope.reduce((sum, [, vectors]) => sum + vectors.length, 0)).toBe(1622);
  expect(Object.fromEntries(skipped)).toEqual({
    'protobuf messages and enums': 693,
    'parametric types of a host are not in Kubernetes': 4,
    'cel.block is not in Kubernetes': 25,
  });
});
