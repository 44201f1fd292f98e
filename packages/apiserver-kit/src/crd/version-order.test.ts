import {expect, test} from '@jest/globals';
import fc from 'fast-check';
import {compareVersions} from './version-order.ts';

const best = ['v10', 'v2', 'v1', 'v11beta2', 'v10beta3', 'v3beta1', 'v12alpha1', 'v11alpha2', 'foo1', 'foo10'];

test('stable versions come before beta, alpha and others', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(best, {minLength: best.length}), (versions) => {
      expect(versions.sort(compareVersions)).toEqual(best);
    }),
  );
});
