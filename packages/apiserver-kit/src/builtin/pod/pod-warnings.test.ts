import {expect, it} from '@jest/globals';
import type {PodSpec} from 'kubernetes-types/core/v1.js';
import {fractionWarning, hostnameWarnings, podWarnings} from './pod-warnings.ts';

const pod = (more: Partial<PodSpec>, container: object = {}): PodSpec => ({
  containers: [{name: 'a', image: 'i', ...container}],
  ...more,
});

// Each text was taken from kube-apiserver 1.36.3.
it.each<[PodSpec, string[]]>([
  [pod({}), []],
  [
    pod({}, {env: [{name: 'A'}, {name: 'A'}]}),
    ['spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply'],
  ],
  [
    pod(
      {},
      {
        ports: [
          {containerPort: 80, protocol: 'TCP'},
          {containerPort: 80, protocol: 'TCP'},
          {containerPort: 80, protocol: 'UDP'},
        ],
      },
    ),
    ['spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]'],
  ],
  [
    pod({nodeSelector: {'beta.kubernetes.io/os': 'linux', constructor: 'x'}}),
    ['spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead'],
  ],
  [
    pod({imagePullSecrets: [{name: ''}, {name: 'a'}, {name: 'a'}]}),
    ['spec.imagePullSecrets[2].name: duplicate name "a"', 'spec.imagePullSecrets[0].name: invalid empty name ""'],
  ],
  [pod({hostAliases: [{ip: '1.1.1.1'}, {ip: '1.1.1.1'}]}), ['spec.hostAliases[1].ip: duplicate ip "1.1.1.1"']],
  [
    pod({topologySpreadConstraints: [{maxSkew: 1, topologyKey: 'x', whenUnsatisfiable: 'DoNotSchedule'}]}),
    ['spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod'],
  ],
  [
    pod({}, {resources: {limits: {memory: '1500m', cpu: '1500m'}}}),
    ['spec.containers[0].resources.limits[memory]: fractional byte value "1500m" is invalid, must be an integer'],
  ],
])('warns of %j', (spec, wanted) => {
  expect(podWarnings(spec, 'spec')).toEqual(wanted);
});

it('a name with dots is no good for a host', () => {
  expect(hostnameWarnings('a.b', "the Pod's hostname")).toEqual([
    "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
  ]);
  expect(hostnameWarnings('ab', "the Pod's hostname")).toEqual([]);
});

it('bytes are whole', () => {
  expect(fractionWarning('1Gi', 'x')).toEqual([]);
  expect(fractionWarning(undefined, 'x')).toEqual([]);
});
