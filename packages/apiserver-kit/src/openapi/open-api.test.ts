import {describe, expect, test} from '@jest/globals';
import {builtinResources} from '../builtin/builtin-resources.ts';
import {isJsonObject, type JsonObject, type JsonValue} from '../json/json-value.ts';
import type {Resource} from '../registry/resource.ts';
import type {Schema} from '../schema/schema.ts';
import {OpenApi, type OpenApiAnswer, type OpenApiRequest} from './open-api.ts';

const schema: Schema = {
  type: 'object',
  description: 'A cron table.',
  properties: {
    metadata: {type: 'object', properties: {name: {type: 'string', pattern: '^[a-z]+$'}}},
    spec: {
      type: 'object',
      required: ['cronSpec'],
      properties: {
        cronSpec: {type: 'string', description: 'When.'},
        port: {'x-kubernetes-int-or-string': true},
        template: {
          type: 'object',
          'x-kubernetes-embedded-resource': true,
          'x-kubernetes-preserve-unknown-fields': true,
        },
        properties: {type: 'array', items: {'x-kubernetes-int-or-string': true}},
      },
    },
  },
};

function crontabs(part: Partial<Resource> = {}): Resource {
  return {
    group: 'stable.example.com',
    plural: 'crontabs',
    singular: 'crontab',
    kind: 'CronTab',
    listKind: 'CronTabList',
    shortNames: [],
    categories: [],
    namespaced: true,
    versions: [
      {
        name: 'v1',
        served: true,
        schema,
        subresources: {
          status: true,
          scale: {specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas'},
        },
        selectableFields: ['spec.color'],
      },
    ],
    storageVersion: 'v1',
    strategy: {},
    custom: true,
    ...part,
  };
}

const builtIn = builtinResources({stores: {get: () => undefined}});

function serve(resources: Resource[]): {
  served: {revision: number};
  ask: (path: string, more?: Partial<OpenApiRequest>) => OpenApiAnswer;
} {
  const served = {revision: 1, resources: () => resources};
  const openApi = new OpenApi(served, '1.36');
  const ask = (path: string, more: Partial<OpenApiRequest> = {}): OpenApiAnswer =>
    openApi.answer({
      path: path.split('?')[0]!,
      query: new URLSearchParams(path.split('?')[1] ?? ''),
      accept: 'application/json',
      ifNoneMatch: undefined,
      now: new Date('2026-11-21T15:00:00Z'),
      ...more,
    });
  return {served, ask};
}

function textOf({body}: OpenApiAnswer): string {
  return Buffer.from(body).toString();
}

function read(answer: OpenApiAnswer): JsonObject {
  return JSON.parse(textOf(answer)) as JsonObject;
}

/** A member of a member of a ... */
function at(value: JsonValue | undefined, ...path: string[]): JsonValue | undefined {
  let found = value;
  for (const step of path) found = isJsonObject(found) ? found[step] : undefined;
  return found;
}

function urlOf(answer: OpenApiAnswer, name: string): string {
  const url = at(read(answer), 'paths', name, 'serverRelativeURL');
  return typeof url === 'string' ? url : '';
}

describe('documents', () => {
  const {ask} = serve([...builtIn, crontabs()]);

  test('the index names each version of a group, with the hash of its document', () => {
    const index = ask('/openapi/v3');
    expect(Object.keys(at(read(index), 'paths') as JsonObject)).toEqual(
      expect.arrayContaining(['api/v1', 'apis/apps/v1', 'apis/stable.example.com/v1']),
    );
    const url = urlOf(index, 'apis/stable.example.com/v1');
    expect(url).toMatch(/^\/openapi\/v3\/apis\/stable\.example\.com\/v1\?hash=[0-9A-F]{128}$/);
    const document = ask(url);
    expect(document).toMatchObject({
      code: 200,
      headers: {
        'Cache-Control': 'public, immutable',
        'Content-Type': 'application/json',
        ETag: `"${url.split('=')[1]}"`,
        Expires: 'Sun, 21 Nov 2027 15:00:00 GMT',
      },
    });
    expect(ask('/openapi/v3/apis/stable.example.com/v1')).toMatchObject({
      code: 200,
      headers: {'Cache-Control': 'no-cache, private'},
      body: document.body,
    });
    expect(ask('/openapi/v3/apis/stable.example.com/v1?hash=ABC')).toMatchObject({
      code: 301,
      headers: {Location: url, 'Cache-Control': 'no-cache, private'},
      body: '',
    });
    expect(ask(url, {ifNoneMatch: document.headers['ETag']!})).toMatchObject({code: 304, body: ''});
  });

  test('what is not there, and what cannot be given', () => {
    for (const path of ['/openapi/v3/apis/nope/v1', '/openapi/v3/api/v2', '/openapi']) {
      expect(ask(path).code).toBe(404);
    }
    const protobuf = 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf';
    expect(ask('/openapi/v3/api/v1', {accept: protobuf}).code).toBe(406);
    expect(ask('/openapi/v3/api/v1', {accept: `${protobuf},application/json`}).code).toBe(200);
    expect(ask('/openapi/v3/api/v1', {accept: undefined}).code).toBe(200);
  });

  test('version 2 is there, and describes nothing', () => {
    const protobuf = ask('/openapi/v2', {accept: 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'});
    expect(protobuf.headers['Content-Type']).toBe('application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
    expect(Buffer.from(protobuf.body).toString('latin1')).toBe(
      '\x0a\x032.0\x12\x12\x0a\x0aKubernetes\x12\x041.36\x42\x00',
    );
    expect(read(ask('/openapi/v2'))).toEqual({swagger: '2.0', info: {title: 'Kubernetes', version: '1.36'}, paths: {}});
    expect(ask('/openapi/v2', {accept: 'text/html'}).code).toBe(406);
  });

  test('every reference leads to a schema', () => {
    for (const name of Object.keys(at(read(ask('/openapi/v3')), 'paths') as JsonObject)) {
      const body = textOf(ask(`/openapi/v3/${name}`));
      const schemas = new Set(Object.keys(at(JSON.parse(body) as JsonObject, 'components', 'schemas') as JsonObject));
      const missing = [...body.matchAll(/"\$ref":"([^"]*)"/g)]
        .map(([, target]) => target!.replace('#/components/schemas/', ''))
        .filter((target) => !schemas.has(target));
      expect([name, missing]).toEqual([name, []]);
    }
  });

  test('a custom kind', () => {
    const document = read(ask('/openapi/v3/apis/stable.example.com/v1'));
    const metadata = {allOf: [{$ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'}]};
    const intOrString = {'x-kubernetes-int-or-string': true, anyOf: [{type: 'integer'}, {type: 'string'}]};
    const text = {type: 'string'};
    expect(at(document, 'components', 'schemas', 'com.example.stable.v1.CronTab')).toEqual({
      type: 'object',
      description: 'A cron table.',
      properties: {
        apiVersion: text,
        kind: text,
        metadata,
        spec: {
          type: 'object',
          required: ['cronSpec'],
          properties: {
            cronSpec: {type: 'string', description: 'When.'},
            port: intOrString,
            template: {
              type: 'object',
              'x-kubernetes-embedded-resource': true,
              'x-kubernetes-preserve-unknown-fields': true,
              properties: {apiVersion: text, kind: text, metadata},
              required: ['kind', 'apiVersion'],
            },
            properties: {type: 'array', items: intOrString},
          },
        },
      },
      'x-kubernetes-group-version-kind': [{group: 'stable.example.com', kind: 'CronTab', version: 'v1'}],
      'x-kubernetes-selectable-fields': [{fieldPath: 'spec.color'}],
    });
    expect(at(document, 'components', 'schemas', 'com.example.stable.v1.CronTabList')).toMatchObject({
      required: ['items'],
      properties: {items: {items: {$ref: '#/components/schemas/com.example.stable.v1.CronTab'}}},
    });
    const collection = '/apis/stable.example.com/v1/namespaces/{namespace}/crontabs';
    expect(Object.keys(at(document, 'paths') as JsonObject)).toEqual([
      '/apis/stable.example.com/v1/crontabs',
      collection,
      `${collection}/{name}`,
      `${collection}/{name}/scale`,
      `${collection}/{name}/status`,
    ]);
    expect(at(document, 'paths', `${collection}/{name}`, 'patch')).toMatchObject({
      operationId: 'patchStableExampleComV1NamespacedCronTab',
      parameters: [{name: 'dryRun'}, {name: 'fieldManager'}, {name: 'fieldValidation'}, {name: 'force'}],
      'x-kubernetes-action': 'patch',
      'x-kubernetes-group-version-kind': {group: 'stable.example.com', version: 'v1', kind: 'CronTab'},
      tags: ['stableExampleCom_v1'],
    });
    const patches = at(document, 'paths', `${collection}/{name}`, 'patch', 'requestBody', 'content') as JsonObject;
    expect(Object.keys(patches)).toEqual([
      'application/apply-patch+yaml',
      'application/json-patch+json',
      'application/merge-patch+json',
    ]);
  });

  test('a built-in kind', () => {
    const document = read(ask('/openapi/v3/apis/apps/v1'));
    const path = '/apis/apps/v1/namespaces/{namespace}/deployments/{name}';
    const patches = at(document, 'paths', path, 'patch', 'requestBody', 'content') as JsonObject;
    expect(Object.keys(patches)).toContain('application/strategic-merge-patch+json');
    expect(at(document, 'paths', path, 'get')).toMatchObject({operationId: 'readAppsV1NamespacedDeployment'});
    expect(at(document, 'components', 'schemas', 'io.k8s.api.apps.v1.Deployment', 'properties', 'spec')).toEqual({
      default: {},
      allOf: [{$ref: '#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec'}],
    });
  });
});

test('only what changed gets another hash', () => {
  const resources = [...builtIn, crontabs()];
  const {served, ask} = serve(resources);
  const before = ask('/openapi/v3');
  resources[resources.length - 1] = crontabs({kind: 'CronTable'});
  served.revision++;
  const after = ask('/openapi/v3');
  expect(urlOf(after, 'apis/apps/v1')).toBe(urlOf(before, 'apis/apps/v1'));
  expect(urlOf(after, 'apis/stable.example.com/v1')).not.toBe(urlOf(before, 'apis/stable.example.com/v1'));
  resources.pop();
  served.revision++;
  expect(ask('/openapi/v3/apis/stable.example.com/v1').code).toBe(404);
});
