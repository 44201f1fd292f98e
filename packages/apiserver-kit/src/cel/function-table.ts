import {type CelType, parseType, splitTypes} from './types.ts';
import {type CelValue, Duration, isList, isMap, Optional, Timestamp, TypeValue, typeName, Uint} from './values.ts';

// biome-ignore lint/suspicious/noExplicitAny: the signature beside an implementation says what its arguments are.
// oxlint-disable-next-line typescript/no-explicit-any
export type Implementation = (...args: any[]) => CelValue;

/** One way to call a function. */
export interface Overload {
  /** Whether it is called as `first.name(rest)`. */
  readonly member: boolean;
  readonly parameters: readonly CelType[];
  readonly result: CelType;
  readonly implementation: Implementation;
  /** Whether the values are of the types of the parameters, as far as their run-time types tell. */
  readonly accepts: (args: readonly CelValue[]) => boolean;
}

/** Functions by name. A name with dots is called with a namespace: `math.greatest(1, 2)`. */
export type FunctionTable = ReadonlyMap<string, readonly Overload[]>;

/**
 * Functions by name, each with its overloads by signature: `(int, int): bool`, or `string.(int): string` for one that is called on
 * its first argument.
 */
export function functionTable(
  functions: Readonly<Record<string, Readonly<Record<string, Implementation>>>>,
): FunctionTable {
  return new Map(
    Object.entries(functions).map(([name, overloads]) => [
      name,
      Object.entries(overloads).map(([signature, implementation]) => overload(signature, implementation)),
    ]),
  );
}

/** One table of several; overloads of the same name add up. */
export function mergeTables(tables: readonly FunctionTable[]): FunctionTable {
  const merged = new Map<string, Overload[]>();
  for (const table of tables) {
    for (const [name, overloads] of table) merged.set(name, [...(merged.get(name) ?? []), ...overloads]);
  }
  return merged;
}

function overload(signature: string, implementation: Implementation): Overload {
  const [, receiver, rest = '', result = ''] = /^(?:(.+)\.)?\((.*)\): (.+)$/.exec(signature) ?? [];
  if (result === '') throw new Error(`${signature} is no signature`);
  const parameters = [...(receiver === undefined ? [] : [receiver]), ...splitTypes(rest)].map(parseType);
  const tests = parameters.map(runtimeTest);
  return {
    member: receiver !== undefined,
    parameters,
    result: parseType(result),
    implementation,
    accepts: (args) => args.length === tests.length && tests.every((test, index) => test(args[index] as CelValue)),
  };
}

function runtimeTest(type: CelType): (value: CelValue) => boolean {
  switch (type.kind) {
    case 'dyn':
    case 'param':
      return () => true;
    case 'null':
      return (value) => value === null;
    case 'bool':
      return (value) => typeof value === 'boolean';
    case 'int':
      return (value) => typeof value === 'bigint';
    case 'double':
      return (value) => typeof value === 'number';
    case 'string':
      return (value) => typeof value === 'string';
    case 'uint':
      return (value) => value instanceof Uint;
    case 'bytes':
      return (value) => value instanceof Uint8Array;
    case 'duration':
      return (value) => value instanceof Duration;
    case 'timestamp':
      return (value) => value instanceof Timestamp;
    case 'type':
      return (value) => value instanceof TypeValue;
    case 'optional':
      return (value) => value instanceof Optional;
    case 'list':
      return listTest(type.of);
    case 'map':
      return isMap;
    default:
      return (value) => typeName(value) === type.name;
  }
}

function listTest(of: CelType): (value: CelValue) => boolean {
  if (of.kind === 'dyn' || of.kind === 'param') return isList;
  const element = runtimeTest(of);
  return (value) => isList(value) && value.every(element);
}
