import {describe, expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import {LineSplitter} from './line-splitter.ts';

/** Text with many newlines and characters of one to four bytes. */
const text = fc
  .array(fc.oneof(fc.constant('\n'), fc.string({unit: 'grapheme', maxLength: 6})), {maxLength: 30})
  .map((parts) => parts.join(''));

function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let start = 0;
  for (const length of lengths) {
    chunks.push(bytes.subarray(start, start + length));
    start += length;
  }
  chunks.push(bytes.subarray(start));
  return chunks;
}

describe('LineSplitter', () => {
  test('lines do not depend on how the bytes are cut', () => {
    fc.assert(
      fc.property(text, fc.array(fc.nat(7), {maxLength: 60}), (whole, lengths) => {
        const splitter = new LineSplitter(1024);
        const lines = cut(Buffer.from(whole), lengths).flatMap((chunk) => splitter.push(chunk));
        const expected = whole.split('\n');
        const rest = expected.pop();
        expect(lines).toEqual(expected.filter((line) => line !== ''));
        expect(splitter.end()).toBe(rest);
      }),
      {numRuns: 500},
    );
  });

  test('a line may have exactly the longest length, however it is cut', () => {
    fc.assert(
      fc.property(fc.integer({min: 1, max: 40}), fc.array(fc.nat(9), {maxLength: 10}), (length, lengths) => {
        const line = 'x'.repeat(length);
        const chunks = cut(Buffer.from(`${line}\n`), lengths);
        const fits = new LineSplitter(length);
        expect(chunks.flatMap((chunk) => fits.push(chunk))).toEqual([line]);
        const tooShort = new LineSplitter(length - 1);
        expect(() => chunks.map((chunk) => tooShort.push(chunk))).toThrow(`longer than ${length - 1} bytes`);
      }),
    );
  });

  test('a line without an end does not fill the memory', () => {
    const splitter = new LineSplitter(100);
    const feed = (): void => {
      for (let i = 0; i < 1000; i++) splitter.push(Buffer.alloc(10, 'x'));
    };
    expect(feed).toThrow(expect.objectContaining({code: 'RESPONSE_TOO_LARGE'}));
  });

  test('chunks may be views into larger memory', () => {
    const memory = new Uint8Array(Buffer.from('..ab\nc\n..'));
    expect(new LineSplitter(10).push(memory.subarray(2, 7))).toEqual(['ab', 'c']);
  });
});
