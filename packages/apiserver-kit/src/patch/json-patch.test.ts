import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {StatusError} from '../errors/status-error.ts';
import {jsonEqual} from '../json/json-equal.ts';
import type {JsonObject, JsonValue} from '../json/json-value.ts';
import {jsonPatch, unknownFieldsOfJsonPatch} from './json-patch.ts';

const document = (): JsonObject => ({data: {a: '1', 'b/c': '2', 'd~e': '3'}, list: ['x', 'y']});

function failure(run: () => unknown): StatusError {
  try {
    run();
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('jsonPatch', () => {
  const cases: [string, JsonValue, JsonValue][] = [
    [
      'add to an object',
      [{op: 'add', path: '/data/n', value: 5}],
      {...document(), data: {a: '1', 'b/c': '2', 'd~e': '3', n: 5}},
    ],
    [
      'escapes',
      [
        {op: 'remove', path: '/data/b~1c'},
        {op: 'remove', path: '/data/d~0e'},
      ],
      {data: {a: '1'}, list: ['x', 'y']},
    ],
    ['add into a list', [{op: 'add', path: '/list/1', value: 'n'}], {...document(), list: ['x', 'n', 'y']}],
    ['add to the end', [{op: 'add', path: '/list/-', value: 'n'}], {...document(), list: ['x', 'y', 'n']}],
    ['add from the end', [{op: 'add', path: '/list/-2', value: 'n'}], {...document(), list: ['x', 'n', 'y']}],
    ['remove from the end', [{op: 'remove', path: '/list/-2'}], {...document(), list: ['y']}],
    ['replace adds', [{op: 'replace', path: '/new', value: null}], {...document(), new: null}],
    ['replace everything', [{op: 'replace', path: '', value: {a: 1}}], {a: 1}],
    ['move', [{op: 'move', from: '/data', path: '/list/0'}], {list: [document()['data']!, 'x', 'y']}],
    [
      'copy',
      [
        {op: 'copy', from: '/list', path: '/other'},
        {op: 'add', path: '/other/0', value: 1},
      ],
      {...document(), other: [1, 'x', 'y']},
    ],
    ['copy of nothing', [{op: 'copy', from: '/data/nothing', path: '/other'}], {...document(), other: null}],
    [
      'tests',
      [
        {op: 'test', path: '/data/a', value: '1'},
        {op: 'test', path: '/data/nothing'},
      ],
      document(),
    ],
    ['no operations', null, document()],
  ];
  test.each(cases)('%s', (_, operations, expected) => {
    expect(jsonPatch(document(), operations)).toEqual(expected);
  });

  test.each<[string, JsonObject]>([
    ['test of another value', {op: 'test', path: '/data/a', value: '2'}],
    ['test of what is there against nothing', {op: 'test', path: '/data/a'}],
    ['remove of nothing', {op: 'remove', path: '/data/x'}],
    ['replace below nothing', {op: 'replace', path: '/x/y', value: 1}],
    ['add below a text', {op: 'add', path: '/data/a/y', value: 1}],
    ['add without a slash', {op: 'add', path: 'data', value: 1}],
    ['index beyond the end', {op: 'add', path: '/list/3', value: 1}],
    ['index before the beginning', {op: 'remove', path: '/list/-3'}],
    ['index that is none', {op: 'remove', path: '/list/x'}],
    ['replace beyond the end', {op: 'replace', path: '/list/2', value: 1}],
    ['unknown operation', {op: 'frob', path: '/a'}],
    ['no operation', {path: '/a'}],
    ['no path', {op: 'add'}],
    ['no from', {op: 'move', path: '/a'}],
    ['everything by a text', {op: 'replace', path: '', value: 'x'}],
    ['inherited members', {op: 'add', path: '/constructor/prototype/polluted', value: 1}],
  ])('cannot be carried out: %s', (_, operation) => {
    expect(failure(() => jsonPatch(document(), [operation])).toStatus()).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'the server rejected our request due to an error in our request',
      reason: 'Invalid',
      details: {},
      code: 422,
    });
  });

  test.each<[JsonValue, string, string]>([
    [
      {},
      'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
      'json: cannot unmarshal object into Go value of type jsonpatch.Patch',
    ],
    [
      [5],
      'error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp',
      'json: cannot unmarshal number into Go value of type jsonpatch.Operation',
    ],
    [
      [true],
      'error decoding patch: json: cannot unmarshal bool into Go value of type handlers.jsonPatchOp',
      'json: cannot unmarshal bool into Go value of type jsonpatch.Operation',
    ],
    [
      [{op: 5}],
      'error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string',
      'the server rejected our request due to an error in our request',
    ],
  ])('no patch: %j', (operations, validated, ignored) => {
    expect(failure(() => jsonPatch({}, operations)).message).toBe(validated);
    expect(failure(() => jsonPatch({}, operations, {fieldValidation: 'Ignore'})).message).toBe(ignored);
  });

  test('more operations than Kubernetes takes', () => {
    const error = failure(() =>
      jsonPatch(
        {},
        Array.from({length: 10_001}, () => ({op: 'test', path: '/a'})),
      ),
    );
    expect([error.code, error.message]).toEqual([
      413,
      'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001',
    ]);
  });

  test('copies that grow without bound end', () => {
    const copies = Array.from({length: 40}, (_, index) => ({op: 'copy', from: '/a', path: `/a/k${index}`}));
    expect(failure(() => jsonPatch({a: {text: 'x'.repeat(100)}}, copies)).code).toBe(422);
  });

  test('nesting that grows without bound ends', () => {
    const deepen = (from: string): JsonObject => ({op: 'copy', from, path: `/a${'/0'.repeat(900)}/-`});
    let deep: JsonValue = [];
    for (let level = 0; level < 900; level++) deep = [deep];
    expect(failure(() => jsonPatch({a: deep, b: deep}, [deepen('/b')])).code).toBe(422);
  });

  test('a member named __proto__ is one like any other', () => {
    const patched = jsonPatch({}, [
      {op: 'add', path: '/__proto__', value: {polluted: true}},
      {op: 'add', path: '/__proto__/more', value: 1},
    ]);
    expect(JSON.stringify(patched)).toBe('{"__proto__":{"polluted":true,"more":1}}');
    expect(({} as JsonObject)['polluted']).toBeUndefined();
  });

  test('changes neither the object nor the operations', () => {
    const object = document();
    const operations = [
      {op: 'add', path: '/data/n', value: {}},
      {op: 'add', path: '/data/n/m', value: 1},
    ];
    jsonPatch(object, operations);
    expect(object).toEqual(document());
    expect(operations[0]).toEqual({op: 'add', path: '/data/n', value: {}});
  });

  test('what is added is what a test then finds, and removing it gives back the document', () => {
    const key = fc.string().map((text) => text.replaceAll('~', '~0').replaceAll('/', '~1'));
    const value = fc.jsonValue() as fc.Arbitrary<JsonValue>;
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value), key, value, (object, path, added) => {
        const absent = !Object.hasOwn(object, path.replaceAll('~1', '/').replaceAll('~0', '~'));
        const patch: JsonObject[] = [
          {op: 'add', path: `/${path}`, value: added},
          {op: 'test', path: `/${path}`, value: added},
        ];
        if (absent) patch.push({op: 'remove', path: `/${path}`});
        const patched = jsonPatch(object, patch);
        if (absent) expect(jsonEqual(patched, object)).toBe(true);
      }),
    );
  });
});

test('unknown members are told as a strict decoder tells them', () => {
  expect(unknownFieldsOfJsonPatch([{op: 'add', extra: 1}, null, 5, {more: 1}])).toEqual([
    'json patch unknown field "[0].extra"',
    'json patch unknown field "[3].more"',
  ]);
});
