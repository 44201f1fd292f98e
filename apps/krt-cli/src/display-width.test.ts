import {describe, expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import {displayWidth, truncateToWidth} from './display-width.ts';

describe('displayWidth', () => {
  test.each([
    ['', 0],
    ['hello', 5],
    ['日本語', 6],
    ['한국어', 6],
    ['ｆｕｌｌ', 8],
    ['é', 1],
    ['e\u0301', 1],
    ['a\u200bb', 2],
    ['🚀', 2],
    ['✅ ok', 5],
  ])('%j takes %i columns', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });
});

describe('truncateToWidth', () => {
  test('cuts to the width and says so', () => {
    expect(truncateToWidth('hello', 5)).toBe('hello');
    expect(truncateToWidth('hello!', 5)).toBe('hell…');
    expect(truncateToWidth('日本語', 4)).toBe('日…');
  });

  test('never takes more columns than allowed', () => {
    fc.assert(
      fc.property(fc.string({unit: 'grapheme'}), fc.integer({min: 1, max: 40}), (text, columns) => {
        expect(displayWidth(truncateToWidth(text, columns))).toBeLessThanOrEqual(columns);
      }),
    );
  });
});
