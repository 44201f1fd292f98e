import {describe, expect, test} from '@jest/globals';
import type {Resource} from '../registry/resource.ts';
import {Discovery} from './discovery.ts';

function resource(part: Partial<Resource> & Pick<Resource, 'group' | 'plural' | 'kind'>): Resource {
  return {
    singular: part.kind.toLowerCase(),
    listKind: `${part.kind}List`,
    shortNames: [],
    categories: [],
    namespaced: true,
    versions: [{name: 'v1', served: true, schema: undefined, subresources: {}}],
    storageVersion: 'v1',
    strategy: {},
    custom: false,
    ...part,
  };
}

const scale = {specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas'};

const crontabs = resource({
  group: 'stable.example.com',
  plural: 'crontabs',
  kind: 'CronTab',
  shortNames: ['ct'],
  categories: ['all'],
  custom: true,
  versions: [
    {name: 'v1alpha1', served: false, schema: undefined, subresources: {}},
    {name: 'v1beta1', served: true, schema: undefined, subresources: {}},
    {name: 'v1', served: true, schema: undefined, subresources: {status: true, scale}},
  ],
});
const pods = resource({
  group: '',
  plural: 'pods',
  kind: 'Pod',
  shortNames: ['po'],
  categories: ['all'],
  versions: [{name: 'v1', served: true, schema: undefined, subresources: {status: true}}],
  subresources: [
    {name: 'log', group: '', version: 'v1', kind: 'Pod', verbs: ['get']},
    {name: 'eviction', group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create']},
  ],
});
const configMaps = resource({group: '', plural: 'configmaps', kind: 'ConfigMap', shortNames: ['cm']});
const reviews = resource({
  group: 'authorization.k8s.io',
  plural: 'selfsubjectaccessreviews',
  kind: 'SelfSubjectAccessReview',
  namespaced: false,
  review: async (object) => object,
});

const discovery = new Discovery({revision: 1, resources: () => [crontabs, pods, reviews, configMaps]});
const documentAt = (path: string) => discovery.document(path, '127.0.0.1:6443');
const everyVerb = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

describe('plain documents', () => {
  test('/api and /apis', () => {
    const versions = {
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{clientCIDR: '0.0.0.0/0', serverAddress: '127.0.0.1:6443'}],
    };
    expect([documentAt('/api'), documentAt('/api/')]).toEqual([versions, versions]);
    expect(documentAt('/apis')).toEqual({
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: [
        {
          name: 'authorization.k8s.io',
          versions: [{groupVersion: 'authorization.k8s.io/v1', version: 'v1'}],
          preferredVersion: {groupVersion: 'authorization.k8s.io/v1', version: 'v1'},
        },
        {
          name: 'stable.example.com',
          versions: [
            {groupVersion: 'stable.example.com/v1', version: 'v1'},
            {groupVersion: 'stable.example.com/v1beta1', version: 'v1beta1'},
          ],
          preferredVersion: {groupVersion: 'stable.example.com/v1', version: 'v1'},
        },
      ],
    });
  });

  test('a group', () => {
    expect(documentAt('/apis/authorization.k8s.io/')).toEqual({
      kind: 'APIGroup',
      apiVersion: 'v1',
      name: 'authorization.k8s.io',
      versions: [{groupVersion: 'authorization.k8s.io/v1', version: 'v1'}],
      preferredVersion: {groupVersion: 'authorization.k8s.io/v1', version: 'v1'},
    });
  });

  test('the resources of a version', () => {
    expect(documentAt('/apis/stable.example.com/v1')).toEqual({
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: 'stable.example.com/v1',
      resources: [
        {
          name: 'crontabs',
          singularName: 'crontab',
          namespaced: true,
          kind: 'CronTab',
          verbs: ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'],
          shortNames: ['ct'],
          categories: ['all'],
          storageVersionHash: 'EdX2FP+L0js=',
        },
        {
          name: 'crontabs/status',
          singularName: '',
          namespaced: true,
          kind: 'CronTab',
          verbs: ['get', 'patch', 'update'],
        },
        {
          name: 'crontabs/scale',
          singularName: '',
          namespaced: true,
          group: 'autoscaling',
          version: 'v1',
          kind: 'Scale',
          verbs: ['get', 'patch', 'update'],
        },
      ],
    });
    expect(documentAt('/api/v1')).toEqual({
      kind: 'APIResourceList',
      groupVersion: 'v1',
      resources: [
        {
          name: 'configmaps',
          singularName: 'configmap',
          namespaced: true,
          kind: 'ConfigMap',
          verbs: everyVerb,
          shortNames: ['cm'],
          storageVersionHash: 'qFsyl6wFWjQ=',
        },
        {
          name: 'pods',
          singularName: 'pod',
          namespaced: true,
          kind: 'Pod',
          verbs: everyVerb,
          shortNames: ['po'],
          categories: ['all'],
          storageVersionHash: 'xPOwRZ+Yhw8=',
        },
        {
          name: 'pods/eviction',
          singularName: '',
          namespaced: true,
          group: 'policy',
          version: 'v1',
          kind: 'Eviction',
          verbs: ['create'],
        },
        {name: 'pods/log', singularName: '', namespaced: true, kind: 'Pod', verbs: ['get']},
        {name: 'pods/status', singularName: '', namespaced: true, kind: 'Pod', verbs: ['get', 'patch', 'update']},
      ],
    });
    expect(documentAt('/apis/authorization.k8s.io/v1')).toMatchObject({
      resources: [{name: 'selfsubjectaccessreviews', verbs: ['create']}],
    });
  });

  test.each([
    '/apis/nope',
    '/apis/nope/v1',
    '/apis/stable.example.com/v1alpha1',
    '/apis/stable.example.com/v2',
    '/apis/stable.example.com/v1/crontabs',
    '/api/v2',
    '/api/v1/pods',
    '/other',
  ])('%s is not there', (path) => {
    expect(documentAt(path)).toBeUndefined();
  });
});

describe('everything at once', () => {
  const type = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

  test('for those who prefer it', () => {
    expect(discovery.aggregated('/apis', `${type},application/json`)).toMatchObject({contentType: type});
    expect(discovery.aggregated('/apis/', type)).toMatchObject({contentType: type});
    for (const accept of [
      undefined,
      '',
      'application/json',
      `application/json,${type}`,
      type.replace('v2', 'v2beta1'),
    ]) {
      expect(discovery.aggregated('/apis', accept)).toBeUndefined();
    }
    expect(discovery.aggregated('/apis/stable.example.com', type)).toBeUndefined();
  });

  test('has the groups, versions, resources and subresources', () => {
    expect(JSON.parse(discovery.aggregated('/apis', type)!.json)).toMatchObject({
      kind: 'APIGroupDiscoveryList',
      apiVersion: 'apidiscovery.k8s.io/v2',
      metadata: {},
      items: [
        {metadata: {name: 'authorization.k8s.io'}},
        {
          metadata: {name: 'stable.example.com'},
          versions: [
            {
              version: 'v1',
              freshness: 'Current',
              resources: [
                {
                  resource: 'crontabs',
                  responseKind: {group: 'stable.example.com', version: 'v1', kind: 'CronTab'},
                  scope: 'Namespaced',
                  singularResource: 'crontab',
                  shortNames: ['ct'],
                  categories: ['all'],
                  subresources: [
                    {
                      subresource: 'status',
                      responseKind: {group: 'stable.example.com', version: 'v1', kind: 'CronTab'},
                      verbs: ['get', 'patch', 'update'],
                    },
                    {subresource: 'scale', responseKind: {group: 'autoscaling', version: 'v1', kind: 'Scale'}},
                  ],
                },
              ],
            },
            {version: 'v1beta1', resources: [{resource: 'crontabs'}]},
          ],
        },
      ],
    });
    expect(JSON.parse(discovery.aggregated('/api', type)!.json)).toMatchObject({
      items: [
        {
          metadata: {},
          versions: [{resources: [{resource: 'configmaps'}, {responseKind: {group: '', version: '', kind: 'Pod'}}]}],
        },
      ],
    });
  });

  test('its tag changes when the resources change, and only then', () => {
    const resources = [pods];
    const source = {revision: 1, resources: () => resources};
    const own = new Discovery(source);
    const first = own.aggregated('/apis', type)!.etag;
    expect(first).toMatch(/^"[0-9A-F]{128}"$/);
    expect(own.aggregated('/apis', type)!.etag).toBe(first);
    resources.push(crontabs);
    source.revision++;
    const second = own.aggregated('/apis', type)!.etag;
    expect(second).not.toBe(first);
    resources.pop();
    source.revision++;
    expect(own.aggregated('/apis', type)!.etag).toBe(first);
  });
});
