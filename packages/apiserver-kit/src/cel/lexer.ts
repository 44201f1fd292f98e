import {CelError, type Position} from './cel-error.ts';
import {Uint} from './values.ts';

export type Token =
  | {readonly kind: 'identifier'; readonly text: string; readonly at: Position}
  /** An identifier in backquotes, allowed after a dot only. */
  | {readonly kind: 'quoted'; readonly text: string; readonly at: Position}
  /** The absolute value of a number of which the sign is not known yet. */
  | {readonly kind: 'int'; readonly value: bigint; readonly at: Position}
  | {readonly kind: 'uint'; readonly value: Uint; readonly at: Position}
  | {readonly kind: 'double'; readonly value: number; readonly at: Position}
  | {readonly kind: 'string'; readonly value: string; readonly at: Position}
  | {readonly kind: 'bytes'; readonly value: Uint8Array; readonly at: Position}
  | {readonly kind: 'operator'; readonly text: string; readonly at: Position}
  | {readonly kind: 'end'; readonly at: Position};

const space = /[ \t\r\n\f]*(?:\/\/[^\n]*(?:\n[ \t\r\n\f]*|$)[ \t\r\n\f]*)*/y;
const number =
  /(?:0x(?<hex>[0-9a-fA-F]+)|(?<real>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)|(?<digits>\d+))(?<unsigned>[uU])?/y;
const word = /[_a-zA-Z][_a-zA-Z0-9]*/y;
const quoted = /`([a-zA-Z0-9_./ -]+)`/y;
const operator = /&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()[\]{}]/y;
const prefix = /(?:[rR][bB]?|[bB][rR]?)?(?="|')/y;

const maxInt = 2n ** 63n;
const maxUint = 2n ** 64n - 1n;

/** Splits the source of an expression into tokens. @throws CelError `SYNTAX` */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(source);
  };
  for (;;) {
    at += match(space)?.[0].length ?? 0;
    if (at >= source.length) break;
    const [token, length] = next(source, at, match);
    tokens.push(token);
    at += length;
  }
  tokens.push({kind: 'end', at});
  return tokens;
}

function next(source: string, at: Position, match: (pattern: RegExp) => RegExpExecArray | null): [Token, number] {
  const letters = match(prefix);
  if (letters) return stringToken(source, at, letters[0]);
  const digits = match(number);
  if (digits) return [numberToken(digits, at), digits[0].length];
  const name = match(word);
  if (name) return [{kind: 'identifier', text: name[0], at}, name[0].length];
  const escaped = match(quoted);
  if (escaped) return [{kind: 'quoted', text: escaped[1] ?? '', at}, escaped[0].length];
  const sign = match(operator);
  if (sign) return [{kind: 'operator', text: sign[0], at}, sign[0].length];
  throw new CelError('SYNTAX', `Syntax error: token recognition error at: '${source.slice(at, at + 1)}'`, at);
}

function numberToken({groups = {}}: RegExpExecArray, at: Position): Token {
  const {hex, real, digits, unsigned} = groups;
  if (real !== undefined) {
    if (unsigned !== undefined) throw new CelError('SYNTAX', 'a double has no suffix u', at);
    return {kind: 'double', value: Number(real), at};
  }
  const value = BigInt(hex === undefined ? (digits ?? '0') : `0x${hex}`);
  if (unsigned === undefined) {
    if (value > maxInt) throw new CelError('SYNTAX', 'invalid int literal', at);
    return {kind: 'int', value, at};
  }
  if (value > maxUint) throw new CelError('SYNTAX', 'invalid uint literal', at);
  return {kind: 'uint', value: new Uint(value), at};
}

function stringToken(source: string, at: Position, letters: string): [Token, number] {
  const raw = /r/i.test(letters);
  const isBytes = /b/i.test(letters);
  const start = at + letters.length;
  const mark = source.charAt(start);
  const quote = source.startsWith(mark.repeat(3), start) ? mark.repeat(3) : mark;
  const end = closing(source, start + quote.length, quote, raw);
  if (end === -1) throw new CelError('SYNTAX', 'a string is not closed', at);
  const text = source.slice(start + quote.length, end).replaceAll(/\r\n?/g, '\n');
  const length = end + quote.length - at;
  if (isBytes) {
    const value = raw ? new TextEncoder().encode(text) : unescapeBytes(text, at);
    return [{kind: 'bytes', value, at}, length];
  }
  return [{kind: 'string', value: raw ? text : unescapeString(text, at), at}, length];
}

/** Index of the closing quote; -1 where there is none. */
function closing(source: string, from: number, quote: string, raw: boolean): number {
  for (let index = from; index < source.length; index++) {
    if (source.startsWith(quote, index)) return index;
    const character = source.charAt(index);
    if (character === '\\' && !raw) index++;
    else if (quote.length === 1 && (character === '\n' || character === '\r')) return -1;
  }
  return -1;
}

const escape = /\\(?:([abfnrtv"'`?\\])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|)/g;
const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

function unescapeString(text: string, at: Position): string {
  if (!text.includes('\\')) return text;
  return text.replaceAll(escape, (whole, simple, hex, short, long, octal) => {
    if (whole === '\\') throw new CelError('SYNTAX', 'invalid escape sequence', at);
    if (simple !== undefined) return simpleEscapes[simple] ?? simple;
    const point = octal === undefined ? Number.parseInt(hex ?? short ?? long, 16) : Number.parseInt(octal, 8);
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
      throw new CelError('SYNTAX', `invalid unicode code point in ${whole}`, at);
    }
    return String.fromCodePoint(point);
  });
}

function unescapeBytes(text: string, at: Position): Uint8Array {
  const encoder = new TextEncoder();
  const bytes: number[] = [];
  let last = 0;
  for (const found of text.matchAll(escape)) {
    bytes.push(...encoder.encode(text.slice(last, found.index)));
    last = found.index + found[0].length;
    const [whole, simple, hex, short, long, octal] = found;
    if (simple !== undefined) bytes.push(...encoder.encode(simpleEscapes[simple] ?? simple));
    else if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (octal !== undefined) bytes.push(Number.parseInt(octal, 8));
    else throw new CelError('SYNTAX', `${(short ?? long) ? whole : '\\'} has no meaning in bytes`, at);
  }
  bytes.push(...encoder.encode(text.slice(last)));
  return Uint8Array.from(bytes);
}
