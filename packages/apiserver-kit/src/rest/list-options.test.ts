import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import type {StatusError} from '../errors/status-error.ts';
import {parseListOptions, parseResourceVersion} from './list-options.ts';

fc.configureGlobal({seed: 17});

function refusal(query: string, isWatch: boolean, watchList = true): string | undefined {
  try {
    parseListOptions(new URLSearchParams(query), {isWatch, watchList});
    return undefined;
  } catch (error) {
    return (error as StatusError).message;
  }
}

describe('parseListOptions', () => {
  test.each([
    ['', undefined],
    ['resourceVersion=0&resourceVersionMatch=NotOlderThan', undefined],
    ['resourceVersion=5&resourceVersionMatch=Exact&limit=3', undefined],
    ['resourceVersionMatch=Exact', 'resourceVersionMatch is forbidden unless resourceVersion is provided'],
    [
      'resourceVersion=0&resourceVersionMatch=Exact',
      'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    ],
    ['resourceVersion=5&resourceVersionMatch=Foo', 'supported values: "Exact", "NotOlderThan", ""'],
    [
      'resourceVersion=5&resourceVersionMatch=Exact&continue=x',
      'resourceVersionMatch is forbidden when continue is provided',
    ],
    ['sendInitialEvents=false', 'sendInitialEvents is forbidden for list'],
    ['timeoutSeconds=9223372036854775808', 'strconv.ParseInt: parsing "9223372036854775808": value out of range'],
  ])('a list with %s', (query, message) => {
    if (message === undefined) expect(refusal(query, false)).toBeUndefined();
    else expect(refusal(query, false)).toContain(message);
  });

  test.each([
    ['', undefined],
    ['sendInitialEvents=true&resourceVersionMatch=NotOlderThan', undefined],
    [
      'resourceVersionMatch=NotOlderThan',
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    ],
    ['sendInitialEvents=true', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'],
    [
      'sendInitialEvents=true&resourceVersionMatch=Exact',
      'Unsupported value: "Exact": supported values: "NotOlderThan"',
    ],
    ['continue=x', 'resourceVersionMatch is forbidden when continue is provided'],
  ])('a watch with %s', (query, message) => {
    if (message === undefined) expect(refusal(query, true)).toBeUndefined();
    else expect(refusal(query, true)).toContain(message);
  });

  test('a server without WatchList refuses sendInitialEvents', () => {
    const query = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
    expect(refusal(query, true, false)).toContain(
      'sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled',
    );
  });
});

describe('parseResourceVersion', () => {
  test('reads what it is given', () => {
    fc.assert(
      fc.property(fc.nat(), (revision) => {
        expect(parseResourceVersion(String(revision), {isList: true})).toBe(revision);
      }),
    );
  });

  test.each(['x', '-1', '1.5', ' 1', '18446744073709551616'])('refuses %j', (text) => {
    const codeOf = (isList: boolean): number | undefined => {
      try {
        parseResourceVersion(text, {isList});
        return undefined;
      } catch (error) {
        return (error as StatusError).code;
      }
    };
    expect([codeOf(true), codeOf(false)]).toEqual([400, 500]);
  });
});
