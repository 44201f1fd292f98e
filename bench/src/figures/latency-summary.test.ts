import {describe, expect, test} from '@jest/globals';
import {overTime, summarise} from './latency-summary.ts';

describe('a summary of times', () => {
  test('takes times that were measured, none between two of them', () => {
    const times = Array.from({length: 200}, (_, index) => 200 - index);
    expect(summarise(times)).toEqual({count: 200, p50: 100, p95: 190, p99: 198, max: 200});
    expect(summarise([7])).toEqual({count: 1, p50: 7, p95: 7, p99: 7, max: 7});
  });

  test('of nothing is nothing', () => {
    expect(summarise([])).toBeUndefined();
  });
});

describe('counts over time', () => {
  test('have every end in one part, the last too', () => {
    expect(overTime([1000, 1001, 1050, 1099, 1100], 1000, 2)).toEqual([2, 3]);
    expect(overTime([5], 5, 2)).toEqual([1, 0]);
  });
});
