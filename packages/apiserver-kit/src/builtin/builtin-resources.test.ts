import {describe, expect, it} from '@jest/globals';
import type {JsonObject} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import {systemContext} from '../registry/system-context.ts';
import {create, resourceOf, update} from './builtin.fixture.ts';
import {eventOfCore, eventOfEvents} from './core/event-view.ts';

const template = {metadata: {labels: {a: 'b'}}, spec: {containers: [{name: 'a', image: 'i'}]}};
const workload = (spec: JsonObject = {}): JsonObject => ({
  spec: {selector: {matchLabels: {a: 'b'}}, template, ...spec},
});

describe('defaults', () => {
  it.each<[string, JsonObject, JsonObject]>([
    [
      'deployments',
      workload(),
      {
        spec: {
          replicas: 1,
          strategy: {type: 'RollingUpdate', rollingUpdate: {maxUnavailable: '25%', maxSurge: '25%'}},
          revisionHistoryLimit: 10,
          progressDeadlineSeconds: 600,
        },
        status: {},
        metadata: {generation: 1},
      },
    ],
    ['replicasets', workload(), {spec: {replicas: 1}, status: {replicas: 0}}],
    [
      'statefulsets',
      workload(),
      {spec: {podManagementPolicy: 'OrderedReady', updateStrategy: {rollingUpdate: {partition: 0}}}},
    ],
    ['daemonsets', workload(), {metadata: {annotations: {'deprecated.daemonset.template.generation': '1'}}}],
    [
      'services',
      {spec: {ports: [{port: 80}]}},
      {
        spec: {
          ports: [{port: 80, protocol: 'TCP', targetPort: 80}],
          type: 'ClusterIP',
          sessionAffinity: 'None',
          internalTrafficPolicy: 'Cluster',
          ipFamilyPolicy: 'SingleStack',
          ipFamilies: ['IPv4'],
        },
        status: {loadBalancer: {}},
      },
    ],
    ['services', {spec: {clusterIP: 'None', selector: {a: 'b'}}}, {spec: {clusterIPs: ['None']}}],
    ['secrets', {stringData: {b: 'x'}, data: {a: 'YQ=='}}, {data: {a: 'YQ==', b: 'eA=='}, type: 'Opaque'}],
    [
      'namespaces',
      {},
      {
        metadata: {labels: {'kubernetes.io/metadata.name': 'x'}},
        spec: {finalizers: ['kubernetes']},
        status: {phase: 'Active'},
      },
    ],
    [
      'persistentvolumeclaims',
      {spec: {accessModes: ['ReadWriteOnce'], resources: {requests: {storage: '1Gi'}}}},
      {spec: {volumeMode: 'Filesystem'}, status: {phase: 'Pending'}},
    ],
    ['nodes', {status: {capacity: {cpu: '4'}}}, {status: {capacity: {cpu: '4'}, allocatable: {cpu: '4'}}}],
    [
      'rolebindings',
      {roleRef: {kind: 'Role', name: 'x'}, subjects: [{kind: 'User', name: 'u'}]},
      {
        roleRef: {apiGroup: 'rbac.authorization.k8s.io'},
        subjects: [{kind: 'User', name: 'u', apiGroup: 'rbac.authorization.k8s.io'}],
      },
    ],
    ['priorityclasses', {value: 5}, {preemptionPolicy: 'PreemptLowerPriority'}],
  ])('of %s %j', async (plural, body, wanted) => {
    const {object, errors} = await create(plural, body);
    expect(errors).toEqual([]);
    expect(object).toMatchObject(wanted);
  });
});

// Each text was taken from kube-apiserver 1.36.3.
describe('validation', () => {
  it.each<[string, JsonObject, string[]]>([
    [
      'deployments',
      workload({selector: {matchLabels: {a: 'c'}}}),
      ['spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`'],
    ],
    ['deployments', workload({replicas: -1}), ['spec.replicas: Invalid value: -1: must be greater than or equal to 0']],
    [
      'deployments',
      workload({strategy: {type: 'Recreate', rollingUpdate: {}}}),
      ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ],
    [
      'deployments',
      workload({strategy: {type: 'Foo'}}),
      [
        'spec.strategy: Unsupported value: {"Type":"Foo","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate"',
      ],
    ],
    [
      'deployments',
      workload({template: {...template, spec: {...template.spec, restartPolicy: 'Never'}}}),
      ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ],
    [
      'services',
      {spec: {ports: [{port: 80}, {port: 81}]}},
      ['spec.ports[0].name: Required value', 'spec.ports[1].name: Required value'],
    ],
    [
      'services',
      {spec: {ports: [{port: 80}], type: 'Magic'}},
      [
        'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      ],
    ],
    [
      'services',
      {spec: {ports: [{port: 80}], clusterIP: '1.2.3.4'}},
      [
        'spec.clusterIPs: Invalid value: ["1.2.3.4"]: failed to allocate IP 1.2.3.4: the provided IP (1.2.3.4) is not in the valid range. The range of valid IPs is 10.0.0.0/24',
      ],
    ],
    [
      'secrets',
      {type: 'kubernetes.io/tls', data: {}},
      ['data[tls.crt]: Required value', 'data[tls.key]: Required value'],
    ],
    [
      'secrets',
      {type: 'kubernetes.io/dockerconfigjson', data: {'.dockerconfigjson': 'bm8='}},
      [
        `data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": invalid character 'o' in literal null (expecting 'u')`,
      ],
    ],
    ['configmaps', {data: {'..': 'x'}}, ['data[..]: Invalid value: "..": must not be \'..\'']],
    [
      'leases',
      {spec: {leaseDurationSeconds: 0, leaseTransitions: -1}},
      [
        'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
        'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
      ],
    ],
    [
      'roles',
      {rules: [{apiGroups: [''], resources: ['pods']}]},
      ['rules[0].verbs: Required value: verbs must contain at least one value'],
    ],
    ['rolebindings', {roleRef: {kind: 'Role', name: ''}}, ['roleRef.name: Required value']],
    [
      'persistentvolumeclaims',
      {spec: {}},
      [
        'spec.accessModes: Required value: at least 1 access mode is required',
        'spec.resources[storage]: Required value',
      ],
    ],
    ['nodes', {spec: {taints: [{key: 'a'}]}}, ['metadata.taints[0].effect: Required value']],
    [
      'poddisruptionbudgets',
      {spec: {minAvailable: 1, maxUnavailable: 1}},
      [
        'spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set',
      ],
    ],
  ])('of %s %j', async (plural, body, wanted) => {
    expect((await create(plural, body)).errors).toEqual(wanted);
  });
});

describe('what may not change', () => {
  it('is the selector of a workload', async () => {
    const {object} = await create('deployments', workload());
    const spec = object['spec'] as JsonObject;
    const changed = await update('deployments', object, {spec: {...spec, selector: {matchLabels: {a: 'x'}}}});
    expect(changed.errors).toContain('spec.selector: Invalid value: {"matchLabels":{"a":"x"}}: field is immutable');
  });

  it('is the data of an immutable ConfigMap or Secret, and the type of a Secret', async () => {
    const forbidden = 'Forbidden: field is immutable when `immutable` is set';
    for (const plural of ['configmaps', 'secrets']) {
      const {object} = await create(plural, {immutable: true, data: {a: 'YQ=='}});
      expect((await update(plural, object, {data: {a: 'Yg=='}})).errors).toEqual([`data: ${forbidden}`]);
      expect((await update(plural, object, {immutable: null})).errors).toEqual([`immutable: ${forbidden}`]);
    }
    const {object} = await create('secrets', {type: 'example.com/x'});
    expect((await update('secrets', object, {type: 'Opaque'})).errors).toEqual([
      'type: Invalid value: "Opaque": field is immutable',
    ]);
  });

  it('is the role of a binding', async () => {
    const {object} = await create('rolebindings', {roleRef: {kind: 'Role', name: 'x'}});
    const {errors} = await update('rolebindings', object, {roleRef: {kind: 'Role', name: 'y'}});
    expect(errors).toEqual([
      'roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"y"}: cannot change roleRef',
    ]);
  });

  it('is the address of a Service, but for ExternalName, which has none', async () => {
    const {object} = await create('services', {spec: {ports: [{port: 80}]}});
    const spec = object['spec'] as JsonObject;
    const {errors} = await update('services', object, {spec: {...spec, clusterIP: 'None', clusterIPs: ['None']}});
    expect(errors).toEqual(['spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set']);
    const external = await update('services', object, {spec: {...spec, type: 'ExternalName', externalName: 'x.y'}});
    expect(external.errors).toEqual([]);
    expect(external.object['spec']).not.toHaveProperty('clusterIP');
  });
});

describe('generation', () => {
  it('counts changes of the spec, and of a Deployment annotations too', async () => {
    const {object} = await create('deployments', workload());
    const spec = object['spec'] as JsonObject;
    const generation = async (body: JsonObject, subresource = ''): Promise<number | undefined> =>
      (await update('deployments', object, body, subresource)).object.metadata.generation;
    expect(await generation({spec: {...spec, replicas: 3}})).toBe(2);
    expect(await generation({metadata: {...object.metadata, annotations: {a: 'b'}}})).toBe(2);
    expect(await generation({metadata: {...object.metadata, labels: {a: 'b'}}})).toBe(1);
    expect(await generation({status: {replicas: 3}, spec: {...spec, replicas: 9}}, 'status')).toBe(1);
  });
});

describe('Namespaces', () => {
  it('stay, marked, until nobody has anything in them', async () => {
    const {object} = await create('namespaces', {});
    const resource = resourceOf('namespaces');
    const context = systemContext(resource, {verb: 'delete', name: 'x'});
    const beforeDelete = (namespace: KubeObject): {keep: boolean} =>
      resource.strategy.beforeDelete!(namespace, context);
    expect(beforeDelete(object)).toEqual({keep: true});
    expect(object.metadata.deletionTimestamp).toBeDefined();
    expect(object['status']).toEqual({phase: 'Terminating'});
    expect(beforeDelete({...object, spec: {}})).toEqual({keep: false});
  });

  it('keep their finalizers from everything but finalize', async () => {
    const {object} = await create('namespaces', {});
    expect((await update('namespaces', object, {spec: {}})).object['spec']).toEqual({finalizers: ['kubernetes']});
    expect((await update('namespaces', object, {spec: {}}, 'finalize')).object['spec']).toEqual({});
  });
});

describe('Events', () => {
  const event = {
    involvedObject: {kind: 'Pod', name: 'p', namespace: 'team'},
    message: 'm',
    source: {component: 'c'},
    firstTimestamp: '2026-01-01T00:00:00Z',
    count: 2,
    type: 'Normal',
    reason: 'Tested',
  };

  it('are the same in both groups, under other names', async () => {
    const {object, errors} = await create('events', event);
    expect(errors).toEqual([]);
    const shown = eventOfEvents(object);
    expect(shown).toMatchObject({
      apiVersion: 'events.k8s.io/v1',
      regarding: {kind: 'Pod', name: 'p', namespace: 'team'},
      note: 'm',
      deprecatedSource: {component: 'c'},
      deprecatedCount: 2,
      deprecatedFirstTimestamp: '2026-01-01T00:00:00Z',
      eventTime: null,
    });
    expect(eventOfCore(shown)).toEqual(object);
  });

  it('belong to the namespace of their object', async () => {
    const {errors} = await create('events', {...event, involvedObject: {kind: 'Pod', name: 'p', namespace: 'other'}});
    expect(errors).toEqual(['involvedObject.namespace: Invalid value: "other": does not match event.namespace']);
  });
});
