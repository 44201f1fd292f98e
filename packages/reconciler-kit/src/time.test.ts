import {expect, test} from '@jest/globals';
import {microTime, rfc3339} from './time.ts';

test('rfc3339 cuts off fractions of a second', () => {
  expect(rfc3339(Date.UTC(2026, 1, 3, 4, 5, 6, 999))).toBe('2026-02-03T04:05:06Z');
});

test('microTime always has six digits', () => {
  expect(microTime(Date.UTC(2026, 1, 3, 4, 5, 6, 7))).toBe('2026-02-03T04:05:06.007000Z');
  expect(microTime(1000.25)).toBe('1970-01-01T00:00:01.000250Z');
});
