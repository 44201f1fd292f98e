import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {jsonEqual} from '../json/json-equal.ts';
import {cloneJson, type JsonObject, type JsonValue} from '../json/json-value.ts';
import {applyDefaults} from './defaults.ts';
import {pruneUnknown} from './prune.ts';
import type {Schema} from './schema.ts';
import {validateValue} from './validate.ts';

const names = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor');

const scalar: fc.Arbitrary<Schema> = fc.oneof(
  fc.record(
    {type: fc.constant('string' as const), maxLength: fc.nat(5), nullable: fc.boolean()},
    {requiredKeys: ['type']},
  ),
  fc.record({type: fc.constant('integer' as const), minimum: fc.integer({min: -5, max: 5})}, {requiredKeys: ['type']}),
  fc.constant<Schema>({type: 'string', default: 'd'}),
  fc.constant<Schema>({type: 'boolean', nullable: true}),
  fc.constant<Schema>({'x-kubernetes-int-or-string': true}),
);

const {schema: schemas} = fc.letrec<{schema: Schema}>((tie) => ({
  schema: fc.oneof(
    {maxDepth: 4, withCrossShrink: true},
    scalar,
    fc.tuple(fc.array(fc.tuple(names, tie('schema')), {maxLength: 3}), fc.boolean()).map(([fields, keep]): Schema => {
      const properties: Record<string, Schema> = Object.fromEntries(fields);
      return {type: 'object', properties, ...(keep ? {'x-kubernetes-preserve-unknown-fields': true} : {})};
    }),
    tie('schema').map((items): Schema => ({type: 'array', items})),
    tie('schema').map((additionalProperties): Schema => ({type: 'object', additionalProperties})),
  ),
}));

const values = fc.jsonValue({maxDepth: 5}).map((value) => JSON.parse(JSON.stringify(value)) as JsonValue);
const objects = fc.oneof(
  values,
  fc.array(fc.tuple(names, values), {maxLength: 4}).map((members): JsonValue => Object.fromEntries(members)),
);

function after(value: JsonValue, change: (value: JsonValue) => void): JsonValue {
  const copy = cloneJson(value);
  change(copy);
  return copy;
}

describe('whatever the schema and the value', () => {
  test('what is pruned once has nothing more to be pruned', () => {
    fc.assert(
      fc.property(schemas, objects, (schema, value) => {
        const once = after(value, (copy) => pruneUnknown(copy, schema));
        const unknown: string[] = [];
        const twice = after(once, (copy) => pruneUnknown(copy, schema, {onUnknown: (path) => unknown.push(path)}));
        expect(jsonEqual(once, twice)).toBe(true);
        expect(unknown).toEqual([]);
      }),
    );
  });

  test('defaults that are there stay as they are', () => {
    fc.assert(
      fc.property(schemas, objects, (schema, value) => {
        const once = after(value, (copy) => applyDefaults(copy, schema));
        expect(
          jsonEqual(
            once,
            after(once, (copy) => applyDefaults(copy, schema)),
          ),
        ).toBe(true);
      }),
    );
  });

  test('what has not changed is tolerated, and nothing else is wrong on update than on create', () => {
    fc.assert(
      fc.property(schemas, objects, objects, (schema, value, old) => {
        const errors = validateValue(value, schema).map(({field, message}) => `${field} ${message}`);
        const changed = validateValue(value, schema, {old}).map(({field, message}) => `${field} ${message}`);
        expect(errors).toEqual(expect.arrayContaining(changed));
      }),
    );
  });

  test('nothing gets a new prototype', () => {
    fc.assert(
      fc.property(schemas, objects, (schema, value) => {
        const copy = cloneJson({value}) as JsonObject;
        pruneUnknown(copy, {type: 'object', properties: {value: schema}});
        applyDefaults(copy, {type: 'object', properties: {value: schema}});
        expect(({} as JsonObject)['default']).toBeUndefined();
        const inner = copy['value'];
        if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) {
          expect(Object.getPrototypeOf(inner)).toBe(Object.prototype);
        }
      }),
    );
  });
});

test('values nest as deep as JSON may', () => {
  let value: JsonValue = 1;
  for (let depth = 0; depth < 999; depth++) value = depth % 2 === 0 ? [value] : {a: value};
  const schema: Schema = {type: 'object', properties: {x: {'x-kubernetes-preserve-unknown-fields': true}}};
  const object: JsonObject = {x: value, y: value};
  pruneUnknown(object, schema);
  applyDefaults(object, schema);
  expect(validateValue(object, schema, {old: {x: cloneJson(value)}})).toEqual([]);
  expect(Object.keys(object)).toEqual(['x']);
});
