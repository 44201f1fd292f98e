import {type StructuralSchema, unsupported} from './schema-node.ts';

/** The API server refuses a CRD whose default does not fit its own schema or would be pruned. */
export function checkDefault(value: unknown, node: StructuralSchema, path: string): void {
  const fail = (problem: string) => unsupported(path, `default ${JSON.stringify(value)} ${problem}`);
  if (node.enum !== undefined && !node.enum.some((item: unknown) => item === value)) {
    throw fail('is not in the enum');
  }
  if (node.type === 'object') {
    checkObject(value, node, path, fail);
  } else if (node.type === 'array') {
    checkList(value, node, path, fail);
  } else if (!isScalarOf(value, node)) {
    throw fail(`is not such a ${node.type ?? 'value'}`);
  }
}

function isScalarOf(value: unknown, node: StructuralSchema): boolean {
  const {
    minimum = Number.NEGATIVE_INFINITY,
    maximum = Number.POSITIVE_INFINITY,
    maxLength = Number.POSITIVE_INFINITY,
  } = node;
  if (typeof value === 'number') {
    const fits = node.type === 'number' || (isIntegral(node) && Number.isSafeInteger(value));
    return fits && value >= minimum && value <= maximum;
  }
  if (typeof value === 'string') {
    return node.type === undefined || (node.type === 'string' && value.length <= maxLength);
  }
  return typeof value === 'boolean' && node.type === 'boolean';
}

/** An integer, or an int-or-string, which has no type. */
function isIntegral(node: StructuralSchema): boolean {
  return node.type === 'integer' || node.type === undefined;
}

function checkList(value: unknown, node: StructuralSchema, path: string, fail: (problem: string) => Error): void {
  if (!Array.isArray(value) || value.length > (node.maxItems ?? Number.POSITIVE_INFINITY)) {
    throw fail('is not such a list');
  }
  for (const item of value) {
    checkDefault(item, node?.items ?? {}, `${path}[]`);
  }
}

function checkObject(value: unknown, node: StructuralSchema, path: string, fail: (problem: string) => Error): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fail('is not an object');
  }
  for (const name of node.required ?? []) {
    if (!Object.hasOwn(value, name)) {
      throw fail(`lacks ${name}`);
    }
  }
  for (const [name, child] of Object.entries(value)) {
    const schema = node.properties?.[name] ?? node.additionalProperties;
    if (schema !== undefined) {
      checkDefault(child, schema, `${path}.${name}`);
    } else if (!node['x-kubernetes-preserve-unknown-fields']) {
      throw fail(`has the unknown field ${name}`);
    }
  }
}
