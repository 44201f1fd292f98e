import {expect, test} from '@jest/globals';
import {decodeJson} from './decode-json.ts';
import {withSortedKeys} from './sorted-keys.ts';

const sorted = (text: string): string => JSON.stringify(withSortedKeys(decodeJson(text).value));

test('members come in the order of their names, elements stay where they are', () => {
  expect(sorted('{"b":[{"d":1,"c":2},0],"a":null}')).toBe('{"a":null,"b":[{"c":2,"d":1},0]}');
});

test('any name is a name', () => {
  expect(sorted('{"constructor":1,"b":2,"__proto__":{"z":1,"a":2}}')).toBe(
    '{"__proto__":{"a":2,"z":1},"b":2,"constructor":1}',
  );
});

test('names are compared as bytes of UTF-8', () => {
  expect(sorted('{"\ud83d\ude00":1,"\uffee":2}')).toBe('{"\uffee":2,"\ud83d\ude00":1}');
});
