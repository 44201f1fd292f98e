import {keywords} from './keywords.ts';
import {isSchemaNode, type StructuralSchema, unsupported} from './schema-node.ts';

/** What a schema below allOf, anyOf, oneOf or not may do: narrow values. Types, texts, defaults and extensions belong outside of it. */
const narrowing: ReadonlySet<string> = new Set(
  `format enum pattern minLength maxLength minimum exclusiveMinimum maximum exclusiveMaximum multipleOf minItems maxItems minProperties
   maxProperties required properties items allOf anyOf oneOf not`.split(/\s+/),
);

/** Converts the value of allOf, anyOf, oneOf or not of a node that is otherwise converted to `outer`. */
export function convertJunctor(name: string, value: unknown, outer: StructuralSchema, path: string): unknown {
  if (name === 'not') {
    return convertBranch(value, outer, `${path}(not)`);
  }
  if (!Array.isArray(value) || value.length === 0) {
    throw unsupported(path, `${name} must be a list of schemas`);
  }
  return value.map((branch) => convertBranch(branch, outer, `${path}(${name})`));
}

function convertBranch(branch: unknown, outer: StructuralSchema | undefined, path: string): Record<string, unknown> {
  if (!isSchemaNode(branch)) {
    throw unsupported(path, 'a branch must be a schema');
  }
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(branch)) {
    if (!narrowing.has(name)) {
      throw unsupported(path, `${name} must stand outside of allOf, anyOf, oneOf and not`);
    }
    const problem = keywords[name]?.problem(value);
    if (problem !== undefined) {
      throw unsupported(path, `${name} ${problem}`);
    }
    if (name === 'properties') {
      out[name] = convertProperties(value, outer, path);
    } else if (name === 'items') {
      out[name] = convertBranch(value, outer?.items, `${path}[]`);
    } else if (name === 'allOf' || name === 'anyOf' || name === 'oneOf' || name === 'not') {
      out[name] = convertJunctor(name, value, outer ?? {}, path);
    } else {
      Object.assign(out, keywords[name]?.convert?.(value, branch) ?? {[name]: value});
    }
  }
  return out;
}

function convertProperties(properties: unknown, outer: StructuralSchema | undefined, path: string) {
  if (!isSchemaNode(properties)) {
    throw unsupported(path, 'properties must be an object');
  }
  return Object.fromEntries(
    Object.entries(properties).map(([name, child]) => {
      const counterpart = outer?.properties?.[name];
      if (counterpart === undefined) {
        throw unsupported(path, `property ${name} must be described outside of allOf, anyOf, oneOf and not as well`);
      }
      return [name, convertBranch(child, counterpart, `${path}.${name}`)];
    }),
  );
}
