import {isUtf8} from 'node:buffer';
import {describe, expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import {headBytes, outputTail, tailBytes} from './text.ts';
import {unfinishedStart, validEnd} from './utf8.ts';

const anyText = fc
  .array(fc.oneof(fc.integer({min: 0, max: 0xffff}), fc.constantFrom(0xd83d, 0xde00, 0x20ac, 0x61)), {maxLength: 40})
  .map((units) => String.fromCharCode(...units));
const anyBytes = fc.oneof(
  fc.uint8Array({maxLength: 40}),
  fc
    .array(
      fc.constantFrom(0x61, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80, 0xed, 0xa0, 0xc0, 0xff, 0xe0, 0xf4, 0x90, 0xf5),
      {maxLength: 12},
    )
    .map((b) => Uint8Array.from(b)),
);
const size = (text: string) => Buffer.byteLength(text, 'utf8');

describe('headBytes', () => {
  test.each([
    ['abc', 3, 'abc'],
    ['abc', 2, 'ab'],
    ['a€', 3, 'a'],
    ['a😀', 5, 'a😀'],
    ['a😀', 4, 'a'],
    ['a\uD83D', 9, 'a\uFFFD'],
    ['', 0, ''],
  ])('%j in %d bytes: %j', (text, max, head) => {
    expect(headBytes(text, max)).toBe(head);
  });

  test('is the longest beginning that fits', () => {
    fc.assert(
      fc.property(anyText, fc.nat(60), (text, max) => {
        const whole = text.toWellFormed();
        const head = headBytes(text, max);
        expect(whole.startsWith(head)).toBe(true);
        expect(size(head)).toBeLessThanOrEqual(max);
        const next = Array.from(whole.slice(head.length))[0];
        expect(next === undefined || size(head + next) > max).toBe(true);
      }),
    );
  });
});

describe('tailBytes', () => {
  test('is the longest end that fits', () => {
    fc.assert(
      fc.property(anyText, fc.nat(60), (text, max) => {
        const whole = text.toWellFormed();
        const tail = tailBytes(text, max);
        expect(whole.endsWith(tail)).toBe(true);
        expect(size(tail)).toBeLessThanOrEqual(max);
        const before = Array.from(whole.slice(0, whole.length - tail.length)).at(-1);
        expect(before === undefined || size(before + tail) > max).toBe(true);
      }),
    );
  });
});

describe('outputTail', () => {
  test('is valid, fits, and is the end of what was written', () => {
    fc.assert(
      fc.property(anyBytes, fc.nat(50), (bytes, max) => {
        const tail = outputTail(bytes, max);
        expect(size(tail)).toBeLessThanOrEqual(max);
        expect(tail.isWellFormed()).toBe(true);
        expect(isUtf8(bytes) ? Buffer.from(bytes).toString('utf8').endsWith(tail) : true).toBe(true);
        expect(max >= 3 * bytes.length ? tail : '').toBe(
          max >= 3 * bytes.length ? Buffer.from(bytes).toString('utf8') : '',
        );
      }),
    );
  });

  test('bytes that are not UTF-8 are replaced', () => {
    expect(outputTail(Uint8Array.of(0x61, 0xff, 0x62), 10)).toBe('a\uFFFDb');
    expect(outputTail(Uint8Array.of(0x61, 0xff, 0x62), 3)).toBe('b');
  });
});

describe('UTF-8', () => {
  test('validEnd is where isUtf8 stops to agree', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const end = validEnd(bytes, 0, bytes.length);
        expect(isUtf8(bytes.subarray(0, end))).toBe(true);
        expect([1, 2, 3, 4].some((more) => end + more <= bytes.length && isUtf8(bytes.subarray(0, end + more)))).toBe(
          false,
        );
      }),
    );
  });

  test('unfinishedStart finds what some further bytes would complete', () => {
    const endings = [
      [],
      [0x80],
      [0xbf],
      [0x90, 0x80],
      [0x80, 0x80],
      [0xa0, 0x80],
      [0x90, 0x80, 0x80],
      [0x80, 0x80, 0x80],
    ];
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const start = unfinishedStart(bytes);
        const rest = bytes.subarray(start);
        expect(rest.length).toBeLessThanOrEqual(3);
        const completes = (from: number) =>
          endings.some((ending) => isUtf8(Uint8Array.of(...bytes.subarray(from), ...ending)));
        expect(rest.length === 0 || (!isUtf8(rest) && completes(start))).toBe(true);
        const missed = [1, 2, 3].some((back) => {
          const from = bytes.length - back;
          return rest.length === 0 && from >= 0 && validEnd(bytes, from, bytes.length) === from && completes(from);
        });
        expect(missed).toBe(false);
      }),
      {numRuns: 1000},
    );
  });
});
