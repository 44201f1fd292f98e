import {expect, test} from '@jest/globals';
import fc from 'fast-check';
import {generatedName} from './generated-name.ts';
import {labelProblems, maskTrailingDash} from './name-rules.ts';

fc.configureGlobal({seed: 17});

test('a good prefix makes a good name', () => {
  const prefix = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,80}[-a-z0-9])?$/).filter((text) => text.length <= 80);
  fc.assert(
    fc.property(prefix, fc.double({min: 0, max: 1, maxExcluded: true, noNaN: true}), (given, random) => {
      fc.pre(labelProblems(maskTrailingDash(given.slice(0, 58))).length === 0);
      const name = generatedName(given, () => random);
      expect(name).toHaveLength(Math.min(given.length, 58) + 5);
      expect(name.startsWith(given.slice(0, 58))).toBe(true);
      expect(labelProblems(name)).toEqual([]);
    }),
  );
});
