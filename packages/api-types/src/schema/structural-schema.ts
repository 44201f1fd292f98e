/**
 * From a TypeBox schema to the schema of a CustomResourceDefinition. Kubernetes takes only *structural* schemas: a subset of OpenAPI v3 in
 * which every field has exactly one type that can be read without evaluating anything. What is outside of it is silently dropped in some cases
 * and makes the CRD useless in others, so the conversion knows every keyword and throws on all that it can't carry over faithfully.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
 */
import {checkDefault} from './default-value.ts';
import {convertJunctor} from './junctor.ts';
import {type Keyword, keywords} from './keywords.ts';
import {checkList} from './list-type.ts';
import {isNames, isSchemaNode, type SchemaNode, type StructuralSchema, unsupported} from './schema-node.ts';

const types: ReadonlySet<unknown> = new Set(['object', 'array', 'string', 'integer', 'number', 'boolean']);
const junctors: readonly string[] = ['allOf', 'anyOf', 'oneOf', 'not'];

/**
 * Converts a schema for the root of a CRD version.
 *
 * @throws {ApiTypesError} UNSUPPORTED_SCHEMA, with the path of the node and what to write instead
 */
export function toStructuralSchema(schema: object): StructuralSchema {
  const root = convert(schema, '');
  if (root.type !== 'object') {
    throw unsupported('', 'the root must be of type object');
  }
  if (root.nullable) {
    throw unsupported('', 'the root must not be nullable');
  }
  checkMetadata(root.properties?.['metadata']);
  return root;
}

function convert(schema: unknown, path: string): StructuralSchema {
  const node = asNode(schema, path);
  const out: StructuralSchema = {};
  for (const [name, value] of Object.entries(node)) {
    if (value === undefined || junctors.includes(name)) {
      continue;
    }
    const keyword: Keyword | undefined = keywords[name];
    if (keyword === undefined) {
      throw unsupported(
        path,
        `${name} is not a field of JSONSchemaProps${name === 'const' ? ': use stringEnum()' : ''}`,
      );
    }
    const problem = keyword.problem(value);
    if (problem !== undefined) {
      throw unsupported(path, `${name} ${problem}`);
    }
    Object.assign(out, keyword.convert?.(value, node) ?? {[name]: value});
  }
  convertType(node, out, path);
  convertChildren(node, out, path);
  checkList(out, path);
  if (out.default !== undefined) {
    checkDefault(out.default, out, path);
  }
  return inOrder(out);
}

function asNode(schema: unknown, path: string): SchemaNode {
  if (!isSchemaNode(schema)) {
    throw unsupported(path, `${JSON.stringify(schema)} is not a schema object`);
  }
  return schema;
}

function convertType(node: SchemaNode, out: StructuralSchema, path: string): void {
  const {type} = node;
  if (node['x-kubernetes-int-or-string'] === true) {
    if (type !== undefined || JSON.stringify(node['anyOf']) !== '[{"type":"integer"},{"type":"string"}]') {
      throw unsupported(path, 'an int-or-string has no type and exactly the anyOf of intOrString()');
    }
    out.anyOf = [{type: 'integer'}, {type: 'string'}];
    return;
  }
  if (Array.isArray(node['anyOf']) && type === undefined) {
    const nulls = node['anyOf'].some((branch: unknown) => isSchemaNode(branch) && branch['type'] === 'null');
    throw unsupported(path, nulls ? 'a union with null: use nullable()' : 'a union: use stringEnum() or one type');
  }
  if (Array.isArray(node['allOf']) && type === undefined) {
    throw unsupported(path, 'an intersection: write one object() with all properties');
  }
  if (type === undefined && node['enum'] !== undefined) {
    throw unsupported(path, 'an enum without a type: use stringEnum()');
  }
  if (type === undefined) {
    throw unsupported(path, 'type must not be empty: use preserveUnknown() for free content');
  }
  if (!types.has(type)) {
    throw unsupported(path, `type ${JSON.stringify(type)} is not one that a CRD can have`);
  }
}

function convertChildren(node: SchemaNode, out: StructuralSchema, path: string): void {
  const {type, properties, additionalProperties, items} = node;
  if ((properties !== undefined || additionalProperties !== undefined) && type !== 'object') {
    throw unsupported(path, 'only an object has properties');
  }
  if (properties !== undefined && additionalProperties !== undefined) {
    throw unsupported(path, 'properties and additionalProperties exclude each other; unknown fields are pruned anyway');
  }
  if (properties !== undefined) {
    const names = Object.entries(asNode(properties, path));
    out.properties = Object.fromEntries(names.map(([name, child]) => [name, convert(child, join(path, name))]));
  }
  for (const name of isNames(node['required']) ? node['required'] : []) {
    if (!isSchemaNode(properties) || !Object.hasOwn(properties, name)) {
      throw unsupported(path, `required names ${name}, which is not a property`);
    }
  }
  if (additionalProperties !== undefined) {
    out.additionalProperties = convert(additionalProperties, join(path, '*'));
  }
  if ((type === 'array') !== (items !== undefined)) {
    throw unsupported(path, 'an array, and nothing else, has items');
  }
  if (items !== undefined) {
    out.items = convert(items, `${path}[]`);
  }
  if (node['x-kubernetes-int-or-string'] !== true) {
    for (const name of junctors) {
      if (node[name] !== undefined) {
        Object.assign(out, {[name]: convertJunctor(name, node[name], out, path)});
      }
    }
  }
}

/** The API server validates metadata itself and lets a CRD restrict nothing but the name. */
function checkMetadata(metadata: StructuralSchema | undefined): void {
  if (metadata === undefined) {
    return;
  }
  const {type, properties = {}, ...others} = metadata;
  const wrong = Object.keys(properties).filter((name) => name !== 'name' && name !== 'generateName');
  if (type !== 'object' || Object.keys(others).length > 0 || wrong.length > 0) {
    throw unsupported('metadata', 'only name and generateName can be restricted');
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** The same order everywhere, so that generated files change only where the schema does. */
function inOrder(node: StructuralSchema): StructuralSchema {
  const order = Object.keys(keywords);
  return Object.fromEntries(Object.entries(node).toSorted(([a], [b]) => order.indexOf(a) - order.indexOf(b)));
}
