import {isJsonObject, type JsonValue, member} from '../json/json-value.ts';

/**
 * A path into an object in the dialect of kubectl: `.spec.items[0].name`, `.a['b','c']`, `.a.b\.c`, `.a[1:3]`, `.a[*]`, `..a` and
 * `.a[?(@.type=="Ready")].status`.
 *
 * @see https://kubernetes.io/docs/reference/kubectl/jsonpath/
 */
export class JsonPath {
  readonly #steps: readonly Step[];

  /** @throws Error if it is none */
  constructor(text: string) {
    this.#steps = new PathParser(text).steps('');
  }

  /** What is there, in order. Where something on the way is missing there is nothing. */
  find(value: JsonValue): JsonValue[] {
    return walk([value], this.#steps);
  }
}

type Step =
  | {step: 'names'; names: readonly string[]}
  | {step: 'indices'; indices: readonly number[]}
  | {step: 'slice'; from: number | undefined; to: number | undefined; by: number}
  | {step: 'all'}
  | {step: 'descendants'}
  | {step: 'filter'; left: Operand; operator: string; right: Operand | undefined};

/** A path that begins at the item, or a value. */
type Operand = {path: readonly Step[]} | {value: string | number | boolean | null};

/** Recursive descent multiplies what is found: enough for anything that is shown in a cell. */
const MAX_FOUND = 10_000;

function walk(values: JsonValue[], steps: readonly Step[]): JsonValue[] {
  let found = values;
  for (const step of steps) {
    const next: JsonValue[] = [];
    for (const value of found) {
      take(value, step, next);
      if (next.length > MAX_FOUND) return [];
    }
    found = next;
  }
  return found;
}

function take(value: JsonValue, step: Step, found: JsonValue[]): void {
  switch (step.step) {
    case 'names':
      for (const name of step.names) {
        const inner = isJsonObject(value) ? member(value, name) : undefined;
        if (inner !== undefined) found.push(inner);
      }
      return;
    case 'indices':
      for (const index of step.indices) {
        const inner = Array.isArray(value) ? value.at(index) : undefined;
        if (inner !== undefined) found.push(inner);
      }
      return;
    case 'slice': {
      const items = Array.isArray(value) ? value.slice(step.from ?? 0, step.to) : [];
      for (let index = 0; index < items.length; index += step.by) found.push(items[index]!);
      return;
    }
    case 'all':
      for (const child of childrenOf(value)) found.push(child);
      return;
    case 'descendants':
      descend(value, found);
      return;
    case 'filter':
      if (!Array.isArray(value)) return;
      for (const item of value) if (holds(item, step.left, step.operator, step.right)) found.push(item);
  }
}

function descend(value: JsonValue, found: JsonValue[]): void {
  found.push(value);
  if (found.length > MAX_FOUND) return;
  for (const child of childrenOf(value)) descend(child, found);
}

function childrenOf(value: JsonValue): JsonValue[] {
  if (Array.isArray(value)) return value;
  if (!isJsonObject(value)) return [];
  return Object.keys(value).map((key) => value[key] ?? null);
}

function holds(item: JsonValue, left: Operand, operator: string, right: Operand | undefined): boolean {
  const first = read(item, left);
  if (right === undefined) return first !== undefined;
  const second = read(item, right);
  if (first === undefined || second === undefined) return false;
  switch (operator) {
    case '==':
      return first === second;
    case '!=':
      return first !== second;
    default:
      return isOrdered(first, operator, second);
  }
}

function isOrdered(first: JsonValue, operator: string, second: JsonValue): boolean {
  const comparable = (typeof first === 'string' && typeof second === 'string') || (isNumber(first) && isNumber(second));
  if (!comparable) return false;
  const [a, b] = [first, second] as [number, number];
  if (operator === '<') return a < b;
  if (operator === '<=') return a <= b;
  return operator === '>' ? a > b : a >= b;
}

function isNumber(value: JsonValue): boolean {
  return typeof value === 'number' || typeof value === 'bigint';
}

function read(item: JsonValue, operand: Operand): JsonValue | undefined {
  return 'path' in operand ? walk([item], operand.path)[0] : operand.value;
}

const NAME = /(?:\\.|[^\\.[\]\s'"()=!<>])+/y;
const QUOTED = /'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)"/y;
const INTEGER = /-?[0-9]+/y;
const NUMBER = /-?[0-9]+(?:\.[0-9]+)?/y;
const WORD = /true|false|null/y;
const SPACE = /\s*/y;
const OPERATOR = /==|!=|<=|>=|<|>/y;

class PathParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Up to the end of the text, or to what cannot be part of a path where `end` says so. */
  steps(end: string): Step[] {
    const steps: Step[] = [];
    while (this.#at < this.#text.length) {
      if (this.#skip('..')) {
        steps.push({step: 'descendants'});
        if (this.#text[this.#at] !== '[') steps.push(this.#name());
      } else if (this.#skip('[')) steps.push(this.#brackets());
      else if (this.#skip('.')) {
        if (this.#text[this.#at] !== '[') steps.push(this.#name());
      } else if (end !== '') return steps;
      else this.#fail();
    }
    return steps;
  }

  #name(): Step {
    if (this.#skip('*')) return {step: 'all'};
    return {step: 'names', names: [unescape(this.#match(NAME) ?? this.#fail())]};
  }

  #brackets(): Step {
    if (this.#skip('*')) return this.#closed({step: 'all'});
    if (this.#skip('?(')) return this.#filter();
    if (this.#peek(QUOTED)) return this.#closed({step: 'names', names: this.#list(() => this.#quoted())});
    const from = this.#match(INTEGER);
    if (this.#skip(':')) {
      const to = this.#match(INTEGER);
      const by = this.#skip(':') ? Number(this.#match(INTEGER) ?? '1') : 1;
      if (by < 1) this.#fail();
      return this.#closed({step: 'slice', from: toIndex(from), to: toIndex(to), by});
    }
    if (from === undefined) this.#fail();
    const others = this.#skip(',') ? this.#list(() => Number(this.#match(INTEGER) ?? this.#fail())) : [];
    return this.#closed({step: 'indices', indices: [Number(from), ...others]});
  }

  #filter(): Step {
    const left = this.#operand();
    this.#match(SPACE);
    const operator = this.#match(OPERATOR) ?? '';
    const right = operator === '' ? undefined : this.#operand();
    this.#match(SPACE);
    if (!this.#skip(')')) this.#fail();
    return this.#closed({step: 'filter', left, operator, right});
  }

  #operand(): Operand {
    this.#match(SPACE);
    if (this.#skip('@')) return {path: this.steps(')')};
    if (this.#peek(QUOTED)) return {value: this.#quoted()};
    const word = this.#match(WORD);
    if (word !== undefined) return {value: JSON.parse(word) as boolean | null};
    return {value: Number(this.#match(NUMBER) ?? this.#fail())};
  }

  #closed(step: Step): Step {
    if (!this.#skip(']')) this.#fail();
    return step;
  }

  #list<T>(item: () => T): T[] {
    const items: T[] = [];
    do {
      this.#match(SPACE);
      items.push(item());
      this.#match(SPACE);
    } while (this.#skip(','));
    return items;
  }

  #quoted(): string {
    const text = this.#match(QUOTED) ?? this.#fail();
    return unescape(text.slice(1, -1));
  }

  #peek(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    return pattern.test(this.#text);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found === '' ? undefined : found;
  }

  #skip(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #fail(): never {
    throw new Error(`${JSON.stringify(this.#text)} is no JSONPath: unexpected text at ${this.#at}`);
  }
}

function toIndex(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function unescape(text: string): string {
  return text.replaceAll(/\\(.)/gs, '$1');
}
