import {describe, expect, test} from '@jest/globals';
import {runSchema} from './run.ts';
import {runtimeSchema} from './runtime.ts';
import type {StructuralSchema} from './schema/schema-node.ts';
import {toStructuralSchema} from './schema/structural-schema.ts';

/** Paths of nodes whose values can be of any size. What a node keeps without describing it is not its own to bound. */
function unbounded(node: StructuralSchema, path: string): string[] {
  const found: string[] = [];
  const kept = node['x-kubernetes-preserve-unknown-fields'] === true;
  if ((node.type === 'string' || node['x-kubernetes-int-or-string']) && node.maxLength === undefined && !node.enum) {
    found.push(`${path}: maxLength`);
  }
  if (
    (node.type === 'integer' || node.type === 'number') &&
    (node.minimum === undefined || node.maximum === undefined)
  ) {
    found.push(`${path}: minimum and maximum`);
  }
  if (node.type === 'array' && node.maxItems === undefined) {
    found.push(`${path}: maxItems`);
  }
  if (node.type === 'object' && node.additionalProperties !== undefined && node.maxProperties === undefined) {
    found.push(`${path}: maxProperties`);
  }
  if (node.type === 'object' && node.properties === undefined && node.additionalProperties === undefined && !kept) {
    found.push(`${path}: an object of nothing`);
  }
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    found.push(...unbounded(child, `${path}.${name}`));
  }
  for (const child of [node.items, node.additionalProperties]) {
    found.push(...(child === undefined ? [] : unbounded(child, `${path}[]`)));
  }
  return found;
}

describe('every string, number, list and map has a bound', () => {
  test.each([
    ['Run', runSchema],
    ['Runtime', runtimeSchema],
  ])('%s', (kind, schema) => {
    expect(unbounded(toStructuralSchema(schema), kind)).toEqual([]);
  });

  test.each<[StructuralSchema, string[]]>([
    [{type: 'string'}, ['x: maxLength']],
    [{'x-kubernetes-int-or-string': true}, ['x: maxLength']],
    [{type: 'integer', minimum: 0}, ['x: minimum and maximum']],
    [{type: 'array', items: {type: 'string'}}, ['x: maxItems', 'x[]: maxLength']],
    [{type: 'object', additionalProperties: {type: 'boolean'}}, ['x: maxProperties']],
    [{type: 'object', properties: {a: {type: 'string'}}}, ['x.a: maxLength']],
    [{type: 'object'}, ['x: an object of nothing']],
  ])('the walk finds %j', (schema, found) => {
    expect(unbounded(schema, 'x')).toEqual(found);
  });
});

test('nothing of a Runtime template is pruned or refused: every described object below it keeps what is not described', () => {
  const template = toStructuralSchema(runtimeSchema).properties?.['spec']?.properties?.['template'];
  const closed: string[] = [];
  const visit = (node: StructuralSchema, path: string): void => {
    if (node.type === 'object' && node['x-kubernetes-preserve-unknown-fields'] !== true) {
      closed.push(path);
    }
    for (const [name, child] of Object.entries(node.properties ?? {})) {
      visit(child, `${path}.${name}`);
    }
    const items = node.items;
    if (items !== undefined) {
      visit(items, `${path}[]`);
    }
  };
  visit(template ?? {}, 'template');
  expect(template?.properties?.['spec']?.properties?.['containers']?.type).toBe('array');
  expect(closed).toEqual([]);
});
