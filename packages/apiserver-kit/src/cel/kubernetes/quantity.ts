import {evaluationError} from '../cel-error.ts';
import {functionTable} from '../function-table.ts';
import {int} from '../standard-library.ts';
import type {Opaque} from '../values.ts';

const typeName = 'kubernetes.Quantity';
const decimalExponents: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const binaryExponents: Readonly<Record<string, number>> = {Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60};
const pattern = /^([+-]?)(\d+\.?\d*|\.\d+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,3}))?$/;

/** An exact number of units, `numerator / 10^9` as Kubernetes keeps it. */
class Quantity implements Opaque {
  readonly typeName = typeName;
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }

  equals(other: Opaque): boolean {
    return other instanceof Quantity && other.nanos === this.nanos;
  }
}

const nanosPerUnit = 1_000_000_000n;

/** @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
function parseQuantity(text: string): Quantity | undefined {
  const [, sign = '', digits = '', suffix = '', exponent] = pattern.exec(text) ?? [];
  if (digits === '') return undefined;
  const [whole = '', fraction = ''] = digits.split('.');
  const power = exponent === undefined ? (decimalExponents[suffix] ?? 0) : Number(exponent);
  const binary = binaryExponents[suffix] ?? 0;
  const places = power + 9 - fraction.length;
  const scaled = BigInt(`${whole}${fraction}` || '0') * 2n ** BigInt(binary);
  const size = places >= 0 ? scaled * 10n ** BigInt(places) : ceilDivide(scaled, 10n ** BigInt(-places));
  return new Quantity(sign === '-' ? -size : size);
}

/** What is finer than a nano is rounded away from zero. */
function ceilDivide(value: bigint, divisor: bigint): bigint {
  return (value + divisor - 1n) / divisor;
}

function quantity(text: string): Quantity {
  const parsed = parseQuantity(text);
  if (!parsed) throw evaluationError('quantities must match the regular expression of resource.Quantity');
  return parsed;
}

function isInteger({nanos}: Quantity): boolean {
  const value = nanos / nanosPerUnit;
  return nanos % nanosPerUnit === 0n && BigInt.asIntN(64, value) === value;
}

function asInteger(value: Quantity): bigint {
  if (!isInteger(value)) throw evaluationError('cannot convert value to integer');
  return int(value.nanos / nanosPerUnit);
}

function compareTo(left: Quantity, right: Quantity): bigint {
  if (left.nanos === right.nanos) return 0n;
  return left.nanos < right.nanos ? -1n : 1n;
}

/** Amounts such as `1.5Gi`. @see https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-quantity-library */
export const quantityLibrary = functionTable({
  quantity: {[`(string): ${typeName}`]: quantity},
  isQuantity: {'(string): bool': (text: string) => parseQuantity(text) !== undefined},
  sign: {
    [`${typeName}.(): int`]: ({nanos}: Quantity) => (nanos < 0n ? -1n : nanos > 0n ? 1n : 0n),
  },
  isInteger: {[`${typeName}.(): bool`]: isInteger},
  asInteger: {[`${typeName}.(): int`]: asInteger},
  asApproximateFloat: {[`${typeName}.(): double`]: ({nanos}: Quantity) => Number(nanos) / 1e9},
  add: {
    [`${typeName}.(${typeName}): ${typeName}`]: (a: Quantity, b: Quantity) => new Quantity(a.nanos + b.nanos),
    [`${typeName}.(int): ${typeName}`]: (a: Quantity, b: bigint) => new Quantity(a.nanos + b * nanosPerUnit),
  },
  sub: {
    [`${typeName}.(${typeName}): ${typeName}`]: (a: Quantity, b: Quantity) => new Quantity(a.nanos - b.nanos),
    [`${typeName}.(int): ${typeName}`]: (a: Quantity, b: bigint) => new Quantity(a.nanos - b * nanosPerUnit),
  },
  isLessThan: {[`${typeName}.(${typeName}): bool`]: (a: Quantity, b: Quantity) => a.nanos < b.nanos},
  isGreaterThan: {[`${typeName}.(${typeName}): bool`]: (a: Quantity, b: Quantity) => a.nanos > b.nanos},
  compareTo: {[`${typeName}.(${typeName}): int`]: compareTo},
});
