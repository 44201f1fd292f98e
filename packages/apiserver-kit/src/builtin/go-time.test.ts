import {describe, expect, it} from '@jest/globals';
import fc from 'fast-check';
import {canonicalMicroTime, canonicalTime} from './go-time.ts';

describe('canonicalTime', () => {
  it.each<[string, string | null]>([
    ['2020-01-01T01:00:00+01:00', '2020-01-01T00:00:00Z'],
    ['2020-01-01T00:00:00.999Z', '2020-01-01T00:00:00Z'],
    ['2020-02-29T23:59:59-00:30', '2020-03-01T00:29:59Z'],
    ['0001-01-01T00:00:00Z', null],
  ])('writes %s as %s', (text, wanted) => {
    expect(canonicalTime(text)).toBe(wanted);
  });

  it.each([
    ['x', 'cannot parse "x" as "2006"'],
    ['2020-01-01', 'cannot parse "" as "T"'],
    ['2020-01-01T00:00:00', 'cannot parse "" as "Z07:00"'],
    ['2020-13-01T00:00:00Z', 'parsing time "2020-13-01T00:00:00Z": month out of range'],
    ['2021-02-29T00:00:00Z', 'day out of range'],
    ['2020-01-01T00:00:00Zx', 'parsing time "2020-01-01T00:00:00Zx": extra text: "x"'],
  ])('refuses %s', (text, message) => {
    expect(() => canonicalTime(text)).toThrow(message);
  });

  it('keeps every time that is in its form already', () => {
    const time = fc.date({min: new Date(0), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true});
    fc.assert(
      fc.property(time, (at) => {
        const text = `${at.toISOString().slice(0, 19)}Z`;
        expect(canonicalTime(text)).toBe(text);
      }),
    );
  });
});

it('a MicroTime has six digits behind the second', () => {
  expect(canonicalMicroTime('2020-01-01T01:00:00.123456+01:00')).toBe('2020-01-01T00:00:00.123456Z');
  expect(() => canonicalMicroTime('2020-01-01T00:00:00Z')).toThrow('cannot parse "Z" as ".000000"');
});
