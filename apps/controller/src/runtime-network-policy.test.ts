import {expect, test} from '@jest/globals';
import {networkPolicyOf} from './runtime-network-policy.ts';

test('lets nothing in but to metrics, health and drain, and goes with its Runtime', () => {
  const policy = networkPolicyOf({
    apiVersion: 'kruntimes.io/v1alpha1',
    kind: 'Runtime',
    metadata: {name: 'bash', namespace: 'team', uid: 'u'},
    spec: {template: {spec: {containers: [{name: 'runtime', image: 'i'}]}}},
  });
  expect(policy.metadata).toMatchObject({
    name: 'bash-runtime',
    namespace: 'team',
    ownerReferences: [{kind: 'Runtime', name: 'bash', uid: 'u', controller: true}],
  });
  expect(policy.spec).toEqual({
    podSelector: {matchLabels: {'kruntimes.io/runtime': 'bash'}},
    policyTypes: ['Ingress'],
    ingress: [
      {
        ports: [
          {port: 19092, protocol: 'TCP'},
          {port: 19093, protocol: 'TCP'},
          {port: 19094, protocol: 'TCP'},
        ],
      },
    ],
  });
});
