import {expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import {SortedObjects} from './sorted-objects.ts';

const keyOf = (n: number): string => `key-${n}`;

test('it is what a sorted array would be', () => {
  const command = fc.record({do: fc.constantFrom('set', 'set', 'delete'), n: fc.nat(3_000)});
  fc.assert(
    fc.property(
      fc.array(fc.nat(3_000), {maxLength: 1_500, size: 'max'}),
      fc.array(command, {maxLength: 600, size: 'max'}),
      (initial, commands) => {
        const model = new Map(initial.map((n) => [keyOf(n), {key: keyOf(n), value: -1}]));
        const objects = SortedObjects.of(sorted(model));
        for (const [step, {do: action, n}] of commands.entries()) {
          const object = {key: keyOf(n), value: step};
          if (action === 'set') {
            objects.set(object);
            model.set(object.key, object);
          } else expect(objects.delete(object.key)).toBe(model.delete(object.key));
          expect(objects.get(object.key)).toBe(model.get(object.key));
        }
        const all = sorted(model);
        expect([...objects.from('')]).toEqual(all);
        expect(objects.size).toBe(all.length);
        for (const key of ['', keyOf(17), keyOf(2_999), 'l']) {
          expect([...objects.from(key)]).toEqual(all.filter((each) => each.key >= key));
          expect(objects.rank(key)).toBe(all.filter((each) => each.key < key).length);
        }
      },
    ),
    {numRuns: 30},
  );
});

test('keys in order, in reverse order and again after all were deleted', () => {
  const keys = Array.from({length: 3_000}, (_, n) => String(n).padStart(5, '0'));
  const objects = SortedObjects.of<{key: string}>([]);
  for (const order of [keys, keys.toReversed()]) {
    for (const key of order) objects.set({key});
    expect([...objects.from('')].map(({key}) => key)).toEqual(keys);
    for (const key of order) expect(objects.delete(key)).toBe(true);
    expect(objects.size).toBe(0);
    expect([...objects.from('')]).toEqual([]);
  }
});

function sorted<T extends {key: string}>(model: ReadonlyMap<string, T>): T[] {
  return [...model.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}
