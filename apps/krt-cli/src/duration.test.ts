import {describe, expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import {formatDuration, parseDurationMs, parseDurationSeconds} from './duration.ts';

describe('parseDurationMs', () => {
  test.each([
    ['90', 90_000],
    ['30s', 30_000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['2d', 172_800_000],
    ['500ms', 500],
    ['0', 0],
    [' 5m ', 300_000],
  ])('%j is %i ms', (text, ms) => {
    expect(parseDurationMs(text, '--timeout')).toBe(ms);
  });

  test.each(['', 's', '5x', '-5s', '5s3', '1m 30s', '1e3s', 'five', '5 s', '1h-5m', '99999999999999999999d'])(
    '%j is refused, with what to write instead',
    (text) => {
      expect(() => parseDurationMs(text, '--timeout')).toThrow(/^--timeout .*"/);
    },
  );

  test('reads every sum of units', () => {
    const part = fc.tuple(
      fc.integer({min: 0, max: 999}),
      fc.constantFrom(['d', 86_400], ['h', 3600], ['m', 60], ['s', 1]),
    );
    fc.assert(
      fc.property(fc.array(part as fc.Arbitrary<[number, [string, number]]>, {minLength: 1, maxLength: 4}), (parts) => {
        const text = parts.map(([amount, [unit]]) => `${amount}${unit}`).join('');
        const seconds = parts.reduce((sum, [amount, [, factor]]) => sum + amount * factor, 0);
        expect(parseDurationSeconds(text, '--timeout')).toBe(seconds);
      }),
    );
  });
});

describe('parseDurationSeconds', () => {
  test('does not round what the API cannot store', () => {
    expect(() => parseDurationSeconds('1500ms', '--timeout')).toThrow('not a whole number of seconds');
    expect(parseDurationSeconds('1.5m', '--timeout')).toBe(90);
  });
});

describe('formatDuration', () => {
  test.each([
    [-5, '0s'],
    [0, '0s'],
    [55, '0.055s'],
    [3140, '3.1s'],
    [12_900, '12s'],
    [125_000, '2m5s'],
    [120_000, '2m'],
    [15_000_000, '4h10m'],
    [273_600_000, '3d4h'],
  ])('%i ms is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
