import {evaluationError} from './cel-error.ts';
import {functionTable} from './function-table.ts';
import {formatString, quoted} from './string-format.ts';
import type {CelValue} from './values.ts';

function position(index: bigint, length: number): number {
  if (index < 0n || index > BigInt(length)) throw evaluationError(`index out of range: ${index}`);
  return Number(index);
}

function charAt(text: string, index: bigint): string {
  const points = Array.from(text);
  return points[position(index, points.length)] ?? '';
}

function indexOf(text: string, part: string, from = 0n): bigint {
  const points = Array.from(text);
  const wanted = Array.from(part);
  const start = position(from, points.length);
  for (let index = start; index <= points.length - wanted.length; index++) {
    if (wanted.every((point, offset) => points[index + offset] === point)) return BigInt(index);
  }
  return -1n;
}

function lastIndexOf(text: string, part: string, from?: bigint): bigint {
  const points = Array.from(text);
  const wanted = Array.from(part);
  const last = from === undefined ? points.length : position(from, points.length);
  for (let index = Math.min(last, points.length - wanted.length); index >= 0; index--) {
    if (wanted.every((point, offset) => points[index + offset] === point)) return BigInt(index);
  }
  return -1n;
}

function substring(text: string, start: bigint, end?: bigint): string {
  const points = Array.from(text);
  const first = position(start, points.length);
  const last = end === undefined ? points.length : position(end, points.length);
  if (first > last) throw evaluationError(`invalid substring range. start: ${first}, end: ${last}`);
  return points.slice(first, last).join('');
}

function replace(text: string, old: string, by: string, limit = -1n): string {
  // Nothing is found before every character and at the end.
  const parts = old === '' ? ['', ...Array.from(text)] : text.split(old);
  const places = old === '' ? parts.length : parts.length - 1;
  const count = limit < 0n || limit > BigInt(places) ? places : Number(limit);
  if (old === '') {
    const head = parts.slice(1, count + 1).map((point) => by + point);
    return [...head, ...(count === places ? [by] : []), ...parts.slice(count + 1)].join('');
  }
  const rest = parts.slice(count + 1).map((part) => old + part);
  return parts.slice(0, count + 1).join(by) + rest.join('');
}

function split(text: string, separator: string, limit = -1n): string[] {
  if (limit === 0n) return [];
  const parts = separator === '' ? Array.from(text) : text.split(separator);
  if (limit < 0n || parts.length <= limit) return parts;
  const kept = parts.slice(0, Number(limit) - 1);
  return [...kept, parts.slice(Number(limit) - 1).join(separator)];
}

const whiteSpace = '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const aroundSpace = new RegExp(`^${whiteSpace}+|${whiteSpace}+$`, 'g');

/** Functions on strings. @see https://pkg.go.dev/github.com/google/cel-go/ext#Strings */
export const stringLibrary = functionTable({
  charAt: {'string.(int): string': charAt},
  indexOf: {'string.(string): int': indexOf, 'string.(string, int): int': indexOf},
  lastIndexOf: {'string.(string): int': lastIndexOf, 'string.(string, int): int': lastIndexOf},
  lowerAscii: {'string.(): string': (text: string) => text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())},
  upperAscii: {'string.(): string': (text: string) => text.replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase())},
  replace: {'string.(string, string): string': replace, 'string.(string, string, int): string': replace},
  split: {'string.(string): list(string)': split, 'string.(string, int): list(string)': split},
  substring: {'string.(int): string': substring, 'string.(int, int): string': substring},
  trim: {'string.(): string': (text: string) => text.replaceAll(aroundSpace, '')},
  reverse: {'string.(): string': (text: string) => Array.from(text).toReversed().join('')},
  join: {
    'list(string).(): string': (list: readonly string[]) => list.join(''),
    'list(string).(string): string': (list: readonly string[], separator: string) => list.join(separator),
  },
  'strings.quote': {'(string): string': quoted},
  format: {
    'string.(list(dyn)): string': (format: string, values: readonly CelValue[]) => formatString(format, values),
  },
});
