import type {Schema} from './schema.ts';

/** Where a `fieldPath` of a rule leads: in the form of errors, with the schema found there; or what is wrong with it. */
export type RulePath = {path: string; schema: Schema} | {error: string};

/**
 * Reads a JSONPath of fields and keys, `.spec['a.b'].c`, that must exist in the schema.
 *
 * @param options `arrayNotation: false` takes names with dots only
 */
export function rulePath(text: string, schema: Schema, options: {arrayNotation?: boolean} = {}): RulePath {
  const tokens = tokensOf(text);
  let path = '';
  let current = schema;
  for (let token = tokens.shift(); token !== undefined; token = tokens.shift()) {
    let name: string | undefined;
    if (token === '[') {
      if (options.arrayNotation === false) return {error: 'array notation is not allowed'};
      const quoted = tokens.shift();
      if (quoted === undefined) return {error: 'unexpected end of JSON path'};
      if (!/^'.*'$/s.test(quoted) || quoted.length < 2)
        return {error: `expected single quoted string but got ${quoted}`};
      const unescaped = unescape(quoted.slice(1, -1));
      if ('error' in unescaped) return {error: `invalid string literal: ${unescaped.error}`};
      name = unescaped.text;
    } else if (token === '.') {
      name = tokens.shift();
      if (name === undefined) return {error: 'unexpected end of JSON path'};
    } else {
      return {error: `expected [ or . but got: ${token}`};
    }
    const step = stepInto(current, name, path);
    if (!step) return {error: 'does not refer to a valid field'};
    ({path, schema: current} = step);
    if (token === '[') {
      const close = tokens.shift();
      if (close === undefined) return {error: 'unexpected end of JSON path'};
      if (close !== ']') return {error: `expected ] but got ${close}`};
    }
  }
  return {path, schema: current};
}

function stepInto(schema: Schema, name: string, path: string): {path: string; schema: Schema} | undefined {
  const {properties, additionalProperties} = schema;
  if (properties) {
    const field = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return field && {path: path === '' ? name : `${path}.${name}`, schema: field};
  }
  return typeof additionalProperties === 'object'
    ? {path: `${path}[${name}]`, schema: additionalProperties}
    : undefined;
}

/** `.`, `[`, `]`, quoted texts and what is between. */
function tokensOf(text: string): string[] {
  return text.match(/'(?:[^']*?)(?<!\\)'|[.[\]]|[^.[\]]+/g) ?? [];
}

const escapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  "'": "'",
  '\\': '\\',
};

function unescape(text: string): {text: string} | {error: string} {
  const wrong = (text.match(/\\./gs) ?? []).find((found) => escapes[found.charAt(1)] === undefined);
  if (wrong !== undefined) return {error: `invalid escape char ${wrong}`};
  return {text: text.replaceAll(/\\(.)/gs, (_, character: string) => escapes[character] as string)};
}
