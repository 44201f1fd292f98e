import {expect, test} from '@jest/globals';
import {goDouble, goJson, goNumber, goQuote} from './go-text.ts';

test.each([
  ['a', '"a"'],
  ['a"b\\', '"a\\"b\\\\"'],
  ['\u0000\t\n\u007f', '"\\x00\\t\\n\\x7f"'],
  ['\u2028é😀', '"\\u2028é😀"'],
  ['\ufeff', '"\\ufeff"'],
])('%j is quoted as in Go', (text, quoted) => expect(goQuote(text)).toBe(quoted));

test.each([
  [604_800, '604800'],
  [1_000_000, '1e+06'],
  [1_234_567, '1.234567e+06'],
  [2_147_483_647, '2.147483647e+09'],
  [0.00001, '1e-05'],
  [0.5, '0.5'],
])('the double %d is %s', (value, text) => expect(goDouble(value)).toBe(text));

test('whole numbers are integers', () => {
  expect(goNumber(1_000_000)).toBe('1000000');
  expect(goNumber(9_007_199_254_740_993n)).toBe('9007199254740993');
});

test('JSON has its members in order, and escapes what HTML would read', () => {
  expect(goJson({b: ['<', 1n], a: null})).toBe('{"a":null,"b":["\\u003c",1]}');
});
