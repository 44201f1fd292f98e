import type {JsonValue} from './json-value.ts';

/** JSON of a value, without spaces. Members that are undefined are left out. */
export function encodeJson(value: JsonValue): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    // The only values that JSON.stringify refuses are bigints; anything else fails again.
    if (!(error instanceof TypeError)) throw error;
    return encode(value);
  }
}

function encode(value: JsonValue): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(encode).join(',')}]`;
  const members: string[] = [];
  for (const key of Object.keys(value)) {
    const inner = value[key];
    if (inner !== undefined) members.push(`${JSON.stringify(key)}:${encode(inner)}`);
  }
  return `{${members.join(',')}}`;
}
