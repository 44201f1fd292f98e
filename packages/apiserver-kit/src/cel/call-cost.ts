import {type CelValue, isList, isMap} from './values.ts';

/**
 * What a call costs beside its arguments: one, or what is walked through of long values, as cel-go and Kubernetes' libraries count it.
 *
 * @see https://github.com/google/cel-go/blob/master/interpreter/runtimecost.go
 */
export type CallCost = (values: readonly CelValue[]) => number;

const one: CallCost = () => 1;

const costs: Readonly<Record<string, CallCost>> = {
  startsWith: ([, part]) => traversal(part),
  endsWith: ([, part]) => traversal(part),
  bytes: ([text]) => (isText(text) ? traversal(text) : 1),
  string: ([bytes]) => (isText(bytes) ? traversal(bytes) : 1),
  'strings.quote': ([text]) => traversal(text),
  format: ([text]) => traversal(text),
  '_+_': ([left, right]) => (isText(left) ? Math.ceil((sizeOf(left) + sizeOf(right)) / 10) : 1),
  '_<_': smaller,
  '_<=_': smaller,
  '_>_': smaller,
  '_>=_': smaller,
  matches: search,
  find: search,
  findAll: search,
  contains: ([text, part]) => traversal(text) * traversal(part),
  isSorted: everything,
  sum: everything,
  min: everything,
  max: everything,
  indexOf: everything,
  lastIndexOf: everything,
  url: ([text]) => traversal(text),
  isURL: ([text]) => traversal(text),
  lowerAscii: ([text]) => traversal(text),
  upperAscii: ([text]) => traversal(text),
  substring: ([text]) => traversal(text),
  trim: ([text]) => traversal(text),
  replace: ([text]) => Math.ceil(sizeOf(text) / 5),
  split: ([text]) => Math.ceil(sizeOf(text) / 5),
  join: ([list, separator]) => Math.ceil((contentSize(list) + sizeOf(list) * sizeOf(separator ?? '')) / 5),
  cidr: ([text]) => traversal(text),
  ip: ([text]) => (isText(text) ? traversal(text) : 1),
  isIP: ([text]) => traversal(text),
  isCIDR: ([text]) => traversal(text),
  'ip.isCanonical': ([text]) => Math.ceil(sizeOf(text) / 5),
  quantity: ([text]) => traversal(text),
  isQuantity: ([text]) => traversal(text),
  semver: ([text]) => traversal(text),
  isSemver: ([text]) => traversal(text),
  'sets.contains': ([left, right]) => sizeOf(left) * sizeOf(right) + 1,
  'sets.intersects': ([left, right]) => sizeOf(left) * sizeOf(right) + 1,
  'sets.equivalent': ([left, right]) => 2 * sizeOf(left) * sizeOf(right) + 1,
  slice: ([, start, end]) => LIST + Math.max(0, numberOf(end) - numberOf(start)),
  'lists.range': ([size]) => LIST + Math.max(0, numberOf(size)),
  reverse: ([list]) => (isList(list ?? null) ? LIST + sizeOf(list) : traversal(list)),
  flatten: ([list, depth]) => LIST + sizeOf(list) * (depth === undefined ? 1 : numberOf(depth)),
  distinct: ([list]) => LIST + 2 * sizeOf(list) ** 2,
  sort: ([list]) => LIST + 2 * sizeOf(list) ** 2,
  '@sortByAssociatedKeys': ([list]) => LIST + 2 * sizeOf(list) ** 2,
  validate: ([, text]) => Math.ceil((1 + sizeOf(text)) / 10) * 15,
};

/** A call that makes a list. */
const LIST = 11;

function numberOf(value: CelValue | undefined): number {
  return typeof value === 'bigint' ? Number(value) : 0;
}

/** How the calls of a function are counted. */
export function callCostOf(name: string): CallCost {
  return (Object.hasOwn(costs, name) ? costs[name] : undefined) ?? one;
}

/** Of `==`: a tenth of the smaller one. */
export function equalityCost(left: CelValue, right: CelValue): number {
  return Math.ceil(Math.min(sizeOf(left), sizeOf(right)) / 10);
}

/** Characters, bytes, elements or entries; 1 of anything else. */
function sizeOf(value: CelValue | undefined): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return value.length;
  if (value === undefined || typeof value !== 'object' || value === null) return 1;
  if (isList(value)) return value.length;
  return isMap(value) ? value.size : 1;
}

function isText(value: CelValue | undefined): value is string | Uint8Array {
  return typeof value === 'string' || value instanceof Uint8Array;
}

function traversal(value: CelValue | undefined): number {
  return Math.ceil(sizeOf(value) / 10);
}

function smaller([left, right]: readonly CelValue[]): number {
  return isText(left) ? Math.ceil(Math.min(sizeOf(left), sizeOf(right)) / 10) : 1;
}

function search([text, pattern]: readonly CelValue[]): number {
  return Math.ceil((1 + sizeOf(text)) / 10) * Math.ceil(sizeOf(pattern) / 4);
}

function everything([list]: readonly CelValue[]): number {
  if (list === undefined || !isList(list)) return isText(list) ? Math.floor(list.length / 10) : 1;
  let cost = 0;
  for (const element of list) cost += isText(element) || isList(element) ? everything([element]) : 1;
  return cost;
}

function contentSize(list: CelValue | undefined): number {
  if (list === undefined || !isList(list)) return 0;
  let size = 0;
  for (const element of list) size += sizeOf(element);
  return size;
}
