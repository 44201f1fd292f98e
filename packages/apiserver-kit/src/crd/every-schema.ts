import type {Schema} from '../schema/schema.ts';

/** A schema and all that are in it. */
export function* everySchema(schema: Schema): Iterable<Schema> {
  const open: Schema[] = [schema];
  for (let current = open.pop(); current; current = open.pop()) {
    yield current;
    const {properties = {}, additionalProperties, items, allOf = [], anyOf = [], oneOf = [], not} = current;
    open.push(...Object.values(properties), ...allOf, ...anyOf, ...oneOf);
    for (const part of [additionalProperties, items, not]) if (typeof part === 'object') open.push(part);
  }
}
