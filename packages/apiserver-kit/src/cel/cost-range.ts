/** From the least to the most. Numbers stop growing at 2^64. */
export interface Range {
  min: number;
  max: number;
}

export const MAX = 2 ** 64;
export const UNKNOWN: Range = {min: 0, max: MAX};

export function fixed(value: number): Range {
  return {min: value, max: value};
}

function capped(value: number): number {
  return Math.min(value, MAX);
}

/** Sum of two costs. */
export function add(left: Range, right: Range): Range {
  return {min: capped(left.min + right.min), max: capped(left.max + right.max)};
}

export function multiply(left: Range, right: Range): Range {
  return {min: capped(left.min * right.min), max: capped(left.max * right.max)};
}

/** A size by a cost for each unit, rounded up. */
export function scaled({min, max}: Range, factor: number): Range {
  return {min: capped(Math.ceil(min * factor)), max: capped(Math.ceil(max * factor))};
}

/** From the smaller least to the larger most. */
export function union(left: Range | undefined, right: Range): Range {
  if (!left) return right;
  return {min: Math.min(left.min, right.min), max: Math.max(left.max, right.max)};
}
