import type {Schema} from '../schema/schema.ts';
import {everySchema} from './every-schema.ts';

/** Fields of JSON Schema that are none of a structural one, by their names in messages. */
const unsupported: readonly (readonly [name: string, shown: string])[] = [
  ['id', 'id'],
  ['$schema', 'schema'],
  ['$ref', '$ref'],
  ['patternProperties', 'patternProperties'],
  ['dependencies', 'dependencies'],
  ['additionalItems', 'additionalItems'],
  ['definitions', 'definitions'],
];

/** Why nothing can be said of the structure of a schema; undefined: it can. */
export function unsupportedText(root: Schema): string | undefined {
  for (const schema of everySchema(root)) {
    const found = unsupported.find(([name]) => Object.hasOwn(schema, name));
    if (found) return `OpenAPIV3Schema '${found[1]}' is not supported`;
    if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
      return "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined";
    }
    if (Array.isArray(schema.items)) return "OpenAPIV3Schema 'items' must be a schema, but is an array";
  }
  return undefined;
}
