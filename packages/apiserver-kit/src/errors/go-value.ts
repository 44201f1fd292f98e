import {isJsonObject, type JsonValue} from '../json/json-value.ts';
import {goNumber} from './go-text.ts';

/** A decoded value as Go's `%v` shows it: `map[a:1 b:[x y]]`. */
export function goValue(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`;
  if (value === null) return '<nil>';
  if (typeof value === 'number' || typeof value === 'bigint') return goNumber(value);
  if (!isJsonObject(value)) return String(value);
  const members = Object.keys(value)
    .toSorted()
    .map((key) => `${key}:${goValue(value[key] ?? null)}`);
  return `map[${members.join(' ')}]`;
}

/** The type of a decoded value in Go. */
export function goTypeOf(value: JsonValue): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (isJsonObject(value)) return 'map[string]interface {}';
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'string':
      return 'string';
    case 'bigint':
      return 'int64';
    default:
      if (value === null) return '%!s(<nil>)';
      return Number.isSafeInteger(value) ? 'int64' : 'float64';
  }
}
