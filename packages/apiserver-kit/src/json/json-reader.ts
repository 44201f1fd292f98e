import {DecodeError} from './decode-error.ts';
import type {Decoded} from './decode-json.ts';
import {type JsonObject, type JsonValue, MAX_DEPTH, setMember} from './json-value.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MAX_DUPLICATES = 100;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/**
 * Reads a JSON document and tells what is wrong with it in Go's words. It is on the way of every write: it takes no longer than the
 * engine's own parser together with the checks that would be needed for what that one does not tell.
 */
export class JsonReader {
  readonly #text: string;
  #at = 0;
  readonly #path: (string | number)[] = [];
  readonly #duplicates: string[] = [];
  #reported = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Decoded {
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length) this.#fail('after top-level value');
    return {value, duplicates: this.#duplicates, duplicatesText: this.#duplicates.join(', ')};
  }

  #value(): JsonValue {
    this.#space();
    const first = this.#text[this.#at];
    switch (first) {
      case '{':
        return this.#object();
      case '[':
        return this.#array();
      case '"':
        return this.#string();
      case 't':
        return this.#literal('true', true);
      case 'f':
        return this.#literal('false', false);
      case 'n':
        return this.#literal('null', null);
      default:
        if (first === '-' || isDigit(this.#text.charCodeAt(this.#at))) return this.#number();
        return this.#fail('looking for beginning of value');
    }
  }

  #object(): JsonObject {
    const object: JsonObject = {};
    this.#enter('');
    this.#at++;
    this.#space();
    if (this.#text[this.#at] === '}') return this.#leave(object);
    for (;;) {
      if (this.#text.charCodeAt(this.#at) !== QUOTE) this.#fail('looking for beginning of object key string');
      const key = this.#string();
      this.#path[this.#path.length - 1] = key;
      this.#space();
      if (this.#text[this.#at] !== ':') this.#fail('after object key');
      this.#at++;
      const value = this.#value();
      if (Object.hasOwn(object, key)) this.#reportDuplicate();
      setMember(object, key, value);
      this.#space();
      const next = this.#text[this.#at];
      if (next === '}') return this.#leave(object);
      if (next !== ',') this.#fail('after object key:value pair');
      this.#at++;
      this.#space();
    }
  }

  #array(): JsonValue[] {
    const array: JsonValue[] = [];
    this.#enter(0);
    this.#at++;
    this.#space();
    if (this.#text[this.#at] === ']') return this.#leave(array);
    for (;;) {
      this.#path[this.#path.length - 1] = array.length;
      array.push(this.#value());
      this.#space();
      const next = this.#text[this.#at];
      if (next === ']') return this.#leave(array);
      if (next !== ',') this.#fail('after array element');
      this.#at++;
    }
  }

  #enter(step: string | number): void {
    if (this.#path.length >= MAX_DEPTH) this.#fail('exceeded max depth');
    this.#path.push(step);
  }

  #leave<T>(value: T): T {
    this.#at++;
    this.#path.pop();
    return value;
  }

  #reportDuplicate(): void {
    // Bounded by work, not by result: the same path may come again and again.
    if (this.#reported++ >= MAX_DUPLICATES) return;
    const text = `duplicate field "${describePath(this.#path)}"`;
    if (!this.#duplicates.includes(text)) this.#duplicates.push(text);
  }

  #string(): string {
    const text = this.#text;
    let from = ++this.#at;
    let result = '';
    for (;;) {
      const code = text.charCodeAt(this.#at);
      if (code === QUOTE) {
        result += text.slice(from, this.#at++);
        return result;
      }
      if (code === BACKSLASH) {
        result += text.slice(from, this.#at);
        result += this.#escape();
        from = this.#at;
      } else if (code >= 0x20) this.#at++;
      else this.#fail('in string literal');
    }
  }

  #escape(): string {
    const kind = this.#text[++this.#at];
    if (kind !== 'u') {
      const plain = kind === undefined ? undefined : ESCAPES[kind];
      if (plain === undefined) this.#fail('in string escape code');
      this.#at++;
      return plain;
    }
    this.#at++;
    const unit = this.#hexadecimals();
    if (unit < 0xd800 || unit > 0xdfff) return String.fromCharCode(unit);
    if (unit < 0xdc00 && this.#text.startsWith('\\u', this.#at)) {
      const start = this.#at;
      this.#at += 2;
      const low = this.#hexadecimals();
      if (low >= 0xdc00 && low <= 0xdfff) return String.fromCharCode(unit, low);
      this.#at = start;
    }
    return '\ufffd';
  }

  #hexadecimals(): number {
    for (let digit = 0; digit < 4; digit++) {
      if (!/^[0-9a-fA-F]$/.test(this.#text[this.#at + digit] ?? '')) {
        this.#at += digit;
        this.#fail('in \\u hexadecimal character escape');
      }
    }
    this.#at += 4;
    return Number.parseInt(this.#text.slice(this.#at - 4, this.#at), 16);
  }

  #number(): number | bigint {
    const start = this.#at;
    if (this.#text[this.#at] === '-') this.#at++;
    if (this.#text[this.#at] === '0') this.#at++;
    else this.#digits('in numeric literal');
    let integer = true;
    if (this.#text[this.#at] === '.') {
      integer = false;
      this.#at++;
      this.#digits('after decimal point in numeric literal');
    }
    if (this.#text[this.#at] === 'e' || this.#text[this.#at] === 'E') {
      integer = false;
      this.#at++;
      if (this.#text[this.#at] === '+' || this.#text[this.#at] === '-') this.#at++;
      this.#digits('in exponent of numeric literal');
    }
    return toNumber(this.#text.slice(start, this.#at), integer);
  }

  #digits(where: string): void {
    if (!isDigit(this.#text.charCodeAt(this.#at))) this.#fail(where);
    while (isDigit(this.#text.charCodeAt(this.#at))) this.#at++;
  }

  #literal<T>(word: string, value: T): T {
    for (let index = 1; index < word.length; index++) {
      if (this.#text[this.#at + index] !== word[index]) {
        this.#at += index;
        this.#fail(`in literal ${word} (expecting '${word[index]}')`);
      }
    }
    this.#at += word.length;
    return value;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #fail(where: string): never {
    const character = this.#text[this.#at];
    if (character === undefined) throw new DecodeError('SYNTAX', 'unexpected end of JSON input');
    throw new DecodeError('SYNTAX', `invalid character ${quoteCharacter(character)} ${where}`);
  }
}

/**
 * A number as Kubernetes reads it: an integer of 64 bits, else a double.
 *
 * @throws DecodeError `RANGE` where it is larger than any double
 */
export function toNumber(text: string, integer: boolean): number | bigint {
  const value = Number(text);
  if (!Number.isFinite(value)) {
    throw new DecodeError('RANGE', `json: cannot unmarshal number ${text} into Go value of type float64`);
  }
  if (!integer || Number.isSafeInteger(value)) return value;
  const exact = BigInt(text);
  return BigInt.asIntN(64, exact) === exact ? exact : value;
}

/** `spec.items[0].name` */
export function describePath(path: readonly (string | number)[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** A character as Go's %q shows it. */
function quoteCharacter(character: string): string {
  const names: Readonly<Record<string, string>> = {
    "'": "\\'",
    '"': '"',
    '\\': '\\\\',
    '\x07': '\\a',
    '\b': '\\b',
    '\f': '\\f',
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    '\v': '\\v',
  };
  if (Object.hasOwn(names, character)) return `'${names[character]}'`;
  const code = character.charCodeAt(0);
  if (code < 0x20 || code === 0x7f) return `'\\x${code.toString(16).padStart(2, '0')}'`;
  if (code >= 0x80 && code < 0xa0) return `'\\u00${code.toString(16)}'`;
  return `'${character}'`;
}
