import {afterAll, beforeAll, expect, test} from '@jest/globals';
import {Client, kinds, Transport} from '@kruntimes/reconciler-kit';
import {
  type ControlPlane,
  startControlPlane,
  waitFor,
  waitForDeletion,
  waitForObject,
} from '@kruntimes/reconciler-kit/testing';
import type {ConfigMap} from 'kubernetes-types/core/v1.d.ts';

/** The embedded server is killed while its controllers delete: what they knew must be in what is stored. */
let controlPlane: ControlPlane;
let transport: Transport;
let client: Client;

const COUNT = 300;
const HOLD = 'example.org/hold';
const patient = {timeoutMs: 120_000};

beforeAll(async () => {
  controlPlane = await startControlPlane({server: 'embedded', controllers: true});
  transport = new Transport(controlPlane.config);
  client = new Client(transport);
}, 60_000);

afterAll(async () => {
  await transport?.close();
  await controlPlane?.stop();
});

/** Every third one is held, so that nothing can be over before the test says so. */
async function fill(namespace: string, owner?: ConfigMap): Promise<void> {
  const {name = '', uid = ''} = owner?.metadata ?? {};
  const reference = {apiVersion: 'v1', kind: 'ConfigMap', name, uid, blockOwnerDeletion: true};
  await Promise.all(
    Array.from({length: COUNT}, (_, index) =>
      client.kind(kinds.ConfigMap).create({
        metadata: {
          name: `object-${index}`,
          namespace,
          ...(index % 3 === 0 && {finalizers: [HOLD]}),
          ...(owner && {ownerReferences: [reference]}),
        },
      }),
    ),
  );
}

async function ownerIn(namespace: string): Promise<ConfigMap> {
  const owner = await client.kind(kinds.ConfigMap).create({metadata: {name: 'owner', namespace}});
  await fill(namespace, owner);
  return owner;
}

async function killAndRestart(): Promise<void> {
  await controlPlane.killApiServer();
  await controlPlane.restartApiServer();
}

/** Until only what is held is left, and that has been told to go. */
async function untilHeld(namespace: string): Promise<void> {
  await waitFor(
    client.kind(kinds.ConfigMap),
    (list) => {
      const objects = list.filter(({metadata}) => metadata?.name?.startsWith('object-'));
      return objects.length === COUNT / 3 && objects.every(({metadata}) => metadata?.deletionTimestamp !== undefined);
    },
    {namespace, ...patient, description: 'only what is held is left'},
  );
}

async function release(namespace: string): Promise<void> {
  const {items} = await client.kind(kinds.ConfigMap).list({namespace});
  const held = items.filter(({metadata}) => metadata?.finalizers?.includes(HOLD));
  expect(held).toHaveLength(COUNT / 3);
  const body = {metadata: {finalizers: null}};
  await Promise.all(
    held.map(({metadata}) =>
      client.kind(kinds.ConfigMap).patch({name: metadata?.name ?? '', namespace}, {type: 'merge', body}),
    ),
  );
}

test('a cascade, the making of orphans and the end of a namespace go on after each kill -9, and finish', async () => {
  const [cascade, orphans, ending] = await Promise.all([
    controlPlane.createNamespace(),
    controlPlane.createNamespace(),
    controlPlane.createNamespace(),
  ]);
  await Promise.all([ownerIn(cascade), ownerIn(orphans), fill(ending)]);
  const configMaps = client.kind(kinds.ConfigMap);
  await Promise.all([
    configMaps.delete({name: 'owner', namespace: cascade}, {propagationPolicy: 'Foreground'}),
    configMaps.delete({name: 'owner', namespace: orphans}, {propagationPolicy: 'Orphan'}),
    client.kind(kinds.Namespace).delete({name: ending}),
  ]);
  // At once; as soon as it is ready again; when something has happened.
  await killAndRestart();
  await killAndRestart();
  await waitFor(configMaps, (list) => list.length < COUNT, {namespace: ending, ...patient});
  await killAndRestart();

  await untilHeld(cascade);
  await untilHeld(ending);
  const {metadata} = await configMaps.get('owner', {namespace: cascade});
  expect(metadata).toMatchObject({finalizers: ['foregroundDeletion'], deletionTimestamp: expect.any(String)});
  await Promise.all([release(cascade), release(ending)]);
  await killAndRestart();

  await waitForDeletion(configMaps, {name: 'owner', namespace: cascade}, patient);
  await waitForDeletion(client.kind(kinds.Namespace), {name: ending}, patient);
  await waitForDeletion(configMaps, {name: 'owner', namespace: orphans}, patient);
  const names = ({items}: {items: {metadata?: {name?: string}}[]}): (string | undefined)[] =>
    items.map(({metadata: own}) => own?.name);
  expect(names(await configMaps.list({namespace: cascade}))).toEqual(['kube-root-ca.crt']);
  const kept = (await configMaps.list({namespace: orphans})).items.filter(
    ({metadata: own}) => own?.name !== 'kube-root-ca.crt',
  );
  expect(kept).toHaveLength(COUNT);
  expect(kept.filter(({metadata: own}) => own?.ownerReferences !== undefined)).toEqual([]);
  // And it still works.
  await controlPlane.createNamespace('after');
  await waitForObject(configMaps, {name: 'kube-root-ca.crt', namespace: 'after'});
}, 300_000);
