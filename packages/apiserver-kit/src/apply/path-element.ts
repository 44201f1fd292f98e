import {goJson, goNumber, goQuote} from '../errors/go-text.ts';
import {isJsonObject, type JsonValue, member} from '../json/json-value.ts';
import {byBytes} from '../json/sorted-keys.ts';
import type {ListType} from './value-type.ts';

/**
 * A step of a path in the writing of FieldsV1: `f:name` of a member, `k:{"name":"x"}` of an item that is told apart by its members,
 * `v:"x"` of an item of a set, `i:0` of an index. The same step has only one writing.
 */
export type PathElement = string;

/** An item that has no place in its list, in Kubernetes' words. */
export class ListItemError extends Error {}

export function fieldElement(name: string): PathElement {
  return `f:${name}`;
}

/** @throws ListItemError */
export function itemElement(list: ListType, item: JsonValue): PathElement {
  return list.keys.length > 0 ? keyElement(list, item) : valueElement(item);
}

function valueElement(item: JsonValue): PathElement {
  if (item === null) throw new ListItemError("associative list without keys has an element that's an explicit null");
  if (Array.isArray(item)) throw new ListItemError('not supported: associative list with lists as elements');
  if (typeof item === 'object')
    throw new ListItemError("associative list without keys has an element that's a map type");
  return `v:${goJson(item)}`;
}

function keyElement(list: ListType, item: JsonValue): PathElement {
  if (item === null) throw new ListItemError('associative list with keys may not have a null element');
  if (!isJsonObject(item)) throw new ListItemError('associative list with keys may not have non-map elements');
  let text = '';
  for (const key of list.keys) {
    const value = member(item, key) ?? list.element.map?.defaultOf(key);
    if (value !== undefined) text += `${text === '' ? '' : ','}${goJson(key)}:${goJson(value)}`;
  }
  if (text !== '') return `k:{${text}}`;
  const keys = list.keys.map(goQuote).join(' ');
  throw new ListItemError(
    `associative list with keys has an element that omits all key fields [${keys}] (and doesn't have default values for any key fields)`,
  );
}

/** The one writing of a step that came from outside; undefined for a kind that is not known. @throws Error for what is none */
export function canonicalElement(text: string): PathElement | undefined {
  if (text.length < 2) throw new Error('key must be 2 characters long:');
  if (text[1] !== ':') throw new Error(`missing colon: ${text}`);
  const content = text.slice(2);
  switch (text[0]) {
    case 'f':
      return text;
    case 'v':
      return `v:${goJson(JSON.parse(content))}`;
    case 'k': {
      const key: unknown = JSON.parse(content);
      if (!isJsonObject(key)) throw new Error(`not a key: ${text}`);
      return `k:${goJson(key)}`;
    }
    case 'i':
      if (!/^[+-]?\d{1,15}$/.test(content)) throw new Error(`not an index: ${text}`);
      return `i:${Number(content)}`;
    default:
      return undefined;
  }
}

/** As a path of an error shows it: `.spec`, `[name="x"]`, `[="x"]`, `[0]`. */
export function describeElement(element: PathElement): string {
  const content = element.slice(2);
  switch (element[0]) {
    case 'f':
      return `.${content}`;
    case 'v':
      return `[=${describeValue(JSON.parse(content) as JsonValue)}]`;
    case 'k': {
      const key = JSON.parse(content) as Record<string, JsonValue>;
      return `[${Object.entries(key)
        .map(([name, value]) => `${name}=${describeValue(value)}`)
        .join(',')}]`;
    }
    default:
      return `[${content}]`;
  }
}

function describeValue(value: JsonValue): string {
  if (typeof value === 'string') return goQuote(value);
  if (typeof value === 'number' || typeof value === 'bigint') return goNumber(value);
  if (Array.isArray(value)) return `[${value.map(describeValue).join(',')}]`;
  if (!isJsonObject(value)) return String(value);
  return Object.entries(value)
    .map(([name, inner]) => `${name}=${describeValue(inner ?? null)}`)
    .join('');
}

const kinds = 'fkvi';

/** Order of steps in FieldsV1, as Kubernetes has it. */
export function compareElements(left: PathElement, right: PathElement): number {
  if (left === right) return 0;
  if (left[0] !== right[0]) return kinds.indexOf(left[0]!) - kinds.indexOf(right[0]!);
  switch (left[0]) {
    case 'f':
      return byBytes(left, right);
    case 'i':
      return Number(left.slice(2)) - Number(right.slice(2));
    case 'v':
      return compareValues(JSON.parse(left.slice(2)) as JsonValue, JSON.parse(right.slice(2)) as JsonValue);
    default:
      return compareKeys(left, right);
  }
}

function compareKeys(left: PathElement, right: PathElement): number {
  const a = Object.entries(JSON.parse(left.slice(2)) as Record<string, JsonValue>);
  const b = Object.entries(JSON.parse(right.slice(2)) as Record<string, JsonValue>);
  for (let index = 0; index < a.length && index < b.length; index++) {
    const [name, value] = a[index]!;
    const [otherName, otherValue] = b[index]!;
    const order = byBytes(name, otherName) || compareValues(value, otherValue);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Numbers, texts, booleans, lists, objects, null. */
function compareValues(left: JsonValue, right: JsonValue): number {
  const order = rank(left) - rank(right);
  if (order !== 0) return order;
  if (typeof left === 'number') return left - (right as number);
  if (typeof left === 'boolean') return Number(left) - Number(right);
  if (typeof left === 'string') return byBytes(left, right as string);
  return byBytes(goJson(left), goJson(right));
}

function rank(value: JsonValue): number {
  if (Array.isArray(value)) return 3;
  if (value === null) return 5;
  return {number: 0, bigint: 0, string: 1, boolean: 2, object: 4}[typeof value as 'number'];
}
