import {expect, test} from '@jest/globals';
import fc from 'fast-check';
import {prettyJson} from './pretty-json.ts';

fc.configureGlobal({seed: 17});

test('writes JSON as JSON.stringify indents it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(prettyJson(JSON.stringify(value))).toBe(JSON.stringify(value, undefined, 2));
    }),
  );
});

test('leaves numbers and strings as they are', () => {
  expect(prettyJson('{"a":12345678901234567890,"b":"\\\\\\"{[,:]}","c":1.0}')).toBe(
    '{\n  "a": 12345678901234567890,\n  "b": "\\\\\\"{[,:]}",\n  "c": 1.0\n}',
  );
});
