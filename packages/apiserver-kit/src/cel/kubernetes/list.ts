import {evaluationError, noSuchOverload} from '../cel-error.ts';
import {functionTable, type Implementation} from '../function-table.ts';
import {compare, int, regularExpression, standardLibrary, uint} from '../standard-library.ts';
import {duration} from '../time.ts';
import {type CelValue, Duration, equal, Uint} from '../values.ts';

type List = readonly CelValue[];

const comparable = ['int', 'uint', 'double', 'bool', 'string', 'bytes', 'duration', 'timestamp'];

function isSorted(list: List): boolean {
  return list.every((value, index) => index === 0 || ordered(list[index - 1] as CelValue, value));
}

function ordered(left: CelValue, right: CelValue): boolean {
  const overloads = standardLibrary.get('_<=_') ?? [];
  if (!overloads.some(({accepts}) => accepts([left, right]))) throw noSuchOverload('isSorted');
  return (compare(left, right) ?? 1) <= 0;
}

function extreme(wanted: -1 | 1): Implementation {
  return (list: List) => {
    const [first, ...rest] = list;
    if (first === undefined)
      throw evaluationError(wanted === -1 ? 'min called on empty list' : 'max called on empty list');
    return rest.reduce((best, value) => (compare(value, best) === wanted ? value : best), first);
  };
}

function forEach(
  types: readonly string[],
  result: (type: string) => string,
  implementation: Implementation,
): Record<string, Implementation> {
  return Object.fromEntries(types.map((type) => [`list(${type}).(): ${result(type)}`, implementation]));
}

function position(list: List, value: CelValue, search: (test: (element: CelValue) => boolean) => number): bigint {
  return BigInt(search((element) => equal(element, value)));
}

/** A list is a set of what is equal to one of its elements. */
function containsAll(list: List, wanted: List): boolean {
  return wanted.every((value) => list.some((element) => equal(element, value)));
}

/** The first part of a text that matches; empty where none does. */
function find(text: string, pattern: string): string {
  const matcher = regularExpression(pattern).matcher(text);
  return matcher.find() ? (matcher.group() ?? '') : '';
}

function findAll(text: string, pattern: string, limit = -1n): string[] {
  const matcher = regularExpression(pattern).matcher(text);
  const found: string[] = [];
  while ((limit < 0n || BigInt(found.length) < limit) && matcher.find()) found.push(matcher.group() ?? '');
  return found;
}

/**
 * Lists, sets and regular expressions.
 *
 * @see https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-list-library
 */
export const listLibrary = functionTable({
  isSorted: forEach(comparable, () => 'bool', isSorted),
  min: forEach(comparable, (type) => type, extreme(-1)),
  max: forEach(comparable, (type) => type, extreme(1)),
  sum: {
    'list(int).(): int': (list: readonly bigint[]) => list.reduce((sum, value) => int(sum + value), 0n),
    'list(uint).(): uint': (list: readonly Uint[]) =>
      list.reduce((sum, {value}) => uint(sum.value + value), new Uint(0n)),
    'list(double).(): double': (list: readonly number[]) => list.reduce((sum, value) => sum + value, 0),
    'list(duration).(): duration': (list: readonly Duration[]) =>
      list.reduce((sum, {nanos}) => duration(sum.nanos + nanos), new Duration(0n)),
  },
  indexOf: {
    'list(A).(A): int': (list: List, value: CelValue) => position(list, value, (test) => list.findIndex(test)),
  },
  lastIndexOf: {
    'list(A).(A): int': (list: List, value: CelValue) => position(list, value, (test) => list.findLastIndex(test)),
  },
  find: {'string.(string): string': find},
  findAll: {'string.(string): list(string)': findAll, 'string.(string, int): list(string)': findAll},
  'sets.contains': {'(list(A), list(A)): bool': containsAll},
  'sets.equivalent': {
    '(list(A), list(A)): bool': (a: List, b: List) => containsAll(a, b) && containsAll(b, a),
  },
  'sets.intersects': {
    '(list(A), list(A)): bool': (a: List, b: List) => a.some((value) => b.some((other) => equal(value, other))),
  },
});
