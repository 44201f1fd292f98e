import {evaluationError} from './cel-error.ts';
import {functionTable, type Implementation} from './function-table.ts';
import {int, uint} from './standard-library.ts';
import {type CelValue, compareNumbers, isNumber, Uint} from './values.ts';

type Numeric = bigint | number | Uint;

const numericTypes = ['int', 'uint', 'double'];

function extreme(name: string, better: -1 | 1): Record<string, Implementation> {
  const pick = (values: readonly Numeric[]): CelValue => {
    const [first, ...rest] = values;
    if (first === undefined) throw evaluationError(`${name}(list) argument must not be empty`);
    return rest.reduce((best, value) => (compareNumbers(value, best) === better ? value : best), first);
  };
  const overloads: Record<string, Implementation> = {
    '(list(dyn)): dyn': (values: readonly CelValue[]) => {
      const wrong = values.find((value) => !isNumber(value));
      if (wrong !== undefined) throw evaluationError(`no such overload: ${name}`);
      return pick(values as readonly Numeric[]);
    },
  };
  for (const left of numericTypes) {
    overloads[`(${left}): ${left}`] = (value: Numeric) => value;
    for (const right of numericTypes) {
      overloads[`(${left}, ${right}): ${left === right ? left : 'dyn'}`] = (a: Numeric, b: Numeric) => pick([a, b]);
    }
  }
  return overloads;
}

function bits(operation: (a: bigint, b: bigint) => bigint): Record<string, Implementation> {
  return {
    '(int, int): int': (a: bigint, b: bigint) => BigInt.asIntN(64, operation(a, b)),
    '(uint, uint): uint': (a: Uint, b: Uint) => new Uint(BigInt.asUintN(64, operation(a.value, b.value))),
  };
}

/** A shift of 64 bits or more leaves nothing; it fills with zeros, also to the right. */
function shift(operation: (value: bigint, by: bigint) => bigint): Record<string, Implementation> {
  const by = (count: bigint): bigint => {
    if (count < 0n) throw evaluationError(`negative offset: ${count}`);
    return count;
  };
  return {
    '(int, int): int': (value: bigint, count: bigint) =>
      by(count) > 63n ? 0n : BigInt.asIntN(64, operation(BigInt.asUintN(64, value), count)),
    '(uint, int): uint': ({value}: Uint, count: bigint) =>
      new Uint(by(count) > 63n ? 0n : BigInt.asUintN(64, operation(value, count))),
  };
}

function absolute(value: bigint): bigint {
  return int(value < 0n ? -value : value);
}

/** Half away from zero. */
function round(value: number): number {
  const rounded = Math.trunc(value);
  return Math.abs(value - rounded) >= 0.5 ? rounded + Math.sign(value) : rounded;
}

/** @see https://pkg.go.dev/github.com/google/cel-go/ext#Math */
export const mathLibrary = functionTable({
  'math.greatest': extreme('math.greatest', 1),
  'math.least': extreme('math.least', -1),
  'math.ceil': {'(double): double': Math.ceil},
  'math.floor': {'(double): double': Math.floor},
  'math.round': {'(double): double': round},
  'math.trunc': {'(double): double': Math.trunc},
  'math.sqrt': {
    '(double): double': Math.sqrt,
    '(int): double': (value: bigint) => Math.sqrt(Number(value)),
    '(uint): double': ({value}: Uint) => Math.sqrt(Number(value)),
  },
  'math.abs': {
    '(int): int': absolute,
    '(uint): uint': (value: Uint) => value,
    '(double): double': Math.abs,
  },
  'math.sign': {
    '(int): int': (value: bigint) => (value < 0n ? -1n : value > 0n ? 1n : 0n),
    '(uint): uint': ({value}: Uint) => uint(value > 0n ? 1n : 0n),
    '(double): double': Math.sign,
  },
  'math.isNaN': {'(double): bool': Number.isNaN},
  'math.isInf': {'(double): bool': (value: number) => Math.abs(value) === Number.POSITIVE_INFINITY},
  'math.isFinite': {'(double): bool': Number.isFinite},
  'math.bitAnd': bits((a, b) => a & b),
  'math.bitOr': bits((a, b) => a | b),
  'math.bitXor': bits((a, b) => a ^ b),
  'math.bitNot': {
    '(int): int': (value: bigint) => ~value,
    '(uint): uint': ({value}: Uint) => new Uint(BigInt.asUintN(64, ~value)),
  },
  'math.bitShiftLeft': shift((value, by) => value << by),
  'math.bitShiftRight': shift((value, by) => value >> by),
});
