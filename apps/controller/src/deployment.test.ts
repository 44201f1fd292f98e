import {describe, expect, test} from '@jest/globals';
import type {Runtime} from '@kruntimes/api-types';
import type {PodSpec} from 'kubernetes-types/core/v1.d.ts';
import {deploymentOf, serviceAccountOf} from './deployment.ts';

const options = {runtimedImage: 'kruntimes-runtimed:v1'};
const runtime = (podSpec: Partial<PodSpec> = {}, spec: Partial<Runtime['spec']> = {}): Runtime => ({
  apiVersion: 'kruntimes.io/v1alpha1',
  kind: 'Runtime',
  metadata: {name: 'bash', namespace: 'team', uid: 'u1'},
  spec: {
    template: {
      metadata: {labels: {app: 'x'}},
      spec: {containers: [{name: 'runtime', image: 'img', ports: [{containerPort: 7000}]}], ...podSpec},
    },
    ...spec,
  },
});
const podOf = (object: Runtime): PodSpec => deploymentOf(object, options).spec?.template.spec as PodSpec;

describe('deploymentOf', () => {
  test('is owned by the Runtime and labelled as its own', () => {
    const {metadata, spec} = deploymentOf(runtime({}, {replicas: 3}), options);
    expect(metadata).toMatchObject({
      name: 'bash-runtime',
      namespace: 'team',
      labels: {'kruntimes.io/runtime': 'bash', 'app.kubernetes.io/managed-by': 'kruntimes'},
      ownerReferences: [{kind: 'Runtime', name: 'bash', uid: 'u1', controller: true}],
    });
    expect(spec).toMatchObject({replicas: 3, selector: {matchLabels: {'kruntimes.io/runtime': 'bash'}}});
    expect(spec?.template.metadata?.labels).toEqual({app: 'x', 'kruntimes.io/runtime': 'bash'});
  });

  test('gives runtimed, and nobody else, the variables of its traces', () => {
    const runtimedEnv = {OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318'};
    const pod = deploymentOf(runtime(), {...options, runtimedEnv}).spec?.template.spec;
    const variable = {name: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: 'http://collector:4318'};
    expect(pod?.initContainers?.[0]?.env).toContainEqual(variable);
    expect(JSON.stringify(pod?.containers)).not.toContain('OTEL_');
  });

  test('puts runtimed in front as a native sidecar', () => {
    const pod = podOf(runtime({initContainers: [{name: 'prepare', image: 'p'}]}, {capacity: {resources: {runs: 4}}}));
    expect(pod.initContainers?.map(({name}) => name)).toEqual(['runtimed', 'prepare']);
    expect(pod.initContainers?.[0]).toMatchObject({
      image: 'kruntimes-runtimed:v1',
      imagePullPolicy: 'IfNotPresent',
      restartPolicy: 'Always',
      args: [
        '--runtime-name=bash',
        '--workspace-root=/workspace',
        '--runtime-endpoint=unix:///run/kruntimes/runtime.sock',
        '--runtime-endpoint=127.0.0.1:7000',
        '--capacity={"runs":4}',
        '--git-cache=/var/cache/kruntimes/git',
        '--metrics-bind-address=$(POD_IP):19092',
        '--health-probe-bind-address=$(POD_IP):19093',
        '--drain-bind-address=$(POD_IP):19094',
      ],
      securityContext: {readOnlyRootFilesystem: true, runAsUser: 65532},
    });
    expect(pod.readinessGates).toEqual([{conditionType: 'kruntimes.io/RuntimedReady'}]);
  });

  test('has the kubelet ask runtimed before it stops the Runtime server, for as long as the template allows', () => {
    const lifecycle = {postStart: {exec: {command: ['true']}}};
    const containers = [
      {name: 'runtime', image: 'img', lifecycle},
      {name: 'other', image: 'o'},
    ];
    const pod = podOf(runtime({containers, terminationGracePeriodSeconds: 600}));
    // Without a host it is the Pod IP.
    const preStop = {httpGet: {path: '/drain', port: 19094, scheme: 'HTTP'}};
    expect(pod.containers.map((container) => container.lifecycle)).toEqual([{...lifecycle, preStop}, undefined]);
    expect(pod.terminationGracePeriodSeconds).toBe(600);
    expect(podOf(runtime()).terminationGracePeriodSeconds).toBeUndefined();
  });

  test('daemonImage overrides the image of runtimed', () => {
    expect(podOf(runtime({}, {daemonImage: 'mine:2'})).initContainers?.[0]?.image).toBe('mine:2');
  });

  test('tells the Runtime server how much output is kept', () => {
    const pod = podOf(runtime({}, {output: {maxBytes: 1000}}));
    expect(pod.containers[0]?.env).toContainEqual({name: 'KRUNTIME_MAX_OUTPUT_BYTES', value: '1000'});
    expect(podOf(runtime()).containers[0]?.env?.map(({name}) => name)).not.toContain('KRUNTIME_MAX_OUTPUT_BYTES');
  });

  test('assumes port 19091 where the template names none', () => {
    const pod = podOf(runtime({containers: [{name: 'runtime', image: 'img'}]}));
    expect(pod.initContainers?.[0]?.args).toContain('--runtime-endpoint=127.0.0.1:19091');
  });

  test('mounts the token in runtimed only', () => {
    const pod = podOf(runtime({containers: [{name: 'runtime'}, {name: 'helper'}]}));
    const mounts = [...(pod.initContainers ?? []), ...pod.containers].flatMap(({name, volumeMounts = []}) =>
      volumeMounts.filter((mount) => mount.name === 'kruntimes-token').map(() => name),
    );
    expect(mounts).toEqual(['runtimed']);
    expect(pod.automountServiceAccountToken).toBe(false);
  });

  test('mounts the git cache and the Secrets of gitCredentials in runtimed only, readable for its user', () => {
    const gitCredentials = [{secretName: 'github', hosts: ['github.com']}];
    const modeOf = (podSpec: Partial<PodSpec>): number | undefined =>
      podOf(runtime(podSpec, {gitCredentials})).volumes?.find(({name}) => name === 'kruntimes-git-credentials')
        ?.projected?.defaultMode;
    const pod = podOf(runtime({}, {gitCredentials}));
    const mounts = [...(pod.initContainers ?? []), ...pod.containers].flatMap(({name, volumeMounts = []}) =>
      volumeMounts
        .filter((mount) => mount.name.startsWith('kruntimes-git'))
        .map((mount) => `${name} ${mount.mountPath}`),
    );
    expect(mounts).toEqual(['runtimed /var/cache/kruntimes/git', 'runtimed /var/run/secrets/kruntimes.io/git']);
    expect(modeOf({})).toBe(0o444);
    expect(modeOf({securityContext: {runAsUser: 0}})).toBe(0o400);
  });

  test('honours a token that the template mounts explicitly', () => {
    const token = {name: 'own', projected: {sources: [{serviceAccountToken: {path: 'token'}}]}};
    const mount = {name: 'own', mountPath: '/token'};
    const pod = podOf(runtime({containers: [{name: 'runtime', volumeMounts: [mount]}], volumes: [token]}));
    expect(pod.volumes?.[0]).toEqual(token);
    expect(pod.containers[0]?.volumeMounts?.[0]).toEqual(mount);
  });

  test('hardens the container of the user, who may say otherwise', () => {
    const plain = podOf(runtime()).containers[0]?.securityContext;
    expect(plain).toEqual({
      runAsUser: 65532,
      runAsGroup: 65532,
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      capabilities: {drop: ['ALL']},
      seccompProfile: {type: 'RuntimeDefault'},
    });
    const own = {readOnlyRootFilesystem: true, capabilities: {add: ['NET_BIND_SERVICE']}};
    expect(
      podOf(runtime({containers: [{name: 'runtime', securityContext: own}]})).containers[0]?.securityContext,
    ).toEqual({...plain, readOnlyRootFilesystem: true, capabilities: {drop: ['ALL'], add: ['NET_BIND_SERVICE']}});
  });

  test('what the template says for the whole Pod stands for the container, too', () => {
    const pod = podOf(
      runtime({securityContext: {seccompProfile: {type: 'Unconfined'}, runAsNonRoot: false, runAsUser: 5}}),
    );
    expect(pod.containers[0]?.securityContext).toEqual({
      runAsUser: 5,
      runAsGroup: 65532,
      allowPrivilegeEscalation: false,
      capabilities: {drop: ['ALL']},
    });
    expect(pod.securityContext?.seccompProfile).toEqual({type: 'Unconfined'});
  });

  test.each([{privileged: true}, {capabilities: {add: ['SYS_ADMIN']}}])('does not forbid escalation with %j', (own) => {
    const pod = podOf(runtime({containers: [{name: 'runtime', securityContext: own}]}));
    expect(pod.containers[0]?.securityContext).not.toHaveProperty('allowPrivilegeEscalation');
    expect(pod.initContainers?.[0]?.securityContext).toMatchObject({allowPrivilegeEscalation: false});
  });

  test('reads the old name of serviceAccountName', () => {
    const pod = podOf(runtime({serviceAccount: 'me'}));
    expect(pod.serviceAccountName).toBe('me');
    expect(pod).not.toHaveProperty('serviceAccount');
  });

  test('runs runtimed as whoever the container runs as', () => {
    const byContainer = podOf(
      runtime({
        securityContext: {runAsUser: 1, runAsGroup: 2},
        containers: [{name: 'runtime', securityContext: {runAsUser: 1000}}],
      }),
    );
    expect(byContainer.initContainers?.[0]?.securityContext).toMatchObject({runAsUser: 1000, runAsGroup: 2});
    const root = podOf(runtime({securityContext: {runAsUser: 0}}));
    expect(root.initContainers?.[0]?.securityContext).toMatchObject({runAsUser: 0, runAsNonRoot: false});
  });

  test('limits the workspace volume', () => {
    const pod = podOf(runtime({}, {workspace: {sizeLimit: '2Gi'}}));
    expect(pod.volumes?.find(({name}) => name === 'kruntimes-workspace')).toEqual({
      name: 'kruntimes-workspace',
      emptyDir: {sizeLimit: '2Gi'},
    });
  });

  test('gives an artifact store to runtimed and to nobody else', () => {
    const pod = podOf(
      runtime(
        {containers: [{name: 'runtime'}, {name: 'helper'}], initContainers: [{name: 'prepare'}]},
        {artifactStore: {filesystem: {claimName: 'artifacts', path: 'team'}}},
      ),
    );
    const [runtimed, ...others] = [...(pod.initContainers ?? []), ...pod.containers];
    expect(runtimed?.args).toEqual(
      expect.arrayContaining([
        '--artifact-store={"filesystem":{"claimName":"artifacts","path":"team"}}',
        '--artifacts-directory=/var/lib/kruntimes/artifacts',
        '--spool-directory=/var/cache/kruntimes/spool',
      ]),
    );
    expect(runtimed?.volumeMounts).toEqual(
      expect.arrayContaining([
        {name: 'kruntimes-artifacts', mountPath: '/var/lib/kruntimes/artifacts', subPath: 'team'},
        {name: 'kruntimes-spool', mountPath: '/var/cache/kruntimes/spool'},
      ]),
    );
    for (const {volumeMounts = []} of others)
      expect(volumeMounts.filter(({name}) => /artifacts|spool/.test(name))).toEqual([]);
    expect(pod.volumes).toEqual(
      expect.arrayContaining([
        {name: 'kruntimes-artifacts', persistentVolumeClaim: {claimName: 'artifacts'}},
        {name: 'kruntimes-spool', emptyDir: {}},
      ]),
    );
    expect(pod.securityContext).toMatchObject({fsGroup: 65532, fsGroupChangePolicy: 'OnRootMismatch'});
    const own = podOf(
      runtime({securityContext: {fsGroup: 7}}, {artifactStore: {filesystem: {claimName: 'artifacts'}}}),
    );
    expect(own.securityContext).toMatchObject({fsGroup: 7});
  });

  test('without an artifact store there is neither spool nor group', () => {
    const pod = podOf(runtime());
    expect(pod.volumes?.map(({name}) => name)).toEqual([
      'kruntimes-workspace',
      'kruntimes-run',
      'kruntimes-token',
      'kruntimes-git-cache',
    ]);
    expect(pod.securityContext).not.toHaveProperty('fsGroup');
  });

  test('leaves the Runtime as it was', () => {
    const original = Object.freeze(runtime());
    const before = JSON.stringify(original);
    deploymentOf(original, options);
    expect(JSON.stringify(original)).toBe(before);
  });
});

test('serviceAccountOf takes the name of the template, else our own', () => {
  expect(serviceAccountOf(runtime())).toBe('kruntimes-runtimed');
  expect(serviceAccountOf(runtime({serviceAccountName: 'me'}))).toBe('me');
});
