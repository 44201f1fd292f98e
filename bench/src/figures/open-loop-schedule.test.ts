import {describe, expect, test} from '@jest/globals';
import {intendedMs, withOmitted} from './open-loop-schedule.ts';

describe('the schedule of an open loop', () => {
  test('does not depend on what became of earlier requests', () => {
    expect([0, 1, 50].map((index) => intendedMs(1000, 50, index))).toEqual([1000, 1020, 2000]);
  });
});

describe('omitted times', () => {
  test('are those of the requests that a slow answer kept from being sent', () => {
    expect(withOmitted([10, 45, 10], 10)).toEqual([10, 45, 10, 35, 25, 15]);
  });

  test('are none where every answer came before the next request was due', () => {
    expect(withOmitted([9, 10, 1], 10)).toEqual([9, 10, 1]);
    expect(withOmitted([50], 0)).toEqual([50]);
  });
});
