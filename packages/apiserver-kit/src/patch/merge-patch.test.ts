import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {StatusError} from '../errors/status-error.ts';
import type {JsonObject, JsonValue} from '../json/json-value.ts';
import {mergePatch} from './merge-patch.ts';

describe('mergePatch', () => {
  // Cases of RFC 7386, appendix A, whose patches are objects.
  test.each<[JsonObject, JsonObject, JsonObject]>([
    [{a: 'b'}, {a: 'c'}, {a: 'c'}],
    [{a: 'b'}, {b: 'c'}, {a: 'b', b: 'c'}],
    [{a: 'b'}, {a: null}, {}],
    [{a: 'b', b: 'c'}, {a: null}, {b: 'c'}],
    [{a: ['b']}, {a: 'c'}, {a: 'c'}],
    [{a: 'c'}, {a: ['b']}, {a: ['b']}],
    [{a: {b: 'c'}}, {a: {b: 'd', c: null}}, {a: {b: 'd'}}],
    [{a: [{b: 'c'}]}, {a: [1]}, {a: [1]}],
    [{e: null}, {a: 1}, {e: null, a: 1}],
    [{}, {a: {bb: {ccc: null}}}, {a: {bb: {}}}],
    [{a: 1}, {a: {b: null, c: [null, {d: null}]}}, {a: {c: [null, {}]}}],
  ])('%j with %j is %j', (object, patch, expected) => {
    expect(mergePatch(object, patch)).toEqual(expected);
  });

  test.each<[JsonValue, string, string]>([
    [
      [1],
      'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}',
      'Invalid JSON Patch',
    ],
    [
      5,
      'error decoding patch: json: cannot unmarshal number into Go value of type map[string]interface {}',
      'Invalid JSON Patch',
    ],
    [
      true,
      'error decoding patch: json: cannot unmarshal bool into Go value of type map[string]interface {}',
      'Invalid JSON Patch',
    ],
    [null, 'Invalid JSON Patch', 'Invalid JSON Patch'],
  ])('%j is no patch', (patch, validated, ignored) => {
    expect(() => mergePatch({}, patch)).toThrow(new StatusError(400, 'BadRequest', validated));
    expect(() => mergePatch({}, patch, {fieldValidation: 'Ignore'})).toThrow(
      new StatusError(400, 'BadRequest', ignored),
    );
  });

  test('a member named __proto__ is one like any other', () => {
    const patched = mergePatch(JSON.parse('{"a":{}}'), JSON.parse('{"a":{"__proto__":{"x":1}},"__proto__":{"y":2}}'));
    expect(JSON.stringify(patched)).toBe('{"a":{"__proto__":{"x":1}},"__proto__":{"y":2}}');
  });

  test('leaves the object alone, and merging twice is merging once', () => {
    const object = fc.dictionary(
      fc.constantFrom('a', 'b', 'c', '__proto__'),
      fc.jsonValue({maxDepth: 3}),
    ) as fc.Arbitrary<JsonObject>;
    fc.assert(
      fc.property(object, object, (value, patch) => {
        const before = JSON.stringify(value);
        const once = mergePatch(value, patch);
        expect(JSON.stringify(value)).toBe(before);
        expect(mergePatch(once, patch)).toEqual(once);
      }),
    );
  });
});
