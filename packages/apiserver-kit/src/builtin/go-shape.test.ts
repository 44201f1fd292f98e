import {describe, expect, it} from '@jest/globals';
import type {JsonValue} from '../json/json-value.ts';
import {shapeOf} from './go-shape.ts';

const pod = shapeOf('io.k8s.api.core.v1.Pod');
const container = (fields: Record<string, JsonValue>): JsonValue => ({spec: {containers: [fields]}});

// Each text was taken from kube-apiserver 1.36.3.
describe('messages of Go', () => {
  it.each<[JsonValue, string]>([
    [{spec: {hostNetwork: 'x'}}, 'cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool'],
    [
      {spec: {containers: 'x'}},
      'cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [
      {spec: {containers: [1]}},
      'cannot unmarshal number into Go struct field PodSpec.spec.containers of type v1.Container',
    ],
    [
      container({name: 1}),
      'cannot unmarshal number into Go struct field Container.spec.containers.name of type string',
    ],
    [
      container({ports: [{containerPort: 99_999_999_999}]}),
      'cannot unmarshal number 99999999999 into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32',
    ],
    [
      container({ports: [{containerPort: 1.5}]}),
      'cannot unmarshal number 1.5 into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32',
    ],
    [
      {spec: {restartPolicy: 1}},
      'cannot unmarshal number into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy',
    ],
    [
      {spec: {nodeSelector: 1}},
      'cannot unmarshal number into Go struct field PodSpec.spec.nodeSelector of type map[string]string',
    ],
    [
      {spec: {nodeSelector: {a: 1}}},
      'cannot unmarshal number into Go struct field PodSpec.spec.nodeSelector of type string',
    ],
    [
      {spec: {overhead: 1}},
      'cannot unmarshal number into Go struct field PodSpec.spec.overhead of type v1.ResourceList',
    ],
    [
      container({livenessProbe: {httpGet: {port: true}}}),
      'cannot unmarshal bool into Go struct field HTTPGetAction.spec.containers.livenessProbe.ProbeHandler.httpGet.port of type int32',
    ],
    [{spec: []}, 'cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec'],
    [
      {metadata: {creationTimestamp: 1}},
      'cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string',
    ],
  ])('%j', (value, message) => {
    expect(() => pod(value)).toThrow(`json: ${message}`);
  });

  it.each<[string, JsonValue, string]>([
    [
      'core.v1.Pod',
      {spec: {overhead: {a: '1x'}}},
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [
      'core.v1.Pod',
      {metadata: {creationTimestamp: 'x'}},
      'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"',
    ],
    ['core.v1.Secret', {data: {a: '%%%'}}, 'illegal base64 data at input byte 0'],
    [
      'core.v1.Secret',
      {data: {a: 1}},
      'json: cannot unmarshal number into Go struct field Secret.data of type []uint8',
    ],
    [
      'core.v1.Secret',
      {data: 'a'},
      'json: cannot unmarshal string into Go struct field Secret.data of type map[string][]uint8',
    ],
    [
      'coordination.v1.Lease',
      {spec: {renewTime: '2020-01-01T00:00:00Z'}},
      'parsing time "2020-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"',
    ],
    [
      'coordination.v1.Lease',
      {spec: {renewTime: '2020-01-01T00:00:00.123456789+01:00'}},
      'parsing time "2020-01-01T00:00:00.123456789+01:00" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "789+01:00" as "Z07:00"',
    ],
  ])('%s %j', (name, value, message) => {
    expect(() => shapeOf(`io.k8s.api.${name}`)(value)).toThrow(message);
  });
});

describe('the form in which an object is written', () => {
  it('is that of the tags: empty values are left out, structs and lists without omitempty are not', () => {
    expect(
      pod({
        spec: {
          hostNetwork: false,
          nodeName: null,
          containers: [{name: 'a', env: [], resources: {limits: {cpu: '1000m'}}}],
        },
        metadata: {labels: {}, name: 'x', annotations: {b: '1', a: '2'}},
      }),
    ).toEqual({
      metadata: {name: 'x', annotations: {a: '2', b: '1'}},
      spec: {containers: [{name: 'a', resources: {limits: {cpu: '1'}}}]},
      status: {},
    });
    expect(shapeOf('io.k8s.api.rbac.v1.ClusterRole')({metadata: {}})).toEqual({metadata: {}, rules: null});
    expect(shapeOf('io.k8s.api.core.v1.Event')({metadata: {}})).toEqual({
      metadata: {},
      involvedObject: {},
      source: {},
      firstTimestamp: null,
      lastTimestamp: null,
      eventTime: null,
      reportingComponent: '',
      reportingInstance: '',
    });
  });

  it("has Go's order", () => {
    expect(JSON.stringify(pod({spec: {containers: []}, metadata: {name: 'x'}, apiVersion: 'v1', kind: 'Pod'}))).toBe(
      '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"x"},"spec":{"containers":[]},"status":{}}',
    );
  });

  it('tells fields that the type does not have', () => {
    const unknown: string[] = [];
    pod({spec: {containers: [{foo: 1, env: [{bar: 1}]}], volumes: [{emptyDi: {}}]}, __proto__: {}}, (path) =>
      unknown.push(path),
    );
    expect(unknown).toEqual(['spec.containers[0].foo', 'spec.containers[0].env[0].bar', 'spec.volumes[0].emptyDi']);
  });

  it('keeps keys of maps whatever they are', () => {
    const object = JSON.parse('{"metadata":{"labels":{"__proto__":"1","constructor":"2"}}}') as JsonValue;
    expect(JSON.stringify(pod(object))).toBe(
      '{"metadata":{"labels":{"__proto__":"1","constructor":"2"}},"spec":{"containers":null},"status":{}}',
    );
  });
});
