import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import type {JsonObject} from '../json/json-value.ts';
import {
  describePath,
  difference,
  type FieldSet,
  hasPath,
  insertPath,
  intersection,
  isEmptySet,
  parseFieldSet,
  pathsOf,
  recursiveDifference,
  sortSet,
  union,
} from './field-set.ts';

const element = fc.constantFrom(
  'f:a',
  'f:b',
  'f:__proto__',
  'f:.',
  'k:{"name":"x"}',
  'k:{"port":80}',
  'k:{"port":8080}',
  'k:{"port":443}',
  'v:"x"',
  'v:2',
  'v:10',
  'i:2',
  'i:10',
);
const paths = fc.array(fc.array(element, {minLength: 1, maxLength: 4}), {maxLength: 12});
const key = (path: readonly string[]): string => JSON.stringify(path);

function setOf(list: readonly string[][]): FieldSet {
  const set: FieldSet = {};
  for (const path of list) insertPath(set, path);
  return sortSet(set);
}

function keysOf(set: FieldSet): string[] {
  return pathsOf(set).map(key).toSorted();
}

function expected(list: readonly string[][], keep: (path: string[]) => boolean): string[] {
  return [...new Set(list.filter(keep).map(key))].toSorted();
}

describe('sets of paths', () => {
  test('hold what was put into them', () => {
    fc.assert(
      fc.property(paths, (list) => {
        const set = setOf(list);
        expect(keysOf(set)).toEqual(expected(list, () => true));
        expect(list.every((path) => hasPath(set, path))).toBe(true);
      }),
    );
  });

  test('are joined, cut and subtracted as sets are', () => {
    fc.assert(
      fc.property(paths, paths, (left, right) => {
        const [a, b] = [setOf(left), setOf(right)];
        const inB = (path: string[]): boolean => hasPath(b, path);
        expect(keysOf(union(a, b))).toEqual(expected([...left, ...right], () => true));
        expect(keysOf(intersection(a, b))).toEqual(expected(left, inB));
        expect(keysOf(difference(a, b))).toEqual(expected(left, (path) => !inB(path)));
        const below = (path: string[]): boolean => path.some((_, index) => inB(path.slice(0, index + 1)));
        expect(keysOf(recursiveDifference(a, b))).toEqual(expected(left, (path) => !below(path)));
      }),
    );
  });

  test('are written in one way only, whatever made them', () => {
    fc.assert(
      fc.property(paths, paths, (left, right) => {
        const joined = setOf([...left, ...right]);
        expect(JSON.stringify(union(setOf(left), setOf(right)))).toBe(JSON.stringify(joined));
        expect(JSON.stringify(parseFieldSet(JSON.parse(JSON.stringify(joined)) as JsonObject))).toBe(
          JSON.stringify(joined),
        );
        expect(isEmptySet(difference(joined, joined))).toBe(true);
      }),
    );
  });

  test('are the same object where an operation takes nothing away', () => {
    const set = setOf([['f:a', 'f:b'], ['f:c']]);
    expect(difference(set, setOf([['f:a'], ['f:d', 'f:e']]))).toBe(set);
    expect(union(set, setOf([['f:c']]))).toBe(set);
  });

  test('numbers are in the order of their values, and fields come before keys, values and indexes', () => {
    const set = setOf([
      ['v:10'],
      ['v:2'],
      ['i:10'],
      ['i:9'],
      ['k:{"port":8080}'],
      ['k:{"port":443}'],
      ['f:b'],
      ['f:\u{1f600}'],
      ['f:\uffff'],
    ]);
    expect(Object.keys(set)).toEqual([
      'f:b',
      'f:\uffff',
      'f:\u{1f600}',
      'k:{"port":443}',
      'k:{"port":8080}',
      'v:2',
      'v:10',
      'i:9',
      'i:10',
    ]);
  });

  test('paths are shown as Kubernetes shows them', () => {
    const path = ['f:spec', 'f:ports', 'k:{"port":80,"protocol":"TCP"}', 'f:set', 'v:"a\\"b"', 'i:3'];
    expect(describePath(path)).toBe('.spec.ports[port=80,protocol="TCP"].set[="a\\"b"][3]');
  });
});

describe('what clients send as FieldsV1', () => {
  test('comes into order; what is unknown is dropped', () => {
    const sent = {'k:{"b":1, "a": "<"}': {}, 'f:z': {'f:y': {}, '.': {}}, 'x:future': {'f:a': {}}, 'f:a': {}};
    expect(JSON.stringify(parseFieldSet(sent))).toBe(
      JSON.stringify({'f:a': {}, 'f:z': {'.': {}, 'f:y': {}}, 'k:{"a":"\\u003c","b":1}': {}}),
    );
  });

  test.each<[string, JsonObject]>([
    ['no colon', {field: {}}],
    ['too short', {f: {}}],
    ['not JSON', {'v:{': {}}],
    ['no key', {'k:5': {}}],
    ['no index', {'i:x': {}}],
    ['no object', {'f:a': 5}],
    ['__proto__', JSON.parse('{"__proto__":{}}') as JsonObject],
  ])('is refused: %s', (_, sent) => {
    expect(() => parseFieldSet(sent)).toThrow();
  });
});
