import {expect, test} from '@jest/globals';
import {parseRange} from './byte-range.ts';

test.each([
  [undefined, undefined],
  ['bytes=0-', {offset: 0, length: 10}],
  ['bytes=4-', {offset: 4, length: 6}],
  ['bytes=4-5', {offset: 4, length: 2}],
  ['bytes=9-9', {offset: 9, length: 1}],
  ['bytes=4-99', {offset: 4, length: 6}],
  ['bytes=-3', {offset: 7, length: 3}],
  ['bytes=-99', {offset: 0, length: 10}],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=10-', 'unsatisfiable'],
  ['bytes=10-20', 'unsatisfiable'],
  ['bytes=5-4', undefined],
  ['bytes=-', undefined],
  ['bytes=0-1,4-5', undefined],
  ['bytes=a-', undefined],
  ['lines=1-2', undefined],
])('%s of ten bytes', (header, part) => {
  expect(parseRange(header, 10)).toEqual(part);
});

test('of nothing there is no part', () => {
  expect(parseRange('bytes=0-', 0)).toBe('unsatisfiable');
  expect(parseRange(undefined, 0)).toBeUndefined();
});
