import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {FinishedRuns} from './finished-runs.ts';

describe('FinishedRuns', () => {
  test('the next is always the one that is due first, after any changes', () => {
    const names = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('set' as const),
        namespace: fc.constantFrom('x', 'y'),
        name: names,
        dueAt: fc.nat(50),
      }),
      fc.record({kind: fc.constant('delete' as const), namespace: fc.constantFrom('x', 'y'), name: names}),
    );
    fc.assert(
      fc.property(fc.array(step, {maxLength: 100}), (steps) => {
        const runs = new FinishedRuns();
        const naive = new Map<string, number>();
        for (const next of steps) {
          const key = `${next.namespace}/${next.name}`;
          if (next.kind === 'set') {
            runs.set({...next, resourceVersion: '1', finishedAt: 0});
            naive.set(key, next.dueAt);
          } else {
            runs.delete(next.namespace, next.name);
            naive.delete(key);
          }
          const least = naive.size === 0 ? undefined : Math.min(...naive.values());
          if (runs.size !== naive.size || runs.next()?.dueAt !== least) throw new Error(`expected ${least} to be next`);
        }
        for (const namespace of ['x', 'y']) {
          expect(runs.count(namespace)).toBe([...naive.keys()].filter((key) => key.startsWith(namespace)).length);
        }
      }),
    );
  });

  test('finds the oldest of a namespace', () => {
    const runs = new FinishedRuns();
    for (const [name, finishedAt] of [
      ['c', 3],
      ['a', 1],
      ['b', 2],
    ] as const) {
      runs.set({namespace: 'x', name, resourceVersion: '1', finishedAt, dueAt: 100});
    }
    runs.set({namespace: 'y', name: 'z', resourceVersion: '1', finishedAt: 0, dueAt: 0});
    expect(runs.oldest('x', 2).map(({name}) => name)).toEqual(['a', 'b']);
  });
});
