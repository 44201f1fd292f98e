import {expect, test} from '@jest/globals';
import fc from 'fast-check';
import {StatusError} from '../errors/status-error.ts';
import {type JsonObject, type JsonValue, MAX_DEPTH} from '../json/json-value.ts';
import type {KubeObject, ManagedFieldsEntry} from '../kube-object.ts';
import {jsonPatch} from '../patch/json-patch.ts';
import {mergePatch} from '../patch/merge-patch.ts';
import {strategicMergePatch} from '../patch/strategic-merge-patch.ts';
import type {Schema} from '../schema/schema.ts';
import {FieldManager} from './field-manager.ts';

const text: Schema = {type: 'string'};
const schema: Schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
      properties: {
        a: {type: 'array', items: text, 'x-kubernetes-list-type': 'set', 'x-kubernetes-patch-strategy': 'merge'},
        b: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['a'],
          'x-kubernetes-patch-strategy': 'merge',
          'x-kubernetes-patch-merge-key': 'a',
          items: {type: 'object', properties: {a: text, b: {}}},
        },
      },
    },
  },
};

const fields = new FieldManager({
  kind: 'Widget',
  custom: true,
  version: (name) => (name === 'v1' ? {schema} : undefined),
});

const key = fc.constantFrom(
  'a',
  'b',
  '__proto__',
  'constructor',
  '',
  '.',
  '$patch',
  '$retainKeys',
  '$setElementOrder/a',
  '$setElementOrder/b',
  '$deleteFromPrimitiveList/a',
  'f:a',
  'k:{"a":1}',
  'v:1',
);
const {value} = fc.letrec<{value: JsonValue}>((tie) => ({
  value: fc.oneof(
    {depthSize: 'small', withCrossShrink: true},
    fc.constantFrom<JsonValue>(null, true, 0, 1.5, 2n ** 60n, 'a', 'b', 'delete', 'replace', '\ud800', ''),
    fc.array(tie('value'), {maxLength: 3}),
    fc.array(fc.tuple(key, tie('value')), {maxLength: 3}).map((entries): JsonObject => Object.fromEntries(entries)),
  ),
}));

function widget(spec: JsonValue, managedFields?: JsonValue): KubeObject {
  const metadata = managedFields === undefined ? {} : {managedFields: managedFields as ManagedFieldsEntry[]};
  return {apiVersion: 'v1', kind: 'Widget', metadata: {name: 'a', ...metadata}, spec};
}

/** What a run gives, if it does not answer with an error of the API. */
function answer<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof StatusError) return undefined;
    throw error;
  }
}

const context = {manager: 'm', subresource: '', apiVersion: 'v1', time: new Date(0)};

test('any value can be written; what cannot be applied or patched is an error of the API', () => {
  fc.assert(
    fc.property(value, value, value, (first, second, third) => {
      const live = fields.updated({live: undefined, next: widget(first), context});
      const next = fields.updated({live, next: widget(second, third), context});
      answer(() => fields.apply({...context, live: next, applied: widget(third), force: true}));
      const object: JsonObject = {spec: first};
      answer(() => mergePatch(object, {spec: second}));
      answer(() => strategicMergePatch(object, {spec: second}, schema));
      answer(() => jsonPatch(object, [{op: 'add', path: '/spec/a/b', value: second}, third]));
      answer(() => jsonPatch(object, third));
      expect(({} as JsonObject)['a']).toBeUndefined();
    }),
    {numRuns: 500},
  );
});

test('sent managed fields of any kind do no harm', () => {
  const entry = fc.record(
    {
      manager: fc.oneof(value, fc.constant('m')),
      operation: fc.constantFrom<JsonValue>('Update', 'Apply', 'X', 5),
      apiVersion: fc.constantFrom<JsonValue>('v1', 'v0', '', 1),
      fieldsType: fc.constantFrom<JsonValue>('FieldsV1', 'FieldsV2', null),
      fieldsV1: value,
      time: fc.constantFrom<JsonValue>('2026-01-01T00:00:00Z', 'x', null, 5),
      subresource: fc.constantFrom<JsonValue>('', 'status', 5),
    },
    {requiredKeys: ['operation', 'apiVersion', 'fieldsType']},
  );
  fc.assert(
    fc.property(fc.array(entry, {maxLength: 3}), value, (entries, spec) => {
      const live = fields.updated({live: undefined, next: widget({a: ['x']}), context});
      const next = fields.updated({live, next: widget(spec, entries), context});
      answer(() => fields.apply({...context, manager: 'n', live: next, applied: widget({a: ['y']}), force: false}));
    }),
    {numRuns: 500},
  );
});

test.each<[string, (inner: JsonValue) => JsonValue]>([
  ['objects', (inner) => ({x: inner})],
  ['lists', (inner) => [inner]],
])('%s may be nested as deep as what can be decoded', (_, wrap) => {
  let deep: JsonValue = 1;
  for (let level = 0; level < MAX_DEPTH - 10; level++) deep = wrap(deep);
  const live = fields.updated({live: undefined, next: widget({deep}), context});
  const applied = fields.apply({...context, live, applied: widget({deep, more: 'x'}), force: true});
  const less = fields.apply({...context, live: applied, applied: widget({}), force: true});
  expect(less['spec']).toEqual({deep});
  expect(mergePatch({}, {deep})).toEqual({deep});
  expect(strategicMergePatch({deep}, {deep}, {})).toEqual({deep});
  expect(jsonPatch({deep}, [{op: 'copy', from: '/deep', path: '/copy'}])).toEqual({deep, copy: deep});
});
