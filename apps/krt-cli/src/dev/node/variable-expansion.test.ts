import {describe, expect, test} from '@jest/globals';
import {expandVariables} from './variable-expansion.ts';

describe('expandVariables', () => {
  const variables = new Map([
    ['POD_IP', '127.77.0.1'],
    ['EMPTY', ''],
    ['NESTED', '$(POD_IP)'],
  ]);
  test.each([
    ['$(POD_IP):19092', '127.77.0.1:19092'],
    ['a$(EMPTY)b', 'ab'],
    ['$(MISSING)', '$(MISSING)'],
    ['$$(POD_IP)', '$(POD_IP)'],
    ['$$$(POD_IP)', '$127.77.0.1'],
    ['$(NESTED)', '$(POD_IP)'],
    ['$POD_IP $ $(open', '$POD_IP $ $(open'],
    ['cost: $$5', 'cost: $5'],
  ])('%s → %s', (text, expected) => {
    expect(expandVariables(text, variables)).toBe(expected);
  });
});
