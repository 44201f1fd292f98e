import {RE2JS} from 're2js';
import {evaluationError} from './cel-error.ts';
import {functionTable, type Implementation} from './function-table.ts';
import {
  type Calendar,
  calendarOf,
  duration,
  formatDuration,
  formatTimestamp,
  parseDuration,
  parseTimestamp,
  timestamp,
} from './time.ts';
import {
  addLists,
  type CelMap,
  type CelValue,
  compareBytes,
  compareNumbers,
  compareStrings,
  type Duration,
  Optional,
  type Timestamp,
  TypeValue,
  typeName,
  Uint,
} from './values.ts';

const minInt = -(2n ** 63n);
const maxInt = 2n ** 63n - 1n;
const maxUint = 2n ** 64n - 1n;

/** @throws CelError outside of 64 bits */
export function int(value: bigint): bigint {
  if (value < minInt || value > maxInt) throw evaluationError('integer overflow');
  return value;
}

/** @throws CelError outside of 64 bits */
export function uint(value: bigint): Uint {
  if (value < 0n || value > maxUint) throw evaluationError('unsigned integer overflow');
  return new Uint(value);
}

function divisor(value: bigint, what: string): bigint {
  if (value === 0n) throw evaluationError(`${what} by zero`);
  return value;
}

const orderedTypes = ['bool', 'string', 'bytes', 'duration', 'timestamp'];
const numericTypes = ['int', 'uint', 'double'];

function comparison(holds: (order: -1 | 0 | 1) => boolean): Record<string, Implementation> {
  const test = (left: CelValue, right: CelValue): boolean => {
    const order = compare(left, right);
    return order !== undefined && holds(order);
  };
  const pairs = [
    ...orderedTypes.map((type) => [type, type]),
    ...numericTypes.flatMap((left) => numericTypes.map((right) => [left, right])),
  ];
  return Object.fromEntries(pairs.map(([left, right]) => [`(${left}, ${right}): bool`, test]));
}

/** Order of two values of a type that has one; undefined if one is NaN. */
export function compare(left: CelValue, right: CelValue): -1 | 0 | 1 | undefined {
  if (typeof left === 'string') return compareStrings(left, right as string);
  if (typeof left === 'boolean') return left === right ? 0 : left ? 1 : -1;
  if (left instanceof Uint8Array) return compareBytes(left, right as Uint8Array);
  if (typeof left === 'bigint' || typeof left === 'number' || left instanceof Uint) {
    return compareNumbers(left, right as bigint | number | Uint);
  }
  const [a, b] = [(left as Duration | Timestamp).nanos, (right as Duration | Timestamp).nanos];
  return a < b ? -1 : a > b ? 1 : 0;
}

const patterns = new Map<string, RE2JS>();

/** A regular expression of RE2, whose time is linear in the text. @throws CelError */
export function regularExpression(pattern: string): RE2JS {
  let compiled = patterns.get(pattern);
  if (!compiled) {
    try {
      compiled = RE2JS.compile(pattern);
    } catch (error) {
      throw evaluationError((error as Error).message);
    }
    if (patterns.size >= 1_000) patterns.clear();
    patterns.set(pattern, compiled);
  }
  return compiled;
}

/** As Go's strconv writes the shortest form of a double: an exponent has a sign and two digits. */
export function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value < 0 ? '-Inf' : '+Inf';
  if (Object.is(value, -0)) return '-0';
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-4 || size >= 1e21) ? value.toExponential() : String(value);
  return text.replace(/e([-+])(\d)$/, 'e$10$2');
}

function doubleToInt(value: number): bigint {
  // Nearer than this to the ends, doubles are not exact any more.
  if (!(value > -9.223372036854776e18 && value < 9.223372036854776e18)) throw evaluationError('integer overflow');
  return BigInt(Math.trunc(value));
}

function doubleToUint(value: number): Uint {
  if (!(value >= 0 && value < 1.8446744073709552e19)) throw evaluationError('unsigned integer overflow');
  return new Uint(BigInt(Math.trunc(value)));
}

function stringToInt(text: string): bigint {
  if (!/^[-+]?\d+$/.test(text)) throw evaluationError(`invalid int: ${JSON.stringify(text)}`);
  return int(BigInt(text.replace(/^\+/, '')));
}

function stringToUint(text: string): Uint {
  if (!/^\d+$/.test(text)) throw evaluationError(`invalid uint: ${JSON.stringify(text)}`);
  return uint(BigInt(text));
}

function stringToDouble(text: string): number {
  if (/^[-+]?inf(inity)?$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  if (/^nan$/i.test(text)) return Number.NaN;
  if (!/^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(text)) {
    throw evaluationError(`invalid double: ${JSON.stringify(text)}`);
  }
  return Number(text);
}

function stringToBool(text: string): boolean {
  if (['1', 't', 'true', 'TRUE', 'True', 'T'].includes(text)) return true;
  if (['0', 'f', 'false', 'FALSE', 'False', 'F'].includes(text)) return false;
  throw evaluationError(`invalid bool: ${JSON.stringify(text)}`);
}

function bytesToString(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes);
  } catch {
    throw evaluationError('invalid UTF-8 in bytes, cannot convert to string');
  }
}

/** Number of Unicode code points. */
export function codePoints(text: string): number {
  let count = 0;
  for (let index = 0; index < text.length; index++) {
    // The second half of a pair does not count.
    const unit = text.charCodeAt(index);
    if (unit < 0xdc00 || unit > 0xdfff) count++;
  }
  return count;
}

function concatenated(left: Uint8Array, right: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(left.length + right.length);
  bytes.set(left);
  bytes.set(right, left.length);
  return bytes;
}

const calendarFields: Readonly<Record<string, (calendar: Calendar) => number>> = {
  getFullYear: ({year}) => year,
  getMonth: ({month}) => month,
  getDayOfMonth: ({dayOfMonth}) => dayOfMonth,
  getDate: ({dayOfMonth}) => dayOfMonth + 1,
  getDayOfWeek: ({dayOfWeek}) => dayOfWeek,
  getDayOfYear: ({dayOfYear}) => dayOfYear,
  getHours: ({hours}) => hours,
  getMinutes: ({minutes}) => minutes,
  getSeconds: ({seconds}) => seconds,
  getMilliseconds: ({milliseconds}) => milliseconds,
};
const durationUnits: Readonly<Record<string, bigint>> = {
  getHours: 3_600_000_000_000n,
  getMinutes: 60_000_000_000n,
  getSeconds: 1_000_000_000n,
};

const accessors = Object.fromEntries(
  Object.entries(calendarFields).map(([name, field]) => {
    const unit = durationUnits[name];
    const ofTime: Record<string, Implementation> = {
      'timestamp.(): int': (moment: Timestamp) => BigInt(field(calendarOf(moment))),
      'timestamp.(string): int': (moment: Timestamp, zone: string) => BigInt(field(calendarOf(moment, zone))),
    };
    if (unit !== undefined) ofTime['duration.(): int'] = ({nanos}: Duration) => nanos / unit;
    if (name === 'getMilliseconds') {
      ofTime['duration.(): int'] = ({nanos}: Duration) => (nanos / 1_000_000n) % 1_000n;
    }
    return [name, ofTime];
  }),
);

const identity: Implementation = (value: CelValue) => value;

/** The functions of the language. Those that need not evaluate all their arguments are the evaluator's. */
export const standardLibrary = functionTable({
  '_+_': {
    '(int, int): int': (a: bigint, b: bigint) => int(a + b),
    '(uint, uint): uint': (a: Uint, b: Uint) => uint(a.value + b.value),
    '(double, double): double': (a: number, b: number) => a + b,
    '(string, string): string': (a: string, b: string) => a + b,
    '(bytes, bytes): bytes': concatenated,
    '(list(A), list(A)): list(A)': addLists,
    '(timestamp, duration): timestamp': (a: Timestamp, b: Duration) => timestamp(a.nanos + b.nanos),
    '(duration, timestamp): timestamp': (a: Duration, b: Timestamp) => timestamp(a.nanos + b.nanos),
    '(duration, duration): duration': (a: Duration, b: Duration) => duration(a.nanos + b.nanos),
  },
  '_-_': {
    '(int, int): int': (a: bigint, b: bigint) => int(a - b),
    '(uint, uint): uint': (a: Uint, b: Uint) => uint(a.value - b.value),
    '(double, double): double': (a: number, b: number) => a - b,
    '(timestamp, timestamp): duration': (a: Timestamp, b: Timestamp) => duration(a.nanos - b.nanos),
    '(timestamp, duration): timestamp': (a: Timestamp, b: Duration) => timestamp(a.nanos - b.nanos),
    '(duration, duration): duration': (a: Duration, b: Duration) => duration(a.nanos - b.nanos),
  },
  '_*_': {
    '(int, int): int': (a: bigint, b: bigint) => int(a * b),
    '(uint, uint): uint': (a: Uint, b: Uint) => uint(a.value * b.value),
    '(double, double): double': (a: number, b: number) => a * b,
  },
  '_/_': {
    '(int, int): int': (a: bigint, b: bigint) => int(a / divisor(b, 'division')),
    '(uint, uint): uint': (a: Uint, b: Uint) => uint(a.value / divisor(b.value, 'division')),
    '(double, double): double': (a: number, b: number) => a / b,
  },
  '_%_': {
    '(int, int): int': (a: bigint, b: bigint) => int(a % divisor(b, 'modulus')),
    '(uint, uint): uint': (a: Uint, b: Uint) => uint(a.value % divisor(b.value, 'modulus')),
  },
  '-_': {
    '(int): int': (value: bigint) => int(-value),
    '(double): double': (value: number) => -value,
  },
  '!_': {'(bool): bool': (value: boolean) => !value},
  '_<_': comparison((order) => order < 0),
  '_<=_': comparison((order) => order <= 0),
  '_>_': comparison((order) => order > 0),
  '_>=_': comparison((order) => order >= 0),
  size: {
    '(string): int': (text: string) => BigInt(codePoints(text)),
    '(bytes): int': (bytes: Uint8Array) => BigInt(bytes.length),
    '(list(A)): int': (list: readonly CelValue[]) => BigInt(list.length),
    '(map(A, B)): int': (map: CelMap) => BigInt(map.size),
    'string.(): int': (text: string) => BigInt(codePoints(text)),
    'bytes.(): int': (bytes: Uint8Array) => BigInt(bytes.length),
    'list(A).(): int': (list: readonly CelValue[]) => BigInt(list.length),
    'map(A, B).(): int': (map: CelMap) => BigInt(map.size),
  },
  contains: {'string.(string): bool': (text: string, part: string) => text.includes(part)},
  startsWith: {'string.(string): bool': (text: string, part: string) => text.startsWith(part)},
  endsWith: {'string.(string): bool': (text: string, part: string) => text.endsWith(part)},
  matches: {
    'string.(string): bool': (text: string, pattern: string) => regularExpression(pattern).matcher(text).find(),
    '(string, string): bool': (text: string, pattern: string) => regularExpression(pattern).matcher(text).find(),
  },
  int: {
    '(int): int': identity,
    '(uint): int': ({value}: Uint) => int(value),
    '(double): int': doubleToInt,
    '(string): int': stringToInt,
    '(timestamp): int': ({nanos}: Timestamp) => nanos / 1_000_000_000n,
    '(duration): int': ({nanos}: Duration) => nanos,
  },
  uint: {
    '(uint): uint': identity,
    '(int): uint': uint,
    '(double): uint': doubleToUint,
    '(string): uint': stringToUint,
  },
  double: {
    '(double): double': identity,
    '(int): double': Number,
    '(uint): double': ({value}: Uint) => Number(value),
    '(string): double': stringToDouble,
  },
  string: {
    '(string): string': identity,
    '(bool): string': String,
    '(int): string': String,
    '(uint): string': ({value}: Uint) => String(value),
    '(double): string': doubleText,
    '(bytes): string': bytesToString,
    '(timestamp): string': formatTimestamp,
    '(duration): string': formatDuration,
  },
  bytes: {'(bytes): bytes': identity, '(string): bytes': (text: string) => new TextEncoder().encode(text)},
  bool: {'(bool): bool': identity, '(string): bool': stringToBool},
  dyn: {'(A): dyn': identity},
  type: {'(A): type(A)': (value: CelValue) => new TypeValue(typeName(value))},
  timestamp: {
    '(timestamp): timestamp': identity,
    '(string): timestamp': parseTimestamp,
    '(int): timestamp': (seconds: bigint) => timestamp(seconds * 1_000_000_000n),
  },
  duration: {
    '(duration): duration': identity,
    '(string): duration': parseDuration,
    '(int): duration': duration,
  },
  ...accessors,
});

/** Values that may be absent. @see https://github.com/google/cel-spec/wiki/proposal-246 */
export const optionalLibrary = functionTable({
  'optional.of': {'(A): optional(A)': (value: CelValue) => new Optional(value)},
  'optional.none': {'(): optional(A)': () => Optional.none},
  'optional.ofNonZeroValue': {
    '(A): optional(A)': (value: CelValue) => (isZero(value) ? Optional.none : new Optional(value)),
  },
  'optional.unwrap': {'(list(optional(A))): list(A)': presentValues},
  unwrapOpt: {'list(optional(A)).(): list(A)': presentValues},
  hasValue: {'optional(A).(): bool': ({value}: Optional) => value !== undefined},
  value: {
    'optional(A).(): A': ({value}: Optional) => {
      if (value === undefined) throw evaluationError('optional.none() dereference');
      return value;
    },
  },
});

function presentValues(list: readonly Optional[]): CelValue {
  return list.flatMap(({value}) => (value === undefined ? [] : [value]));
}

function isZero(value: CelValue): boolean {
  if (value === null || value === false || value === '' || value === 0 || value === 0n) return true;
  if (value instanceof Uint) return value.value === 0n;
  if (typeof value !== 'object') return false;
  if ('length' in value) return value.length === 0;
  if ('size' in value) return value.size === 0;
  return 'nanos' in value && value.nanos === 0n && typeName(value).endsWith('Duration');
}
