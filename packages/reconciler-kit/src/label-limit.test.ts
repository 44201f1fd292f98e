import {expect, test} from '@jest/globals';
import {LabelLimit} from './label-limit.ts';

test('as many combinations have labels of their own; the rest shares one', () => {
  const limit = new LabelLimit(['namespace', 'runtime'], 2);
  expect(limit.of('a', 'bash')).toEqual({namespace: 'a', runtime: 'bash'});
  expect(limit.of('b', 'bash')).toEqual({namespace: 'b', runtime: 'bash'});
  expect(limit.of('c', 'bash')).toEqual({namespace: '_other', runtime: '_other'});
  expect(limit.of('a', 'bash')).toBe(limit.of('a', 'bash'));
});

test('values are kept apart, whatever they are', () => {
  const limit = new LabelLimit(['a', 'b'], 10);
  expect(limit.of('x', 'y z')).toEqual({a: 'x', b: 'y z'});
  expect(limit.of('x y', 'z')).toEqual({a: 'x y', b: 'z'});
});
