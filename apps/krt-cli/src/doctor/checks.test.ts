import {describe, expect, test} from '@jest/globals';
import type {Run, Runtime} from '@kruntimes/api-types';
import {runFixture} from '../testing/run-fixture.ts';
import {type Check, checkNames, diagnose} from './checks.ts';
import type {Installation} from './installation.ts';

const now = Date.parse('2026-01-01T10:00:00Z');
const at = (secondsAgo: number): string => new Date(now - secondsAgo * 1000).toISOString();
const found = <T>(object: T) => ({kind: 'found' as const, object});
const forbidden = {kind: 'unknown' as const, why: 'no permission to look'};

const runtime: Runtime = {
  metadata: {name: 'bash', generation: 3},
  spec: {replicas: 1, template: {spec: {containers: []}}},
  status: {observedGeneration: 3, readyReplicas: 1, capacity: {runs: 4}},
};
const ready = [{type: 'Ready', status: 'True'}];
const pod = {metadata: {name: 'bash-1', uid: 'u1'}, status: {conditions: ready}};
const lease = (name: string, secondsAgo: number, seconds = 15) => ({
  metadata: {name, namespace: 'kruntimes-system'},
  spec: {holderIdentity: `${name}-a`, leaseDurationSeconds: seconds, renewTime: at(secondsAgo)},
});
const names = ['lease', 'maintainer', 'pod-status', 'run-create', 'run-finalizer', 'run-status'].map(
  (each) => `kruntimes-${each}`,
);
const established = {
  spec: {versions: [{name: 'v1alpha1', served: true}]},
  status: {conditions: [{type: 'Established', status: 'True'}]},
};

const healthy: Installation = {
  server: 'https://host:6443',
  namespace: 'team',
  systemNamespace: 'kruntimes-system',
  kubernetes: found('v1.36.3'),
  answers: [{status: 200, ms: 8, skewMs: 400, fair: true}],
  serverNowMs: now,
  crds: [{name: 'runs.kruntimes.io', crd: found(established)}],
  served: ['v1alpha1'],
  missingFields: found([]),
  permissions: [
    {permission: {verb: 'get', group: 'kruntimes.io', resource: 'runs', for: 'krt get'}, allowed: found(true)},
  ],
  elections: found([lease('kruntimes-controller', 3), lease('kruntimes-scheduler', 3)]),
  namespaceLabels: found({'pod-security.kubernetes.io/enforce': 'restricted'}),
  runtimes: found([runtime]),
  pods: found([pod]),
  podLeases: found([lease('kruntimes-u1', 9, 40)]),
  policies: found(names),
  bindings: found(names.map((policyName) => ({spec: {policyName, validationActions: ['Deny']}}))),
  pendingRuns: found([]),
};

function check(name: string, change: Partial<Installation>): Check {
  const result = diagnose({...healthy, ...change}).find((each) => each.check === name);
  if (!result) throw new Error(`there is no check ${name}`);
  return result;
}

const waiting = (name: string, secondsAgo: number, status: Run['status'] & object = {phase: 'Pending'}): Run => {
  const run = runFixture(name, status);
  return {...run, metadata: {...run.metadata, creationTimestamp: at(secondsAgo)}};
};
const denied = (verb: string, resource: string) => ({
  permission: {verb, group: 'kruntimes.io', resource, for: 'krt something'},
  allowed: found(false),
});

describe('diagnose', () => {
  test('a healthy installation has nothing but ok, one line each, without advice', () => {
    const checks = diagnose(healthy);
    expect(checks.map(({check: each}) => each)).toEqual(checkNames);
    expect(checks.filter(({status, advice}) => status !== 'ok' || advice !== undefined)).toEqual([]);
    expect(checks.every(({message}) => !message.includes('\n'))).toBe(true);
  });

  const cases: [string, Check['status'], string, Partial<Installation>][] = [
    ['api-server', 'problem', 'older than 1.31', {kubernetes: found('v1.30.9')}],
    ['api-server', 'ok', 'v1.31.0-eks-1', {kubernetes: found('v1.31.0-eks-1')}],
    ['api-server', 'ok', 'v2.0.0', {kubernetes: found('v2.0.0')}],
    ['api-server', 'unknown', 'none that krt understands', {kubernetes: found('what')}],
    ['throttling', 'problem', '1 of 2', {answers: [...healthy.answers, {status: 429, ms: 1, fair: true}]}],
    ['throttling', 'warning', 'takes 3s', {answers: [{status: 200, ms: 3000, fair: true}]}],
    ['throttling', 'ok', 'flow schema', {answers: [{status: 200, ms: 3, fair: false}]}],
    ['clock-skew', 'warning', '1m30s behind', {answers: [{status: 200, ms: 1, skewMs: 90_200, fair: true}]}],
    ['clock-skew', 'warning', '7s ahead of', {answers: [{status: 200, ms: 1, skewMs: -7000, fair: true}]}],
    ['clock-skew', 'unknown', 'no Date', {answers: [{status: 200, ms: 1, fair: true}]}],
    ['crds', 'problem', 'not installed', {served: []}],
    ['crds', 'problem', 'v1beta1', {served: ['v1beta1']}],
    ['crds', 'problem', 'no CustomResourceDefinition', {crds: [{name: 'runs.kruntimes.io', crd: {kind: 'missing'}}]}],
    ['crds', 'ok', 'is served', {crds: [{name: 'runs.kruntimes.io', crd: forbidden}]}],
    [
      'crds',
      'problem',
      'Established=False',
      {
        crds: [
          {
            name: 'runs.kruntimes.io',
            crd: found({...established, status: {conditions: [{type: 'Established', status: 'False'}]}}),
          },
        ],
      },
    ],
    ['schema', 'warning', 'Run.spec.a', {missingFields: found(['Run.spec.a'])}],
    ['schema', 'warning', 'and 2 more', {missingFields: found(['a', 'b', 'c', 'd', 'e', 'f'])}],
    ['schema', 'unknown', 'no permission', {missingFields: forbidden}],
    ['permissions', 'problem', 'list runs', {permissions: [denied('list', 'runs')]}],
    ['permissions', 'warning', 'create runs (krt something)', {permissions: [denied('create', 'runs')]}],
    ['controller', 'problem', 'last renewed 1m', {elections: found([lease('kruntimes-controller', 60)])}],
    [
      'controller',
      'ok',
      'kruntimes-system/kruntimes-controller.namespace.team is held',
      {elections: found([lease('kruntimes-controller.namespace.team', 1)])},
    ],
    ['scheduler', 'ok', '.cluster is held', {elections: found([lease('kruntimes-scheduler.cluster', 1)])}],
    [
      'scheduler',
      'problem',
      'there is only kruntimes-scheduler.namespace.team-b',
      {elections: found([lease('kruntimes-scheduler.namespace.team-b', 1)])},
    ],
    ['controller', 'ok', 'present state of every Runtime', {elections: forbidden}],
    ['controller', 'unknown', 'no permission', {elections: forbidden, runtimes: found([])}],
    ['scheduler', 'unknown', 'no permission', {elections: forbidden}],
    ['scheduler', 'warning', 'no Lease', {elections: found([])}],
    ['scheduler', 'problem', 'never renewed', {elections: found([{metadata: {name: 'kruntimes-scheduler'}}])}],
    ['namespace', 'problem', 'no namespace team', {namespaceLabels: {kind: 'missing'}}],
    ['namespace', 'unknown', 'no permission', {namespaceLabels: forbidden}],
    ['pod-security', 'ok', 'no level', {namespaceLabels: found({})}],
    ['pod-security', 'unknown', 'no permission', {namespaceLabels: forbidden}],
    ['runtimes', 'warning', 'no Runtime', {runtimes: found([])}],
    ['runtimes', 'problem', '0 of 1 Pods ready', {runtimes: found([{...runtime, status: {}}])}],
    [
      'runtimes',
      'warning',
      '1 of 2 Pods ready',
      {runtimes: found([{...runtime, spec: {...runtime.spec, replicas: 2}}])},
    ],
    ['runtimes', 'warning', 'scaled to zero', {runtimes: found([{...runtime, spec: {...runtime.spec, replicas: 0}}])}],
    [
      'runtimes',
      'problem',
      'not accepted: InvalidTemplate, no',
      {
        runtimes: found([
          {
            ...runtime,
            status: {
              conditions: [
                {
                  type: 'Accepted',
                  status: 'False',
                  reason: 'InvalidTemplate',
                  message: 'no',
                  lastTransitionTime: at(1),
                },
              ],
            },
          },
        ]),
      },
    ],
    ['pods', 'warning', 'bash-1 (Pending)', {pods: found([{metadata: {name: 'bash-1'}, status: {phase: 'Pending'}}])}],
    ['pods', 'unknown', 'no permission', {pods: forbidden}],
    ['runtimed-leases', 'problem', 'bash-1, 1m', {podLeases: found([lease('kruntimes-u1', 60)])}],
    ['runtimed-leases', 'problem', 'bash-1 has none', {podLeases: found([])}],
    ['runtimed-leases', 'unknown', 'no permission', {podLeases: forbidden}],
    ['admission-policies', 'unknown', 'no permission', {policies: forbidden}],
    ['admission-policies', 'warning', 'lease', {bindings: found([])}],
    ['runs', 'problem', 'such as old', {pendingRuns: found([waiting('old', 60)])}],
    ['runs', 'ok', '1 Run in namespace team waiting', {pendingRuns: found([waiting('new', 3)])}],
    [
      'runs',
      'ok',
      'no Run waits',
      {pendingRuns: found([waiting('later', 60, {phase: 'Pending', nextAttemptTime: at(-30)})])},
    ],
    [
      'runs',
      'ok',
      'krt why NAME',
      {
        pendingRuns: found([
          waiting('explained', 60, {
            phase: 'Pending',
            conditions: [
              {type: 'Scheduled', status: 'False', reason: 'NoReadyPods', message: '', lastTransitionTime: at(59)},
            ],
          }),
        ]),
      },
    ],
  ];
  test.each(cases)('%s: %s when it says %s', (name, status, words, change) => {
    const result = check(name, change);
    expect([result.status, result.message]).toEqual([status, expect.stringContaining(words)]);
    expect(result.advice === undefined).toBe(status === 'ok');
  });

  test('who may see nothing is told so, and no problem is invented', () => {
    const blind: Partial<Installation> = {};
    for (const key of [
      'missingFields',
      'elections',
      'namespaceLabels',
      'runtimes',
      'pods',
      'podLeases',
      'policies',
      'bindings',
      'pendingRuns',
    ] as const) {
      blind[key] = forbidden;
    }
    const statuses = diagnose({...healthy, ...blind}).map(({status}) => status);
    expect(new Set(statuses)).toEqual(new Set(['ok', 'unknown']));
  });

  test('policies of another release count, those without a binding that denies do not', () => {
    const renamed = names.map((each) => `kruntimes-b-${each.slice('kruntimes-'.length)}.system-b`);
    const bindings = renamed.map((policyName) => ({spec: {policyName, validationActions: ['Deny']}}));
    expect(check('admission-policies', {policies: found(renamed), bindings: found(bindings)}).status).toBe('ok');
    const audited = bindings.map(({spec}) => ({spec: {...spec, validationActions: ['Audit']}}));
    expect(check('admission-policies', {policies: found(renamed), bindings: found(audited)}).status).toBe('warning');
  });

  test.each([
    ['team', 'ok'],
    ['other', 'warning'],
  ])('policies of a release for the namespace %s: %s', (name, status) => {
    const matchResources = {namespaceSelector: {matchLabels: {'kubernetes.io/metadata.name': name}}};
    const bindings = names.map((policyName) => ({spec: {policyName, validationActions: ['Deny'], matchResources}}));
    expect(check('admission-policies', {policies: found(names), bindings: found(bindings)}).status).toBe(status);
  });
});
