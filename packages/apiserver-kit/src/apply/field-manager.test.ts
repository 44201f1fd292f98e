import {describe, expect, test} from '@jest/globals';
import {builtinSchema} from '../builtin/definitions.ts';
import {StatusError} from '../errors/status-error.ts';
import type {JsonObject} from '../json/json-value.ts';
import type {KubeObject, ManagedFieldsEntry} from '../kube-object.ts';
import type {Schema} from '../schema/schema.ts';
import {type ApplyRequest, FieldManager, withoutNewTimes} from './field-manager.ts';

const text: Schema = {type: 'string'};
const texts: Schema = {type: 'object', additionalProperties: text};
const named: Schema = {
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
  items: {type: 'object', properties: {name: text, value: text}},
};
const schema: Schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        text,
        other: text,
        map: texts,
        set: {type: 'array', items: text, 'x-kubernetes-list-type': 'set'},
        list: {type: 'array', items: text},
        items: named,
      },
    },
    status: {type: 'object', properties: {phase: text}},
  },
};
/** `map` is owned as a whole. */
const schema2: Schema = {
  type: 'object',
  properties: {
    ...schema.properties,
    spec: {
      type: 'object',
      properties: {...schema.properties!['spec']!.properties, map: {...texts, 'x-kubernetes-map-type': 'atomic'}},
    },
  },
};
const versions: Record<string, Schema> = {'example.com/v1': schema, 'example.com/v2': schema2};
const v1 = 'example.com/v1';
const v2 = 'example.com/v2';

const fields = new FieldManager({
  kind: 'Widget',
  custom: true,
  version: (apiVersion) => (versions[apiVersion] ? {schema: versions[apiVersion]} : undefined),
  reset: {'': ['status'], status: ['metadata', 'spec']},
});

function widget(spec: JsonObject, more: JsonObject = {}, apiVersion = v1): KubeObject {
  const {metadata, ...rest} = more;
  return {
    apiVersion,
    kind: 'Widget',
    metadata: {name: 'one', namespace: 'default', ...(metadata as JsonObject | undefined)},
    spec,
    ...rest,
  };
}

let seconds = 0;
function now(): Date {
  return new Date(Date.UTC(2026, 0, 1, 0, 0, seconds++));
}

function stored(object: KubeObject): KubeObject {
  return {...object, metadata: {...object.metadata, uid: 'uid'}};
}

function update(live: KubeObject | undefined, next: KubeObject, manager: string, subresource = ''): KubeObject {
  const context = {manager, subresource, apiVersion: next.apiVersion, time: now()};
  return stored(
    fields.updated({live, next: live ? {...next, metadata: {...next.metadata, uid: 'uid'}} : next, context}),
  );
}

function apply(
  live: KubeObject | undefined,
  applied: KubeObject,
  manager: string,
  more: Partial<ApplyRequest> = {},
): KubeObject {
  const request = {live, applied, manager, force: false, subresource: '', apiVersion: applied.apiVersion, time: now()};
  return stored(fields.apply({...request, ...more}));
}

/** Who owns what, without times. */
function owners(object: KubeObject): Record<string, JsonObject | undefined> {
  const label = ({manager, operation, apiVersion, subresource}: ManagedFieldsEntry): string =>
    [manager, operation, apiVersion === v1 ? undefined : apiVersion, subresource].filter(Boolean).join(' ');
  return Object.fromEntries((object.metadata.managedFields ?? []).map((entry) => [label(entry), entry.fieldsV1]));
}

function failure(run: () => unknown): StatusError {
  try {
    run();
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('updates', () => {
  test('who creates owns everything but what names the object', () => {
    const created = update(undefined, widget({text: 'a', map: {k: 'v'}, items: [{name: 'x'}], set: ['s']}), 'creator');
    expect(created.metadata.managedFields).toEqual([
      {
        manager: 'creator',
        operation: 'Update',
        apiVersion: v1,
        time: expect.stringMatching(/^2026-01-01T00:\d\d:\d\dZ$/),
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:spec': {
            '.': {},
            'f:items': {'.': {}, 'k:{"name":"x"}': {'.': {}, 'f:name': {}}},
            'f:map': {'.': {}, 'f:k': {}},
            'f:set': {'.': {}, 'v:"s"': {}},
            'f:text': {},
          },
        },
      },
    ]);
  });

  test('what a built-in kind always has is owned by nobody for being there', () => {
    const builtIn = new FieldManager({
      kind: 'Widget',
      custom: false,
      version: () => ({schema}),
      empty: {spec: {}, status: {}},
    });
    const context = {manager: 'm', subresource: '', apiVersion: v1, time: now()};
    const created = builtIn.updated({live: undefined, next: widget({text: 'a'}, {status: {}}), context});
    expect(owners(created)).toEqual({'m Update': {'f:spec': {'f:text': {}}}});
  });

  test('who changes a field takes it; who removes one leaves nobody', () => {
    const created = update(undefined, widget({text: 'a', other: 'b', set: ['x', 'y']}), 'first');
    const changed = update(created, widget({text: 'c', set: ['y', 'z']}), 'second');
    expect(owners(changed)).toEqual({
      'first Update': {'f:spec': {'.': {}, 'f:set': {'.': {}, 'v:"y"': {}}}},
      'second Update': {'f:spec': {'f:set': {'v:"z"': {}}, 'f:text': {}}},
    });
  });

  test('one that changes nothing leaves the very entries, times included', () => {
    const created = update(undefined, widget({text: 'a'}), 'first');
    const same = update(created, widget({text: 'a'}), 'second');
    expect(same.metadata.managedFields).toBe(created.metadata.managedFields);
  });

  test('managers of a subresource are others, and cannot own what it does not change', () => {
    const created = update(undefined, widget({text: 'a'}, {status: {phase: 'Ignored'}}), 'm');
    const running = update(created, widget({text: 'ignored'}, {status: {phase: 'Running'}}), 'm', 'status');
    expect(owners(created)).toEqual({'m Update': {'f:spec': {'.': {}, 'f:text': {}}}});
    expect(owners(running)).toEqual({
      'm Update': {'f:spec': {'.': {}, 'f:text': {}}},
      'm Update status': {'f:status': {'f:phase': {}}},
    });
  });

  test('of more than ten managers, the oldest of a version become one', () => {
    let live = update(undefined, widget({map: {}}), 'm0');
    for (let index = 1; index < 14; index++) {
      const map = {...(live['spec'] as {map: JsonObject}).map, [`k${index}`]: 'v'};
      live = update(live, widget({map}), `m${index}`);
    }
    expect(live.metadata.managedFields).toHaveLength(10);
    expect(owners(live)).toMatchObject({
      'ancient-changes Update': {
        'f:spec': {'.': {}, 'f:map': {'.': {}, 'f:k1': {}, 'f:k2': {}, 'f:k3': {}, 'f:k4': {}}},
      },
      'm13 Update': {'f:spec': {'f:map': {'f:k13': {}}}},
    });
  });

  test('clients may set managed fields, but not to nonsense, and reset them', () => {
    const created = update(undefined, widget({text: 'a'}), 'first');
    const send = (managedFields: JsonObject[], subresource = ''): KubeObject =>
      update(created, widget({text: 'a'}, {metadata: {managedFields}}), 'second', subresource);
    const entry = {
      manager: 'x',
      operation: 'Update',
      apiVersion: v1,
      fieldsType: 'FieldsV1',
      time: '2026-01-01T01:00:00+01:00',
      fieldsV1: {'f:spec': {'f:text': {}, 'f:other': {}}},
    };
    expect(send([entry]).metadata.managedFields).toEqual([
      {...entry, time: '2026-01-01T00:00:00Z', fieldsV1: {'f:spec': {'f:other': {}, 'f:text': {}}}},
    ]);
    expect(send([{}]).metadata.managedFields).toBeUndefined();
    const before = created.metadata.managedFields;
    expect(send([]).metadata.managedFields).toEqual(before);
    expect(send([entry], 'status').metadata.managedFields).toEqual(before);
    for (const wrong of [
      {...entry, operation: 'Own'},
      {...entry, fieldsType: 'X'},
      {...entry, fieldsV1: {x: {}}},
      {...entry, time: 'x'},
    ]) {
      expect(send([wrong]).metadata.managedFields).toEqual(before);
    }
  });

  test('an object whose fields were reset is not followed until somebody applies', () => {
    const created = update(undefined, widget({text: 'a'}), 'first');
    const reset = update(created, widget({text: 'b'}, {metadata: {managedFields: [{}]}}), 'first');
    const later = update(reset, widget({text: 'c'}), 'first');
    expect(later.metadata.managedFields).toBeUndefined();
    expect(owners(apply(later, widget({other: 'x'}), 'applier'))).toEqual({
      'applier Apply': {'f:spec': {'f:other': {}}},
      'before-first-apply Update': {'f:spec': {'.': {}, 'f:text': {}}},
    });
  });

  test('managers of a version that is gone are forgotten', () => {
    const managedFields = [
      {
        manager: 'old',
        operation: 'Update',
        apiVersion: 'example.com/v0',
        fieldsType: 'FieldsV1',
        fieldsV1: {'f:spec': {'f:text': {}}},
      },
    ];
    const live = stored(widget({text: 'a'}, {metadata: {managedFields}}));
    expect(owners(update(live, widget({text: 'b'}), 'm'))).toEqual({'m Update': {'f:spec': {'f:text': {}}}});
  });
});

describe('applies', () => {
  test('create, share, conflict, take, give back', () => {
    const created = apply(undefined, widget({text: 'a', map: {k: 'v'}}), 'first');
    expect(created['spec']).toEqual({text: 'a', map: {k: 'v'}});
    const shared = apply(created, widget({text: 'a', other: 'b'}), 'second');
    expect(owners(shared)).toEqual({
      'first Apply': {'f:spec': {'f:map': {'f:k': {}}, 'f:text': {}}},
      'second Apply': {'f:spec': {'f:other': {}, 'f:text': {}}},
    });
    const error = failure(() => apply(shared, widget({text: 'c'}), 'third'));
    expect(error.toStatus()).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message:
        'Apply failed with 2 conflicts: conflicts with "first":\n- .spec.text\nconflicts with "second":\n- .spec.text',
      details: {
        causes: [
          {reason: 'FieldManagerConflict', message: 'conflict with "first"', field: '.spec.text'},
          {reason: 'FieldManagerConflict', message: 'conflict with "second"', field: '.spec.text'},
        ],
      },
    });
    const forced = apply(shared, widget({text: 'c'}), 'third', {force: true});
    expect(owners(forced)).toEqual({
      'first Apply': {'f:spec': {'f:map': {'f:k': {}}}},
      'second Apply': {'f:spec': {'f:other': {}}},
      'third Apply': {'f:spec': {'f:text': {}}},
    });
    const less = apply(forced, widget({}), 'second');
    expect(less['spec']).toEqual({text: 'c', map: {k: 'v'}});
    expect(owners(less)['second Apply']).toEqual({'f:spec': {}});
  });

  test('a conflict with an updater names its version', () => {
    const created = update(undefined, widget({text: 'a'}, {}, v2), 'updater');
    const error = failure(() => apply(created, widget({text: 'b'}), 'applier'));
    expect(error.message).toBe(
      'Apply failed with 1 conflict: conflict with "updater" using example.com/v2: .spec.text',
    );
  });

  test('what others own stays when it is not applied any more', () => {
    const items = [
      {name: 'a', value: '1'},
      {name: 'b', value: '1'},
    ];
    const first = apply(undefined, widget({items, map: {k: 'v', l: 'v'}}), 'first');
    const more = {items: [{name: 'a', value: '1'}, {name: 'b', value: '2'}, {name: 'c'}], map: {k: 'v', l: 'w'}};
    const touched = update(first, widget(more), 'updater');
    const less = apply(touched, widget({text: 'x'}), 'first');
    // Of the item `b`, only the value was somebody else's.
    expect(less['spec']).toEqual({items: [{name: 'c'}], map: {l: 'w'}, text: 'x'});
  });

  test('an apply that changes nothing is nothing, whoever does it', () => {
    const created = apply(undefined, widget({text: 'a'}), 'first');
    const again = apply(created, widget({text: 'a'}), 'first');
    expect(again).toEqual(created);
    const other = apply(created, widget({text: 'a'}), 'second');
    expect(other.metadata.managedFields?.map(({manager, time}) => [manager, time === undefined])).toEqual([
      ['second', true],
      ['first', false],
    ]);
  });

  test('what became a whole is owned by those who owned a part', () => {
    const created = apply(undefined, widget({map: {a: '1', b: '2'}}), 'first');
    const changed = new FieldManager({kind: 'Widget', custom: true, version: () => ({schema: schema2})});
    const request = {live: created, manager: 'second', subresource: '', apiVersion: v1, time: now(), force: false};
    expect(owners(changed.apply({...request, applied: widget({text: 'x'})}))).toEqual({
      'first Apply': {'f:spec': {'f:map': {}}},
      'second Apply': {'f:spec': {'f:text': {}}},
    });
    const error = failure(() => changed.apply({...request, applied: widget({map: {c: '3'}})}));
    expect(error.message).toBe('Apply failed with 1 conflict: conflict with "first": .spec.map');
  });

  test('kubectl takes what it applied itself before it did so on the server', () => {
    const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
    const last = JSON.stringify(widget({text: 'a', other: 'b'}));
    const live = update(
      undefined,
      widget({text: 'a', other: 'c'}, {metadata: {annotations: {[annotation]: last}}}),
      'kubectl-create',
    );
    const applied = apply(live, widget({text: 'new'}), 'kubectl');
    expect(applied['spec']).toEqual({text: 'new', other: 'c'});
    expect(applied.metadata.annotations?.[annotation]).toBe(
      '{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"one","namespace":"default"},"spec":{"text":"new"}}\n',
    );
    const error = failure(() => apply(live, widget({text: 'new', other: 'd'}), 'kubectl'));
    expect(error.message).toBe(
      'Apply failed with 1 conflict: conflict with "kubectl-create" using example.com/v1: .spec.other',
    );
    expect(failure(() => apply(live, widget({text: 'new'}), 'other')).code).toBe(409);
  });

  const patch = 'failed to create typed patch object (default/one; example.com/v1, Kind=Widget): ';
  test.each<[string, KubeObject, number, string]>([
    ['another version', widget({}, {}, 'example.com/v9'), 400, 'invalid object type: example.com/v9, Kind=Widget'],
    ['another kind', {...widget({}), kind: 'Gadget'}, 400, 'invalid object type: example.com/v1, Kind=Gadget'],
    ['managed fields', widget({}, {metadata: {managedFields: []}}), 400, 'metadata.managedFields must be nil'],
    ['unknown field', widget({nothing: 1}), 500, `${patch}.spec.nothing: field not declared in schema`],
    [
      'wrong scalar',
      widget({text: 1}),
      500,
      `${patch}.spec.text: expected string, got &value.valueUnstructured{Value:1}`,
    ],
    ['no map', widget({map: ['x']}), 500, `${patch}.spec.map: expected map, got &{[x]}`],
    ['no list', widget({set: {a: 'b'}}), 500, `${patch}.spec.set: expected list, got &{map[a:b]}`],
    ['twice the same', widget({set: ['a', 'a']}), 500, `${patch}.spec.set: duplicate entries for key [="a"]`],
    [
      'no key',
      widget({items: [{value: 'x'}]}),
      500,
      `${patch}.spec.items: element 0: associative list with keys has an element that omits all key fields ["name"] (and doesn't have default values for any key fields)`,
    ],
    [
      'several',
      widget({text: {a: 1}, other: 5}),
      500,
      `${patch}errors:\n  .spec.text: expected string, got &value.valueUnstructured{Value:map[string]interface {}{"a":1}}\n  .spec.other: expected string, got &value.valueUnstructured{Value:5}`,
    ],
  ])('are refused for %s', (_, applied, code, message) => {
    const error = failure(() => apply(undefined, applied, 'm', {apiVersion: v1}));
    expect([error.code, error.message]).toEqual([code, message]);
  });

  test('neither object is changed, and __proto__ is a name like any other', () => {
    const live = update(
      undefined,
      widget(JSON.parse('{"map":{"__proto__":"a","constructor":"b"}}') as JsonObject),
      'first',
    );
    const applied = widget(JSON.parse('{"map":{"__proto__":"c","toString":"d"}}') as JsonObject);
    const before = JSON.stringify([live, applied]);
    const merged = apply(live, applied, 'second', {force: true});
    expect(JSON.stringify(merged['spec'])).toBe('{"map":{"__proto__":"c","constructor":"b","toString":"d"}}');
    expect(JSON.stringify([live, applied])).toBe(before);
    expect(owners(merged)['second Apply']).toEqual({'f:spec': {'f:map': {'f:__proto__': {}, 'f:toString': {}}}});
  });
});

test('an object that differs by times of managed fields only is as it was', () => {
  const live = update(undefined, widget({text: 'a'}), 'm');
  const later = live.metadata.managedFields!.map((entry) => ({...entry, time: '2030-01-01T00:00:00Z'}));
  const next = {...live, metadata: {...live.metadata, managedFields: later}};
  expect(withoutNewTimes(live, next)).toEqual(live);
  const changed = {...next, spec: {text: 'b'}};
  expect(withoutNewTimes(live, changed)).toBe(changed);
});

test('keys of built-in lists that cannot be absent are empty', () => {
  const pods = new FieldManager({
    kind: 'Pod',
    custom: false,
    version: () => ({schema: builtinSchema('io.k8s.api.core.v1.Pod')}),
  });
  const pod = (spec: JsonObject): KubeObject => ({apiVersion: 'v1', kind: 'Pod', metadata: {name: 'p'}, spec});
  const request = {live: undefined, manager: 'm', force: false, subresource: '', apiVersion: 'v1', time: now()};
  const applied = pods.apply({...request, applied: pod({containers: [{image: 'i', ports: [{protocol: 'UDP'}]}]})});
  expect(owners(applied)).toEqual({
    'm Apply v1': {
      'f:spec': {
        'f:containers': {
          'k:{"name":""}': {
            '.': {},
            'f:image': {},
            'f:ports': {'k:{"containerPort":0,"protocol":"UDP"}': {'.': {}, 'f:protocol': {}}},
          },
        },
      },
    },
  });
});
