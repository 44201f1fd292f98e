import {describe, expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import type {OutputStream} from './output-cursor.ts';
import {TailBuffer} from './tail-buffer.ts';

function drained(lines: number, pieces: readonly [OutputStream, string][]): string {
  const buffer = new TailBuffer(lines);
  for (const [stream, text] of pieces) buffer.push({stream, bytes: Buffer.from(text), time: 't'});
  return buffer
    .drain()
    .map(({bytes}) => Buffer.from(bytes).toString())
    .join('');
}

describe('TailBuffer', () => {
  test.each([
    [0, ''],
    [1, 'd'],
    [2, 'c\nd'],
    [9, 'a\nb\nc\nd'],
  ])('the last %i lines', (lines, text) => {
    expect(drained(lines, [['stdout', 'a\nb\nc\nd']])).toBe(text);
  });

  test('counts the lines of both streams together, in the order in which they ended', () => {
    const pieces: [OutputStream, string][] = [
      ['stdout', 'one\ntw'],
      ['stderr', 'err\n'],
      ['stdout', 'o\n'],
    ];
    expect(drained(2, pieces)).toBe('err\ntwo\n');
    expect(drained(1, pieces)).toBe('two\n');
  });

  test('however it is cut, the end is the same', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'bc', '\n', '\n\n', 'd\ne')), fc.nat(5), (parts, lines) => {
        const whole = drained(lines, [['stdout', parts.join('')]]);
        expect(
          drained(
            lines,
            parts.map((part) => ['stdout', part] as const).map(([s, p]) => [s, p]),
          ),
        ).toBe(whole);
        const all = parts.join('').match(/[^\n]*\n|[^\n]+$/g) ?? [];
        expect(whole).toBe(lines === 0 ? '' : all.slice(-lines).join(''));
      }),
    );
  });

  test('of an endless line only the end is kept', () => {
    const buffer = new TailBuffer(1);
    for (let i = 0; i < 100; i++)
      buffer.push({stream: 'stdout', bytes: Buffer.alloc(64 * 1024, 65 + (i % 26)), time: 't'});
    const bytes = buffer.drain().reduce((sum, piece) => sum + piece.bytes.length, 0);
    expect(bytes).toBeLessThanOrEqual(1024 * 1024);
  });
});
