import {describe, expect, test} from '@jest/globals';
import {closestNames, editDistance} from './closest-names.ts';

describe('closestNames', () => {
  test('finds typing mistakes, best first', () => {
    expect(closestNames('helo', ['hello', 'help', 'world', 'hello-2'])).toEqual(['hello', 'help']);
    expect(closestNames('hlelo', ['hello'])).toEqual(['hello']);
    expect(closestNames('build', ['build-x7k2p', 'built'])).toEqual(['built', 'build-x7k2p']);
    expect(closestNames('nothing-like-it', ['hello'])).toEqual([]);
  });
});

describe('editDistance', () => {
  test('counts transpositions once and gives up at the limit', () => {
    expect(editDistance('abcd', 'abdc')).toBe(1);
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('kitten', 'sitting', 2)).toBe(Number.POSITIVE_INFINITY);
  });
});
