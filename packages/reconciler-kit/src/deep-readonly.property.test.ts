import {expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import {cloneForEdit, type DeepReadonly, deepFreeze} from './deep-readonly.ts';

test('a clone is equal, and shares nothing that could be changed', () => {
  fc.assert(
    fc.property(fc.object({withNullPrototype: false}), (object) => {
      const original = JSON.parse(JSON.stringify(object)) as Record<string, unknown>;
      const clone = cloneForEdit(deepFreeze(original) as DeepReadonly<typeof original>);
      expect(clone).toEqual(original);
      const shared = new Set<unknown>();
      const collect = (value: unknown): void => {
        if (typeof value !== 'object' || value === null) return;
        shared.add(value);
        Object.values(value).forEach(collect);
      };
      collect(original);
      const check = (value: unknown): void => {
        if (typeof value !== 'object' || value === null) return;
        expect(shared.has(value)).toBe(false);
        Object.values(value).forEach(check);
      };
      check(clone);
    }),
  );
});

test('a frozen object cannot be written to, at any depth', () => {
  const frozen = deepFreeze({a: {b: [{c: 1}]}});
  expect(() => {
    (frozen.a.b[0] as {c: number}).c = 2;
  }).toThrow(TypeError);
});

test('a key named __proto__ is data like any other', () => {
  const original = JSON.parse('{"data": {"__proto__": {"x": "1"}}}') as {data: Record<string, unknown>};
  const clone = cloneForEdit(original as DeepReadonly<typeof original>);
  expect(JSON.stringify(clone)).toBe(JSON.stringify(original));
  expect(Object.getPrototypeOf(clone.data)).toBe(Object.prototype);
});
