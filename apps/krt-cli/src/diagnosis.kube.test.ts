import {afterAll, beforeAll, describe, expect, jest, test} from '@jest/globals';
import {runKind, runtimeKind} from '@kruntimes/api-types';
import {kinds} from '@kruntimes/reconciler-kit';
import type {DoctorReport} from './commands/doctor.ts';
import {checkNames} from './doctor/checks.ts';
import type {RunExplanation} from './run-explanation.ts';
import {KrtCluster} from './testing/krt-cluster.ts';

// Each test starts processes, on machines that may have a lot to do.
jest.setTimeout(120_000);

let cluster: KrtCluster;
beforeAll(async () => {
  cluster = await KrtCluster.start();
  await cluster.finishedRun('broken', async (player) => {
    await player.end({
      outcome: {kind: 'exited', exitCode: 3},
      output: {stdoutBytes: 4, stderrBytes: 0, truncated: false, tail: 'oops'},
    });
  });
  const template = {spec: {containers: [{name: 'runtime', image: 'kruntimes-bash-runtime:latest'}]}};
  await cluster.client
    .kind(runtimeKind)
    .create({metadata: {name: 'bash', namespace: cluster.namespace}, spec: {replicas: 2, template}});
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function doctor(args: readonly string[] = [], options: {kubeconfig?: string} = {}) {
  const {code, stdout, stderr} = await cluster.krt(['doctor', '-o', 'json', ...args], options);
  expect(stderr).toBe('');
  const report = JSON.parse(stdout) as DoctorReport;
  return {code, report, of: (name: string) => report.checks.find(({check}) => check === name)};
}

describe('krt why and krt describe', () => {
  test('a Run that has ended: the reason, what helps, where the time went', async () => {
    const {code, stdout} = await cluster.krt(['why', 'run', 'broken']);
    expect(code).toBe(0);
    expect(stdout).toContain('Run broken is Failed (NonZeroExit).\nIt ended as Failed: NonZeroExit: The program ended');
    expect(stdout).toContain(`krt logs broken -n ${cluster.namespace} shows what the program wrote.`);
    expect(stdout).toMatch(/Time:\n {2}queue +at most [\d.]+s\n {2}bind and prepare +[\d.]+s\n/);
    expect(stdout).toContain('Not recorded:');
    const described = (await cluster.krt(['describe', 'broken'])).stdout;
    expect(described).toMatch(/Why:\n {2}It ended as Failed/);
    expect(described).toContain('Last output:\n  oops');
  });

  test('a Run that waits, with the warnings about its Runtime', async () => {
    expect((await cluster.krt(['run', '--runtime', 'bash', '--name', 'waits', '--', 'true'])).code).toBe(0);
    const {metadata} = await cluster.client.kind(runtimeKind).get('bash', {namespace: cluster.namespace});
    await cluster.client.transport.request({
      method: 'POST',
      path: `/api/v1/namespaces/${cluster.namespace}/events`,
      body: {
        metadata: {name: 'bash.1'},
        involvedObject: {kind: 'Runtime', name: 'bash', namespace: cluster.namespace, uid: metadata?.uid},
        type: 'Warning',
        reason: 'Refused',
        message: 'a quota',
      },
    });
    const {stdout} = await cluster.krt(['why', 'waits', '-o', 'json']);
    const explanation = JSON.parse(stdout) as RunExplanation;
    expect(explanation).toMatchObject({run: {name: 'waits'}, phase: 'Pending', step: 'queue'});
    expect(explanation.findings).toContain('Event of Runtime bash: Refused: a quota.');
    expect(explanation.times.steps).toMatchObject([{attempt: 1, step: 'queue', atMost: true}]);
  });

  test('who may only read Runs is told what could not be read', async () => {
    const kubeconfig = await cluster.kubeconfigOf('reader', [
      {apiGroups: ['kruntimes.io'], resources: ['runs'], verbs: ['get']},
    ]);
    const {code, stdout} = await cluster.krt(['why', 'waits'], {kubeconfig});
    expect(code).toBe(0);
    expect(stdout).toContain("Runtime bash: can't tell, no permission to get runtimes.");
    expect(stdout).toContain("Events: can't tell, no permission to list events.");
    const missing = await cluster.krt(['why', 'brokn']);
    expect([missing.code, missing.stderr]).toEqual([125, expect.stringContaining('did you mean "broken"?')]);
  });
});

describe('krt doctor', () => {
  test('an administrator sees every check, and the problem of a Runtime without Pods', async () => {
    const {code, report, of} = await doctor();
    expect(code).toBe(1);
    expect(report.healthy).toBe(false);
    expect(report.checks.map(({check}) => check)).toEqual(checkNames);
    for (const name of ['api-server', 'clock-skew', 'crds', 'schema', 'permissions', 'namespace']) {
      expect([name, of(name)]).toEqual([name, expect.objectContaining({status: 'ok'})]);
    }
    // A machine that has a lot to do answers slowly, too.
    expect(['ok', 'warning']).toContain(of('throttling')?.status);
    expect(of('runtimes')).toMatchObject({status: 'problem', message: 'bash has 0 of 2 Pods ready'});
    const {stdout} = await cluster.krt(['doctor']);
    expect(stdout.split('\n')).toHaveLength(checkNames.length + 1);
    expect(stdout).toMatch(/^ok +api-server +Kubernetes v1\./);
    expect(stdout).not.toContain('\u001b');
  });

  test('elections: a fresh Lease, a stale one, none', async () => {
    const namespace = await cluster.controlPlane.createNamespace();
    const leases = cluster.client.kind(kinds.Lease);
    // Tests of elections have Leases of such names, too.
    const spec = {
      holderIdentity: 'me',
      leaseDurationSeconds: 3600,
      renewTime: new Date().toISOString().replace('Z', '000Z'),
    };
    await leases.create({metadata: {name: 'kruntimes-scheduler', namespace}, spec});
    const fresh = (await doctor()).of('scheduler');
    expect(fresh).toMatchObject({status: 'ok', message: expect.stringContaining(`${namespace}/kruntimes-scheduler`)});
    const only = await cluster.kubeconfigOf('operator', [
      {apiGroups: ['kruntimes.io'], resources: ['runs', 'runtimes'], verbs: ['*']},
    ]);
    await cluster.client.kind(kinds.Role).create({
      metadata: {name: 'leases', namespace},
      rules: [{apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['list']}],
    });
    await cluster.client.kind(kinds.RoleBinding).create({
      metadata: {name: 'leases', namespace},
      roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'leases'},
      subjects: [{kind: 'User', name: 'operator', apiGroup: 'rbac.authorization.k8s.io'}],
    });
    await leases.patch(
      {name: 'kruntimes-scheduler', namespace},
      {type: 'merge', body: {spec: {leaseDurationSeconds: 15, renewTime: '2020-01-01T00:00:00.000000Z'}}},
    );
    const {of} = await doctor(['--system-namespace', namespace], {kubeconfig: only});
    expect(of('scheduler')).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('no scheduler is at work'),
    });
    expect(of('controller')).toMatchObject({status: 'warning'});
  });

  test('a user who may do nothing but read Runs: nothing fails, what is not to be seen is unknown', async () => {
    const kubeconfig = await cluster.kubeconfigOf('viewer', [
      {apiGroups: ['kruntimes.io'], resources: ['runs'], verbs: ['get', 'list', 'watch']},
    ]);
    // No scheduler is at work here: a Run that has waited for long enough is a problem, and rightly so.
    const runs = cluster.client.kind(runKind);
    for (const {metadata} of (await runs.list({namespace: cluster.namespace})).items) {
      await runs.delete({name: metadata?.name ?? '', namespace: cluster.namespace});
    }
    const {code, of} = await doctor([], {kubeconfig});
    expect([code, of('runs')?.status]).toEqual([0, 'ok']);
    expect(of('permissions')).toMatchObject({
      status: 'warning',
      message: expect.stringContaining('create runs (krt run)'),
    });
    for (const name of ['scheduler', 'namespace', 'pod-security', 'runtimes', 'pods', 'admission-policies']) {
      expect([name, of(name)]).toEqual([
        name,
        expect.objectContaining({status: 'unknown', message: expect.stringContaining("can't tell: no permission")}),
      ]);
    }
    expect(of('schema')?.status).toBe('ok');
  });

  test('a server that does not answer, and one that lets nobody in, are problems and no errors', async () => {
    const gone = await doctor(['--server', 'https://127.0.0.1:1']);
    expect([gone.code, gone.report.checks]).toEqual([
      1,
      [
        expect.objectContaining({
          check: 'api-server',
          status: 'problem',
          message: expect.stringContaining('cannot reach'),
        }),
      ],
    ]);
    const {server} = cluster.controlPlane.config;
    const stranger = await cluster.krt(['doctor', '-s', server, '--insecure-skip-tls-verify', '--token', 'wrong'], {
      kubeconfig: '',
    });
    expect([stranger.code, stranger.stdout]).toEqual([1, expect.stringMatching(/^problem +api-server/)]);
    const usage = await cluster.krt(['doctor', '-o', 'wide']);
    expect(usage.code).toBe(2);
  });
});
