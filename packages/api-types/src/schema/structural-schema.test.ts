import {describe, expect, test} from '@jest/globals';
import {Type} from 'typebox';
import {ApiTypesError} from '../errors.ts';
import {cel} from './cel.ts';
import {
  boolean,
  integer,
  intOrString,
  listOf,
  mapList,
  mapOf,
  nullable,
  object,
  optional,
  preserveUnknown,
  setOf,
  string,
  stringEnum,
  time,
} from './fields.ts';
import {keywords} from './keywords.ts';
import {toStructuralSchema} from './structural-schema.ts';

/** The schema of a property `it`, in the way it comes out. */
function converted(schema: object): unknown {
  return toStructuralSchema({type: 'object', properties: {it: schema}}).properties?.['it'];
}

describe('what is carried over', () => {
  test('every helper', () => {
    const schema = object({
      text: string(10, {minLength: 1, pattern: '^[a-z]+$', description: 'a word', default: 'a'}),
      when: time(),
      size: integer(0, 5),
      yes: boolean(),
      kind: stringEnum(['a', 'b']),
      many: listOf(string(3), 4),
      different: setOf(string(3), 4),
      byName: mapList(object({name: string(3)}), ['name'], 4),
      free: mapOf(integer(1, 2), 3),
      perhaps: optional(nullable(string(3))),
      either: intOrString(8, {pattern: '^[0-9]+$'}),
      anything: preserveUnknown(),
    });
    expect(toStructuralSchema(schema)).toEqual({
      type: 'object',
      required: ['text', 'when', 'size', 'yes', 'kind', 'many', 'different', 'byName', 'free', 'either', 'anything'],
      properties: {
        text: {description: 'a word', type: 'string', default: 'a', pattern: '^[a-z]+$', minLength: 1, maxLength: 10},
        when: {type: 'string', format: 'date-time', maxLength: 40},
        size: {type: 'integer', minimum: 0, maximum: 5},
        yes: {type: 'boolean'},
        kind: {type: 'string', enum: ['a', 'b']},
        many: {type: 'array', maxItems: 4, items: {type: 'string', maxLength: 3}, 'x-kubernetes-list-type': 'atomic'},
        different: {type: 'array', maxItems: 4, items: {type: 'string', maxLength: 3}, 'x-kubernetes-list-type': 'set'},
        byName: {
          type: 'array',
          maxItems: 4,
          items: {type: 'object', required: ['name'], properties: {name: {type: 'string', maxLength: 3}}},
          'x-kubernetes-list-map-keys': ['name'],
          'x-kubernetes-list-type': 'map',
        },
        free: {type: 'object', maxProperties: 3, additionalProperties: {type: 'integer', minimum: 1, maximum: 2}},
        perhaps: {type: 'string', nullable: true, maxLength: 3},
        either: {
          pattern: '^[0-9]+$',
          maxLength: 8,
          anyOf: [{type: 'integer'}, {type: 'string'}],
          'x-kubernetes-int-or-string': true,
        },
        anything: {type: 'object', 'x-kubernetes-preserve-unknown-fields': true},
      },
    });
  });

  test('plain JSON: nothing of TypeBox is left', () => {
    const plain = toStructuralSchema(object({a: optional(string(1))}));
    expect(Reflect.ownKeys(plain)).toEqual(['type', 'properties']);
    expect(Reflect.ownKeys(plain.properties?.['a'] ?? {})).toEqual(['type', 'maxLength']);
  });

  test('the source is not changed', () => {
    const source = Object.freeze({type: 'number', exclusiveMinimum: 0, minimum: -5});
    expect(converted(source)).toEqual({type: 'number', minimum: 0, exclusiveMinimum: true});
    expect(source).toEqual({type: 'number', exclusiveMinimum: 0, minimum: -5});
  });

  test('keywords in the order of the list, whatever their order in the source', () => {
    expect(Object.keys(converted({maxLength: 3, description: 'x', type: 'string'}) ?? {})).toEqual([
      'description',
      'type',
      'maxLength',
    ]);
  });

  test.each([
    [{exclusiveMinimum: 0}, {minimum: 0, exclusiveMinimum: true}],
    [{exclusiveMaximum: 9}, {maximum: 9, exclusiveMaximum: true}],
    [{exclusiveMinimum: 0, minimum: 3}, {minimum: 3}],
    [
      {minimum: 3, exclusiveMinimum: 3},
      {minimum: 3, exclusiveMinimum: true},
    ],
    [{exclusiveMaximum: 9, maximum: 4}, {maximum: 4}],
    [
      {maximum: 9, exclusiveMaximum: true},
      {maximum: 9, exclusiveMaximum: true},
    ],
  ])('%j becomes what JSONSchemaProps has: %j', (from, to) => {
    expect(converted({type: 'number', ...from})).toEqual({type: 'number', ...to});
  });

  test('narrowing below oneOf of properties that are described outside', () => {
    const properties = {a: {type: 'string', maxLength: 9}, b: {type: 'string', maxLength: 9}};
    const oneOf = [{required: ['a']}, {properties: {b: {pattern: '^x'}}, not: {required: ['a']}}];
    expect(converted({type: 'object', properties, oneOf})).toEqual({type: 'object', properties, oneOf});
  });

  test('a rule', () => {
    const rule = cel('self.size() > 0', 'must not be empty', {reason: 'FieldValueRequired', fieldPath: '.a'});
    expect(converted({type: 'string', 'x-kubernetes-validations': [rule]})).toEqual({
      type: 'string',
      'x-kubernetes-validations': [rule],
    });
  });

  test('the name in metadata', () => {
    const metadata = {type: 'object', properties: {name: {type: 'string', maxLength: 40}}};
    expect(toStructuralSchema({type: 'object', properties: {metadata}}).properties?.['metadata']).toEqual(metadata);
  });
});

test('the list of keywords is that of JSONSchemaProps: 44', () => {
  expect(Object.keys(keywords)).toHaveLength(44);
});

describe('what throws', () => {
  const text = {type: 'string', maxLength: 5};
  const named = {type: 'object', required: ['name'], properties: {name: text}};
  const asMap = {'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name']};

  test.each<[what: string, schema: object, message: RegExp]>([
    ['a union of literals', Type.Union([Type.Literal('a'), Type.Literal('b')]), /a union: use stringEnum/],
    ['an enum without a type', Type.Enum(['a', 'b']), /use stringEnum/],
    ['a literal', Type.Literal('a'), /const is not a field of JSONSchemaProps: use stringEnum/],
    ['a record', Type.Record(Type.String(), Type.Integer()), /patternProperties is not supported: use mapOf/],
    ['a union with null', Type.Union([Type.String(), Type.Null()]), /a union with null: use nullable/],
    ['null', Type.Null(), /type "null" is not one/],
    ['a list of types', {type: ['string', 'null']}, /is not one that a CRD can have/],
    [
      'an intersection',
      Type.Intersect([Type.Object({a: Type.String()}), Type.Object({})]),
      /an intersection: write one/,
    ],
    ['a reference', Type.Ref('A'), /\$ref is not supported/],
    ['definitions', {...text, definitions: {}}, /definitions is not supported/],
    ['$defs', {...text, $defs: {}}, /\$defs is not a field of JSONSchemaProps/],
    ['$id', {...text, $id: 'A'}, /\$id is not a field of JSONSchemaProps/],
    ['id', {...text, id: 'A'}, /id is not supported/],
    ['$schema', {...text, $schema: 'x'}, /\$schema is not supported/],
    ['a recursive type', Type.Cyclic({N: Type.Object({next: Type.Optional(Type.Ref('N'))})}, 'N'), /schema it: /],
    ['an exclusive bound that is no number', {type: 'number', exclusiveMinimum: '0'}, /must be a number/],
    ['additionalProperties: false', Type.Object({}, {additionalProperties: false}), /unknown fields are pruned/],
    ['additionalProperties: true', {type: 'object', additionalProperties: true}, /use preserveUnknown/],
    [
      'properties beside additionalProperties',
      {type: 'object', properties: {a: text}, additionalProperties: text},
      /exclude each other/,
    ],
    ['uniqueItems', Type.Array(Type.String(), {uniqueItems: true}), /uniqueItems is not supported: use setOf/],
    ['any', Type.Any(), /type must not be empty: use preserveUnknown/],
    ['unknown', Type.Unknown(), /type must not be empty/],
    ['look-ahead', {...text, pattern: '^(?=a)'}, /look-ahead/],
    ['a back-reference', {...text, pattern: '(a)\\1'}, /back-reference/],
    ['a pattern that is none', {...text, pattern: '('}, /is not understood/],
    ['a template with look-around', {...text, pattern: '(?!x)'}, /look-ahead/],
    ['an int-or-string with a type', {...intOrString(3), type: 'string'}, /has no type and exactly the anyOf/],
    ['an int-or-string without its anyOf', {'x-kubernetes-int-or-string': true}, /exactly the anyOf/],
    [
      'an int-or-string in another order',
      {'x-kubernetes-int-or-string': true, anyOf: [{type: 'string'}, {type: 'integer'}]},
      /exactly the anyOf/,
    ],
    ['a tuple', Type.Tuple([Type.String()]), /schema it: /],
    ['items that are a list', {type: 'array', items: [text]}, /a CRD has no tuples/],
    ['a list without items', {type: 'array', maxItems: 1}, /has items/],
    ['items of a string', {...text, items: text}, /has items/],
    ['properties of a string', {...text, properties: {}}, /only an object has properties/],
    ['a keyword that nobody knows', {...text, 'x-kubernetes-nothing': true}, /is not a field of JSONSchemaProps/],
    ['a format that is not checked', {...text, format: 'date-tme'}, /format must be one of/],
    ['a negative length', {type: 'string', maxLength: -1}, /maxLength must be a whole number/],
    ['a minimum that is no number', {type: 'integer', minimum: Number.NaN}, /minimum must be a number/],
    ['an empty enum', {type: 'string', enum: []}, /enum must be a list of different values/],
    ['an enum with the same value twice', {type: 'string', enum: ['a', 'a']}, /different values/],
    ['required of nothing', {type: 'object', required: ['a']}, /required names a, which is not a property/],
    ['required that is no list', {...named, required: 'name'}, /required must be a list of names/],
    [
      'preserve-unknown-fields: false',
      {type: 'object', 'x-kubernetes-preserve-unknown-fields': false},
      /true or absent/,
    ],
    ['nullable that is no boolean', {...text, nullable: 'yes'}, /nullable must be true or false/],
    ['a schema that is none', {type: 'object', properties: {a: true}}, /schema it\.a: true is not a schema object/],

    ['an unknown list type', {type: 'array', items: text, 'x-kubernetes-list-type': 'bag'}, /atomic, set or map/],
    ['a list type of a string', {...text, 'x-kubernetes-list-type': 'set'}, /only an array/],
    ['an unknown map type', {type: 'object', 'x-kubernetes-map-type': 'x'}, /atomic or granular/],
    ['a map type of a string', {...text, 'x-kubernetes-map-type': 'atomic'}, /only an object/],
    ['a set of objects', {type: 'array', items: named, 'x-kubernetes-list-type': 'set'}, /must be scalars/],
    [
      'a set of what may be null',
      {type: 'array', items: {...text, nullable: true}, 'x-kubernetes-list-type': 'set'},
      /not nullable/,
    ],
    ['a map list without keys', {type: 'array', items: named, 'x-kubernetes-list-type': 'map'}, /list-map-keys/],
    [
      'keys of a list that is no map',
      {type: 'array', items: named, 'x-kubernetes-list-map-keys': ['name']},
      /of type map/,
    ],
    ['a map list of strings', {type: 'array', items: text, ...asMap}, /must be objects/],
    ['a map list of what may be null', {type: 'array', items: {...named, nullable: true}, ...asMap}, /not nullable/],
    [
      'a key that is not there',
      {type: 'array', items: {type: 'object', properties: {}}, ...asMap},
      /map key name must be a scalar/,
    ],
    [
      'a key that may be null',
      {type: 'array', items: {...named, properties: {name: {...text, nullable: true}}}, ...asMap},
      /not nullable/,
    ],
    [
      'a key that is an object',
      {type: 'array', items: {...named, properties: {name: {type: 'object', properties: {}}}}, ...asMap},
      /must be a scalar/,
    ],
    [
      'a key that may be absent',
      {type: 'array', items: {type: 'object', properties: {name: text}}, ...asMap},
      /must be required or have a default/,
    ],

    ['a rule without an expression', {...text, 'x-kubernetes-validations': [{message: 'x'}]}, /without an expression/],
    ['a rule without a message', {...text, 'x-kubernetes-validations': [{rule: 'true'}]}, /without a message: true/],
    ['a message of two lines', {...text, 'x-kubernetes-validations': [cel('true', 'a\nb')]}, /more than one line/],
    ['a rule with a wrong field', {...text, 'x-kubernetes-validations': [{rule: 'true', mesage: 'x'}]}, /field mesage/],
    [
      'a rule with a wrong reason',
      {...text, 'x-kubernetes-validations': [{rule: 'true', message: 'x', reason: 'Bad'}]},
      /unknown reason/,
    ],
    ['rules that are no list', {...text, 'x-kubernetes-validations': {}}, /must be a list of rules/],
    ['a rule that is no object', {...text, 'x-kubernetes-validations': ['true']}, /must be a list of rules/],

    ['null as default', {...text, default: null}, /default must be a value/],
    ['a default of another type', {...text, default: 5}, /default 5 is not such a string/],
    ['a default that is too long', {...text, default: 'abcdef'}, /is not such a string/],
    ['a default out of range', {type: 'integer', maximum: 3, default: 4}, /is not such a integer/],
    ['a default that is not whole', {type: 'integer', default: 1.5}, /is not such a integer/],
    ['a default that is not in the enum', {type: 'string', enum: ['a'], default: 'b'}, /is not in the enum/],
    ['a default that would be pruned', {...named, default: {name: 'a', other: 1}}, /has the unknown field other/],
    ['a default without a required field', {...named, default: {}}, /lacks name/],
    ['a default that is no object', {...named, default: []}, /is not an object/],
    [
      'a default with too many items',
      {type: 'array', items: text, maxItems: 1, default: ['a', 'b']},
      /is not such a list/,
    ],
    ['a default with a wrong item', {type: 'array', items: text, default: [1]}, /default 1 is not such a string/],
    ['a boolean default of a string', {...text, default: true}, /is not such a string/],

    ['a type below allOf', {...named, allOf: [{type: 'object'}]}, /type must stand outside of allOf/],
    ['a description below oneOf', {...named, oneOf: [{description: 'x'}]}, /description must stand outside/],
    ['a title below anyOf', {...named, anyOf: [{title: 'x'}]}, /title must stand outside/],
    ['a default below not', {...named, not: {default: {}}}, /default must stand outside/],
    ['nullable below allOf', {...named, allOf: [{nullable: true}]}, /nullable must stand outside/],
    ['an extension below allOf', {...named, allOf: [{'x-kubernetes-validations': []}]}, /must stand outside/],
    ['additionalProperties below allOf', {...named, allOf: [{additionalProperties: text}]}, /must stand outside/],
    [
      'a property that is described below allOf only',
      {...named, allOf: [{properties: {b: {maxLength: 1}}}]},
      /property b must/,
    ],
    ['a pattern with look-around below allOf', {...text, allOf: [{pattern: '(?=a)'}]}, /look-ahead/],
    ['a branch that is no schema', {...named, anyOf: ['x']}, /a branch must be a schema/],
    ['an empty anyOf', {...named, anyOf: []}, /anyOf must be a list of schemas/],
    ['properties of a branch that are no object', {...named, anyOf: [{properties: 1}]}, /properties must be an object/],
  ])('%s', (_what, schema, message) => {
    expect(() => converted(schema)).toThrow(message);
    expect(() => converted(schema)).toThrow(ApiTypesError);
    expect(() => converted(schema)).toThrow(/^schema it/);
  });

  test.each<[what: string, schema: object, message: RegExp]>([
    ['a root that is no object', string(3), /the root must be of type object/],
    ['a root that may be null', nullable(object({})), /the root must not be nullable/],
    [
      'a restriction of metadata beyond the name',
      {type: 'object', properties: {metadata: {type: 'object', properties: {labels: preserveUnknown()}}}},
      /only name and generateName/,
    ],
    [
      'a description of metadata',
      {type: 'object', properties: {metadata: {type: 'object', description: 'x'}}},
      /only name and generateName/,
    ],
  ])('%s', (_what, schema, message) => {
    expect(() => toStructuralSchema(schema)).toThrow(message);
  });

  test('an error tells the code and that trying again is of no use', () => {
    expect(() => toStructuralSchema(Type.Any())).toThrow(
      expect.objectContaining({name: 'ApiTypesError', code: 'UNSUPPORTED_SCHEMA', retryable: false}),
    );
  });
});
