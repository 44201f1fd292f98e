import {evaluationError, noSuchOverload} from '../cel-error.ts';
import {functionTable, type Implementation} from '../function-table.ts';
import {compare, standardLibrary} from '../standard-library.ts';
import {type CelValue, equal, isList, Optional} from '../values.ts';

type List = readonly CelValue[];

const comparable = ['int', 'uint', 'double', 'bool', 'string', 'bytes', 'duration', 'timestamp'];
/** Longest list that `lists.range` makes. */
const MAX_RANGE = 1_000_000n;

function slice(list: List, start: bigint, end: bigint): List {
  const what = `cannot slice(${start}, ${end})`;
  if (start < 0n || end < 0n) throw evaluationError(`${what}, negative indexes not supported`);
  if (start > end) throw evaluationError(`${what}, start index must be less than or equal to end index`);
  if (end > BigInt(list.length)) throw evaluationError(`${what}, list is length ${list.length}`);
  return list.slice(Number(start), Number(end));
}

function flatten(list: List, depth = 1n): List {
  if (depth < 0n) throw evaluationError('level must be non-negative');
  return list.flatMap((element) => {
    if (!isList(element) || depth === 0n) return [element];
    return depth === 1n ? element : flatten(element, depth - 1n);
  });
}

function range(size: bigint): List {
  if (size > MAX_RANGE) throw evaluationError(`lists.range(${size}): too long`);
  return Array.from({length: Math.max(0, Number(size))}, (_, index) => BigInt(index));
}

function distinct(list: List): List {
  const found: CelValue[] = [];
  for (const value of list) if (!found.some((each) => equal(each, value))) found.push(value);
  return found;
}

function sortBy(list: List, keys: List): List {
  const overloads = standardLibrary.get('_<=_') ?? [];
  const [first] = keys;
  for (const key of keys) {
    if (first !== undefined && !overloads.some(({accepts}) => accepts([first, key]))) throw noSuchOverload('sort');
  }
  const order = list.map((value, index) => ({value, key: keys[index] as CelValue}));
  return order.sort((a, b) => compare(a.key, b.key) ?? 0).map(({value}) => value);
}

const sort: Record<string, Implementation> = Object.fromEntries(
  comparable.map((type) => [`list(${type}).(): list(${type})`, (list: List) => sortBy(list, list)]),
);
const sortByKeys: Record<string, Implementation> = Object.fromEntries(
  comparable.map((type) => [`list(A).(list(${type})): list(A)`, sortBy]),
);

function present(value: CelValue | undefined): Optional {
  return value === undefined ? Optional.none : new Optional(value);
}

/** @see https://pkg.go.dev/github.com/google/cel-go/ext#Lists */
export const listExtensions = functionTable({
  slice: {'list(A).(int, int): list(A)': slice},
  flatten: {'list(list(A)).(): list(A)': (list: List) => flatten(list), 'list(dyn).(int): list(dyn)': flatten},
  'lists.range': {'(int): list(int)': range},
  reverse: {'list(A).(): list(A)': (list: List) => list.toReversed()},
  distinct: {'list(A).(): list(A)': distinct},
  sort,
  '@sortByAssociatedKeys': sortByKeys,
  first: {'list(A).(): optional(A)': (list: List) => present(list[0])},
  last: {'list(A).(): optional(A)': (list: List) => present(list.at(-1))},
});
