import {beforeEach, describe, expect, test} from '@jest/globals';
import {FixtureStores} from '../auth/stores.fixture.ts';
import type {JsonObject} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import {type AdmissionFixture, admissionAttributes} from './admission.fixture.ts';
import type {AdmissionPlugin} from './admission.ts';
import {defaultTolerationSeconds} from './default-tolerations.ts';
import {namespaceLifecycle} from './namespace-lifecycle.ts';
import {priorityAdmission} from './priority.ts';
import {storageObjectInUseProtection} from './storage-protection.ts';
import {taintNodesByCondition} from './taint-nodes.ts';

let stores: FixtureStores;
const namespace = (name: string, phase: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {name},
  status: {phase},
});
const object = (kind: string, more: JsonObject = {}, namespaceName = 'ns'): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: {name: 'x', namespace: namespaceName},
  ...more,
});
beforeEach(() => {
  stores = new FixtureStores().put('namespaces', namespace('ns', 'Active'), namespace('old', 'Terminating'));
});

const admit = async (plugin: AdmissionPlugin, fixture: AdmissionFixture): Promise<void> =>
  await plugin.admit?.(admissionAttributes(fixture));

describe('NamespaceLifecycle', () => {
  const write = async (fixture: AdmissionFixture): Promise<void> => await admit(namespaceLifecycle(stores), fixture);

  test('lets nothing be made where there is no namespace, or one that goes', async () => {
    await expect(write({object: object('Pod')})).resolves.toBeUndefined();
    await expect(write({object: object('Pod', {}, 'none')})).rejects.toMatchObject({
      code: 404,
      message: 'namespaces "none" not found',
    });
    await expect(write({object: object('Pod', {}, 'old')})).rejects.toMatchObject({
      code: 403,
      message: 'pods "x" is forbidden: unable to create new content in namespace old because it is being terminated',
      details: {
        causes: [
          {
            reason: 'NamespaceTerminating',
            message: 'namespace old is being terminated',
            field: 'metadata.namespace',
          },
        ],
      },
    });
  });

  test('lets what is there be changed and deleted in a namespace that goes', async () => {
    const old = object('Pod', {}, 'old');
    await expect(write({operation: 'UPDATE', object: old, oldObject: old})).resolves.toBeUndefined();
    const gone = object('Pod', {}, 'none');
    await expect(write({operation: 'DELETE', oldObject: gone})).resolves.toBeUndefined();
  });

  test('keeps the namespaces of the system', async () => {
    const resource = {group: '', plural: 'namespaces', kind: 'Namespace'};
    const remove = (name: string): AdmissionFixture => ({
      operation: 'DELETE',
      resource,
      oldObject: namespace(name, 'Active'),
    });
    for (const name of ['default', 'kube-system', 'kube-public']) {
      await expect(write(remove(name))).rejects.toMatchObject({
        code: 403,
        message: `namespaces "${name}" is forbidden: this namespace may not be deleted`,
      });
    }
    await expect(write(remove('ns'))).resolves.toBeUndefined();
  });

  test('tells nobody by a review which namespaces there are', async () => {
    const resource = {group: 'authorization.k8s.io', plural: 'localsubjectaccessreviews', kind: 'L'};
    await expect(write({resource, object: object('L', {}, 'none')})).resolves.toBeUndefined();
  });
});

describe('Priority', () => {
  const spec = async (given: JsonObject): Promise<JsonObject> => {
    const pod = object('Pod', {spec: given});
    await admit(priorityAdmission(stores), {object: pod});
    return pod['spec'] as JsonObject;
  };
  const priorityClass = (name: string, value: number, more: JsonObject = {}): KubeObject => ({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: {name},
    value,
    ...more,
  });

  test('is 0, that of the class, or that of the class for all', async () => {
    expect(await spec({})).toEqual({priority: 0, preemptionPolicy: 'PreemptLowerPriority'});
    stores.put('priorityclasses', priorityClass('high', 10, {preemptionPolicy: 'Never'}));
    expect(await spec({priorityClassName: 'high'})).toEqual({
      priorityClassName: 'high',
      priority: 10,
      preemptionPolicy: 'Never',
    });
    stores.put('priorityclasses', priorityClass('all', 3, {globalDefault: true}));
    expect(await spec({})).toMatchObject({priorityClassName: 'all', priority: 3});
  });

  test('cannot be chosen', async () => {
    await expect(spec({priorityClassName: 'none'})).rejects.toThrow('no PriorityClass with name none was found');
    await expect(spec({priority: 5})).rejects.toThrow(
      'the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
    );
  });
});

describe('DefaultTolerationSeconds', () => {
  const added = (key: string): JsonObject => ({key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300});
  const tolerations = async (given: JsonObject[]): Promise<unknown> => {
    const pod = object('Pod', {spec: {tolerations: given}});
    await admit(defaultTolerationSeconds, {object: pod});
    return (pod['spec'] as JsonObject)['tolerations'];
  };

  test('adds what a Pod does not tolerate itself', async () => {
    const [notReady, unreachable] = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'].map(added);
    expect(await tolerations([])).toEqual([notReady, unreachable]);
    const own = {key: 'node.kubernetes.io/not-ready', operator: 'Exists'};
    expect(await tolerations([own])).toEqual([own, unreachable]);
    const all = {operator: 'Exists'};
    expect(await tolerations([all])).toEqual([all]);
  });
});

test('a new Node takes no Pods', async () => {
  const made: KubeObject = {apiVersion: 'v1', kind: 'Node', metadata: {name: 'n'}};
  const resource = {group: '', plural: 'nodes', kind: 'Node'};
  for (let i = 0; i < 2; i++) await admit(taintNodesByCondition, {resource, object: made});
  expect(made['spec']).toEqual({taints: [{key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule'}]});
});

test('claims stay until nobody uses them', async () => {
  const claim = object('PersistentVolumeClaim');
  const resource = {group: '', plural: 'persistentvolumeclaims', kind: 'PersistentVolumeClaim'};
  for (let i = 0; i < 2; i++) await admit(storageObjectInUseProtection, {resource, object: claim});
  expect(claim.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection']);
});
