import {expect, test} from '@jest/globals';
import {rulePath} from './rule-path.ts';
import type {Schema} from './schema.ts';

const schema: Schema = {
  type: 'object',
  properties: {
    a: {type: 'object', properties: {b: {type: 'string'}, 'c.d': {type: 'string'}, "e'f": {type: 'string'}}},
    map: {type: 'object', additionalProperties: {type: 'integer'}},
    list: {type: 'array', items: {type: 'string'}},
  },
};

test.each([
  ['.a.b', 'a.b'],
  [".a['c.d']", 'a.c.d'],
  [".a['e\\'f']", "a.e'f"],
  [".map['x y']", 'map[x y]'],
  ['.map.x', 'map[x]'],
])('%s leads to %s', (text, path) => expect(rulePath(text, schema)).toMatchObject({path}));

test.each([
  ['a', 'expected [ or . but got: a'],
  ['.', 'unexpected end of JSON path'],
  ['.x', 'does not refer to a valid field'],
  ['.list[0]', 'expected single quoted string but got 0'],
  [".a['b'", 'unexpected end of JSON path'],
  [".a['\\x']", 'invalid string literal: invalid escape char \\x'],
  ['.__proto__', 'does not refer to a valid field'],
])('%s: %s', (text, error) => expect(rulePath(text, schema)).toEqual({error}));

test('brackets may be unwanted', () => {
  expect(rulePath(".a['b']", schema, {arrayNotation: false})).toEqual({error: 'array notation is not allowed'});
});
