import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {IndexedHeap} from './indexed-heap.ts';

interface Item {
  rank: number;
}

describe('IndexedHeap', () => {
  test('keeps the least member on top through any pushes, deletions and changes of rank', () => {
    const step = fc.record({
      kind: fc.constantFrom('push' as const, 'delete' as const, 'pop' as const, 'reorder' as const),
      index: fc.nat(),
      rank: fc.integer({min: 0, max: 20}),
    });
    fc.assert(
      fc.property(fc.array(step, {maxLength: 100}), (steps) => {
        const heap = new IndexedHeap<Item>((a, b) => a.rank - b.rank);
        const members = new Set<Item>();
        for (const {kind, index, rank} of steps) {
          const member = [...members][index % Math.max(1, members.size)];
          if (kind === 'push') {
            const item = {rank};
            members.add(item);
            heap.push(item);
          } else if (kind === 'pop') {
            const popped = heap.pop();
            expect(popped === undefined).toBe(members.size === 0);
            if (popped !== undefined) members.delete(popped);
          } else if (member !== undefined && kind === 'delete') {
            expect(heap.delete(member)).toBe(true);
            expect(heap.delete(member)).toBe(false);
            members.delete(member);
          } else if (member !== undefined) {
            member.rank = rank;
            heap.reorder(member);
          }
          expect(heap.size).toBe(members.size);
          expect(heap.peek()?.rank).toBe(
            members.size === 0 ? undefined : Math.min(...[...members].map((item) => item.rank)),
          );
        }
        const drained: number[] = [];
        for (let item = heap.pop(); item !== undefined; item = heap.pop()) drained.push(item.rank);
        expect(drained).toEqual([...members].map((item) => item.rank).sort((a, b) => a - b));
      }),
    );
  });

  test('pushing a member again puts it where it belongs', () => {
    const heap = new IndexedHeap<Item>((a, b) => a.rank - b.rank);
    const [a, b] = [{rank: 1}, {rank: 2}];
    heap.push(a);
    heap.push(b);
    a.rank = 3;
    heap.push(a);
    expect(heap.size).toBe(2);
    expect(heap.pop()).toBe(b);
  });
});
