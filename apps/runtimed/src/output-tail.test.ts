import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {OutputTail, tailBytes, tailText} from './output-tail.ts';

describe('OutputTail', () => {
  test('is the whole of a short output', () => {
    const tail = new OutputTail();
    tail.append(Buffer.from('one\n'));
    tail.append(Buffer.from('two\n'));
    expect(tail.text()).toBe('one\ntwo\n');
  });

  test('cuts between characters', () => {
    expect(tailText(Buffer.from('€'.repeat(2000)))).toBe('€'.repeat(1365));
    expect(tailText(Buffer.from(`${'😀'.repeat(2000)}x`))).toBe(`${'😀'.repeat(1023)}x`);
  });

  test('replaces what is not UTF-8 and stays within the limit', () => {
    expect(tailText(Buffer.from([0x61, 0xff, 0x62]))).toBe('a\uFFFDb');
    expect(tailText(Buffer.alloc(5000, 0xff))).toBe('\uFFFD'.repeat(1365));
  });

  test('any output, in any chunks, leaves valid text within the limit that ends as the output ends', () => {
    const chunk = fc.oneof(
      fc.uint8Array({maxLength: 100}),
      fc.string({unit: 'binary'}).map((text) => new Uint8Array(Buffer.from(text))),
      fc.nat(9000).map((size) => new Uint8Array(size).fill(0xe2)),
      fc.nat(9000).map((size) => new Uint8Array(size).fill(0x41)),
    );
    fc.assert(
      fc.property(fc.array(chunk, {maxLength: 100}), (chunks) => {
        const tail = new OutputTail();
        for (const data of chunks) tail.append(data);
        const text = tail.text();
        const whole = Buffer.concat(chunks).toString('utf8');
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(tailBytes);
        expect(text.isWellFormed()).toBe(true);
        expect(whole.endsWith(text)).toBe(true);
        expect(Buffer.byteLength(text)).toBeGreaterThanOrEqual(Math.min(Buffer.byteLength(whole), tailBytes) - 8);
      }),
    );
  });
});
