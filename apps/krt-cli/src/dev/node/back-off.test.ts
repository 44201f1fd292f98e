import {expect, test} from '@jest/globals';
import {BackOff} from './back-off.ts';

test('BackOff restarts at once, then doubles up to its limit, and forgets after a long run', () => {
  const backOff = new BackOff({initialMs: 100, maxMs: 500, resetAfterMs: 1000});
  expect([1, 1, 1, 1, 1, 1].map((ranMs) => backOff.next(ranMs))).toEqual([0, 100, 200, 400, 500, 500]);
  expect(backOff.next(1000)).toBe(0);
  expect(backOff.next(1)).toBe(100);
});
