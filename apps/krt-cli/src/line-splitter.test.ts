import {describe, expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import {LineSplitter} from './line-splitter.ts';

describe('LineSplitter', () => {
  test('gives the same lines however the bytes are cut', () => {
    const line = fc.string({unit: 'binary'}).map((text) => text.replaceAll('\n', ''));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(50)), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((each) => `${each}\n`).join(''));
        const splitter = new LineSplitter();
        const found: string[] = [];
        let start = 0;
        for (const length of cuts) {
          found.push(...splitter.push(bytes.subarray(start, start + length)));
          start += length;
        }
        found.push(...splitter.push(bytes.subarray(start)));
        expect(found).toEqual(lines.map((each) => Buffer.from(each).toString('utf8')));
      }),
    );
  });

  test('keeps nothing of a chunk that its owner uses again', () => {
    const splitter = new LineSplitter();
    const chunk = Buffer.from('half');
    splitter.push(chunk);
    chunk.fill(0);
    expect(splitter.push(Buffer.from('\n'))).toEqual(['half']);
  });

  test('drops a line without end instead of keeping it', () => {
    const splitter = new LineSplitter();
    for (let i = 0; i < 40; i++) expect(splitter.push(Buffer.alloc(64 * 1024, 'x'))).toEqual([]);
    expect(splitter.push(Buffer.from('\nnext\n'))).toEqual(['next']);
  });
});
