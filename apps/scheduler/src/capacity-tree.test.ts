import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {CapacityTree} from './capacity-tree.ts';
import {fits, type Resources} from './resources.ts';

describe('CapacityTree', () => {
  test('finds the Pod with the most free runs', () => {
    const tree = new CapacityTree<string>();
    tree.add('a', {runs: 1});
    const b = tree.add('b', {runs: 3});
    tree.add('c', {runs: 2});
    expect(tree.find({runs: 1})).toBe('b');
    tree.set(b, {runs: 0});
    expect(tree.find({runs: 1})).toBe('c');
    expect(tree.find({runs: 3})).toBeUndefined();
  });

  test('a masked item is never found, not even for nothing', () => {
    const tree = new CapacityTree<string>();
    const slot = tree.add('a', undefined);
    expect(tree.find({})).toBeUndefined();
    tree.set(slot, {runs: 0});
    expect(tree.find({})).toBe('a');
  });

  test('names of inherited properties are not offered', () => {
    const tree = new CapacityTree<string>();
    tree.add('a', {runs: 1});
    expect(tree.find({constructor: 1})).toBeUndefined();
    expect(fits({toString: 1}, {runs: 1})).toBe(false);
  });

  test('finds what a look at every item finds, after any changes', () => {
    const amounts = fc.record(
      {runs: fc.integer({min: 0, max: 4}), gpu: fc.integer({min: 0, max: 2})},
      {requiredKeys: ['runs']},
    );
    const step = fc.oneof(
      fc.record({kind: fc.constant('add' as const), free: fc.option(amounts, {nil: undefined})}),
      fc.record({kind: fc.constant('set' as const), index: fc.nat(), free: fc.option(amounts, {nil: undefined})}),
      fc.record({kind: fc.constant('remove' as const), index: fc.nat()}),
      fc.record({kind: fc.constant('find' as const), requests: amounts}),
    );
    fc.assert(
      fc.property(fc.array(step, {maxLength: 80}), (steps) => {
        const tree = new CapacityTree<{id: number}>();
        const naive: {item: {id: number}; slot: number; free: Resources | undefined}[] = [];
        for (const [id, next] of steps.entries()) {
          if (next.kind === 'add') {
            const item = {id};
            naive.push({item, slot: tree.add(item, next.free), free: next.free});
            continue;
          }
          if (next.kind === 'find') {
            const fitting = naive.filter(({free}) => free !== undefined && fits(next.requests, free));
            const found = tree.find(next.requests);
            expect(found === undefined).toBe(fitting.length === 0);
            if (found !== undefined) expect(fitting.map(({item}) => item)).toContain(found);
            if (found !== undefined && !('gpu' in next.requests)) {
              const most = Math.max(...fitting.map(({free}) => free?.runs ?? 0));
              expect(fitting.find(({item}) => item === found)?.free?.runs).toBe(most);
            }
            continue;
          }
          if (naive.length === 0) continue;
          const index = next.index % naive.length;
          const entry = naive[index] as (typeof naive)[number];
          if (next.kind === 'set') {
            entry.free = next.free;
            tree.set(entry.slot, next.free);
          } else {
            tree.remove(entry.slot);
            naive.splice(index, 1);
          }
        }
        expect(tree.size).toBe(naive.length);
      }),
    );
  });
});
