import {expect, test} from '@jest/globals';
import {intendedMs} from './open-loop-schedule.ts';

test('the schedule of an open loop does not depend on what became of earlier requests', () => {
  expect([0, 1, 50].map((index) => intendedMs(1000, 50, index))).toEqual([1000, 1020, 2000]);
});
