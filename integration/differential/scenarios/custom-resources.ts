import {
  apply,
  get,
  type Json,
  part,
  patch,
  post,
  put,
  quiet,
  type RequestStep,
  remove,
  type Scenario,
  untilCondition,
  untilStatus,
  watch,
} from '../scenario.ts';

const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

interface Definition {
  group: string;
  schema?: Json;
  version?: {[key: string]: Json};
  spec?: {[key: string]: Json};
}

/** A definition of the kind Widget in a group of its own. */
function widget({group, schema = open, version = {}, spec = {}}: Definition): {[key: string]: Json} {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {name: `widgets.${group}`},
    spec: {
      group,
      scope: 'Namespaced',
      names: {plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList'},
      versions: [{name: 'v1', served: true, storage: true, schema: {openAPIV3Schema: schema}, ...version}],
      ...spec,
    },
  };
}

const open: Json = {type: 'object', 'x-kubernetes-preserve-unknown-fields': true};

/** Installs a definition and waits until it is served. */
function installed(
  definition: {[key: string]: Json},
  group: string,
  resource = 'widgets',
  version = 'v1',
): RequestStep[] {
  return [
    quiet(post(crds, definition)),
    {...get(`${crds}/${resource}.${group}`, {until: untilCondition('Established')}), quiet: true},
    {...get(`/apis/${group}/${version}/${resource}`, {until: untilStatus(200)}), quiet: true},
  ];
}

function object(group: string, name: string, more: {[key: string]: Json} = {}, version = 'v1'): {[key: string]: Json} {
  return {apiVersion: `${group}/${version}`, kind: 'Widget', metadata: {name}, ...more};
}

const in1 = (group: string): string => `/apis/${group}/v1/namespaces/{ns}/widgets`;

const typed: Json = {
  type: 'object',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      required: ['size'],
      properties: {
        size: {type: 'integer', minimum: 1, maximum: 10},
        color: {type: 'string', enum: ['red', 'green'], default: 'red'},
        name: {type: 'string', minLength: 2, maxLength: 5, pattern: '^[a-z]+$'},
        ratio: {type: 'number', exclusiveMinimum: true, minimum: 0, multipleOf: 0.5},
        flag: {type: 'boolean'},
        when: {type: 'string', format: 'date-time'},
        address: {type: 'string', format: 'ipv4'},
        long: {type: 'integer', format: 'int64'},
        short: {type: 'integer', format: 'int32'},
        port: {'x-kubernetes-int-or-string': true},
        maybe: {type: 'string', nullable: true},
        tags: {type: 'array', maxItems: 3, minItems: 1, items: {type: 'string'}, 'x-kubernetes-list-type': 'set'},
        parts: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: {
            type: 'object',
            required: ['name'],
            properties: {name: {type: 'string'}, count: {type: 'integer', default: 1}},
          },
        },
        labels: {type: 'object', maxProperties: 2, additionalProperties: {type: 'string'}},
        nested: {type: 'object', default: {}, properties: {deep: {type: 'string', default: 'down'}}},
        free: {type: 'object', 'x-kubernetes-preserve-unknown-fields': true},
        choice: {
          type: 'object',
          properties: {a: {type: 'string'}, b: {type: 'string'}},
          oneOf: [{required: ['a']}, {required: ['b']}],
        },
        pod: {type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true},
      },
    },
    status: {
      type: 'object',
      properties: {ready: {type: 'boolean'}, replicas: {type: 'integer'}, selector: {type: 'string'}},
    },
  },
};

const rules: Json = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      'x-kubernetes-validations': [
        {rule: 'self.min <= self.max', message: 'min must not be above max'},
        {rule: 'self.max < 100', messageExpression: 'self.max > 150 ? "far too much" : "too much"'},
        {
          rule: '!has(self.mode) || self.mode in ["a", "b"]',
          fieldPath: '.mode',
          reason: 'FieldValueForbidden',
          message: 'no such mode',
        },
        {rule: 'has(self.mode) == has(oldSelf.mode)', message: 'mode must stay'},
      ],
      properties: {
        min: {type: 'integer'},
        max: {type: 'integer'},
        mode: {type: 'string', maxLength: 10},
        fixed: {type: 'string', 'x-kubernetes-validations': [{rule: 'self == oldSelf', message: 'fixed is fixed'}]},
        steps: {
          type: 'array',
          maxItems: 10,
          items: {
            type: 'object',
            properties: {cost: {type: 'integer', 'x-kubernetes-validations': [{rule: 'self > 0'}]}},
          },
        },
      },
    },
  },
};

const bad = (name: string, schema: Json, more: Partial<Definition> = {}): RequestStep =>
  post(crds, widget({group: `${name}.bad.example.com`, schema, ...more}));

export const customResourceScenarios: readonly Scenario[] = [
  {
    name: 'crd-life',
    steps: [
      post(crds, widget({group: 'life.example.com'}), {view: part('spec')}),
      get(`${crds}/widgets.life.example.com`, {until: untilCondition('Established')}),
      get('/apis/life.example.com/v1/widgets', {until: untilStatus(200), view: part('kind')}),
      get('/apis/life.example.com', {until: untilStatus(200)}),
      get('/apis/life.example.com/v1', {until: untilStatus(200)}),
      post(
        in1('life.example.com'),
        object('life.example.com', 'one', {spec: {any: 'thing', deep: {er: [1, 2.5, null]}}}),
      ),
      get(`${in1('life.example.com')}/one`),
      get(in1('life.example.com')),
      put(`${in1('life.example.com')}/one`, object('life.example.com', 'one', {spec: {any: 'thing'}})),
      patch('merge', `${in1('life.example.com')}/one`, {spec: {any: 'other'}}),
      patch('json', `${in1('life.example.com')}/one`, [{op: 'add', path: '/spec/list', value: [1]}]),
      patch('strategic', `${in1('life.example.com')}/one`, {spec: {any: 'other'}}),
      post(in1('life.example.com'), object('life.example.com', 'one')),
      post(in1('life.example.com'), object('other.example.com', 'two')),
      post(in1('life.example.com'), {...object('life.example.com', 'two'), kind: 'Gadget'}),
      post(in1('life.example.com'), {metadata: {name: 'untyped'}}),
      post(in1('life.example.com'), object('life.example.com', 'Bad_Name')),
      get(`${in1('life.example.com')}/one/status`),
      get(`${in1('life.example.com')}/one/scale`),
      get(`${in1('life.example.com')}/missing`),
      get('/apis/life.example.com/v2/widgets'),
      get('/apis/life.example.com/v1/gadgets'),
      watch(`${in1('life.example.com')}?watch=true`, 2, {
        after: 1,
        during: [patch('merge', `${in1('life.example.com')}/one`, {spec: {any: 'new'}})],
      }),
      get(in1('life.example.com'), {headers: {accept: 'application/json;as=Table;g=meta.k8s.io;v=v1'}}),
      remove(`${crds}/widgets.life.example.com`, undefined, {view: part('metadata.finalizers')}),
      get(`${crds}/widgets.life.example.com`, {until: untilStatus(404)}),
      get('/apis/life.example.com/v1', {until: untilStatus(404)}),
      get(in1('life.example.com')),
    ],
  },
  {
    name: 'crd-refused',
    steps: [
      post(crds, {apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: {name: 'x'}}),
      post(crds, {...widget({group: 'x.example.com'}), metadata: {name: 'gadgets.x.example.com'}}),
      post(crds, widget({group: 'nodots', spec: {}})),
      post(crds, widget({group: 'k.k8s.io'})),
      post(crds, widget({group: 'a.example.com', spec: {scope: 'Global'}})),
      post(crds, widget({group: 'a.example.com', spec: {versions: []}})),
      post(crds, widget({group: 'a.example.com', version: {storage: false}})),
      post(crds, widget({group: 'a.example.com', version: {name: 'V1'}})),
      post(crds, widget({group: 'a.example.com', version: {schema: null}})),
      post(crds, widget({group: 'a.example.com', spec: {names: {plural: 'Widgets', kind: 'Widget'}}})),
      post(crds, widget({group: 'a.example.com', spec: {names: {plural: 'widgets', kind: ''}}})),
      post(
        crds,
        widget({group: 'a.example.com', spec: {names: {plural: 'widgets', kind: 'Widget', listKind: 'Widget'}}}),
      ),
      post(crds, widget({group: 'a.example.com', spec: {preserveUnknownFields: true}})),
      post(crds, widget({group: 'a.example.com', spec: {conversion: {strategy: 'Webhook'}}})),
      post(crds, widget({group: 'a.example.com', spec: {conversion: {strategy: 'Magic'}}})),
      bad('no-type', {properties: {spec: {type: 'object'}}}),
      bad('missing-type', {type: 'object', properties: {spec: {properties: {}}}}),
      bad('unknown-type', {type: 'object', properties: {spec: {type: 'map'}}}),
      bad('array-items', {type: 'object', properties: {spec: {type: 'array'}}}),
      bad('ref', {type: 'object', properties: {spec: {$ref: '#/definitions/x'}}}),
      bad('unique', {type: 'object', properties: {spec: {type: 'array', uniqueItems: true, items: {type: 'string'}}}}),
      bad('both', {
        type: 'object',
        properties: {a: {type: 'object', properties: {b: {type: 'string'}}, additionalProperties: {type: 'string'}}},
      }),
      bad('false', {type: 'object', additionalProperties: false}),
      bad('pattern', {type: 'object', properties: {a: {type: 'string', pattern: '('}}}),
      bad('default', {type: 'object', properties: {a: {type: 'string', default: 5}}}),
      bad('default-pruned', {
        type: 'object',
        properties: {a: {type: 'object', default: {x: 1}, properties: {y: {type: 'integer'}}}},
      }),
      bad('enum', {type: 'object', properties: {a: {type: 'string', enum: [1]}}}),
      bad('metadata', {
        type: 'object',
        properties: {metadata: {type: 'object', properties: {labels: {type: 'object'}}}},
      }),
      bad('list-keys', {
        type: 'object',
        properties: {a: {type: 'array', 'x-kubernetes-list-type': 'map', items: {type: 'object'}}},
      }),
      bad('list-type', {type: 'object', properties: {a: {type: 'string', 'x-kubernetes-list-type': 'set'}}}),
      bad('any-of-type', {type: 'object', properties: {a: {type: 'string', anyOf: [{type: 'string'}]}}}),
      bad('nullable', {type: 'object', properties: {a: {'x-kubernetes-int-or-string': true, type: 'string'}}}),
      bad('rule', {type: 'object', 'x-kubernetes-validations': [{rule: 'self.x >'}]}),
      bad('rule-type', {
        type: 'object',
        properties: {a: {type: 'string', 'x-kubernetes-validations': [{rule: 'self + 1'}]}},
      }),
      bad('rule-unknown', {
        type: 'object',
        properties: {a: {type: 'string', 'x-kubernetes-validations': [{rule: 'other == 1'}]}},
      }),
      bad('rule-empty', {type: 'object', 'x-kubernetes-validations': [{rule: ''}]}),
      bad('rule-path', {
        type: 'object',
        properties: {a: {type: 'string'}},
        'x-kubernetes-validations': [{rule: 'true', fieldPath: '.b'}],
      }),
      bad('rule-reason', {type: 'object', 'x-kubernetes-validations': [{rule: 'true', reason: 'Because'}]}),
      bad('rule-message', {type: 'object', 'x-kubernetes-validations': [{rule: 'true', messageExpression: '5'}]}),
      bad('rule-cost', {
        type: 'object',
        properties: {
          a: {
            type: 'array',
            items: {type: 'string'},
            'x-kubernetes-validations': [{rule: 'self.all(x, self.all(y, x == y))'}],
          },
        },
      }),
      bad('message-cost', {
        type: 'object',
        properties: {a: {type: 'integer'}},
        'x-kubernetes-validations': [{rule: 'self.a < 100', messageExpression: '"a is " + string(self.a)'}],
      }),
      bad('columns', open, {version: {additionalPrinterColumns: [{name: '', type: 'text', jsonPath: 'spec'}]}}),
      bad('columns-path', open, {
        version: {additionalPrinterColumns: [{name: 'a', type: 'string', jsonPath: '.spec['}]},
      }),
      bad('selectable', typed, {version: {selectableFields: [{jsonPath: '.spec.none'}]}}),
      bad('scale', open, {
        version: {subresources: {scale: {specReplicasPath: '.status.x', statusReplicasPath: '.status.y'}}},
      }),
      post(`${crds}?dryRun=All`, widget({group: 'dry.example.com'}), {view: part('spec.names')}),
      get(`${crds}/widgets.dry.example.com`),
      post(`${crds}?fieldValidation=Strict`, widget({group: 'strict.example.com', spec: {unknown: 1}})),
    ],
  },
  {
    name: 'crd-update',
    steps: [
      ...installed(widget({group: 'update.example.com', schema: typed}), 'update.example.com'),
      quiet(post(in1('update.example.com'), object('update.example.com', 'one', {spec: {size: 1}}))),
      patch('merge', `${crds}/widgets.update.example.com`, {spec: {group: 'x.example.com'}}),
      patch('merge', `${crds}/widgets.update.example.com`, {spec: {scope: 'Cluster'}}),
      patch(
        'merge',
        `${crds}/widgets.update.example.com`,
        {spec: {names: {kind: 'Gadget'}}},
        {view: part('spec.names')},
      ),
      patch(
        'merge',
        `${crds}/widgets.update.example.com`,
        {spec: {names: {kind: 'Widget', shortNames: ['wd', 'wdg'], categories: ['all']}}},
        {view: part('spec.names')},
      ),
      get('/apis/update.example.com/v1', {
        until: ({body}) => JSON.stringify(body).includes('wdg') && JSON.stringify(body).includes('"Widget"'),
      }),
      patch(
        'json',
        `${crds}/widgets.update.example.com`,
        [
          {op: 'add', path: '/spec/versions/0/subresources', value: {status: {}}},
          {
            op: 'add',
            path: '/spec/versions/-',
            value: {name: 'v2', served: true, storage: false, schema: {openAPIV3Schema: open}},
          },
        ],
        {view: part('spec.versions.1')},
      ),
      get('/apis/update.example.com/v2', {until: untilStatus(200), view: part('resources.0.name')}),
      get('/apis/update.example.com', {until: ({body}) => JSON.stringify(body).includes('v2')}),
      get('/apis/update.example.com/v2/namespaces/{ns}/widgets/one', {until: untilStatus(200)}),
      patch('json', `${crds}/widgets.update.example.com`, [{op: 'remove', path: '/spec/versions/0'}]),
      patch('merge', `${crds}/widgets.update.example.com/status`, {status: {storedVersions: []}}),
      get(`${crds}/widgets.update.example.com/status`, {view: part('status.storedVersions')}),
      patch(
        'merge',
        `${crds}/widgets.update.example.com`,
        {metadata: {labels: {a: 'b'}}, status: {acceptedNames: {plural: 'no', kind: 'No'}}},
        {view: part('status.acceptedNames')},
      ),
    ],
  },
  {
    name: 'crd-names',
    steps: [
      ...installed(
        widget({group: 'names.example.com', spec: {names: {plural: 'widgets', kind: 'Widget', shortNames: ['w']}}}),
        'names.example.com',
      ),
      quiet(
        post(crds, {
          ...widget({
            group: 'names.example.com',
            spec: {names: {plural: 'gadgets', kind: 'Widget', shortNames: ['w']}},
          }),
          metadata: {name: 'gadgets.names.example.com'},
        }),
      ),
      get(`${crds}/gadgets.names.example.com`, {until: untilCondition('NamesAccepted', 'False'), view: part('status')}),
      get('/apis/names.example.com/v1/gadgets'),
    ],
  },
  {
    name: 'crd-validation',
    steps: [
      ...installed(
        widget({group: 'typed.example.com', schema: typed, version: {subresources: {status: {}}}}),
        'typed.example.com',
      ),
      post(in1('typed.example.com'), object('typed.example.com', 'least', {spec: {size: 1}})),
      post(in1('typed.example.com'), object('typed.example.com', 'none')),
      post(in1('typed.example.com'), object('typed.example.com', 'empty', {spec: {}})),
      ...(
        [
          {size: 0},
          {size: 11},
          {size: 1.5},
          {size: 'one'},
          {size: null},
          {size: 1, color: 'blue'},
          {size: 1, color: null},
          {size: 1, name: 'a'},
          {size: 1, name: 'abcdef'},
          {size: 1, name: 'ABC'},
          {size: 1, ratio: 0},
          {size: 1, ratio: 0.3},
          {size: 1, ratio: 1.5},
          {size: 1, flag: 'true'},
          {size: 1, when: 'yesterday'},
          {size: 1, when: '2020-02-30T00:00:00Z'},
          {size: 1, address: '300.1.1.1'},
          {size: 1, port: 80},
          {size: 1, port: 'http'},
          {size: 1, port: 1.5},
          {size: 1, port: true},
          {size: 1, maybe: null},
          {size: 1, tags: []},
          {size: 1, tags: ['a', 'a']},
          {size: 1, tags: ['a', 'b', 'c', 'd']},
          {size: 1, tags: ['a', 1]},
          {size: 1, parts: [{name: 'a'}, {name: 'a'}]},
          {size: 1, parts: [{count: 2}]},
          {size: 1, parts: [{name: 'a'}, {name: 'b', count: 5}]},
          {size: 1, labels: {a: 'b', c: 'd', e: 'f'}},
          {size: 1, labels: {a: 1}},
          {size: 1, nested: {}},
          {size: 1, nested: {deep: 'set', other: 1}},
          {size: 1, nested: 'x'},
          {size: 1, unknown: 1, free: {any: {thing: [1]}}},
          {size: 1, choice: {}},
          {size: 1, choice: {a: 'x', b: 'y'}},
          {size: 1, choice: {b: 'y'}},
          {size: 1, pod: {}},
          {
            size: 1,
            pod: {apiVersion: 'v1', kind: 'Pod', metadata: {name: 'x', labels: {a: 'b'}, nonsense: 1}, spec: {x: 1}},
          },
          {size: 1, pod: {apiVersion: 'v1', kind: 'Pod', metadata: {name: 'Bad_Name', labels: {'a b': 'c'}}}},
          {size: 11, color: 'blue', name: 'A', flag: 1},
        ] as Json[]
      ).map((spec, index) =>
        post(`${in1('typed.example.com')}?dryRun=All`, object('typed.example.com', `v-${index}`, {spec})),
      ),
      post(
        in1('typed.example.com'),
        '{"apiVersion":"typed.example.com/v1","kind":"Widget","metadata":{"name":"big"},"spec":{"size":1,"long":9223372036854775807}}',
        {view: part('metadata.name')},
      ),
      post(
        in1('typed.example.com'),
        '{"apiVersion":"typed.example.com/v1","kind":"Widget","metadata":{"name":"bigger"},"spec":{"size":1,"long":9223372036854775808}}',
      ),
      post(
        in1('typed.example.com'),
        '{"apiVersion":"typed.example.com/v1","kind":"Widget","metadata":{"name":"int"},"spec":{"size":1,"short":2147483648}}',
      ),
      post(
        in1('typed.example.com'),
        '{"apiVersion":"typed.example.com/v1","kind":"Widget","metadata":{"name":"float"},"spec":{"size":1.0}}',
      ),
      post(
        in1('typed.example.com'),
        object('typed.example.com', 'metadata', {metadata: {name: 'metadata', labels: {a: 1}}, spec: {size: 1}}),
      ),
      post(
        in1('typed.example.com'),
        object('typed.example.com', 'metadata', {metadata: {name: 'metadata', unknown: 'x'}, spec: {size: 1}}),
      ),
      post(in1('typed.example.com'), object('typed.example.com', 'spec-type', {spec: 'text'})),
      post(in1('typed.example.com'), object('typed.example.com', 'root-unknown', {spec: {size: 1}, other: 1})),
    ],
  },
  {
    name: 'crd-rules',
    steps: [
      ...installed(widget({group: 'rules.example.com', schema: rules}), 'rules.example.com'),
      post(
        in1('rules.example.com'),
        object('rules.example.com', 'one', {spec: {min: 1, max: 2, mode: 'a', fixed: 'x'}}),
      ),
      post(in1('rules.example.com'), object('rules.example.com', 'two', {spec: {min: 3, max: 2}})),
      post(in1('rules.example.com'), object('rules.example.com', 'two', {spec: {min: 3, max: 200}})),
      post(in1('rules.example.com'), object('rules.example.com', 'two', {spec: {min: 300, max: 200, mode: 'z'}})),
      post(in1('rules.example.com'), object('rules.example.com', 'two', {spec: {min: 3}})),
      post(in1('rules.example.com'), object('rules.example.com', 'two', {spec: {min: 'x', max: 1}})),
      post(
        in1('rules.example.com'),
        object('rules.example.com', 'two', {spec: {min: 1, max: 1, steps: [{cost: 1}, {cost: 0}, {cost: -1}]}}),
      ),
      patch('merge', `${in1('rules.example.com')}/one`, {spec: {fixed: 'y'}}),
      patch('merge', `${in1('rules.example.com')}/one`, {spec: {mode: null}}),
      patch('merge', `${in1('rules.example.com')}/one`, {spec: {mode: 'b', min: 2}}),
      patch('merge', `${in1('rules.example.com')}/one`, {spec: {min: 9, fixed: 'y', mode: null}}),
      put(`${in1('rules.example.com')}/one`, object('rules.example.com', 'one', {spec: {min: 0, max: 1}})),
    ],
  },
  {
    name: 'crd-ratcheting',
    steps: [
      ...installed(
        widget({
          group: 'ratchet.example.com',
          schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: {a: {type: 'string'}, b: {type: 'string'}, list: {type: 'array', items: {type: 'string'}}},
              },
            },
          },
        }),
        'ratchet.example.com',
      ),
      quiet(
        post(
          in1('ratchet.example.com'),
          object('ratchet.example.com', 'one', {spec: {a: 'long text', b: 'x', list: ['a', 'bad']}}),
        ),
      ),
      quiet(
        patch('json', `${crds}/widgets.ratchet.example.com`, [
          {
            op: 'add',
            path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/a/maxLength',
            value: 3,
          },
          {
            op: 'add',
            path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/b/x-kubernetes-validations',
            value: [{rule: 'self != "x"', message: 'not x'}],
          },
        ]),
      ),
      post(`${in1('ratchet.example.com')}?dryRun=All`, object('ratchet.example.com', 'new', {spec: {a: 'long text'}}), {
        until: untilStatus(422),
      }),
      patch('merge', `${in1('ratchet.example.com')}/one`, {metadata: {labels: {a: 'b'}}}),
      patch('merge', `${in1('ratchet.example.com')}/one`, {spec: {list: ['c']}}),
      patch('merge', `${in1('ratchet.example.com')}/one`, {spec: {a: 'other long'}}),
      patch('merge', `${in1('ratchet.example.com')}/one`, {spec: {a: 'ok'}}),
      patch('merge', `${in1('ratchet.example.com')}/one`, {spec: {b: 'y'}}),
      patch('merge', `${in1('ratchet.example.com')}/one`, {spec: {b: 'x'}}),
    ],
  },
  {
    name: 'crd-subresources',
    steps: [
      ...installed(
        widget({
          group: 'sub.example.com',
          schema: {
            type: 'object',
            properties: {
              spec: {type: 'object', properties: {replicas: {type: 'integer'}, a: {type: 'string'}}},
              status: {
                type: 'object',
                properties: {replicas: {type: 'integer'}, selector: {type: 'string'}, phase: {type: 'string'}},
              },
            },
          },
          version: {
            subresources: {
              status: {},
              scale: {
                specReplicasPath: '.spec.replicas',
                statusReplicasPath: '.status.replicas',
                labelSelectorPath: '.status.selector',
              },
            },
            additionalPrinterColumns: [
              {name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas', description: 'how many'},
              {name: 'Phase', type: 'string', jsonPath: '.status.phase'},
              {name: 'Wide', type: 'string', jsonPath: '.spec.a', priority: 1},
              {name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp'},
              {name: 'None', type: 'boolean', jsonPath: '.spec.none'},
            ],
            selectableFields: [{jsonPath: '.spec.a'}, {jsonPath: '.status.phase'}],
          },
        }),
        'sub.example.com',
      ),
      post(
        in1('sub.example.com'),
        object('sub.example.com', 'one', {spec: {replicas: 1, a: 'x'}, status: {phase: 'Ignored'}}),
      ),
      put(`${in1('sub.example.com')}/one/status`, object('sub.example.com', 'one', {status: {phase: 'NoVersion'}})),
      get(`${in1('sub.example.com')}/one`, {save: {rv: 'metadata.resourceVersion'}}),
      put(`${in1('sub.example.com')}/one/status`, {
        ...object('sub.example.com', 'one', {
          spec: {replicas: 7},
          status: {phase: 'Ready', replicas: 1, selector: 'a=b'},
        }),
        metadata: {name: 'one', resourceVersion: '{rv}', labels: {l: 'from status'}},
      }),
      patch('merge', `${in1('sub.example.com')}/one/status`, {status: {phase: 'Patched'}, spec: {a: 'no'}}),
      patch('merge', `${in1('sub.example.com')}/one`, {status: {phase: 'NotHere'}}),
      patch('merge', `${in1('sub.example.com')}/one`, {status: {phase: 'NotHere'}, spec: {a: 'y'}}),
      get(`${in1('sub.example.com')}/one/scale`),
      put(`${in1('sub.example.com')}/one/scale`, {
        apiVersion: 'autoscaling/v1',
        kind: 'Scale',
        metadata: {name: 'one', namespace: '{ns}'},
        spec: {replicas: 3},
      }),
      patch('merge', `${in1('sub.example.com')}/one/scale`, {spec: {replicas: 4}}),
      patch('merge', `${in1('sub.example.com')}/one/scale`, {spec: {replicas: -1}}),
      get(`${in1('sub.example.com')}/one`),
      get(`${in1('sub.example.com')}/one/other`),
      post(`${in1('sub.example.com')}/one/status`, object('sub.example.com', 'one')),
      remove(`${in1('sub.example.com')}/one/status`),
      quiet(post(in1('sub.example.com'), object('sub.example.com', 'two', {spec: {a: 'z'}}))),
      get(`${in1('sub.example.com')}?fieldSelector=spec.a%3Dz`),
      get(`${in1('sub.example.com')}?fieldSelector=spec.a!%3Dz,status.phase%3DPatched`),
      get(`${in1('sub.example.com')}?fieldSelector=spec.replicas%3D4`),
      get(in1('sub.example.com'), {headers: {accept: 'application/json;as=Table;g=meta.k8s.io;v=v1'}}),
      get(`${in1('sub.example.com')}/one`, {headers: {accept: 'application/json;as=Table;g=meta.k8s.io;v=v1'}}),
      get('/apis/sub.example.com/v1'),
      watch(`${in1('sub.example.com')}?watch=true&fieldSelector=spec.a%3Dz`, 2, {
        after: 1,
        during: [patch('merge', `${in1('sub.example.com')}/two`, {spec: {a: 'left'}})],
      }),
    ],
  },
  {
    name: 'crd-cluster-scope',
    steps: [
      ...installed(widget({group: 'cluster.example.com', spec: {scope: 'Cluster'}}), 'cluster.example.com'),
      post('/apis/cluster.example.com/v1/widgets', object('cluster.example.com', 'one')),
      post('/apis/cluster.example.com/v1/widgets', {
        ...object('cluster.example.com', 'two'),
        metadata: {name: 'two', namespace: 'default'},
      }),
      get('/apis/cluster.example.com/v1/namespaces/{ns}/widgets'),
      post('/apis/cluster.example.com/v1/namespaces/{ns}/widgets', object('cluster.example.com', 'two')),
      get('/apis/cluster.example.com/v1/widgets/one'),
      remove('/apis/cluster.example.com/v1/widgets/one'),
    ],
  },
  {
    name: 'crd-field-validation',
    steps: [
      ...installed(widget({group: 'strict.example.com', schema: typed}), 'strict.example.com'),
      ...['Strict', 'Warn', 'Ignore', 'Sometimes', ''].map((mode) =>
        post(
          `${in1('strict.example.com')}?dryRun=All&fieldValidation=${mode}`,
          object('strict.example.com', 'one', {
            spec: {size: 1, unknown: 1, nested: {more: 2}, parts: [{name: 'a', no: 1}]},
          }),
        ),
      ),
      post(
        `${in1('strict.example.com')}?dryRun=All&fieldValidation=Strict`,
        '{"apiVersion":"strict.example.com/v1","kind":"Widget","metadata":{"name":"one"},"spec":{"size":1,"size":2}}',
      ),
      post(
        `${in1('strict.example.com')}?dryRun=All`,
        '{"apiVersion":"strict.example.com/v1","kind":"Widget","metadata":{"name":"one","name":"two"},"spec":{"size":1}}',
      ),
      post(
        `${in1('strict.example.com')}?dryRun=All&fieldValidation=Strict`,
        object('strict.example.com', 'one', {spec: {size: 1}, metadata: {name: 'one', nonsense: true}}),
      ),
      quiet(post(in1('strict.example.com'), object('strict.example.com', 'one', {spec: {size: 1}}))),
      patch('merge', `${in1('strict.example.com')}/one?fieldValidation=Strict`, {spec: {unknown: 1}}),
      patch('merge', `${in1('strict.example.com')}/one`, {spec: {unknown: 1}}),
      patch('json', `${in1('strict.example.com')}/one?fieldValidation=Strict`, [
        {op: 'add', path: '/spec/unknown', value: 1},
      ]),
      apply(
        `${in1('strict.example.com')}/one?fieldValidation=Strict&fieldManager=m`,
        object('strict.example.com', 'one', {spec: {size: 1, unknown: 1}}),
      ),
      apply(
        `${in1('strict.example.com')}/one?fieldManager=m`,
        object('strict.example.com', 'one', {spec: {size: 1, unknown: 1}}),
      ),
    ],
  },
  {
    name: 'crd-openapi',
    steps: [
      ...installed(
        widget({group: 'doc.example.com', schema: typed, version: {subresources: {status: {}}}}),
        'doc.example.com',
      ),
      get('/openapi/v3/apis/doc.example.com/v1', {until: untilStatus(200), view: part('components.schemas')}),
      get('/openapi/v3/apis/doc.example.com/v1', {
        view: (body) => Object.keys((part('paths')(body) as object) ?? {}).sort(),
      }),
      get('/openapi/v3', {
        view: (body) =>
          Object.keys((part('paths')(body) as object) ?? {}).filter((path) => path.includes('doc.example')),
      }),
    ],
  },
];
