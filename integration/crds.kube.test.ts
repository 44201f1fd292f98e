import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {API_VERSION} from '@kruntimes/api-types';
import {runCrd, runtimeCrd} from '@kruntimes/api-types/crds';
import {command} from '@kruntimes/command';
import {kinds} from '@kruntimes/reconciler-kit';
import {Api} from './support/api.ts';
import {kubectlTest} from './support/kubectl.ts';

let api: Api;
beforeAll(async () => {
  api = await Api.start();
}, 60_000);
afterAll(() => api?.[Symbol.asyncDispose]());

const crdDirectory = fileURLToPath(new URL('../packages/api-types/crds', import.meta.url));
/** A manifest of the guide. */
const example = (name: string, spec: object) => ({apiVersion: API_VERSION, kind: 'Run', metadata: {name}, spec});
const crdNames = [runCrd, runtimeCrd].map((crd) => crd.metadata?.name ?? '');

describe('the CRDs', () => {
  test('are established, structural and within the cost limits of CEL', async () => {
    for (const name of crdNames) {
      const {status} = await api.client.kind(kinds.CustomResourceDefinition).get(name);
      const conditions = Object.fromEntries((status?.conditions ?? []).map(({type, status: is}) => [type, is]));
      expect(conditions).toEqual({NamesAccepted: 'True', Established: 'True'});
    }
  });

  kubectlTest('are applied by kubectl apply -f, client-side, and stored as they are in the files', async () => {
    const {kubeconfigPath} = api.controlPlane;
    const applied = await command('kubectl', ['--kubeconfig', kubeconfigPath, 'apply', '-f', crdDirectory]);
    expect(applied).toMatchObject({code: 0});
    const diff = await command('kubectl', ['--kubeconfig', kubeconfigPath, 'diff', '-f', crdDirectory]);
    expect(diff).toMatchObject({code: 0, stdout: ''});
  });

  kubectlTest('are explained by kubectl', async () => {
    const {kubeconfigPath} = api.controlPlane;
    const explained = await command('kubectl', ['--kubeconfig', kubeconfigPath, 'explain', 'run.spec.source.inline']);
    expect(explained).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('A script; it becomes the file "script".'),
    });
  });
});

describe('the examples of the usage guide', () => {
  const runtime = {
    apiVersion: API_VERSION,
    kind: 'Runtime',
    metadata: {name: 'bash'},
    spec: {
      replicas: 2,
      capacity: {resources: {runs: 4}},
      template: {
        metadata: {labels: {runtime: 'bash'}},
        spec: {
          containers: [
            {
              name: 'runtime',
              image: 'kruntimes-bash-runtime:latest',
              imagePullPolicy: 'IfNotPresent',
              ports: [{containerPort: 19091}],
            },
          ],
        },
      },
    },
  };
  const examples = [
    runtime,
    example('hello', {runtime: 'bash', source: {inline: 'echo hello\n'}, entrypoint: 'script'}),
    example('env-example', {
      runtime: 'bash',
      env: {MESSAGE: 'hello'},
      source: {inline: 'echo "$MESSAGE"\n'},
      entrypoint: 'script',
    }),
    example('script-example', {runtime: 'bash', source: {inline: 'echo "hello from source"\n'}, entrypoint: 'script'}),
  ];

  kubectlTest.each(examples)('$kind $metadata.name is applied with validation, twice', async (object) => {
    const args = ['--kubeconfig', api.controlPlane.kubeconfigPath, '-n', api.namespace, 'apply', '-f', '-'];
    const options = {input: JSON.stringify(object)};
    const what = `${object.kind.toLowerCase()}.kruntimes.io/${object.metadata.name}`;
    expect(await command('kubectl', args, options)).toEqual({code: 0, stdout: `${what} created\n`, stderr: ''});
    expect(await command('kubectl', args, options)).toEqual({code: 0, stdout: `${what} unchanged\n`, stderr: ''});
  });

  kubectlTest('nothing of the Pod template is lost', async () => {
    const stored = await api.runtimes.get('bash', {namespace: api.namespace});
    expect(stored.spec).toEqual(runtime.spec);
  });

  kubectlTest('kubectl scale, and the selector for autoscalers', async () => {
    const args = [
      '--kubeconfig',
      api.controlPlane.kubeconfigPath,
      '-n',
      api.namespace,
      'scale',
      'runtime',
      'bash',
      '--replicas=7',
    ];
    expect(await command('kubectl', args)).toMatchObject({code: 0});
    const stored = await api.runtimes.get('bash', {namespace: api.namespace});
    expect(stored.spec.replicas).toBe(7);
    await api.runtimes.updateStatus({
      ...stored,
      status: {replicas: 3, readyReplicas: 2, selector: 'kruntimes.io/runtime=bash'},
    });
    expect(await api.runtimes.getScale({name: 'bash', namespace: api.namespace})).toMatchObject({
      spec: {replicas: 7},
      status: {replicas: 3, selector: 'kruntimes.io/runtime=bash'},
    });
  });

  kubectlTest('kubectl get shows what matters', async () => {
    const args = ['--kubeconfig', api.controlPlane.kubeconfigPath, '-n', api.namespace, 'get'];
    const one = await command('kubectl', [...args, 'run', 'hello']);
    expect(one.stdout).toMatch(/^NAME +RUNTIME +PHASE +REASON +EXIT +AGE\nhello +bash +Pending +\S+\n$/);
    const all = await command('kubectl', [...args, 'kruntimes', '-o', 'name']);
    expect(all.stdout).toContain('runtime.kruntimes.io/bash');
    expect(all.stdout).toContain('run.kruntimes.io/env-example');
  });
});

describe('a Runtime template', () => {
  test('takes every field of a Pod, strictly validated, and keeps it', async () => {
    const template = {
      metadata: {labels: {a: 'b'}, annotations: {c: 'd'}},
      spec: {
        serviceAccountName: 'mine',
        terminationGracePeriodSeconds: 60,
        securityContext: {runAsUser: 1000, fsGroup: 1000},
        nodeSelector: {disk: 'ssd'},
        tolerations: [{key: 'x', operator: 'Exists'}],
        containers: [
          {
            name: 'runtime',
            image: 'x',
            command: ['a'],
            env: [{name: 'A', valueFrom: {secretKeyRef: {name: 's', key: 'k'}}}],
            ports: [{containerPort: 1, protocol: 'TCP', name: 'grpc'}],
            resources: {limits: {cpu: '1', memory: '1Gi'}},
            volumeMounts: [{name: 'data', mountPath: '/data', readOnly: true}],
            securityContext: {capabilities: {drop: ['ALL']}},
            readinessProbe: {tcpSocket: {port: 'grpc'}},
          },
        ],
        initContainers: [{name: 'setup', image: 'y', restartPolicy: 'Always'}],
        volumes: [
          {name: 'data', persistentVolumeClaim: {claimName: 'p'}},
          {name: 'e', emptyDir: {sizeLimit: '1Gi'}},
        ],
        imagePullSecrets: [{name: 'pull'}],
      },
    };
    expect((await api.createRuntime({template})).spec.template).toEqual(template);
  });
});

describe('field selectors', () => {
  test('find Runs by phase, Pod and Runtime, also by what they are not', async () => {
    const own = await api.controlPlane.createNamespace();
    const named = async (name: string, status?: object) => {
      const run = await api.createRun({runtime: name === 'other' ? 'python' : 'bash'}, {name}, own);
      if (status) await api.setStatus(run, status);
    };
    await named('pending');
    await named('mine', {phase: 'Running', attempt: 1, assignedPod: 'pod-1'});
    await named('done', {phase: 'Succeeded', attempt: 1, assignedPod: 'pod-1'});
    await named('other', {phase: 'Failed', attempt: 1, assignedPod: 'pod-2'});
    const found = async (fieldSelector: string) =>
      // Lists are ordered by name.
      (await api.runs.list({namespace: own, fieldSelector})).items.map(({metadata}) => metadata?.name);
    const live = 'status.phase!=Succeeded,status.phase!=Failed,status.phase!=Timeout,status.phase!=Cancelled';
    expect(await found(live)).toEqual(['mine', 'pending']);
    expect(await found(`status.assignedPod=pod-1,${live}`)).toEqual(['mine']);
    expect(await found('status.assignedPod=')).toEqual(['pending']);
    expect(await found('status.phase=Pending')).toEqual(['pending']);
    expect(await found('spec.runtime=python')).toEqual(['other']);
  });
});
