import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import type {CachedObject, WatchEvent} from '../cache/resource-cache.ts';
import {StatusError} from '../errors/status-error.ts';
import type {JsonValue} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import {JsonPath} from './json-path.ts';
import {
  partialObjectMetadataLine,
  toPartialObjectMetadata,
  toPartialObjectMetadataList,
} from './partial-object-metadata.ts';
import {printerColumns} from './printer-columns.ts';
import {parseIncludeObject, TableWatch, toTable, toTableOfOne} from './table.ts';

fc.configureGlobal({seed: 13});

const now = new Date('2026-11-21T15:00:00Z');

const object: KubeObject = {
  apiVersion: 'stable.example.com/v1',
  kind: 'Col',
  metadata: {name: 'x', resourceVersion: '7', creationTimestamp: '2026-11-21T14:58:00Z', labels: {'a.b/c': 'lab'}},
  spec: {
    s: 'text',
    n: 5,
    f: 1.5,
    big: 9007199254740993n,
    b: true,
    o: {z: 1, k: 'v', 'k.dot': 'dotted', n: {b: 1, a: '<&>'}},
    a: [7, 8, 9],
    ao: [
      {x: 'one', y: 1},
      {x: 'two', y: 2, z: {w: true}},
    ],
    nul: null,
    emptyS: '',
    emptyA: [],
    emptyO: {},
    t: '2020-01-01T00:00:00Z',
    offset: '2020-01-01T00:00:00+02:00',
    nanos: '2020-01-01T00:00:00.123456Z',
    future: '2050-01-01T00:00:00Z',
    old: '1990-06-01T00:00:00Z',
    u: 'é\n"<',
  },
};

function cell(jsonPath: string, type = 'string'): unknown {
  return printerColumns([{name: 'c', type, jsonPath}]).cells(object, now)[1];
}

describe('printer columns', () => {
  // Each as kube-apiserver 1.36 fills it in.
  test.each([
    ['.spec.s', 'text'],
    ['.spec.n', '5'],
    ['.spec.f', '1.5'],
    ['.spec.big', '9007199254740993'],
    ['.spec.b', 'true'],
    ['.spec.o', '{"k":"v","k.dot":"dotted","n":{"a":"\\u003c\\u0026\\u003e","b":1},"z":1}'],
    ['.spec.a', '[7,8,9]'],
    ['.spec.nul', '<no value>'],
    ['.spec.missing', null],
    ['.spec.a[0]', '7'],
    ['.spec.a[-1]', '9'],
    ['.spec.a[*]', '7'],
    ['.spec.a[0:2]', '7'],
    ['.spec.a[::2]', '7'],
    ['.spec.a[1,2]', '8'],
    ['.spec.a[5]', null],
    ['.spec.ao[*].x', 'one'],
    ['.spec.ao[?(@.x=="two")].y', '2'],
    [".spec.ao[?(@.x=='two')].y", '2'],
    ['.spec.ao[?(@.x!="two")].y', '1'],
    ['.spec.ao[?(@.y>1)].x', 'two'],
    ['.spec.ao[?(@.y>=1)].x', 'one'],
    ['.spec.ao[?( @.y == 2 )].x', 'two'],
    ['.spec.ao[?(@.y)].x', 'one'],
    ['.spec.ao[?(@.z.w==true)].x', 'two'],
    ['.spec.ao[?(1==1)].x', 'one'],
    ['.spec.ao[?(@.nope=="x")].x', null],
    [".spec['s']", 'text'],
    [".spec['s','n']", 'text'],
    ['.spec.o.k\\.dot', 'dotted'],
    ['.metadata.labels.a\\.b/c', 'lab'],
    [".metadata.labels['a\\.b/c']", 'lab'],
    ['..x', 'one'],
    ['.spec..y', '1'],
    ['.spec.emptyS', ''],
    ['.spec.emptyA', '[]'],
    ['.spec.emptyO', '{}'],
    ['.spec.u', 'é\n"<'],
    ['.kind', 'Col'],
    ['.spec.s.x', null],
    ['.spec.a.x', null],
    ['.spec.o[0]', null],
    ['.spec.__proto__', null],
    ['.spec.constructor.name', null],
    ['.spec[', null],
  ])('string %s', (path, value) => {
    expect(cell(path)).toBe(value);
  });

  test.each([
    ['integer', '.spec.s', null],
    ['integer', '.spec.n', 5],
    ['integer', '.spec.f', 1],
    ['integer', '.spec.b', null],
    ['integer', '.spec.o', null],
    ['integer', '.spec.nul', null],
    ['number', '.spec.f', 1.5],
    ['number', '.spec.s', null],
    ['boolean', '.spec.b', true],
    ['boolean', '.spec.n', null],
    ['date', '.spec.t', '6y326d'],
    ['date', '.spec.offset', '6y326d'],
    ['date', '.spec.nanos', '6y326d'],
    ['date', '.spec.future', '<invalid>'],
    ['date', '.spec.s', '<invalid>'],
    ['date', '.spec.emptyS', '<unknown>'],
    ['date', '.spec.old', '36y'],
    ['date', '.spec.n', null],
    ['date', '.metadata.creationTimestamp', '2m'],
  ])('%s %s', (type, path, value) => {
    expect(cell(path, type)).toBe(value);
  });

  test('large arrays are walked, what multiplies is given up', () => {
    const many = Array.from({length: 500_000}, (_, index) => ({x: index}));
    expect(new JsonPath('.a[1:2].x').find({a: many})).toEqual([1]);
    expect(new JsonPath('.a[*].x').find({a: many})).toEqual([]);
    expect(new JsonPath('..x').find({a: many})).toEqual([]);
  });

  test('a kind without columns shows its age', () => {
    const layout = printerColumns([]);
    expect(layout.columns.map(({name, type}) => [name, type])).toEqual([
      ['Name', 'string'],
      ['Age', 'date'],
    ]);
    expect(layout.cells(object, now)).toEqual(['x', '2m']);
  });

  test('any path gives values or an error', () => {
    const words = fc.constantFrom(
      '.',
      '..',
      'a',
      '[',
      ']',
      '0',
      '*',
      '?(',
      ')',
      '@',
      '==',
      "'x'",
      '\\',
      ':',
      ',',
      '-1',
      ' ',
    );
    const value = fc.json().map((text) => JSON.parse(text) as JsonValue);
    fc.assert(
      fc.property(fc.array(words, {maxLength: 12}), value, (parts, tree) => {
        let found: JsonValue[] | undefined;
        try {
          found = new JsonPath(parts.join('')).find(tree);
        } catch (error) {
          expect((error as Error).message).toContain('is no JSONPath');
        }
        expect(found === undefined || Array.isArray(found)).toBe(true);
      }),
      {numRuns: 1_000},
    );
  });
});

describe('tables', () => {
  const layout = printerColumns([{name: 'S', type: 'string', jsonPath: '.spec.s', priority: 1}]);
  const options = {layout, apiVersion: 'meta.k8s.io/v1', includeObject: 'None', now} as const;
  const definitions = [
    {name: 'Name', type: 'string', format: 'name', description: '', priority: 0},
    {
      name: 'S',
      type: 'string',
      format: '',
      description: 'Custom resource definition column (in JSONPath format): .spec.s',
      priority: 1,
    },
  ];
  const partial = {kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata};

  test('a list, and one object', () => {
    expect(toTable([object], {resourceVersion: '9', continue: 'c'}, options)).toEqual({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata: {resourceVersion: '9', continue: 'c'},
      columnDefinitions: definitions,
      rows: [{cells: ['x', 'text'], object: null}],
    });
    expect(toTableOfOne(object, {...options, includeObject: 'Metadata'})).toMatchObject({
      metadata: {resourceVersion: '7'},
      rows: [{object: partial}],
    });
    expect(toTableOfOne(object, {...options, includeObject: 'Object'})).toMatchObject({rows: [{object}]});
  });

  test('events say what the columns are once', () => {
    const watch = new TableWatch({...options, includeObject: 'Metadata'});
    const cached = {key: 'x', revision: 7, object} as unknown as CachedObject;
    const added: WatchEvent = {type: 'ADDED', revision: 7, object: cached};
    const bookmark: WatchEvent = {type: 'BOOKMARK', revision: 8, object: undefined, initialEventsEnd: true};
    const lines = [watch.line(added, object, now), watch.line(bookmark, undefined, now)];
    expect(lines.every((line) => line.endsWith('}\n'))).toBe(true);
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        type: 'ADDED',
        object: {
          kind: 'Table',
          apiVersion: 'meta.k8s.io/v1',
          metadata: {resourceVersion: '7'},
          columnDefinitions: definitions,
          rows: [{cells: ['x', 'text'], object: partial}],
        },
      },
      {
        type: 'BOOKMARK',
        object: {
          kind: 'Table',
          apiVersion: 'meta.k8s.io/v1',
          metadata: {resourceVersion: '8'},
          columnDefinitions: null,
          rows: [
            {
              cells: ['', null],
              object: {
                kind: 'PartialObjectMetadata',
                apiVersion: 'meta.k8s.io/v1',
                metadata: {resourceVersion: '8', annotations: {'k8s.io/initial-events-end': 'true'}},
              },
            },
          ],
        },
      },
    ]);
  });

  test('the parameter includeObject', () => {
    expect([null, '', 'None', 'Metadata', 'Object'].map(parseIncludeObject)).toEqual([
      ...['Metadata', 'Metadata', 'None', 'Metadata', 'Object'],
    ]);
    expect(() => parseIncludeObject('x')).toThrow(
      new StatusError(
        400,
        'BadRequest',
        `Unable to convert to Table as requested: includeObject: Invalid value: "x": must be 'Metadata', 'Object', 'None', or empty`,
      ),
    );
  });
});

test('nothing but metadata', () => {
  const partial = {kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1beta1', metadata: object.metadata};
  expect(toPartialObjectMetadata(object, 'meta.k8s.io/v1beta1')).toEqual(partial);
  expect(toPartialObjectMetadataList([object], {resourceVersion: '9'}, 'meta.k8s.io/v1beta1')).toEqual({
    kind: 'PartialObjectMetadataList',
    apiVersion: 'meta.k8s.io/v1beta1',
    metadata: {resourceVersion: '9'},
    items: [partial],
  });
  const bookmark: WatchEvent = {type: 'BOOKMARK', revision: 8, object: undefined};
  expect(JSON.parse(partialObjectMetadataLine(bookmark, undefined, 'meta.k8s.io/v1'))).toEqual({
    type: 'BOOKMARK',
    object: {kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: {resourceVersion: '8'}},
  });
});
