import {describe, expect, test} from '@jest/globals';
import {type Condition, findCondition, isConditionTrue, setCondition} from './conditions.ts';

const t0 = Date.UTC(2026, 0, 1);
const ready = {type: 'Ready', status: 'True', reason: 'Up', message: 'all is well'} as const;

describe('setCondition', () => {
  test('adds a condition with the time of now', () => {
    expect(setCondition(undefined, {...ready, observedGeneration: 3}, t0)).toEqual([
      {...ready, observedGeneration: 3, lastTransitionTime: '2026-01-01T00:00:00Z'},
    ]);
  });

  test('keeps the transition time while the status stays', () => {
    const first = setCondition([], ready, t0);
    const second = setCondition(first, {...ready, reason: 'StillUp'}, t0 + 60_000);
    expect(second).toEqual([{...ready, reason: 'StillUp', lastTransitionTime: '2026-01-01T00:00:00Z'}]);
  });

  test('moves the transition time with the status, in place, and changes nothing that it was given', () => {
    const first = setCondition(setCondition([], ready, t0), {...ready, type: 'Other'}, t0);
    const copy = structuredClone(first);
    const second = setCondition(Object.freeze(first), {...ready, status: 'False', reason: 'Down'}, t0 + 60_000);
    expect(second.map(({type, status, lastTransitionTime}) => [type, status, lastTransitionTime])).toEqual([
      ['Ready', 'False', '2026-01-01T00:01:00Z'],
      ['Other', 'True', '2026-01-01T00:00:00Z'],
    ]);
    expect(first).toEqual(copy);
  });
});

test('conditions are found by type', () => {
  const conditions: Condition[] = setCondition([], ready, t0);
  expect(findCondition(conditions, 'Ready')?.reason).toBe('Up');
  expect(findCondition(undefined, 'Ready')).toBeUndefined();
  expect(isConditionTrue(conditions, 'Ready')).toBe(true);
  expect(isConditionTrue(conditions, 'Other')).toBe(false);
});
