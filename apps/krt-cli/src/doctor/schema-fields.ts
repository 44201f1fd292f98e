interface SchemaNode {
  properties?: Record<string, SchemaNode>;
  items?: SchemaNode;
  additionalProperties?: SchemaNode | boolean;
  allOf?: readonly SchemaNode[];
}

/**
 * Fields of `wanted` that `present` has not: paths such as `spec.priority`. Of a field that is missing, what is below is not listed.
 *
 * Types and bounds are not compared: an API server writes them in its own way when it publishes a schema.
 */
export function missingFields(wanted: object, present: object, path = ''): string[] {
  const want = wanted as SchemaNode;
  const have = present as SchemaNode;
  const missing: string[] = [];
  const known = propertiesOf(have);
  for (const [name, schema] of Object.entries(want.properties ?? {})) {
    const field = path === '' ? name : `${path}.${name}`;
    // An object that keeps unknown fields has all of them.
    if (known === undefined) continue;
    const there = known[name];
    if (there === undefined) missing.push(field);
    // metadata is Kubernetes' own.
    else if (field !== 'metadata') missing.push(...missingFields(schema, there, field));
  }
  if (want.items && have.items) missing.push(...missingFields(want.items, have.items, `${path}[]`));
  return missing;
}

function propertiesOf({properties, allOf}: SchemaNode): Record<string, SchemaNode> | undefined {
  const parts = (allOf ?? []).flatMap((each) => propertiesOf(each) ?? []);
  if (properties === undefined && parts.length === 0) return undefined;
  return Object.assign({}, ...parts, properties);
}
