import {apply, get, type Json, part, patch, post, put, quiet, type Scenario} from '../scenario.ts';

const all = '/api/v1/namespaces/{ns}/configmaps';
const one = `${all}/one`;
const apps = '/apis/apps/v1/namespaces/{ns}/deployments';

function configMap(data: Json, metadata: {[key: string]: Json} = {}): Json {
  return {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'one', ...metadata}, data};
}

function deployment(containers: Json, more: {[key: string]: Json} = {}): Json {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {name: 'one'},
    spec: {
      selector: {matchLabels: {app: 'one'}},
      template: {metadata: {labels: {app: 'one'}}, spec: {containers}},
      ...more,
    },
  };
}

/** Server-side apply and who owns what. */
export const applyScenarios: readonly Scenario[] = [
  {
    name: 'apply',
    steps: [
      apply(one, configMap({a: '1'})),
      apply(`${one}?fieldManager=first`, configMap({a: '1', b: '2'})),
      apply(`${one}?fieldManager=first`, configMap({a: '1', b: '2'})),
      apply(`${one}?fieldManager=second`, configMap({b: '2', c: '3'})),
      apply(`${one}?fieldManager=second`, configMap({b: 'other', c: '3'})),
      apply(`${one}?fieldManager=second&force=true`, configMap({b: 'other', c: '3'})),
      apply(`${one}?fieldManager=first`, configMap({a: '1'})),
      apply(`${one}?fieldManager=second`, configMap({c: '3'})),
      get(one),
      apply(`${one}?fieldManager=first&dryRun=All`, configMap({dry: 'run'})),
      apply(`${one}?fieldManager=third`, configMap({c: '4', a: '2'})),
      apply(
        `${one}?fieldManager=first`,
        configMap({a: '1'}, {labels: {l: 'm'}, annotations: {x: 'y'}, finalizers: ['example.com/a']}),
      ),
      apply(`${one}?fieldManager=other`, configMap({}, {finalizers: ['example.com/b']})),
      apply(`${one}?fieldManager=first`, configMap({a: '1'})),
      apply(`${one}?fieldManager=first`, configMap({a: '1'}, {managedFields: [{}]})),
      apply(`${one}?fieldManager=first`, configMap({a: '1'}, {managedFields: []})),
      apply(`${one}?fieldManager=first`, configMap({a: '1'}, {resourceVersion: '1'})),
      apply(`${one}?fieldManager=first`, configMap({a: '1'}, {uid: '11111111-1111-1111-1111-111111111111'})),
      apply(`${all}/new?fieldManager=first`, configMap({}, {name: 'new', uid: '11111111-1111-1111-1111-111111111111'})),
      apply(`${one}?fieldManager=first`, {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'two'}}),
      apply(`${one}?fieldManager=first`, {apiVersion: 'v1', kind: 'ConfigMap'}),
      apply(`${one}?fieldManager=first`, {kind: 'ConfigMap', metadata: {name: 'one'}}),
      apply(`${one}?fieldManager=first`, {apiVersion: 'v1', metadata: {name: 'one'}}),
      apply(`${one}?fieldManager=first`, {apiVersion: 'v1', kind: 'Secret', metadata: {name: 'one'}}),
      apply(`${one}?fieldManager=first`, configMap({a: 1})),
      apply(`${one}?fieldManager=first`, configMap({a: null})),
      apply(`${one}?fieldManager=first`, {...(configMap({a: '1'}) as object), unknown: 'x'}),
      apply(`${one}?fieldManager=first&fieldValidation=Strict`, {...(configMap({a: '1'}) as object), unknown: 'x'}),
      apply(
        `${one}?fieldManager=first`,
        'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\ndata:\n  a: "yaml"\n',
      ),
      apply(`${one}?fieldManager=first`, 'apiVersion: v1\nkind: [\n'),
      apply(`${one}?fieldManager=first`, ''),
      apply(`${one}?fieldManager=first`, '[]'),
      apply(`${one}?fieldManager=first&force=maybe`, configMap({a: '1'})),
      apply(`${one}?fieldManager=`, configMap({a: '1'})),
      apply(`/api/v1/namespaces/no-such-namespace/configmaps/one?fieldManager=x`, configMap({a: '1'})),
      get(one),
    ],
  },
  {
    name: 'managed-fields',
    steps: [
      post(`${all}?fieldManager=creator`, configMap({a: '1', b: '2'})),
      put(`${one}?fieldManager=updater`, configMap({a: '1', b: '3'})),
      patch('merge', `${one}?fieldManager=patcher`, {data: {c: '4'}}),
      patch('merge', `${one}?fieldManager=patcher`, {data: {c: null}}),
      patch('merge', `${one}?fieldManager=creator`, {data: {b: '9'}}),
      apply(`${one}?fieldManager=applier`, configMap({b: '9'})),
      apply(`${one}?fieldManager=applier`, configMap({b: '10'})),
      apply(`${one}?fieldManager=applier&force=true`, configMap({b: '10'})),
      patch('merge', `${one}?fieldManager=patcher`, {data: {b: '11'}}),
      put(one, configMap({a: '1'}, {managedFields: []}), {headers: {'user-agent': 'some-agent/v1.0 (linux)'}}),
      put(one, configMap({a: '1'}, {managedFields: [{}]})),
      put(one, configMap({a: '2'}), {headers: {'user-agent': ''}}),
      patch('json', one, [{op: 'replace', path: '/metadata/managedFields', value: [{}]}]),
      apply(`${one}?fieldManager=applier`, configMap({a: '2', d: '5'})),
      ...Array.from({length: 12}, (_, index) =>
        quiet(patch('merge', `${one}?fieldManager=m${index}`, {data: {[`k${index}`]: 'x'}})),
      ),
      // Beyond ten the oldest are put together; those of one second are in no order.
      get(one, {view: (body) => (part('metadata.managedFields')(body) as Json[]).length}),
    ],
  },
  {
    name: 'apply-lists',
    steps: [
      apply(
        `${apps}/one?fieldManager=a`,
        deployment([{name: 'x', image: 'i', env: [{name: 'A', value: '1'}], ports: [{containerPort: 80}]}]),
      ),
      apply(`${apps}/one?fieldManager=b`, deployment([{name: 'y', image: 'j'}]), {
        view: part('spec.template.spec.containers'),
      }),
      apply(
        `${apps}/one?fieldManager=b`,
        deployment([
          {name: 'y', image: 'j'},
          {name: 'x', image: 'other'},
        ]),
      ),
      apply(`${apps}/one?fieldManager=b`, deployment([{name: 'x', env: [{name: 'B', value: '2'}]}]), {
        view: part('spec.template.spec.containers'),
      }),
      apply(`${apps}/one?fieldManager=a`, deployment([{name: 'x', image: 'i'}]), {
        view: part('spec.template.spec.containers'),
      }),
      apply(
        `${apps}/one?fieldManager=a`,
        deployment([
          {name: 'x', image: 'i'},
          {name: 'x', image: 'k'},
        ]),
      ),
      apply(`${apps}/one?fieldManager=a`, deployment([{image: 'i'}])),
      apply(`${apps}/one?fieldManager=a`, deployment([{name: 'x', image: 'i'}], {replicas: 2}), {
        view: part('metadata.generation'),
      }),
      patch('merge', `${apps}/one/scale?fieldManager=scaler`, {spec: {replicas: 4}}, {view: part('spec')}),
      apply(`${apps}/one?fieldManager=a`, deployment([{name: 'x', image: 'i'}], {replicas: 2})),
      apply(`${apps}/one?fieldManager=a`, deployment([{name: 'x', image: 'i'}]), {view: part('spec.replicas')}),
      get(`${apps}/one`, {view: part('metadata.managedFields')}),
      apply(
        `${apps}/one/status?fieldManager=s`,
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: {name: 'one'},
          status: {
            replicas: 1,
            conditions: [
              {
                type: 'Available',
                status: 'True',
                lastTransitionTime: '2020-01-01T00:00:00Z',
                lastUpdateTime: '2020-01-01T00:00:00Z',
              },
            ],
          },
        },
        {view: part('status')},
      ),
      apply(
        `${apps}/one/status?fieldManager=s`,
        {apiVersion: 'apps/v1', kind: 'Deployment', metadata: {name: 'one'}, status: {replicas: 1}},
        {view: part('status')},
      ),
      apply(`${apps}/one/scale?fieldManager=s`, {
        apiVersion: 'autoscaling/v1',
        kind: 'Scale',
        metadata: {name: 'one', namespace: '{ns}'},
        spec: {replicas: 9},
      }),
      apply(`${apps}/one/scale?fieldManager=s&force=true`, {
        apiVersion: 'autoscaling/v1',
        kind: 'Scale',
        metadata: {name: 'one', namespace: '{ns}'},
        spec: {replicas: 9},
      }),
      get(`${apps}/one`, {view: part('metadata.managedFields')}),
      apply(`${apps}/two?fieldManager=a`, {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: {name: 'two'},
        spec: {},
      }),
      apply(`/api/v1/namespaces/{ns}/services/one?fieldManager=a`, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: {name: 'one'},
        spec: {
          clusterIP: 'None',
          ports: [
            {name: 'a', port: 1},
            {name: 'b', port: 1, protocol: 'UDP'},
          ],
        },
      }),
      apply(`/api/v1/namespaces/{ns}/services/one?fieldManager=b`, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: {name: 'one'},
        spec: {ports: [{name: 'c', port: 1}]},
      }),
    ],
  },
];
