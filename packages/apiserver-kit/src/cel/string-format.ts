import {shortEscapes} from '../errors/go-text.ts';
import {evaluationError} from './cel-error.ts';
import {formatDuration, formatTimestamp} from './time.ts';
import {
  type CelMap,
  type CelValue,
  compareStrings,
  Duration,
  isList,
  isMap,
  Timestamp,
  TypeValue,
  typeName,
  Uint,
} from './values.ts';

/** A string as a literal. */
export function quoted(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is to be quoted.
  // oxlint-disable-next-line no-control-regex
  return `"${text.toWellFormed().replaceAll(/[\u0007\b\f\n\r\t\v\\"]/g, (character) => shortEscapes[character] ?? '')}"`;
}

/** `format` with its clauses `%s %d %f %e %b %x %X %o %%` replaced by the values in order. @throws CelError */
export function formatString(format: string, values: readonly CelValue[]): string {
  let next = 0;
  return format.replaceAll(/%(?:\.(\d+))?(.?)/gsu, (_, digits: string | undefined, letter: string) => {
    if (letter === '%' && digits === undefined) return '%';
    if (letter === '') throw evaluationError('unexpected end of format string');
    const precision = digits === undefined ? undefined : Number(digits);
    if (precision !== undefined && precision > 1_000) throw evaluationError('precision is greater than 1000');
    const clause = Object.hasOwn(clauses, letter) ? clauses[letter] : undefined;
    if (!clause) throw evaluationError(`could not parse formatting clause: unrecognized formatting clause "${letter}"`);
    const value = values[next];
    if (value === undefined) throw evaluationError(`index ${next} out of range`);
    next++;
    return clause(value, precision);
  });
}

type Clause = (value: CelValue, precision: number | undefined) => string;

const clauses: Readonly<Record<string, Clause>> = {
  s: valueText,
  d: decimal,
  f: (value, precision = 6) => {
    const number = finite(value, 'fixed-point');
    return typeof number === 'string' ? number : fixed(number, precision);
  },
  e: (value, precision = 6) => {
    const number = finite(value, 'scientific');
    return typeof number === 'string' ? number : number.toExponential(precision).replace(/e([-+])(\d)$/, 'e$10$2');
  },
  b: (value) => (typeof value === 'boolean' ? String(Number(value)) : whole(value, 'integers and bools').toString(2)),
  o: (value) => whole(value, 'integers').toString(8),
  x: hexadecimal,
  X: (value) => hexadecimal(value).toUpperCase(),
};

/** A double with so many digits after the point, the exact tie to even, as Go rounds. */
function fixed(value: number, precision: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, Math.abs(value));
  const bits = view.getBigUint64(0);
  const field = Number(bits >> 52n);
  const mantissa = (bits & (2n ** 52n - 1n)) | (field === 0 ? 0n : 2n ** 52n);
  const exponent = Math.max(field, 1) - 1075;
  // The value is numerator / denominator, scaled by a power of ten.
  const numerator = mantissa * 10n ** BigInt(precision) * (exponent > 0 ? 2n ** BigInt(exponent) : 1n);
  const denominator = exponent < 0 ? 2n ** BigInt(-exponent) : 1n;
  const twice = (numerator % denominator) * 2n;
  let rounded = numerator / denominator;
  if (twice > denominator || (twice === denominator && rounded % 2n === 1n)) rounded += 1n;
  const digits = String(rounded).padStart(precision + 1, '0');
  const integer = digits.slice(0, digits.length - precision);
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  return precision === 0 ? `${sign}${integer}` : `${sign}${integer}.${digits.slice(-precision)}`;
}

function valueText(value: CelValue): string {
  if (typeof value === 'string') return value;
  if (value === null) return 'null';
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return doubleInText(value);
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (value instanceof Timestamp) return formatTimestamp(value);
  if (value instanceof Duration) return formatDuration(value);
  if (value instanceof TypeValue) return value.name;
  if (isList(value)) return `[${value.map(valueText).join(', ')}]`;
  if (isMap(value)) return mapText(value);
  throw evaluationError(
    `string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given ${typeName(value)}`,
  );
}

function mapText(map: CelMap): string {
  const entries = [...map.keys()].map((key) => {
    if (typeof key === 'number' || key === null) throw evaluationError('no formatting function for key type');
    return [valueText(key), valueText(map.get(key) as CelValue)] as const;
  });
  const sorted = entries.toSorted(([a], [b]) => compareStrings(a, b));
  return `{${sorted.map(([key, value]) => `${key}: ${value}`).join(', ')}}`;
}

function doubleInText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value < 0 ? '-Infinity' : 'Infinity';
  const size = Math.abs(value);
  const shown = size !== 0 && (size < 1e-4 || size >= 1e21) ? value.toExponential() : String(value);
  return shown.replace(/e([-+])(\d)$/, 'e$10$2');
}

function decimal(value: CelValue): string {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return doubleInText(value);
    throw evaluationError('decimal clause can only be used on ints and uints, was given double');
  }
  return whole(value, 'ints and uints').toString();
}

function whole(value: CelValue, what: string): bigint {
  if (typeof value === 'bigint') return value;
  if (value instanceof Uint) return value.value;
  throw evaluationError(`only ${what} can be formatted this way, was given ${typeName(value)}`);
}

function finite(value: CelValue, what: string): number | string {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Uint) return Number(value.value);
  if (typeof value !== 'number') {
    throw evaluationError(`${what} clause can only be used on ints, uints, and doubles, was given ${typeName(value)}`);
  }
  return Number.isFinite(value) ? value : doubleInText(value);
}

function hexadecimal(value: CelValue): string {
  if (typeof value === 'string') return Buffer.from(value, 'utf8').toString('hex');
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return whole(value, 'integers, byte buffers, and strings').toString(16);
}
