import {Buffer} from 'node:buffer';
import {describe, expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import {BoundedOutput} from './bounded-output.ts';

function written(maxBytes: number, ...chunks: (string | Uint8Array)[]): BoundedOutput {
  const output = new BoundedOutput(maxBytes);
  for (const chunk of chunks) output.write(Buffer.from(chunk));
  return output;
}

const marker = /\n\[\.\.\. (\d+) bytes truncated \.\.\.\]\n/;

describe('BoundedOutput', () => {
  test('gives back what fits, whatever the chunks', () => {
    expect(written(1024, 'a', '', 'bc', 'é', '\0').text()).toBe('abcé\0');
  });

  test('joins a character that two chunks share', () => {
    const bytes = Buffer.from('€');
    expect(written(1024, bytes.subarray(0, 1), bytes.subarray(1)).text()).toBe('€');
  });

  test('replaces what is not UTF-8', () => {
    expect(written(1024, Uint8Array.of(0x61, 0xff, 0x62)).text()).toBe('a\uFFFDb');
  });

  test('keeps head and tail, and says how much is missing', () => {
    expect(written(20, 'x'.repeat(10), 'lost in between', 'y'.repeat(10)).text()).toBe(
      `${'x'.repeat(10)}\n[... 15 bytes truncated ...]\n${'y'.repeat(10)}`,
    );
  });

  test('does not cut characters in two', () => {
    const text = written(20, '€'.repeat(100)).text();
    expect(text).toBe('€€€\n[... 282 bytes truncated ...]\n€€€');
  });

  test('last gives the end of the stream, also where head and tail meet', () => {
    const output = written(8, 'abcdef');
    expect(output.last(4).toString()).toBe('cdef');
    expect(output.last(100).toString()).toBe('abcdef');
    output.write(Buffer.from('ghijkl'));
    expect(output.last(100).toString()).toBe('ijkl');
  });

  test('any bytes, in any chunks: bounded, valid, head and tail of what was written, every byte counted', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({maxLength: 40}), {maxLength: 20}),
        fc.integer({min: 16, max: 200}),
        (chunks, maxBytes) => {
          const whole = Buffer.concat(chunks);
          const output = written(maxBytes, ...chunks);
          const text = output.text();
          expect(output.totalBytes).toBe(whole.length);
          const [head = '', missing = '0', tail = ''] = text.split(marker);
          expect(Buffer.byteLength(head) + Buffer.byteLength(tail)).toBeLessThanOrEqual(maxBytes);
          // Some way to cut the missing bytes out of what was written gives the text.
          const kept = whole.length - Number(missing);
          const cuts = Array.from({length: kept + 1}, (_, start) => [
            whole.toString('utf8', 0, start),
            whole.toString('utf8', start + Number(missing)),
          ]);
          expect(missing === '0' ? [[whole.toString(), '']] : cuts).toContainEqual([head, tail]);
        },
      ),
      {seed: 3, numRuns: 500},
    );
  });
});
