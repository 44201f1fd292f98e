import type {CallEstimate, Operand} from '../cost-estimate.ts';
import {add, fixed, MAX, multiply, type Range, scaled} from '../cost-range.ts';

const TRAVERSAL = 0.1;
const REGEX = 0.25;

/** What a call of a function of Kubernetes' libraries costs, without its arguments; undefined for other functions. */
export function libraryCost(
  name: string,
  target: Operand | undefined,
  args: readonly Operand[],
): CallEstimate | undefined {
  const [first, second] = args;
  switch (name) {
    case 'check':
      return {cost: fixed(350_000)};
    case 'isSorted':
    case 'sum':
    case 'max':
    case 'min':
    case 'indexOf':
    case 'lastIndexOf':
      return target && {cost: listCost(target)};
    case 'url':
      return first && {cost: scaled(first.size, TRAVERSAL), size: first.size};
    case 'lowerAscii':
    case 'upperAscii':
    case 'substring':
    case 'trim':
      return target && {cost: scaled(target.size, TRAVERSAL), size: target.size};
    case 'replace':
      return target && first && second && replaceCost(target.size, first.size, second.size);
    case 'split': {
      const limit = typeof second?.literal === 'bigint' ? Number(second.literal) : undefined;
      const max = limit === undefined || limit < 0 ? target?.size.max : limit;
      return target && {cost: scaled(target.size, 2 * TRAVERSAL), size: {min: 0, max: max ?? MAX}};
    }
    case 'join':
      return target && joinCost(target, first);
    case 'find':
    case 'findAll':
      return (
        target &&
        first && {
          cost: multiply(scaled(add(target.size, fixed(1)), TRAVERSAL), scaled(first.size, REGEX)),
          size: {min: 0, max: target.size.max},
        }
      );
    case 'ip':
      return target ? {cost: fixed(1)} : first && {cost: scaled(first.size, TRAVERSAL)};
    case 'cidr':
    case 'isIP':
    case 'isCIDR':
    case 'quantity':
    case 'isQuantity':
    case 'semver':
    case 'isSemver':
      return first && {cost: scaled(first.size, TRAVERSAL)};
    case 'ip.isCanonical':
      return first && {cost: scaled(first.size, 2 * TRAVERSAL)};
    case 'containsIP':
      return first && {cost: containsCost(first, fixed(0))};
    case 'containsCIDR':
      return first && {cost: containsCost(first, add(scaled(addressSize, TRAVERSAL), fixed(1)))};
    case 'validate':
      return first && {cost: scaled(scaled(first.size, TRAVERSAL), 128 * REGEX)};
    case 'slice':
      return target && madeList(fixed(Math.max(0, intOr(second, target.size.max) - intOr(first, 0))), 1);
    case 'lists.range':
      return first && madeList(fixed(intOr(first, MAX)), 1);
    case 'reverse':
      return target?.element && madeList(target.size, 1);
    case 'flatten':
      return target && madeList(target.size, first ? intOr(first, MAX) : 1);
    case 'distinct':
      return target && madeList(multiply(target.size, target.size), 2);
    case 'sort':
      return target && sortCost(target);
    case '@sortByAssociatedKeys':
      return first && sortCost(first);
    case 'sets.contains':
    case 'sets.intersects':
      return first && second && {cost: add(multiply(first.size, second.size), fixed(1))};
    case 'sets.equivalent':
      return first && second && {cost: add(scaled(multiply(first.size, second.size), 2), fixed(1))};
    case '_==_':
      return first && second && sameLibraryType(first, second) ? {cost: fixed(1)} : undefined;
    default:
      return undefined;
  }
}

/** A literal, or what it may be at most. */
function intOr(operand: Operand | undefined, other: number): number {
  return typeof operand?.literal === 'bigint' ? Number(operand.literal) : other;
}

function madeList(size: Range, factor: number): CallEstimate {
  return {cost: add(scaled(size, factor), fixed(11)), size};
}

function sortCost({size, element}: Operand): CallEstimate {
  const isText = element?.type.kind === 'string' || element?.type.kind === 'bytes';
  return madeList(multiply(size, size), isText ? 2 + TRAVERSAL : 2);
}

function listCost({size, element}: Operand): Range {
  // A text has an index, too.
  if (!element) return scaled(size, TRAVERSAL);
  const isText = element.type.kind === 'string' || element.type.kind === 'bytes';
  return multiply(size, isText ? add(fixed(1), scaled(element.size, TRAVERSAL)) : fixed(1));
}

function replaceCost(size: Range, from: Range, to: Range): CallEstimate {
  const count: Range = {min: 0, max: 0};
  const kept: Range = {min: 0, max: 0};
  if (from.min === 0) {
    count.max = size.max < MAX ? size.max + 1 : size.max;
    kept.max = size.max;
  } else if (to.max <= from.min) kept.max = size.max;
  else count.max = Math.ceil(size.max / from.min);
  if (from.max === 0) {
    count.min = size.min < MAX ? size.min + 1 : size.min;
    kept.min = size.min;
  } else if (from.max <= to.min) kept.min = size.min;
  else count.min = Math.ceil(size.min / from.max);
  return {cost: scaled(size, 2 * TRAVERSAL), size: add(multiply(count, to), kept)};
}

function joinCost({size, element}: Operand, separator: Operand | undefined): CallEstimate {
  let result = element ? multiply(size, element.size) : fixed(0);
  if (separator) {
    const between = {min: Math.max(0, size.min - 1), max: Math.max(0, size.max - 1)};
    result = add(result, multiply(separator.size, between));
  }
  return {cost: scaled(result, TRAVERSAL), size: result};
}

/** Bytes of an address. */
const addressSize: Range = {min: 4, max: 16};

function containsCost(other: Operand, more: Range): Range {
  const own = add(scaled(add(addressSize, addressSize), TRAVERSAL), more);
  return other.type.kind === 'string' ? add(own, scaled(other.size, TRAVERSAL)) : own;
}

/** Quantities, addresses, versions: they are compared at once. */
function sameLibraryType({type: left}: Operand, {type: right}: Operand): boolean {
  return (
    left.kind === 'opaque' && right.kind === 'opaque' && left.name === right.name && left.name !== 'kubernetes.URL'
  );
}
