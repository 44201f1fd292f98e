import type {Value} from './values-file.ts';

type Schema = Record<string, unknown>;

/** The JSON schema of a chart's values, which takes no others. */
export function valuesSchema(values: readonly Value[]): Schema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    ...group(values),
    properties: {
      // Helm gives it to every chart that is a dependency of another one.
      global: {type: 'object'},
      ...properties(values),
    },
  };
}

function group(values: readonly Value[]): Schema {
  return {type: 'object', additionalProperties: false, properties: properties(values)};
}

function properties(values: readonly Value[]): Schema {
  return Object.fromEntries(values.map((value) => [value.name, schemaOf(value)]));
}

function schemaOf({description, default: value, schema, children = []}: Value): Schema {
  const described = description === '' ? {} : {description};
  if (schema === 'map') {
    const [like] = children;
    if (like === undefined) throw new Error('a map needs an example');
    // Null: the one of the defaults is not wanted.
    return {...described, type: 'object', additionalProperties: {...schemaOf(like), type: ['object', 'null']}};
  }
  if (children.length > 0) return {...described, ...group(children)};
  return {...described, type: typeOf(value), ...schema};
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}
