import type {Schema} from '../schema/schema.ts';

/** A schema and all that are in it. */
export function* everySchema(schema: Schema): Iterable<Schema> {
  yield schema;
  const {properties = {}, additionalProperties, items, allOf = [], anyOf = [], oneOf = [], not} = schema;
  const parts = [items, ...allOf, ...anyOf, ...oneOf, not, ...Object.values(properties), additionalProperties];
  for (const part of parts) if (typeof part === 'object' && !Array.isArray(part)) yield* everySchema(part);
}
