import {element, get, type Json, part, patch, post, put, quiet, type Scenario, valueAt} from '../scenario.ts';

const all = '/api/v1/namespaces/{ns}/configmaps';
const one = `${all}/one`;
const configMap = (name: string): {[key: string]: Json} => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {name},
  data: {a: '1'},
});
const accept = (type: string): {headers: {accept: string}} => ({headers: {accept: type}});
const resource = (name: string) => element('resources', 'name', name);
const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: NAME\ndata:\n  a: "1"\n  b: |\n    text\n';

/** A resource of an aggregated discovery document. */
function discovered(group: string, version: string, name: string): (body: Json) => Json | undefined {
  return (body) => {
    const groups = valueAt(body, 'items');
    const found = Array.isArray(groups)
      ? groups.find((each) => (valueAt(each, 'metadata.name') ?? '') === group)
      : undefined;
    const versions = valueAt(found, 'versions');
    const of = Array.isArray(versions) ? versions.find((each) => valueAt(each, 'version') === version) : undefined;
    return element('resources', 'resource', name)(of ?? null);
  };
}

/** Formats, discovery, and what does not belong into a request. */
export const wireScenarios: readonly Scenario[] = [
  {
    name: 'negotiation',
    steps: [
      quiet(post(all, configMap('one'))),
      ...[
        '',
        '*/*',
        'application/*',
        'text/html',
        'application/yaml',
        'application/xml',
        'application/json;q=0.5,application/yaml;q=0.9',
        'application/yaml,application/json',
        'text/html,application/json',
        'application/json;as=Table;g=meta.k8s.io;v=v1',
        'application/json;as=Table;g=meta.k8s.io;v=v1beta1',
        'application/json;as=Table;g=meta.k8s.io;v=v2',
        'application/json;as=Table;g=other;v=v1,application/json',
        'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json',
        'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
        'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
        'application/json;as=Unheard;g=meta.k8s.io;v=v1',
        'application/json;pretty=1',
        'application/json;charset=utf-8',
        'garbage',
      ].flatMap((type) => [get(one, accept(type)), get(all, accept(type))]),
      get(`${all}?pretty=true`, {headers: {accept: 'application/json'}}),
      get(`${all}?includeObject=None`, accept('application/json;as=Table;g=meta.k8s.io;v=v1')),
      get(`${all}?includeObject=Object`, accept('application/json;as=Table;g=meta.k8s.io;v=v1')),
      get(`${all}?includeObject=Nonsense`, accept('application/json;as=Table;g=meta.k8s.io;v=v1')),
      get(`${all}/none`, accept('application/json;as=Table;g=meta.k8s.io;v=v1')),
      get(`${all}/none`, accept('application/yaml')),
      post(all, yaml.replace('NAME', 'yaml'), {headers: {'content-type': 'application/yaml'}}),
      post(all, yaml.replace('NAME', 'yaml-answer'), {
        headers: {'content-type': 'application/yaml', accept: 'application/yaml'},
      }),
      post(all, `${yaml.replace('NAME', 'first')}---\n${yaml.replace('NAME', 'second')}`, {
        headers: {'content-type': 'application/yaml'},
      }),
      post(all, 'a: [', {headers: {'content-type': 'application/yaml'}}),
      post(all, 'a: &a [*a]', {headers: {'content-type': 'application/yaml'}}),
      post(all, yaml.replace('NAME', 'typed').replace('"1"', 'yes'), {headers: {'content-type': 'application/yaml'}}),
      post(`${all}?fieldValidation=Strict`, `${yaml.replace('NAME', 'twice')}  a: "2"\n`, {
        headers: {'content-type': 'application/yaml'},
      }),
      post(all, configMap('text'), {headers: {'content-type': 'text/plain'}}),
      post(all, configMap('none'), {headers: {'content-type': ''}}),
      post(all, configMap('charset'), {headers: {'content-type': 'application/json; charset=utf-8'}}),
      post(all, configMap('bad-type'), {headers: {'content-type': 'application/json; charset'}}),
      post(all, 'k8s\u0000garbage', {headers: {'content-type': 'application/vnd.kubernetes.protobuf'}}),
      post(all, 'no prefix', {headers: {'content-type': 'application/vnd.kubernetes.protobuf'}}),
      post(all, configMap('cbor'), {headers: {'content-type': 'application/cbor'}}),
    ],
  },
  {
    name: 'field-validation',
    steps: [
      ...['', 'Strict', 'Warn', 'Ignore', 'Other'].flatMap((mode) => [
        post(`${all}?dryRun=All&fieldValidation=${mode}`, {
          ...configMap('one'),
          unknown: 1,
          metadata: {name: 'one', nope: {a: 1}},
        }),
        post(
          `${all}?dryRun=All&fieldValidation=${mode}`,
          '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"},"data":{"a":"1","a":"2"}}',
        ),
      ]),
      post(`${all}?dryRun=All`, {...configMap('one'), unknown: 1}),
      post(`${all}?dryRun=All&fieldValidation=Strict`, {...configMap('one'), Data: {A: 'b'}}),
      post(
        `${all}?dryRun=All&fieldValidation=Strict`,
        '{"apiVersion":"v1","kind":"ConfigMap","kind":"ConfigMap","metadata":{"name":"one","name":"one"}}',
      ),
      quiet(post(all, configMap('one'))),
      put(`${one}?fieldValidation=Strict`, {...configMap('one'), x: {y: [1]}}),
      patch('merge', `${one}?fieldValidation=Strict`, {x: 1}),
      patch('strategic', `${one}?fieldValidation=Strict`, {x: 1}),
      patch('json', `${one}?fieldValidation=Strict`, [{op: 'add', path: '/x', value: 1}]),
      patch('merge', `${one}?fieldValidation=Warn`, '{"data":{"a":"1","a":"2"},"x":1}'),
      patch('merge', `${one}?fieldValidation=Strict`, '{"data":{"a":"1","a":"2"}}'),
    ],
  },
  {
    name: 'hostile',
    steps: [
      ...[
        '{',
        '{}',
        '[]',
        'null',
        '"text"',
        '1',
        'nul',
        '{"a":1,}',
        "{'a':1}",
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}} trailing',
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}}{"apiVersion":"v1"}',
        '\u0000',
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"a":"\\ud800"}}',
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"ctl"},"data":{"a":"x\u0001y"}}',
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"proto"},"data":{"__proto__":"x","constructor":"y"}}',
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"proto2","labels":{"__proto__":"x"}},"__proto__":{"data":{"a":"b"}}}',
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"number"},"data":1e999}',
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"number","generation":1.5}}',
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"number","generation":99999999999999999999}}',
        '{"apiVersion":1,"kind":"ConfigMap"}',
        '{"apiVersion":"v1","kind":{"a":1}}',
        '{"apiVersion":"a/b/c","kind":"ConfigMap","metadata":{"name":"x"}}',
        '\ufeff{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bom"}}',
      ].map((body) => post(all, body)),
      post(all, Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])),
      post(
        all,
        Buffer.concat([
          Buffer.from('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"utf8"},"data":{"a":"'),
          Buffer.from([0xff]),
          Buffer.from('"}}'),
        ]),
      ),
      post(all, Buffer.alloc(64, 0xff)),
      post(all, '['.repeat(20_000), {view: part('code')}),
      post(
        all,
        `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"deep"},"x":${'['.repeat(900)}${']'.repeat(900)}}`,
        {view: part('metadata.name')},
      ),
      post(
        all,
        `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"big"},"data":{"a":"${'x'.repeat(1_100_000)}"}}`,
      ),
      post(
        all,
        `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"big"},"data":{"a":"${'x'.repeat(3_200_000)}"}}`,
      ),
      get(`${all}/%00`),
      get(`${all}/a%2fb`),
      get(`${all}/..`),
      get(`${all}/${'x'.repeat(300)}`),
      get('/api/v1/namespaces/Bad_Name/configmaps'),
      get('//api/v1/namespaces'),
      get('/api/v1/namespaces/', {view: part('kind')}),
      get('/api/v1/namespaces/{ns}/configmaps/'),
      get('/api/v1/', {view: part('kind')}),
      get('/api/v2'),
      get('/api/v1/unheard'),
      get('/api/v1/namespaces/{ns}/unheard'),
      get('/api/v1/namespaces/{ns}/configmaps/one/status'),
      get('/api/v1/namespaces/{ns}/configmaps/one/two/three'),
      get('/apis/apps'),
      get('/apis/apps/v1beta1'),
      get('/apis/unheard.example.com'),
      {request: 'TRACE /api/v1/namespaces'},
      {request: 'OPTIONS /api/v1/namespaces'},
      {request: 'HEAD /api/v1/namespaces/{ns}/configmaps'},
      {request: 'BREW /api/v1/namespaces'},
      {request: 'PUT /api/v1/namespaces'},
      {request: 'POST /version'},
      {request: 'DELETE /apis', view: part('kind')},
      get(`${all}?limit=1&limit=2`, {view: part('kind')}),
      get(`${all}?labelSelector=%ff`),
      get(`${all}?%zz=1`),
    ],
  },
  {
    name: 'discovery',
    steps: [
      get('/api', {view: part('versions')}),
      get('/apis', {view: element('groups', 'name', 'apps')}),
      get('/apis', {view: element('groups', 'name', 'rbac.authorization.k8s.io')}),
      get('/apis', {view: element('groups', 'name', 'events.k8s.io')}),
      get('/apis/apps'),
      get('/apis/coordination.k8s.io', {view: part('preferredVersion')}),
      ...[
        'configmaps',
        'pods',
        'pods/status',
        'pods/log',
        'pods/exec',
        'pods/eviction',
        'pods/binding',
        'secrets',
        'services',
        'namespaces',
        'namespaces/finalize',
        'namespaces/status',
        'serviceaccounts',
        'serviceaccounts/token',
        'events',
        'nodes',
        'nodes/status',
        'persistentvolumeclaims',
      ].map((name) => get('/api/v1', {view: resource(name)})),
      ...['deployments', 'deployments/status', 'deployments/scale', 'replicasets', 'replicasets/scale'].map((name) =>
        get('/apis/apps/v1', {view: resource(name)}),
      ),
      ...['roles', 'clusterrolebindings'].map((name) =>
        get('/apis/rbac.authorization.k8s.io/v1', {view: resource(name)}),
      ),
      get('/apis/authorization.k8s.io/v1', {view: part('resources')}),
      get('/apis/authentication.k8s.io/v1', {view: part('resources')}),
      get('/apis/apiextensions.k8s.io/v1', {view: part('resources')}),
      get('/apis/coordination.k8s.io/v1', {view: resource('leases')}),
      get('/apis/admissionregistration.k8s.io/v1', {view: resource('validatingadmissionpolicies')}),
      ...(
        [
          ['/api', '', 'v1', 'configmaps'],
          ['/api', '', 'v1', 'pods'],
          ['/api', '', 'v1', 'namespaces'],
          ['/apis', 'apps', 'v1', 'deployments'],
          ['/apis', 'apiextensions.k8s.io', 'v1', 'customresourcedefinitions'],
          ['/apis', 'authorization.k8s.io', 'v1', 'selfsubjectaccessreviews'],
        ] as const
      ).map(([path, group, version, name]) =>
        get(path, {
          headers: {accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json'},
          view: discovered(group, version, name),
        }),
      ),
      get('/apis', {
        headers: {accept: 'application/json;g=apidiscovery.k8s.io;v=v1;as=APIGroupDiscoveryList'},
        view: part('kind'),
      }),
      get('/apis', {headers: {accept: 'application/yaml'}, view: () => null}),
      get('/version', {view: part('gitVersion')}),
      get('/healthz'),
      get('/livez'),
      get('/readyz'),
      get('/readyz/ping'),
      get('/healthz/none'),
      get('/openapi/v3', {
        view: (body) => Object.keys((part('paths')(body) as object | undefined) ?? {}).includes('apis/apps/v1'),
      }),
      get('/openapi/v3/api/v1', {view: (body) => part('components.schemas')(body) !== undefined}),
      get('/openapi/v3/apis/none/v1'),
      get('/openapi/v3/apis/apps/v1', {
        view: (body) => {
          const paths = (part('paths')(body) ?? {}) as {[key: string]: Json};
          return paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'];
        },
      }),
      get('/openapi/v3/api/v1', {
        view: (body) => {
          const schemas = (part('components.schemas')(body) ?? {}) as {[key: string]: Json};
          return schemas['io.k8s.api.core.v1.ConfigMap'];
        },
      }),
    ],
  },
];
