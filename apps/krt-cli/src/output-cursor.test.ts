import {describe, expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import {OutputCursor} from './output-cursor.ts';

describe('OutputCursor', () => {
  test('takes each byte once, whatever is delivered again and however it is cut', () => {
    const range = fc.tuple(fc.nat(200), fc.nat(60));
    fc.assert(
      fc.property(fc.uint8Array({minLength: 1, maxLength: 200}), fc.array(range), (stream, repeats) => {
        const cursor = new OutputCursor();
        const taken: number[] = [];
        let delivered = 0;
        // Pieces begin anywhere at or before the end of what was delivered, as they do after a reconnect.
        for (const [back, length] of [...repeats, [0, stream.length] as const]) {
          const offset = Math.max(0, delivered - back);
          const bytes = stream.subarray(offset, offset + length);
          const part = cursor.take({stream: 'stdout', offset, bytes});
          expect(part?.missingBytes ?? 0).toBe(0);
          taken.push(...(part?.bytes ?? []));
          delivered = Math.max(delivered, offset + bytes.length);
        }
        expect(taken).toEqual([...stream]);
        expect(cursor.position('stdout')).toBe(stream.length);
      }),
    );
  });

  test('counts what was left out, each stream for itself', () => {
    const cursor = new OutputCursor();
    expect(cursor.take({stream: 'stdout', offset: 10, bytes: Buffer.from('abc')})).toEqual({
      bytes: Buffer.from('abc'),
      missingBytes: 10,
    });
    expect(cursor.take({stream: 'stderr', offset: 0, bytes: Buffer.from('x')})?.missingBytes).toBe(0);
    expect(cursor.take({stream: 'stdout', offset: 12, bytes: Buffer.from('cd')})).toEqual({
      bytes: Buffer.from('d'),
      missingBytes: 0,
    });
    expect(cursor.take({stream: 'stdout', offset: 0, bytes: Buffer.from('before')})).toBeUndefined();
  });
});
