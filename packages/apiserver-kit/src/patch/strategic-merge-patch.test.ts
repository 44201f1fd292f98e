import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {builtinSchema} from '../builtin/definitions.ts';
import {StatusError} from '../errors/status-error.ts';
import type {JsonObject, JsonValue} from '../json/json-value.ts';
import {strategicMergePatch} from './strategic-merge-patch.ts';

const schema = builtinSchema('io.k8s.api.core.v1.Pod');

function pod(spec: JsonObject, metadata: JsonObject = {}): JsonObject {
  return {metadata, spec};
}

const env = [
  {name: 'A', value: '1'},
  {name: 'B', value: '2'},
];

describe('strategicMergePatch', () => {
  // As kube-apiserver answers.
  test.each<[string, JsonObject, JsonObject, JsonObject]>([
    [
      'items are merged by their key, what the patch names first',
      pod({containers: [{name: 'a', image: 'i', env}]}),
      pod({
        containers: [
          {name: 'b', image: 'j'},
          {
            name: 'a',
            env: [
              {name: 'C', value: '3'},
              {name: 'B', value: null},
            ],
          },
        ],
      }),
      pod({
        containers: [
          {name: 'b', image: 'j'},
          {name: 'a', image: 'i', env: [{name: 'C', value: '3'}, {name: 'A', value: '1'}, {name: 'B'}]},
        ],
      }),
    ],
    [
      'an item is taken away',
      pod({containers: [{name: 'a', env}]}),
      pod({
        containers: [
          {
            name: 'a',
            env: [
              {name: 'B', $patch: 'delete'},
              {name: 'C', value: '3'},
            ],
          },
        ],
      }),
      pod({
        containers: [
          {
            name: 'a',
            env: [
              {name: 'C', value: '3'},
              {name: 'A', value: '1'},
            ],
          },
        ],
      }),
    ],
    [
      'a list is replaced',
      pod({containers: [{name: 'a', image: 'i'}]}),
      pod({containers: [{$patch: 'replace'}, {name: 'b'}]}),
      pod({containers: [{name: 'b'}]}),
    ],
    [
      'an order is set, others stay about where they were',
      pod({containers: [{name: 'a'}, {name: 'b'}, {name: 'c'}]}),
      pod({containers: [{name: 'd'}], '$setElementOrder/containers': [{name: 'd'}, {name: 'c'}, {name: 'a'}]}),
      pod({containers: [{name: 'd'}, {name: 'b'}, {name: 'c'}, {name: 'a'}]}),
    ],
    [
      'lists without a strategy are replaced as they are',
      pod({containers: [{name: 'a', args: ['x', 'y']}], tolerations: [{key: 'a'}]}),
      pod({containers: [{name: 'a', args: ['z', 'z']}], tolerations: [{key: 'b'}]}),
      pod({containers: [{name: 'a', args: ['z', 'z']}], tolerations: [{key: 'b'}]}),
    ],
    [
      'keys are kept',
      pod({volumes: [{name: 'v', emptyDir: {}}]}),
      pod({volumes: [{name: 'v', $retainKeys: ['name', 'configMap'], configMap: {name: 'x'}}]}),
      pod({volumes: [{name: 'v', configMap: {name: 'x'}}]}),
    ],
    [
      'sets grow, lose and keep order',
      pod({}, {finalizers: ['a', 'b', 'c']}),
      pod({}, {finalizers: ['d'], '$deleteFromPrimitiveList/finalizers': ['b']}),
      pod({}, {finalizers: ['d', 'a', 'c']}),
    ],
    [
      'an object is replaced',
      pod({}, {labels: {a: '1'}}),
      pod({}, {labels: {$patch: 'replace', b: '2'}}),
      pod({}, {labels: {b: '2'}}),
    ],
    ['an object is emptied', pod({}, {labels: {a: '1'}}), pod({}, {labels: {$patch: 'delete'}}), pod({}, {labels: {}})],
    [
      'null takes away',
      pod({}, {labels: {a: '1', b: '2'}}),
      pod({}, {labels: {a: null, c: null}}),
      pod({}, {labels: {b: '2'}}),
    ],
    ['what is new has no nulls', pod({}), pod({}, {annotations: {a: null, b: 'c'}}), pod({}, {annotations: {b: 'c'}})],
    ['a directive for nothing is nothing', pod({}), pod({nodeSelector: {$patch: 'replace', a: 'b'}}), pod({})],
    ['another type replaces', pod({}, {labels: {a: '1'}}), pod({}, {labels: 5}), pod({}, {labels: 5})],
  ])('%s', (_, object, patch, expected) => {
    const before = JSON.stringify([object, patch]);
    expect(strategicMergePatch(object, patch, schema)).toEqual(expected);
    expect(JSON.stringify([object, patch])).toBe(before);
  });

  const one = pod({containers: [{name: 'a', image: 'i'}]}, {labels: {a: '1'}});
  test.each<[string, JsonValue, number, string]>([
    ['no object', [1], 400, 'json: cannot unmarshal array into Go value of type map[string]interface {}'],
    ['a number', 5, 400, 'json: cannot unmarshal number into Go value of type map[string]interface {}'],
    ['no key', pod({containers: [{image: 'j'}]}), 500, 'map: map[image:j] does not contain declared merge key: name'],
    [
      'a text for an object',
      pod({containers: ['x']}),
      500,
      'list element types are not identical: [[map[image:i name:a]] [x]]',
    ],
    [
      'an unknown directive',
      pod({containers: [{name: 'a', $patch: 'x'}]}),
      500,
      'unknown patch type: x in map: map[$patch:x name:a]',
    ],
    [
      'an unknown directive of an object',
      {metadata: {$patch: 'x'}},
      500,
      'unknown patch type: x in map: map[$patch:x]',
    ],
    [
      'a merge of lists',
      pod({containers: [{$patch: 'merge'}]}),
      500,
      'merging lists cannot yet be specified in the patch',
    ],
    [
      'a directive without a list',
      {metadata: {$deleteFromPrimitiveList: ['a']}},
      400,
      'invalid patch format of primitive list',
    ],
    [
      'an order without a list',
      {metadata: {$setElementOrder: ['a']}},
      400,
      'invalid patch format of setElementOrder list',
    ],
    [
      'an order that is none',
      pod({'$setElementOrder/containers': 'x'}),
      500,
      'expected a []interface {}, but received a string',
    ],
    [
      'an order that leaves out what is patched',
      pod({'$setElementOrder/containers': [{name: 'a'}], containers: [{name: 'b'}]}),
      500,
      "The order in patch list:\n[map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n",
    ],
    [
      'keys that are not kept',
      pod({$retainKeys: ['volumes'], hostname: 'x'}),
      400,
      'invalid patch format of retainKeys',
    ],
    ['kept keys that are no list', pod({$retainKeys: 'x'}), 400, 'invalid patch format of retainKeys'],
  ])('is refused for %s', (_, patch, code, message) => {
    expect(() => strategicMergePatch(one, patch, schema)).toThrow(
      expect.objectContaining({name: StatusError.name, code, message}),
    );
  });

  test('a member named __proto__ is one like any other', () => {
    const object = JSON.parse('{"metadata":{"labels":{"__proto__":"a"}}}') as JsonObject;
    const patch = JSON.parse('{"metadata":{"labels":{"__proto__":"b"},"__proto__":{"x":1}}}') as JsonObject;
    expect(JSON.stringify(strategicMergePatch(object, patch, schema))).toBe(
      '{"metadata":{"labels":{"__proto__":"b"},"__proto__":{"x":1}}}',
    );
  });

  test('patching twice is patching once, and every item of the patch is there once', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const container = fc.record({name, image: name}, {requiredKeys: ['name']});
    const containers = fc.uniqueArray(container, {selector: (each) => each.name, minLength: 1});
    fc.assert(
      fc.property(containers, containers, (present, patched) => {
        const patch = pod({containers: patched});
        const once = strategicMergePatch(pod({containers: present}), patch, schema);
        expect(strategicMergePatch(once, patch, schema)).toEqual(once);
        const names = ((once['spec'] as JsonObject)['containers'] as {name: string}[]).map((each) => each.name);
        expect(names.toSorted()).toEqual([...new Set([...present, ...patched].map((each) => each.name))].toSorted());
        expect(names.filter((each) => patched.some((item) => item.name === each))).toEqual(
          patched.map((item) => item.name),
        );
      }),
    );
  });
});
