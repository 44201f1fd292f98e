import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {ARTIFACTS_FINALIZER, type ArtifactStoreSpec, runKind, runtimeKind} from '@kruntimes/api-types';
import {
  Client,
  type Kind,
  type KubernetesObject,
  kinds,
  silentLogger,
  systemClock,
  Transport,
} from '@kruntimes/reconciler-kit';
import {waitForObject} from '@kruntimes/reconciler-kit/testing';
import {CONTROLLER_USER, KubeWorld} from './kube-world.fixture.ts';
import {stopDeployments, uninstall} from './uninstall.ts';

const store: ArtifactStoreSpec = {s3: {bucket: 'runs', secretName: 'keys'}};
const managed = {labelSelector: 'app.kubernetes.io/managed-by=kruntimes'};

let world: KubeWorld;
let transport: Transport;

beforeEach(async () => {
  world = await KubeWorld.create();
  // The permissions of the controller, and no more.
  transport = new Transport(world.controlPlane.userConfig({user: CONTROLLER_USER}));
});
afterEach(async () => {
  await transport.close();
  await world.close();
});

async function addRun(name: string, finalizers: string[]): Promise<void> {
  const {client, namespace} = world;
  const run = await client
    .kind(runKind)
    .create({metadata: {name, namespace, finalizers}, spec: {runtime: 'bash', args: ['true']}});
  await client.kind(runKind).updateStatus({...run, status: {phase: 'Succeeded', artifactStore: store}});
}

test('uninstalling takes back what the controller has made, lets Runs go, and keeps what users have made', async () => {
  const {client, namespace} = world;
  const stop = world.startController();
  await client.kind(kinds.ServiceAccount).create({metadata: {name: 'own', namespace}});
  for (const serviceAccountName of ['', 'own'])
    await client.kind(runtimeKind).create({
      metadata: {name: `bash${serviceAccountName}`, namespace},
      spec: {template: {spec: {containers: [{name: 'runtime', image: 'img'}], serviceAccountName}}},
    });
  await addRun('deleted', [ARTIFACTS_FINALIZER]);
  await addRun('stored', ['example.com/other', ARTIFACTS_FINALIZER]);
  await addRun('plain', []);
  await waitForObject(client.kind(kinds.RoleBinding), {namespace, name: 'kruntimes-runtimed-own'});
  await waitForObject(client.kind(kinds.RoleBinding), {namespace, name: 'kruntimes-maintainer'});
  await waitForObject(client.kind(kinds.Deployment), {namespace, name: 'bash-runtime'});
  await client.kind(runKind).delete({name: 'deleted', namespace});
  await stop();

  const notes: string[] = [];
  const events = {event: (_: unknown, {note}: {note: string}) => void notes.push(note)};
  const options = {client: new Client(transport), clock: systemClock, events, logger: silentLogger, namespace};
  await uninstall(options, new AbortController().signal);
  const left = async (kind: Kind): Promise<string[]> =>
    (await client.kind<KubernetesObject>(kind).list({namespace, ...managed})).items.map(
      ({metadata}) => metadata?.name ?? '',
    );
  for (const kind of [kinds.Deployment, kinds.RoleBinding, kinds.Role, kinds.ServiceAccount])
    expect([kind.plural, await left(kind as Kind)]).toEqual([kind.plural, []]);
  const {items: runs} = await client.kind(runKind).list({namespace});
  expect(runs.map(({metadata}) => [metadata?.name, metadata?.finalizers ?? []])).toEqual([
    ['plain', []],
    ['stored', ['example.com/other']],
  ]);
  const {items: runtimes} = await client.kind(runtimeKind).list({namespace});
  expect(runtimes.map(({metadata}) => metadata?.name)).toEqual(['bash', 'bashown']);
  await client.kind(kinds.ServiceAccount).get('own', {namespace});
  const uid = runs.find(({metadata}) => metadata?.name === 'stored')?.metadata?.uid;
  expect(notes).toContain(
    `kruntimes was uninstalled: the artifacts of the Run stay behind below s3://runs/${namespace}/${uid}/`,
  );
  // It may be called again.
  await uninstall(options, new AbortController().signal);
  await client.kind(runKind).patch({name: 'stored', namespace}, {type: 'merge', body: {metadata: {finalizers: null}}});
});

test('Deployments of kruntimes itself are scaled to nothing, those that are gone already are no matter', async () => {
  const {client, namespace} = world;
  const selector = {matchLabels: {app: 'x'}};
  const template = {metadata: {labels: selector.matchLabels}, spec: {containers: [{name: 'x', image: 'x'}]}};
  await client
    .kind(kinds.Deployment)
    .create({metadata: {name: 'own', namespace}, spec: {replicas: 2, selector, template}});
  await stopDeployments(client, [`${namespace}/gone`, `${namespace}/own`]);
  expect((await client.kind(kinds.Deployment).get('own', {namespace})).spec?.replicas).toBe(0);
});
