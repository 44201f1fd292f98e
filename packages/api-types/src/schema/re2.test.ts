import {describe, expect, test} from '@jest/globals';
import {patternProblem} from './re2.ts';

describe('what RE2 and JavaScript both take', () => {
  test.each([
    '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
    '^(?:a|b){1,1000}$',
    String.raw`^[^\s/]+\.[\w-]+\x41\n$`,
    String.raw`[(?=)]\(\?=`,
    String.raw`\\1`,
    String.raw`^\p{L}+$`,
    'a{2,}?b+?c*?',
  ])('%s', (pattern) => {
    expect(patternProblem(pattern)).toBeUndefined();
  });
});

describe('what one of them refuses', () => {
  test.each([
    ['a(?=b)', 'look-ahead'],
    ['a(?!b)', 'look-ahead'],
    ['(?<=a)b', 'look-behind'],
    ['(?<!a)b', 'look-behind'],
    ['(?>a)b', 'atomic group'],
    ['(?<name>a)', 'named group'],
    ['(?P<name>a)', 'named group'],
    ['(?i)a', 'flags'],
    ['(?i:a)', 'flags'],
    [String.raw`(a)\1`, String.raw`back-reference \1`],
    [String.raw`(?:a)\k<a>`, String.raw`back-reference \k`],
    [String.raw`\u0041`, String.raw`escape \u`],
    [String.raw`\cA`, String.raw`escape \c`],
    [String.raw`a\Z`, String.raw`escape \Z`],
    [String.raw`\A`, String.raw`escape \A`],
    ['a{1001}', 'repetition of more than 1000'],
    ['a{1,2000}', 'repetition of more than 1000'],
  ])('%s: %s', (pattern, problem) => {
    expect(patternProblem(pattern)).toBe(problem);
  });

  test.each(['a++', '(', '[a', 'a{2,1}', '*'])('%s is no pattern', (pattern) => {
    expect(patternProblem(pattern)).toMatch(/Invalid regular expression/);
  });
});
