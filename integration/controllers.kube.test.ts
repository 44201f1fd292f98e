import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {kubeModule} from '@kruntimes/krt-cli/dev';
import {
  apiVersionOf,
  Client,
  type DeepReadonly,
  defineKind,
  type Kind,
  type KubernetesObject,
  kinds,
  Transport,
} from '@kruntimes/reconciler-kit';
import {
  type ControlPlane,
  installDefinitions,
  startControlPlane,
  waitFor,
  waitForDeletion,
  waitForObject,
} from '@kruntimes/reconciler-kit/testing';
import type {CustomResourceDefinition} from 'kubernetes-types/apiextensions/v1.d.ts';
import type {Deployment} from 'kubernetes-types/apps/v1.d.ts';
import type {ConfigMap, Pod} from 'kubernetes-types/core/v1.d.ts';
import type {ObjectMeta, OwnerReference} from 'kubernetes-types/meta/v1.d.ts';

/** What kube-controller-manager does with KRUNTIMES_CONTROL_PLANE=kube, the embedded server's controllers have to do as well. */
let controlPlane: ControlPlane;
let transport: Transport;
let client: Client;
/** Has an object that was there before the kind of its owner. */
let early: string;

/** kube-controller-manager looks for new kinds every 30 s. */
const patient = {timeoutMs: 120_000};
const NOBODY = '00000000-0000-0000-0000-000000000000';
const HOLD = 'example.org/hold';

beforeAll(async () => {
  controlPlane = await startControlPlane({controllers: true, resolve: {goModule: kubeModule}});
  transport = new Transport(controlPlane.config);
  client = new Client(transport);
  early = await newNamespace();
  await make(early, 'early', {
    ownerReferences: [{apiVersion: 'example.org/v1', kind: 'LateWidget', name: 'x', uid: NOBODY}],
  });
  await installDefinitions(client, [widgets, worlds, lateWidgets].map(definitionOf));
}, 300_000);

afterAll(async () => {
  await transport?.close();
  await controlPlane?.stop();
});

const widgets = defineKind<KubernetesObject>({
  group: 'example.org',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  namespaced: true,
});
const worlds = defineKind<KubernetesObject>({...widgets, kind: 'World', plural: 'worlds', namespaced: false});
const lateWidgets = defineKind<KubernetesObject>({...widgets, kind: 'LateWidget', plural: 'latewidgets'});

const ageColumn = [{name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp'}];

function definitionOf({group, version, kind, plural, namespaced}: Kind): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {name: `${plural}.${group}`},
    spec: {
      group,
      names: {kind, plural},
      scope: namespaced ? 'Namespaced' : 'Cluster',
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: {openAPIV3Schema: {type: 'object'}},
        },
      ],
    },
  };
}

async function newNamespace(): Promise<string> {
  const {metadata} = await client.kind(kinds.Namespace).create({metadata: {generateName: 'test-'}});
  const namespace = metadata?.name ?? '';
  await waitForObject(client.kind(kinds.ServiceAccount), {name: 'default', namespace});
  return namespace;
}

/** A reference to an owner. */
function ownedBy(
  {metadata}: KubernetesObject,
  kind: Kind = kinds.ConfigMap,
  more: Partial<OwnerReference> = {},
): OwnerReference {
  const {name = '', uid = ''} = metadata ?? {};
  return {apiVersion: apiVersionOf(kind), kind: kind.kind, name, uid, ...more};
}

const blocking = {blockOwnerDeletion: true};

async function make(namespace: string, name: string, metadata: ObjectMeta = {}): Promise<ConfigMap> {
  return await client.kind(kinds.ConfigMap).create({metadata: {...metadata, name, namespace}});
}

async function remove(
  namespace: string,
  name: string,
  propagationPolicy: 'Background' | 'Foreground' | 'Orphan',
): Promise<void> {
  await client.kind(kinds.ConfigMap).delete({name, namespace}, {propagationPolicy});
}

async function untilGone(namespace: string, name: string): Promise<void> {
  await waitForDeletion(client.kind(kinds.ConfigMap), {name, namespace}, patient);
}

async function untilMarked(namespace: string, name: string): Promise<ConfigMap> {
  const isMarked = ({metadata}: ConfigMap): boolean => metadata?.deletionTimestamp !== undefined;
  return await waitForObject(client.kind(kinds.ConfigMap), {name, namespace}, isMarked, patient);
}

async function release(namespace: string, name: string): Promise<void> {
  const body = [{op: 'remove', path: '/metadata/finalizers'}];
  await client.kind(kinds.ConfigMap).patch({name, namespace}, {type: 'json', body});
}

async function namesOf(namespace: string): Promise<string[]> {
  const {items} = await client.kind(kinds.ConfigMap).list({namespace});
  return items.map(({metadata}) => metadata?.name ?? '').filter((name) => name !== 'kube-root-ca.crt');
}

describe('garbage collection', () => {
  test('what is owned goes with its owner, in a chain', async () => {
    const namespace = await newNamespace();
    const top = await make(namespace, 'top');
    const middle = await make(namespace, 'middle', {ownerReferences: [ownedBy(top)]});
    await make(namespace, 'bottom', {ownerReferences: [ownedBy(middle)]});
    await make(namespace, 'stranger');
    await remove(namespace, 'top', 'Background');
    await untilGone(namespace, 'bottom');
    expect(await namesOf(namespace)).toEqual(['stranger']);
  });

  test('an owner that never was, was another one, or is in another namespace does not keep anything', async () => {
    const [namespace, other] = [await newNamespace(), await newNamespace()];
    const living = await make(namespace, 'living');
    const foreign = await make(other, 'foreign');
    await make(namespace, 'kept', {ownerReferences: [ownedBy(living)]});
    await make(namespace, 'of-unknown-kind', {
      ownerReferences: [{apiVersion: 'example.com/v1', kind: 'Unknown', name: 'x', uid: NOBODY}],
    });
    const lost: Record<string, OwnerReference> = {
      'of-nobody': {...ownedBy(living), name: 'nobody'},
      'of-another': {...ownedBy(living), uid: NOBODY},
      'of-a-foreigner': ownedBy(foreign),
      // It was the kind, not the object, that was wrong.
      'of-another-kind': ownedBy(living, kinds.Secret),
    };
    for (const [name, reference] of Object.entries(lost)) await make(namespace, name, {ownerReferences: [reference]});
    for (const name of Object.keys(lost)) await untilGone(namespace, name);
    expect(await namesOf(namespace)).toEqual(['kept', 'living', 'of-unknown-kind']);
    expect(await namesOf(other)).toEqual(['foreign']);
  });

  test('one owner is enough; a reference to one that is gone is taken away', async () => {
    const namespace = await newNamespace();
    const [one, two] = [await make(namespace, 'one'), await make(namespace, 'two')];
    await make(namespace, 'shared', {ownerReferences: [ownedBy(one), ownedBy(two)]});
    await remove(namespace, 'one', 'Background');
    const left = await waitForObject(
      client.kind(kinds.ConfigMap),
      {name: 'shared', namespace},
      ({metadata}) => metadata?.ownerReferences?.length === 1,
      patient,
    );
    expect(left.metadata?.ownerReferences).toEqual([ownedBy(two)]);
    await remove(namespace, 'two', 'Background');
    await untilGone(namespace, 'shared');
  });

  test('in the foreground an owner waits for what blocks him, and for nothing else', async () => {
    const namespace = await newNamespace();
    const owner = await make(namespace, 'owner');
    const finalizers = [HOLD];
    const child = await make(namespace, 'child', {ownerReferences: [ownedBy(owner, kinds.ConfigMap, blocking)]});
    await make(namespace, 'grandchild', {ownerReferences: [ownedBy(child, kinds.ConfigMap, blocking)], finalizers});
    await make(namespace, 'free', {ownerReferences: [ownedBy(owner)], finalizers});
    await remove(namespace, 'owner', 'Foreground');
    await Promise.all(['owner', 'child', 'grandchild', 'free'].map((name) => untilMarked(namespace, name)));
    const waiting = await client.kind(kinds.ConfigMap).get('child', {namespace});
    expect(waiting.metadata?.finalizers).toEqual(['foregroundDeletion']);
    await release(namespace, 'grandchild');
    await untilGone(namespace, 'owner');
    expect(await namesOf(namespace)).toEqual(['free']);
    await release(namespace, 'free');
    await untilGone(namespace, 'free');
  });

  test('what an owner in the foreground shares with a living one stays', async () => {
    const namespace = await newNamespace();
    const [going, staying] = [await make(namespace, 'going'), await make(namespace, 'staying')];
    await make(namespace, 'shared', {
      ownerReferences: [ownedBy(going, kinds.ConfigMap, blocking), ownedBy(staying)],
    });
    await remove(namespace, 'going', 'Foreground');
    await untilGone(namespace, 'going');
    const shared = await client.kind(kinds.ConfigMap).get('shared', {namespace});
    expect(shared.metadata?.ownerReferences).toEqual([ownedBy(staying)]);
  });

  test('two that own each other do not wait for each other for ever', async () => {
    const namespace = await newNamespace();
    const one = await make(namespace, 'one');
    const two = await make(namespace, 'two', {ownerReferences: [ownedBy(one, kinds.ConfigMap, blocking)]});
    const body = {metadata: {ownerReferences: [ownedBy(two, kinds.ConfigMap, blocking)]}};
    await client.kind(kinds.ConfigMap).patch({name: 'one', namespace}, {type: 'merge', body});
    await remove(namespace, 'one', 'Foreground');
    await Promise.all([untilGone(namespace, 'one'), untilGone(namespace, 'two')]);
  });

  test('orphans stay, and have lost their owner', async () => {
    const namespace = await newNamespace();
    const [owner, other] = [await make(namespace, 'owner'), await make(namespace, 'other')];
    await make(namespace, 'one', {ownerReferences: [ownedBy(owner, kinds.ConfigMap, blocking)]});
    await make(namespace, 'two', {ownerReferences: [ownedBy(other), ownedBy(owner)]});
    await remove(namespace, 'owner', 'Orphan');
    await untilGone(namespace, 'owner');
    const [one, two] = await Promise.all(
      ['one', 'two'].map((name) => client.kind(kinds.ConfigMap).get(name, {namespace})),
    );
    expect(one?.metadata?.ownerReferences).toBeUndefined();
    expect(two?.metadata?.ownerReferences).toEqual([ownedBy(other)]);
  });
});

describe('namespaces', () => {
  test('have a ServiceAccount and a root certificate, which come back', async () => {
    const namespace = await newNamespace();
    const ref = {name: 'kube-root-ca.crt', namespace};
    const isRight = ({data}: ConfigMap): boolean => data?.['ca.crt'] === controlPlane.ca;
    const first = await waitForObject(client.kind(kinds.ConfigMap), ref, isRight);
    await client.kind(kinds.ConfigMap).patch(ref, {type: 'merge', body: {data: {'ca.crt': 'wrong'}}});
    await waitForObject(client.kind(kinds.ConfigMap), ref, isRight);
    await client.kind(kinds.ConfigMap).delete(ref);
    const isNew = ({metadata}: ConfigMap): boolean => metadata?.uid !== first.metadata?.uid;
    await waitForObject(client.kind(kinds.ConfigMap), ref, isNew);

    const account = {name: 'default', namespace};
    const {metadata} = await client.kind(kinds.ServiceAccount).get('default', {namespace});
    await client.kind(kinds.ServiceAccount).delete(account);
    await waitForObject(client.kind(kinds.ServiceAccount), account, ({metadata: own}) => own?.uid !== metadata?.uid);
  });

  test('go with all that is in them, Pods first, and tell what they wait for', async () => {
    const namespace = await newNamespace();
    const pods = client.kind(kinds.Pod);
    const finalizers = [HOLD];
    await pods.create({
      metadata: {name: 'held', namespace, finalizers},
      spec: {containers: [{name: 'c', image: 'i'}]},
    });
    await make(namespace, 'held', {finalizers});
    await make(namespace, 'free');
    await client.kind(widgets).create({metadata: {name: 'free', namespace}});
    const namespaces = client.kind(kinds.Namespace);
    await namespaces.delete({name: namespace});
    const tells = async (type: string, status: string, message: string): Promise<void> => {
      await waitForObject(
        namespaces,
        {name: namespace},
        ({status: own}) =>
          own?.conditions?.some(
            (each) => each.type === type && each.status === status && each.message?.includes(message),
          ) ?? false,
        patient,
      );
    };
    await tells('NamespaceDeletionContentFailure', 'False', 'may be waiting on finalization');
    expect(await namesOf(namespace)).toEqual(['free', 'held']);
    await pods.patch({name: 'held', namespace}, {type: 'merge', body: {metadata: {finalizers: null}}});
    await tells(
      'NamespaceContentRemaining',
      'True',
      'Some resources are remaining: configmaps. has 1 resource instances',
    );
    await tells(
      'NamespaceFinalizersRemaining',
      'True',
      `Some content in the namespace has finalizers remaining: ${HOLD} in 1 resource instances`,
    );
    expect(await namesOf(namespace)).toEqual(['held']);
    expect((await client.kind(widgets).list({namespace})).items).toEqual([]);
    expect((await namespaces.get(namespace)).status).toMatchObject({
      phase: 'Terminating',
      conditions: expect.arrayContaining([
        expect.objectContaining({type: 'NamespaceDeletionContentFailure', status: 'False', reason: 'ContentDeleted'}),
        expect.objectContaining({type: 'NamespaceDeletionDiscoveryFailure', status: 'False'}),
      ]),
    });
    await release(namespace, 'held');
    await waitForDeletion(namespaces, {name: namespace}, patient);
  }, 300_000);

  test('that others hold stay until these let go', async () => {
    const namespaces = client.kind(kinds.Namespace);
    const {metadata} = await namespaces.create({metadata: {generateName: 'held-', finalizers: [HOLD]}});
    const name = metadata?.name ?? '';
    await namespaces.delete({name});
    const emptied = await waitForObject(namespaces, {name}, ({spec}) => spec?.finalizers === undefined, patient);
    expect(emptied.metadata?.finalizers).toEqual([HOLD]);
    await namespaces.patch({name}, {type: 'merge', body: {metadata: {finalizers: null}}});
    await waitForDeletion(namespaces, {name}, patient);
  }, 300_000);
});

describe('Deployments', () => {
  const labels = {app: 'pool'};

  async function createDeployment(namespace: string, replicas: number, pod: object = {}): Promise<Deployment> {
    return await client.kind(kinds.Deployment).create({
      metadata: {name: 'pool', namespace, labels},
      spec: {
        replicas,
        selector: {matchLabels: labels},
        template: {metadata: {labels}, spec: {containers: [{name: 'c', image: 'one'}], ...pod}},
      },
    });
  }

  /** There is no node here: the test says which Pods are ready. */
  async function makeReady({metadata}: DeepReadonly<Pod>): Promise<void> {
    const {name = '', namespace} = metadata ?? {};
    const status = {phase: 'Running', conditions: [{type: 'Ready', status: 'True'}]};
    await client.kind(kinds.Pod).patchStatus({name, namespace}, {type: 'strategic', body: {status}});
  }

  async function podsOf(namespace: string, count: number, image = 'one'): Promise<DeepReadonly<Pod>[]> {
    const isOf = ({spec}: DeepReadonly<Pod>): boolean => spec?.containers[0]?.image === image;
    const pods = await waitFor(client.kind(kinds.Pod), (list) => list.filter(isOf).length === count, {
      namespace,
      ...patient,
      description: `${count} Pods of image ${image}`,
    });
    return pods.filter(isOf);
  }

  const status = (namespace: string, predicate: (deployment: Deployment) => boolean): Promise<Deployment> =>
    waitForObject(client.kind(kinds.Deployment), {name: 'pool', namespace}, predicate, patient);
  const condition = ({status: own}: Deployment, type: string) => own?.conditions?.find((other) => other.type === type);

  test('make Pods, replace them one by one for a new template, and scale', async () => {
    const namespace = await newNamespace();
    await createDeployment(namespace, 2);
    const pods = await podsOf(namespace, 2);
    for (const {metadata} of pods) {
      expect(metadata?.labels).toMatchObject({...labels, 'pod-template-hash': expect.any(String)});
      expect(metadata?.ownerReferences).toMatchObject([{controller: true, blockOwnerDeletion: true}]);
    }
    await status(namespace, ({status: own}) => own?.replicas === 2 && own.unavailableReplicas === 2);
    for (const pod of pods) await makeReady(pod);
    const up = await status(
      namespace,
      (own) => own.status?.readyReplicas === 2 && condition(own, 'Progressing')?.reason === 'NewReplicaSetAvailable',
    );
    expect(condition(up, 'Available')).toMatchObject({status: 'True', reason: 'MinimumReplicasAvailable'});

    const ref = {name: 'pool', namespace};
    const body = {spec: {template: {spec: {containers: [{name: 'c', image: 'two'}]}}}};
    await client.kind(kinds.Deployment).patch(ref, {type: 'strategic', body});
    const [first] = await podsOf(namespace, 1, 'two');
    expect(await podsOf(namespace, 2, 'one')).toHaveLength(2);
    await makeReady(first!);
    await podsOf(namespace, 1, 'one');
    const second = (await podsOf(namespace, 2, 'two')).find(({metadata}) => metadata?.name !== first?.metadata?.name);
    await makeReady(second!);
    await podsOf(namespace, 0, 'one');

    await client.kind(kinds.Deployment).patch(ref, {type: 'merge', body: {spec: {replicas: 1}}});
    await podsOf(namespace, 1, 'two');
    await status(namespace, ({status: own}) => own?.replicas === 1 && own.readyReplicas === 1);
  }, 300_000);

  test('replace a Pod that is deleted or fails, and take all with them when they go', async () => {
    const namespace = await newNamespace();
    await createDeployment(namespace, 1);
    const pods = client.kind(kinds.Pod);
    const [one] = await podsOf(namespace, 1);
    const isOther = ({metadata}: DeepReadonly<Pod>, than: DeepReadonly<Pod> | undefined): boolean =>
      metadata?.name !== than?.metadata?.name;
    await pods.delete({name: one?.metadata?.name ?? '', namespace}, {gracePeriodSeconds: 0});
    const [two] = await waitFor(pods, (list) => list.length === 1 && isOther(list[0]!, one), {namespace, ...patient});
    const ref = {name: two?.metadata?.name ?? '', namespace};
    await pods.patchStatus(ref, {type: 'merge', body: {status: {phase: 'Failed'}}});
    await waitFor(pods, (list) => list.some((pod) => isOther(pod, two)), {namespace, ...patient});
    await client.kind(kinds.Deployment).delete({name: 'pool', namespace}, {propagationPolicy: 'Foreground'});
    await waitForDeletion(client.kind(kinds.Deployment), {name: 'pool', namespace}, patient);
    expect((await pods.list({namespace})).items).toEqual([]);
  }, 300_000);

  test('say why they could not create a Pod, and try again', async () => {
    const namespace = await newNamespace();
    await createDeployment(namespace, 1, {serviceAccountName: 'late'});
    const refused = await status(namespace, (own) => condition(own, 'ReplicaFailure') !== undefined);
    expect(condition(refused, 'ReplicaFailure')).toMatchObject({
      reason: 'FailedCreate',
      message: expect.stringContaining('serviceaccount "late" not found'),
    });
    await client.kind(kinds.ServiceAccount).create({metadata: {name: 'late', namespace}});
    await podsOf(namespace, 1);
    await status(namespace, (own) => condition(own, 'ReplicaFailure') === undefined);
  }, 300_000);
});

// What is about other kinds comes last: kube-controller-manager takes its time to find them.

test('kinds of definitions own and are owned, also those of the whole cluster; one in a namespace owns none of those', async () => {
  const namespace = await newNamespace();
  const world = await client.kind(worlds).create({metadata: {name: 'earth'}});
  const widget = await client.kind(widgets).create({
    metadata: {name: 'one', namespace, ownerReferences: [ownedBy(world, worlds)]},
  });
  await make(namespace, 'of-widget', {ownerReferences: [ownedBy(widget, widgets)]});
  await client.kind(worlds).create({
    metadata: {name: 'of-widget', ownerReferences: [{...ownedBy(widget, widgets), uid: NOBODY}]},
  });
  // The definition changes: what was known of its objects is still known.
  const body = {spec: {versions: [{...definitionOf(widgets).spec.versions[0], additionalPrinterColumns: ageColumn}]}};
  await client.kind(kinds.CustomResourceDefinition).patch({name: 'widgets.example.org'}, {type: 'merge', body});
  await client.kind(worlds).delete({name: 'earth'}, {propagationPolicy: 'Background'});
  await untilGone(namespace, 'of-widget');
  await waitForDeletion(client.kind(widgets), {name: 'one', namespace}, patient);
  expect((await client.kind(worlds).list()).items.map(({metadata}) => metadata?.name)).toEqual(['of-widget']);
}, 300_000);

test('an owner of a kind that came later is looked for when it has come', async () => {
  await untilGone(early, 'early');
}, 300_000);
