import {expect, test} from '@jest/globals';
import {runCrd} from '@kruntimes/api-types/crds';
import {missingFields} from './schema-fields.ts';

test('finds fields that are missing, also in lists and behind allOf', () => {
  const wanted = {
    properties: {
      metadata: {type: 'object', properties: {name: {}}},
      spec: {properties: {a: {}, b: {properties: {c: {}}}, list: {items: {properties: {x: {}, y: {}}}}}},
    },
  };
  const present = {
    properties: {
      metadata: {allOf: [{properties: {other: {}}}]},
      spec: {allOf: [{properties: {b: {properties: {d: {}}}, list: {items: {properties: {x: {}}}}}}]},
    },
  };
  expect(missingFields(wanted, present)).toEqual(['spec.a', 'spec.b.c', 'spec.list[].y']);
});

test('an object that keeps unknown fields misses none, and a schema has all of itself', () => {
  expect(missingFields({properties: {a: {}}}, {})).toEqual([]);
  const schema = runCrd.spec.versions[0]?.schema?.openAPIV3Schema ?? {};
  expect(missingFields(schema, schema)).toEqual([]);
});
