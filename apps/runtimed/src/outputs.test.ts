import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {outputsLimits, parseOutputs} from './outputs.ts';

const parse = (text: string | Uint8Array) => parseOutputs(typeof text === 'string' ? Buffer.from(text) : text);

describe('parseOutputs', () => {
  test.each<[string, Record<string, string>]>([
    ['', {}],
    ['\n\n', {}],
    ['result=ok\n', {result: 'ok'}],
    ['result=ok', {result: 'ok'}],
    ['a=1\nb=2\n', {a: '1', b: '2'}],
    ['a=1\na=2\n', {a: '2'}],
    ['empty=\n', {empty: ''}],
    ['url=https://x/?a=b\n', {url: 'https://x/?a=b'}],
    ['quoted="x" \n', {quoted: '"x" '}],
    ['shift=1<<2\n', {shift: '1<<2'}],
    ['_a.b-c9=x\n', {'_a.b-c9': 'x'}],
    ['text<<EOF\none\ntwo\nEOF\n', {text: 'one\ntwo'}],
    ['text<<EOF\nEOF', {text: ''}],
    ['text<<EOF\n\nEOF\n', {text: ''}],
    ['text<<EOF\n\n\nEOF\n', {text: '\n'}],
    ['text<<END OF TEXT\na=b\nEND\nEND OF TEXT\nb=1\n', {text: 'a=b\nEND', b: '1'}],
    [
      '__proto__=x\nconstructor=y\n',
      Object.fromEntries([
        ['__proto__', 'x'],
        ['constructor', 'y'],
      ]),
    ],
    ['emoji=😀\n', {emoji: '😀'}],
    ['bom=\uFEFFx\n', {bom: '\uFEFFx'}],
  ])('%j', (file, values) => {
    expect(Object.entries(parse(file).values)).toEqual(Object.entries(values));
    expect(parse(file).problem).toBeUndefined();
  });

  test.each<[string | Uint8Array, string, Record<string, string>]>([
    ['a=1\nnonsense\nb=2\n', 'line 2 is not KEY=VALUE or KEY<<DELIMITER', {a: '1', b: '2'}],
    ['=x\n', 'line 1 is not KEY=VALUE or KEY<<DELIMITER', {}],
    ['1a=x\n a=x\na b=x\nok=1\n', 'line 1 is not KEY=VALUE or KEY<<DELIMITER, and 2 more like it', {ok: '1'}],
    ['a<<\nb=1\n', 'line 1 is not KEY=VALUE or KEY<<DELIMITER', {b: '1'}],
    ['a=1\nb<<EOF\nc=1\n', 'line 2 is not closed by its delimiter', {a: '1'}],
    [Buffer.from('a=\xff\nb=1\n', 'latin1'), 'line 1 is not UTF-8', {b: '1'}],
    [Buffer.from('a<<E\n\xff\nE\nb=1\n', 'latin1'), 'line 1 has a value that is not UTF-8', {b: '1'}],
    [`a=1\na=${'x'.repeat(8193)}\n`, 'line 2 has a value longer than 8192 bytes', {a: '1'}],
    [`${'k'.repeat(129)}=1\n`, 'line 1 has a key longer than 128 bytes', {}],
  ])('leaves out what is wrong in %j', (file, problem, values) => {
    expect({...parse(file).values}).toEqual(values);
    expect(parse(file).problem).toBe(problem);
  });

  test('counts a value in bytes of UTF-8', () => {
    expect(parse(`a=${'é'.repeat(4096)}`).problem).toBeUndefined();
    expect(parse(`a=${'é'.repeat(4097)}`).problem).toBeDefined();
  });

  test('takes 64 keys, and lets a known key change after them', () => {
    const file = Array.from({length: 65}, (_, i) => `k${i}=v\n`).join('');
    const {values, problem} = parse(`${file}k0=changed\n`);
    expect(Object.keys(values)).toHaveLength(64);
    expect(values.k0).toBe('changed');
    expect(problem).toBe('line 65 has more than the allowed 64 keys before it');
  });

  test('takes 64 KiB in all', () => {
    const {values, problem} = parse(Array.from({length: 9}, (_, i) => `k${i}=${'v'.repeat(8000)}\n`).join(''));
    expect(Object.keys(values)).toHaveLength(8);
    expect(problem).toBe('line 9 goes beyond 65536 bytes in all');
  });

  test('any bytes give values within all bounds, valid UTF-8, from the file', () => {
    const fragment = fc.oneof(
      fc.constantFrom('=', '<<', '\n', 'EOF', 'a', 'key', '__proto__', '😀', '\n\n').map((text) => Buffer.from(text)),
      fc.uint8Array({maxLength: 4}).map((bytes) => Buffer.from(bytes)),
      fc.nat(9000).map((size) => Buffer.alloc(size, 'v')),
    );
    fc.assert(
      fc.property(fc.array(fragment, {maxLength: 40}), (fragments) => {
        const file = Buffer.concat(fragments);
        const {values} = parse(file);
        const entries = Object.entries(values);
        expect(entries.length).toBeLessThanOrEqual(outputsLimits.keys);
        let total = 0;
        for (const [key, value] of entries) {
          expect(key).toMatch(/^[A-Za-z_][\w.-]*$/);
          expect(Buffer.byteLength(value)).toBeLessThanOrEqual(outputsLimits.valueBytes);
          expect(value.isWellFormed()).toBe(true);
          expect(file.includes(value)).toBe(true);
          total += Buffer.byteLength(key) + Buffer.byteLength(value);
        }
        expect(total).toBeLessThanOrEqual(outputsLimits.totalBytes);
      }),
    );
  });

  test('what is written in either form is read back', () => {
    const key = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,20}$/);
    const value = fc.string({maxLength: 30, unit: 'grapheme'});
    fc.assert(
      fc.property(fc.dictionary(key, value, {maxKeys: 20}), (values) => {
        const file = Object.entries(values).map(([k, v]) => `${k}<<--end of ${k}--\n${v}\n--end of ${k}--\n`);
        expect(Object.entries(parse(file.join('')).values)).toEqual(Object.entries(values));
        const oneLine = Object.entries(values).filter(([, v]) => !v.includes('\n'));
        expect(Object.entries(parse(oneLine.map(([k, v]) => `${k}=${v}\n`).join('')).values)).toEqual(oneLine);
      }),
    );
  });
});
