import {evaluationError} from '../cel-error.ts';
import {functionTable} from '../function-table.ts';
import {int} from '../standard-library.ts';
import type {Opaque} from '../values.ts';

const typeName = 'kubernetes.Semver';
const strict =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$/;

/** A semantic version. @see https://semver.org */
class Semver implements Opaque {
  readonly typeName = typeName;
  readonly numbers: readonly bigint[];
  readonly preRelease: readonly string[];

  constructor(numbers: readonly bigint[], preRelease: readonly string[]) {
    this.numbers = numbers;
    this.preRelease = preRelease;
  }

  equals(other: Opaque): boolean {
    return other instanceof Semver && compareVersions(this, other) === 0n;
  }
}

/** With `normalize`, a leading `v`, leading zeros and missing numbers are taken too. */
function parseSemver(text: string, normalize = false): Semver | undefined {
  const [, major, minor, patch, preRelease] = strict.exec(normalize ? normalized(text) : text) ?? [];
  if (major === undefined) return undefined;
  const numbers = [major, minor ?? '0', patch ?? '0'].map(BigInt);
  if (numbers.some((number) => BigInt.asIntN(64, number) !== number)) return undefined;
  return new Semver(numbers, preRelease === undefined ? [] : preRelease.split('.'));
}

function normalized(text: string): string {
  const [, core = '', rest = ''] = /^v?([0-9.]*)(.*)$/s.exec(text) ?? [];
  const numbers = core.split('.').map((part) => part.replace(/^0+(?=\d)/, ''));
  while (numbers.length < 3 && !numbers.includes('')) numbers.push('0');
  return numbers.join('.') + rest;
}

function semver(text: string, normalize?: boolean): Semver {
  const parsed = parseSemver(text, normalize);
  if (!parsed) throw evaluationError(`semver parse error during conversion from string: ${JSON.stringify(text)}`);
  return parsed;
}

function compareVersions(left: Semver, right: Semver): bigint {
  for (const [index, number] of left.numbers.entries()) {
    const other = right.numbers[index] ?? 0n;
    if (number !== other) return number < other ? -1n : 1n;
  }
  // A version without a pre-release comes after all of its pre-releases.
  if (left.preRelease.length === 0 || right.preRelease.length === 0) {
    return BigInt(Math.sign(right.preRelease.length - left.preRelease.length));
  }
  for (const [index, part] of left.preRelease.entries()) {
    const other = right.preRelease[index];
    if (other === undefined) return 1n;
    const order = compareIdentifiers(part, other);
    if (order !== 0n) return order;
  }
  return BigInt(Math.sign(left.preRelease.length - right.preRelease.length));
}

function compareIdentifiers(left: string, right: string): bigint {
  if (left === right) return 0n;
  const [leftIsNumber, rightIsNumber] = [/^\d+$/.test(left), /^\d+$/.test(right)];
  if (leftIsNumber !== rightIsNumber) return leftIsNumber ? -1n : 1n;
  const isLess = leftIsNumber ? BigInt(left) < BigInt(right) : left < right;
  return isLess ? -1n : 1n;
}

/** @see https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-semver-library */
export const semverLibrary = functionTable({
  semver: {[`(string): ${typeName}`]: semver, [`(string, bool): ${typeName}`]: semver},
  isSemver: {
    '(string): bool': (text: string) => parseSemver(text) !== undefined,
    '(string, bool): bool': (text: string, normalize: boolean) => parseSemver(text, normalize) !== undefined,
  },
  major: {[`${typeName}.(): int`]: ({numbers}: Semver) => int(numbers[0] ?? 0n)},
  minor: {[`${typeName}.(): int`]: ({numbers}: Semver) => int(numbers[1] ?? 0n)},
  patch: {[`${typeName}.(): int`]: ({numbers}: Semver) => int(numbers[2] ?? 0n)},
  isLessThan: {[`${typeName}.(${typeName}): bool`]: (a: Semver, b: Semver) => compareVersions(a, b) < 0n},
  isGreaterThan: {[`${typeName}.(${typeName}): bool`]: (a: Semver, b: Semver) => compareVersions(a, b) > 0n},
  compareTo: {[`${typeName}.(${typeName}): int`]: compareVersions},
});
