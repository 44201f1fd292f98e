import {Buffer} from 'node:buffer';
import {expect, it} from '@jest/globals';
import fc from 'fast-check';
import {canonicalBase64} from './go-base64.ts';

it('takes what is good base64, with line breaks too', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.nat(), (bytes, at) => {
      const text = Buffer.from(bytes).toString('base64');
      const position = at % (text.length + 1);
      expect(canonicalBase64(text)).toBe(text);
      expect(canonicalBase64(`${text.slice(0, position)}\r\n${text.slice(position)}`)).toBe(text);
    }),
  );
});

it.each([
  ['%%%', 0],
  ['text!', 4],
  ['YQ', 0],
  ['YWJjYQ', 4],
  ['YQ=', 3],
  ['=', 0],
  ['YQ==x', 4],
  ['YQ=x', 2],
])('%s is corrupt at %d', (text, at) => {
  expect(() => canonicalBase64(text)).toThrow(`illegal base64 data at input byte ${at}`);
});
