import {describe, expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import {limits} from './limits.ts';
import {describeOutputsProblem} from './outputs.ts';

/** Eight outputs of one value, with names of one byte. */
const eight = (value: string) => Object.fromEntries(Array.from('abcdefgh', (name) => [name, value]));

describe('describeOutputsProblem', () => {
  test.each<[object, string | undefined]>([
    [{}, undefined],
    [{result: 'ok', 'a.b-c_1': ''}, undefined],
    [{'1a': ''}, 'output name "1a" is not valid'],
    [{'': ''}, 'output name "" is not valid'],
    [{'a b': ''}, 'output name "a b" is not valid'],
    [{['a'.repeat(129)]: ''}, `output name "${'a'.repeat(128)}" is not valid`],
    [{a: '\uD83D'}, 'output a is not valid Unicode'],
    [{a: 'x'.repeat(8192)}, undefined],
    [{a: 'x'.repeat(8193)}, 'output a is larger than 8192 bytes'],
    [{a: '€'.repeat(2731)}, 'output a is larger than 8192 bytes'],
    [eight('x'.repeat(8191)), undefined],
    [eight('x'.repeat(8192)), 'outputs are larger than 65536 bytes'],
    [Object.fromEntries(Array.from({length: 64}, (_, n) => [`a${n}`, ''])), undefined],
    [Object.fromEntries(Array.from({length: 65}, (_, n) => [`a${n}`, ''])), 'more than 64 outputs'],
  ])('%#', (outputs, problem) => {
    expect(describeOutputsProblem({...outputs})).toBe(problem);
  });

  test('finds nothing wrong with what fits the schema in bytes', () => {
    const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/);
    fc.assert(
      fc.property(
        fc.dictionary(name, fc.string({unit: 'binary', maxLength: 50}), {maxKeys: 50, noNullPrototype: true}),
        (outputs) => {
          expect(describeOutputsProblem(outputs)).toBeUndefined();
          expect(Object.keys(outputs).length).toBeLessThanOrEqual(limits.outputs);
        },
      ),
    );
  });
});
