import {describe, expect, test} from '@jest/globals';
import type {Container, PodSpec, PodTemplateSpec} from 'kubernetes-types/core/v1.d.ts';
import {templateProblems} from './template-rules.ts';

const problems = (spec: Partial<PodSpec>, metadata: PodTemplateSpec['metadata'] = {}): string[] =>
  templateProblems({
    metadata: {name: 'r', namespace: 'n'},
    spec: {template: {metadata, spec: {containers: [{name: 'runtime'}], ...spec}}},
  });
const container = (fields: Partial<Container>): Partial<PodSpec> => ({containers: [{name: 'runtime', ...fields}]});

describe('templateProblems', () => {
  test.each<[string, string[], string]>([
    ['no container runtime', problems({containers: [{name: 'other'}]}), 'no container named "runtime"'],
    ['a container runtimed', problems({initContainers: [{name: 'runtimed'}]}), 'container name "runtimed" is reserved'],
    ['a reserved volume', problems({volumes: [{name: 'kruntimes-token'}]}), 'volume name "kruntimes-token"'],
    [
      'a mount of ours',
      problems(container({volumeMounts: [{name: 'kruntimes-token', mountPath: '/t'}]})),
      'must not mount',
    ],
    [
      'a mount in /workspace',
      problems(container({volumeMounts: [{name: 'v', mountPath: '/workspace/x'}]})),
      '/workspace/x',
    ],
    [
      'a hidden mount',
      problems(container({volumeMounts: [{name: 'v', mountPath: '/a/../run//kruntimes/'}]})),
      'is reserved',
    ],
    [
      'a mount by the old path of /run',
      problems(container({volumeMounts: [{name: 'v', mountPath: '/var/run/kruntimes'}]})),
      'is reserved',
    ],
    ['a token in every container', problems({automountServiceAccountToken: true}), 'automountServiceAccountToken'],
    ['a port of runtimed', problems(container({ports: [{containerPort: 19093}]})), 'port 19093'],
    ['a preStop hook', problems(container({lifecycle: {preStop: {exec: {command: ['x']}}}})), 'preStop'],
    ['an injected variable', problems(container({env: [{name: 'KRUNTIME_SOCKET', value: '/x'}]})), 'KRUNTIME_SOCKET'],
    ['a label of ours', problems({}, {labels: {'kruntimes.io/runtime': 'y'}}), 'kruntimes.io/runtime'],
    ['an annotation of ours', problems({}, {annotations: {'kruntimes.io/x': 'y'}}), 'metadata.annotations'],
    ['a shared process namespace', problems({shareProcessNamespace: true}), 'shareProcessNamespace'],
    ['the processes of the node', problems({hostPID: true}), 'hostPID'],
    ['the identity of maintainers', problems({serviceAccountName: 'kruntimes-maintainer'}), 'serviceAccountName'],
    ['the network of the node', problems({hostNetwork: true}), 'hostNetwork'],
  ])('refuses %s', (_, found, text) => {
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(text);
  });

  test('accepts an ordinary template', () => {
    expect(
      problems(
        {
          containers: [
            {
              name: 'runtime',
              ports: [{containerPort: 19091}],
              env: [{name: 'KRUNTIME_OWN', value: 'x'}],
              volumeMounts: [{name: 'data', mountPath: '/workspaces'}],
              lifecycle: {postStart: {exec: {command: ['x']}}},
            },
            {name: 'logger', ports: [{containerPort: 80}]},
          ],
          volumes: [{name: 'data', emptyDir: {}}],
          shareProcessNamespace: false,
        },
        {labels: {app: 'x', 'example.com/kruntimes.io': 'y'}},
      ),
    ).toEqual([]);
  });

  test('tells all problems at once', () => {
    expect(problems({hostPID: true, hostNetwork: true, containers: []})).toHaveLength(3);
  });
});
