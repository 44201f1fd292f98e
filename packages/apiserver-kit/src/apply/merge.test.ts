import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {goTypeOf} from '../errors/go-value.ts';
import {jsonEqual} from '../json/json-equal.ts';
import type {JsonObject, JsonValue} from '../json/json-value.ts';
import type {Schema} from '../schema/schema.ts';
import {compare} from './compare.ts';
import {difference, emptySet, intersection, isEmptySet} from './field-set.ts';
import {merge} from './merge.ts';
import {ownedPaths} from './owned-paths.ts';
import {removePaths} from './remove-paths.ts';
import {typeOfSchema, type ValueType} from './value-type.ts';

const text: Schema = {type: 'string'};
const schema: Schema = {
  type: 'object',
  properties: {
    text,
    map: {type: 'object', additionalProperties: text},
    atomicMap: {type: 'object', additionalProperties: text, 'x-kubernetes-map-type': 'atomic'},
    set: {type: 'array', items: text, 'x-kubernetes-list-type': 'set'},
    list: {type: 'array', items: text},
    items: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['port', 'protocol'],
      items: {
        type: 'object',
        properties: {port: {type: 'integer'}, protocol: {type: 'string', default: 'TCP'}, name: text},
      },
    },
    any: {'x-kubernetes-preserve-unknown-fields': true},
  },
};
const type: ValueType = typeOfSchema(schema);

const word = fc.constantFrom('a', 'b', 'c');
const words = fc.dictionary(word, word, {minKeys: 1});
const item = fc.record(
  {port: fc.constantFrom(80, 443), protocol: fc.constantFrom('TCP', 'UDP'), name: word},
  {requiredKeys: ['port']},
);
const value = fc.record(
  {
    text: word,
    map: words,
    atomicMap: words,
    set: fc.uniqueArray(word, {minLength: 1}),
    list: fc.array(word, {minLength: 1}),
    items: fc.uniqueArray(item, {selector: ({port, protocol = 'TCP'}) => `${port}/${protocol}`, minLength: 1}),
    any: fc.oneof(word, words, fc.array(word, {minLength: 1})),
  },
  {requiredKeys: []},
) as fc.Arbitrary<JsonObject>;

function merged(live: JsonValue, applied: JsonValue): JsonValue {
  return merge(type, live, applied) as JsonValue;
}

describe('merge', () => {
  test('items stay where they are; what is applied has its own order', () => {
    expect(merged({set: ['a', 'b', 'c']}, {set: ['c', 'x', 'a']})).toEqual({set: ['b', 'c', 'x', 'a']});
    expect(merged({set: ['a', 'b', 'c']}, {set: ['x', 'b']})).toEqual({set: ['a', 'x', 'b', 'c']});
  });

  test('items are told apart by their keys, defaults included', () => {
    expect(
      merged(
        {
          items: [
            {port: 80, name: 'a'},
            {port: 80, protocol: 'UDP'},
          ],
        },
        {items: [{port: 80, protocol: 'TCP', name: 'b'}]},
      ),
    ).toEqual({
      items: [
        {port: 80, name: 'b', protocol: 'TCP'},
        {port: 80, protocol: 'UDP'},
      ],
    });
  });

  test('null takes nothing away from what is owned part by part', () => {
    expect(merged({map: {a: 'b'}, set: ['a'], text: 'a'}, {map: null, set: null, text: null})).toEqual({
      map: {a: 'b'},
      set: ['a'],
      text: null,
    });
  });

  test('a member named __proto__ is one like any other', () => {
    const result = merged(JSON.parse('{"any":{"__proto__":{"a":1}}}'), JSON.parse('{"any":{"__proto__":{"b":2}}}'));
    expect(JSON.stringify(result)).toBe('{"any":{"__proto__":{"a":1,"b":2}}}');
  });

  test('holds all that is applied, and applying it once more changes nothing', () => {
    fc.assert(
      fc.property(value, value, (live, applied) => {
        const before = JSON.stringify([live, applied]);
        const result = merged(live, applied);
        expect(JSON.stringify([live, applied])).toBe(before);
        expect(jsonEqual(merged(result, applied), result)).toBe(true);
        expect(isEmptySet(difference(ownedPaths(type, applied), ownedPaths(type, result)))).toBe(true);
        // What was of another form is gone as such.
        if (goTypeOf(live['any'] ?? null) !== goTypeOf(applied['any'] ?? null)) return;
        const {added, modified, removed} = compare(type, live, result);
        expect(removed).toEqual({});
        expect(difference(modified, ownedPaths(type, applied))).toEqual({});
        expect(difference(intersection(added, ownedPaths(type, result)), ownedPaths(type, applied))).toEqual({});
      }),
    );
  });
});

describe('compare', () => {
  test('is empty of equal values, and swaps with its sides', () => {
    fc.assert(
      fc.property(value, value, (left, right) => {
        expect(compare(type, left, structuredClone(left))).toEqual({
          added: emptySet,
          modified: emptySet,
          removed: emptySet,
        });
        const there = compare(type, left, right);
        const back = compare(type, right, left);
        expect(JSON.stringify([back.removed, back.modified, back.added])).toBe(
          JSON.stringify([there.added, there.modified, there.removed]),
        );
      }),
    );
  });

  test('items that are there more than once are owned as one', () => {
    const twice = {
      items: [
        {port: 80, name: 'a'},
        {port: 80, name: 'b'},
      ],
    };
    const element = 'k:{"port":80,"protocol":"TCP"}';
    expect(compare(type, {items: [{port: 80, name: 'a'}]}, twice)).toEqual({
      added: {'f:items': {[element]: {}}},
      modified: {},
      removed: {'f:items': {[element]: {'.': {}, 'f:name': {}, 'f:port': {}}}},
    });
    expect(ownedPaths(type, twice)).toEqual({'f:items': {[element]: {}}});
  });
});

test('taking away all that somebody owns leaves nothing of it', () => {
  fc.assert(
    fc.property(value, value, (live, applied) => {
      const rest = removePaths(type, merged(live, applied), ownedPaths(type, applied)) ?? {};
      // Parts that are left empty stand as null.
      const nothing = Object.keys(applied).every((key) => {
        const left = (rest as JsonObject)[key];
        return left === undefined || left === null || live[key] !== undefined;
      });
      expect(nothing).toBe(true);
    }),
  );
});
