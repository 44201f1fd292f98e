import {beforeAll, expect, test} from '@jest/globals';
import {RUNTIME_LABEL, type Run, runKind} from '@kruntimes/api-types';
import type {User} from '@kruntimes/integration/support/user';
import {kinds} from '@kruntimes/reconciler-kit';
import {waitForObject} from '@kruntimes/reconciler-kit/testing';
import {createBashRuntime, createRun, runtimeReady} from './support/bash-runtime.ts';
import {suite} from './support/suite.ts';
import {patient} from './support/world.ts';

const namespace = 'stolen';
const tokenFile = '/var/run/secrets/kubernetes.io/serviceaccount/token';

let administrator: User;
/** Somebody with the token of one runtimed. */
let thief: User;
/** Of the thief. */
let pod: string;
/** It runs on the other Pod. */
let theirs: Run;

const e2e = suite(async (world) => {
  await world.installed();
  await world.createNamespace(namespace);
  await createBashRuntime(world.client, {namespace, spec: {replicas: 2, capacity: {resources: {runs: 1}}}});
  await runtimeReady(world.client, namespace);
  administrator = await world.administrator(namespace);
});

beforeAll(
  () =>
    e2e.reported(async () => {
      const {client, cluster} = e2e.world;
      const created = await createRun(client, namespace, {source: {inline: 'sleep 3600'}});
      const ref = {namespace, name: created.metadata?.name ?? ''};
      theirs = await waitForObject(client.kind(runKind), ref, ({status}) => status?.phase === 'Running', patient);
      const {items} = await client.kind(kinds.Pod).list({namespace, labelSelector: RUNTIME_LABEL});
      pod = items.map(({metadata}) => metadata?.name ?? '').find((name) => name !== theirs.status?.assignedPod) ?? '';
      const {code, stdout: token} = await administrator.kubectl([
        'exec',
        pod,
        '-c',
        'runtimed',
        '--',
        'cat',
        tokenFile,
      ]);
      if (code !== 0 || token === '') throw new Error('runtimed has no token');
      const {server, ca} = cluster.access.config;
      const authorization = async (): Promise<string> => `Bearer ${token}`;
      thief = await e2e.world.login('thief', {server, ...(ca && {ca}), authorization, namespace}, namespace);
    })(),
  600_000,
);

test(
  'programs of Runs see no token',
  e2e.reported(async () => {
    const {code, stderr} = await administrator.kubectl(['exec', pod, '-c', 'runtime', '--', 'cat', tokenFile]);
    expect({code, stderr}).toEqual({code: 1, stderr: expect.stringContaining('No such file or directory')});
  }),
);

test(
  'the token is that of the runtimed, and good for its work',
  e2e.reported(async () => {
    const {stdout} = await thief.kubectl(['auth', 'whoami', '-o', 'yaml']);
    expect(stdout).toContain(`username: system:serviceaccount:${namespace}:`);
    expect(stdout).toContain(pod);
    expect(await thief.kubectl(['get', 'runs'])).toMatchObject({code: 0});
  }),
);

test.each<[string, (run: string, otherPod: string) => string[]]>([
  ['end the Run of another Pod', (run) => patch('run', run, {phase: 'Succeeded'})],
  ['take the Run of another Pod', (run) => patch('run', run, {assignedPod: pod})],
  ['cancel a Run', (run) => ['patch', 'run', run, '--type=merge', '-p', '{"spec":{"cancelRequested":true}}']],
  ['delete a Run', (run) => ['delete', 'run', run]],
  ['change the status of another Pod', (_, other) => patch('pod', other, {message: 'mine'})],
  ['read Secrets', () => ['get', 'secrets']],
  ['read ConfigMaps', () => ['get', 'configmaps']],
  ['create a ConfigMap', () => ['create', 'configmap', 'x']],
  ['create a Secret', () => ['create', 'secret', 'generic', 'x']],
  ['create a Pod', () => ['run', 'x', '--image=kruntimes-bash-runtime:latest']],
  ['create a Job', () => ['create', 'job', 'x', '--image=kruntimes-bash-runtime:latest']],
  ['create a token', () => ['create', 'token', 'default']],
  ['create a Role', () => ['create', 'role', 'x', '--verb=get', '--resource=secrets']],
  ['change a Runtime', () => ['patch', 'runtime', 'bash', '--type=merge', '-p', '{"spec":{"replicas":9}}']],
  ['execute something in a Pod', (_, other) => ['exec', other, '-c', 'runtimed', '--', 'true']],
  ['see Runs of another namespace', () => ['get', 'runs', '-n', 'default']],
])('whoever steals it may not %s', async (_, command) => {
  await e2e.reported(async () => {
    const {metadata, status} = theirs;
    const {code, stderr} = await thief.kubectl(command(metadata?.name ?? '', status?.assignedPod ?? ''));
    expect({code, stderr}).toEqual({code: 1, stderr: expect.stringMatching(/[Ff]orbidden/)});
  })();
});

test(
  'and the Run goes on as if nothing had been',
  e2e.reported(async () => {
    const run = await e2e.world.client.kind(runKind).get(theirs.metadata?.name ?? '', {namespace});
    const {assignedPod, attempt} = theirs.status ?? {};
    expect(run.status).toMatchObject({phase: 'Running', assignedPod, attempt});
    expect(run.spec).toEqual(theirs.spec);
  }),
);

function patch(kind: string, name: string, status: object): string[] {
  return ['patch', kind, name, '--subresource=status', '--type=merge', '-p', JSON.stringify({status})];
}
