import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {type Client, type DeepReadonly, kinds, Manager} from '@kruntimes/reconciler-kit';
import {
  type ControlPlane,
  startControlPlane,
  waitFor,
  waitForDeletion,
  waitForObject,
} from '@kruntimes/reconciler-kit/testing';
import type {Deployment} from 'kubernetes-types/apps/v1.d.ts';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {ownedKinds} from './cluster-objects.ts';
import {addDeploymentController} from './deployment-controller.ts';
import {addGarbageCollector} from './garbage-collector.ts';
import {addNamespaceLifecycle} from './namespace-lifecycle.ts';

const label = 'example.org/pool';

let controlPlane: ControlPlane;
let client: Client;
let stop: AbortController;
let running: Promise<void>;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  const manager = new Manager({config: controlPlane.config});
  addDeploymentController(manager, {labelSelector: label});
  // Runtimes are not installed on this API server.
  addGarbageCollector(manager, {kinds: ownedKinds.filter(({group}) => group !== 'kruntimes.io')});
  addNamespaceLifecycle(manager, {clusterCa: controlPlane.ca});
  ({client} = manager);
  stop = new AbortController();
  running = manager.start(stop.signal);
}, 60_000);

afterAll(async () => {
  stop.abort();
  await running;
  await controlPlane.stop();
});

async function newNamespace(): Promise<string> {
  const {metadata} = await client.kind(kinds.Namespace).create({metadata: {generateName: 'test-'}});
  const namespace = metadata?.name ?? '';
  await waitForObject(client.kind(kinds.ServiceAccount), {name: 'default', namespace});
  return namespace;
}

async function createDeployment(namespace: string, replicas: number, pod: object = {}): Promise<Deployment> {
  return await client.kind(kinds.Deployment).create({
    metadata: {name: 'pool', namespace, labels: {[label]: 'a'}},
    spec: {
      replicas,
      selector: {matchLabels: {[label]: 'a'}},
      template: {metadata: {labels: {[label]: 'a'}}, spec: {containers: [{name: 'c', image: 'one'}], ...pod}},
    },
  });
}

/** There is no node here: the test says which Pods are ready. */
async function makeReady(pod: {metadata?: {name?: string; namespace?: string} | undefined}): Promise<void> {
  const {name = '', namespace} = pod.metadata ?? {};
  const status = {phase: 'Running', conditions: [{type: 'Ready', status: 'True'}]};
  await client.kind(kinds.Pod).patchStatus({name, namespace}, {type: 'strategic', body: {status}});
}

async function podsOf(namespace: string, count: number, image = 'one'): Promise<DeepReadonly<Pod>[]> {
  return await waitFor(
    client.kind(kinds.Pod),
    (list) => list.filter(({spec}) => spec?.containers[0]?.image === image).length === count,
    {namespace, description: `${count} Pods of image ${image}`},
  );
}

const status = (
  namespace: string,
  predicate: (deployment: Deployment) => boolean,
  description: string,
): Promise<Deployment> =>
  waitForObject(client.kind(kinds.Deployment), {name: 'pool', namespace}, predicate, {description});
const condition = ({status: own}: Deployment, type: string) => own?.conditions?.find((other) => other.type === type);

describe('the Deployment controller', () => {
  test('makes Pods, replaces them one by one for a new template, and scales', async () => {
    const namespace = await newNamespace();
    const {metadata} = await createDeployment(namespace, 2);
    const pods = await podsOf(namespace, 2);
    for (const pod of pods) {
      expect(pod.metadata?.ownerReferences).toMatchObject([
        {kind: 'Deployment', name: 'pool', uid: metadata?.uid, controller: true},
      ]);
      expect(pod.metadata?.labels).toMatchObject({[label]: 'a', 'pod-template-hash': expect.any(String)});
    }
    const waiting = await status(namespace, ({status: own}) => own?.replicas === 2, '2 replicas');
    expect(waiting.status).toMatchObject({unavailableReplicas: 2, observedGeneration: 1});
    for (const pod of pods) await makeReady(pod);
    const up = await status(namespace, ({status: own}) => own?.readyReplicas === 2, '2 ready');
    expect(condition(up, 'Available')).toMatchObject({status: 'True'});
    expect(condition(up, 'Progressing')).toMatchObject({reason: 'NewReplicaSetAvailable'});

    const ref = {name: 'pool', namespace};
    const body = {spec: {template: {spec: {containers: [{name: 'c', image: 'two'}]}}}};
    await client.kind(kinds.Deployment).patch(ref, {type: 'strategic', body});
    const [first] = (await podsOf(namespace, 1, 'two')).filter(({spec}) => spec?.containers[0]?.image === 'two');
    expect(await podsOf(namespace, 2, 'one')).toHaveLength(3);
    await makeReady(first!);
    await podsOf(namespace, 1, 'one');
    const second = (await podsOf(namespace, 2, 'two')).find(
      ({spec, metadata: own}) => spec?.containers[0]?.image === 'two' && own?.name !== first?.metadata?.name,
    );
    await makeReady(second!);
    expect(await podsOf(namespace, 0, 'one')).toHaveLength(2);

    await client.kind(kinds.Deployment).patch(ref, {type: 'merge', body: {spec: {replicas: 1}}});
    await podsOf(namespace, 1, 'two');
    const small = await status(namespace, ({status: own}) => own?.replicas === 1, 'scaled');
    expect(small.status).toMatchObject({updatedReplicas: 1, readyReplicas: 1});
  });

  test('a Pod that is deleted or fails is replaced', async () => {
    const namespace = await newNamespace();
    await createDeployment(namespace, 1);
    const [one] = await podsOf(namespace, 1);
    await client.kind(kinds.Pod).delete({name: one?.metadata?.name ?? '', namespace}, {gracePeriodSeconds: 0});
    const isOther = (pod: {metadata?: {name?: string}}, than: DeepReadonly<Pod> | undefined): boolean =>
      pod.metadata?.name !== than?.metadata?.name;
    const [two] = await waitFor(client.kind(kinds.Pod), (list) => list.length === 1 && isOther(list[0]!, one), {
      namespace,
    });
    const ref = {name: two?.metadata?.name ?? '', namespace};
    await client.kind(kinds.Pod).patchStatus(ref, {type: 'merge', body: {status: {phase: 'Failed'}}});
    await waitFor(client.kind(kinds.Pod), (list) => list.some((pod) => isOther(pod, two)), {namespace});
  });

  test('says why it could not create a Pod, and tries again', async () => {
    const namespace = await newNamespace();
    await createDeployment(namespace, 1, {serviceAccountName: 'late'});
    const refused = await status(
      namespace,
      (deployment) => condition(deployment, 'ReplicaFailure') !== undefined,
      'ReplicaFailure',
    );
    expect(condition(refused, 'ReplicaFailure')).toMatchObject({
      reason: 'FailedCreate',
      message: expect.stringContaining('serviceaccount "late" not found'),
    });
    await client.kind(kinds.ServiceAccount).create({metadata: {name: 'late', namespace}});
    await podsOf(namespace, 1);
    await status(namespace, (deployment) => condition(deployment, 'ReplicaFailure') === undefined, 'no ReplicaFailure');
  });
});

describe('the garbage collector', () => {
  const owner = (object: {metadata?: {name?: string; uid?: string} | undefined}, apiVersion: string, kind: string) => ({
    apiVersion,
    kind,
    name: object.metadata?.name ?? '',
    uid: object.metadata?.uid ?? '',
    blockOwnerDeletion: true,
  });

  test('what is owned goes with its owner, in a chain', async () => {
    const namespace = await newNamespace();
    await createDeployment(namespace, 1);
    const [pod] = await podsOf(namespace, 1);
    const leases = client.kind(kinds.Lease);
    await leases.create({metadata: {name: 'of-pod', namespace, ownerReferences: [owner(pod!, 'v1', 'Pod')]}, spec: {}});
    await client.kind(kinds.Deployment).delete({name: 'pool', namespace}, {propagationPolicy: 'Background'});
    await waitFor(client.kind(kinds.Pod), (list) => list.every((each) => each.metadata?.deletionTimestamp), {
      namespace,
    });
    // There is no node that would let it go.
    await client
      .kind(kinds.Pod)
      .delete({name: pod?.metadata?.name ?? '', namespace}, {gracePeriodSeconds: 0})
      .catch(() => {});
    await waitForDeletion(leases, {name: 'of-pod', namespace});
  });

  test('an owner that was gone before is noticed, one that only has the same name too', async () => {
    const namespace = await newNamespace();
    const accounts = client.kind(kinds.ServiceAccount);
    const leases = client.kind(kinds.Lease);
    const living = await accounts.create({metadata: {name: 'living', namespace}});
    await leases.create({
      metadata: {name: 'kept', namespace, ownerReferences: [owner(living, 'v1', 'ServiceAccount')]},
      spec: {},
    });
    const impostor = {...owner(living, 'v1', 'ServiceAccount'), uid: '00000000-0000-0000-0000-000000000000'};
    await leases.create({metadata: {name: 'orphaned', namespace, ownerReferences: [impostor]}, spec: {}});
    const stranger = {
      apiVersion: 'example.org/v1',
      kind: 'Unknown',
      name: 'x',
      uid: '00000000-0000-0000-0000-000000000001',
    };
    await leases.create({metadata: {name: 'of-stranger', namespace, ownerReferences: [stranger]}, spec: {}});
    await waitForDeletion(leases, {name: 'orphaned', namespace});
    expect((await leases.list({namespace})).items.map(({metadata}) => metadata?.name)).toEqual(['kept', 'of-stranger']);
  });

  test('foreground deletion waits for the dependents, orphan deletion leaves them', async () => {
    const namespace = await newNamespace();
    const accounts = client.kind(kinds.ServiceAccount);
    const leases = client.kind(kinds.Lease);
    const make = async (name: string, finalizers: string[] = []): Promise<void> => {
      const account = await accounts.create({metadata: {name, namespace}});
      await leases.create({
        metadata: {name, namespace, finalizers, ownerReferences: [owner(account, 'v1', 'ServiceAccount')]},
        spec: {},
      });
    };
    await make('front', ['example.org/hold']);
    await make('left');
    await accounts.delete({name: 'front', namespace}, {propagationPolicy: 'Foreground'});
    await waitForObject(leases, {name: 'front', namespace}, ({metadata}) => metadata?.deletionTimestamp !== undefined);
    expect((await accounts.get('front', {namespace})).metadata?.finalizers).toEqual(['foregroundDeletion']);
    await leases.patch({name: 'front', namespace}, {type: 'merge', body: {metadata: {finalizers: null}}});
    await waitForDeletion(accounts, {name: 'front', namespace});

    await accounts.delete({name: 'left', namespace}, {propagationPolicy: 'Orphan'});
    await waitForDeletion(accounts, {name: 'left', namespace});
    expect((await leases.get('left', {namespace})).metadata?.ownerReferences).toBeUndefined();
  });
});

test('a namespace gets its defaults, and goes with all that is in it', async () => {
  const namespace = await newNamespace();
  await waitForObject(
    client.kind(kinds.ConfigMap),
    {name: 'kube-root-ca.crt', namespace},
    ({data}) => data?.['ca.crt'] === controlPlane.ca,
  );
  await createDeployment(namespace, 1);
  const [pod] = await podsOf(namespace, 1);
  expect(pod?.metadata?.namespace).toBe(namespace);
  await client.kind(kinds.Namespace).delete({name: namespace});
  await waitForDeletion(client.kind(kinds.Namespace), {name: namespace}, {timeoutMs: 20_000});
}, 30_000);
