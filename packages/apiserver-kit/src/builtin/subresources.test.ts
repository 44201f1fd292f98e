import {describe, expect, it} from '@jest/globals';
import {systemClock} from '../clock.ts';
import type {JsonObject} from '../json/json-value.ts';
import {apiVersionOf, type KubeObject} from '../kube-object.ts';
import {Registry} from '../registry/registry.ts';
import type {RequestContext} from '../registry/request-context.ts';
import {systemContext} from '../registry/system-context.ts';
import {createMemoryStorage} from '../storage/memory-storage.ts';
import {builtinResources} from './builtin-resources.ts';

const now = new Date('2026-01-02T03:04:05Z');

/** A registry with all kinds, on memory. */
class Cluster {
  readonly registry: Registry;
  readonly #storage = createMemoryStorage();

  constructor() {
    this.registry = new Registry(this.#storage, {clock: systemClock, random: () => 0.5, admission: () => []});
  }

  static async start(): Promise<Cluster> {
    const cluster = new Cluster();
    for (const resource of builtinResources({stores: cluster.registry, now: () => now}))
      await cluster.registry.install(resource);
    return cluster;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.registry.close();
    await this.#storage.close();
  }

  context(group: string, plural: string, more: Partial<RequestContext> & {verb: string}): RequestContext {
    const namespace = plural === 'namespaces' ? '' : 'team';
    return systemContext({group, plural, storageVersion: 'v1'}, {namespace, ...more});
  }

  async create(group: string, plural: string, body: JsonObject): Promise<KubeObject> {
    const {resource, store} = this.registry.find(group, 'v1', plural)!;
    const object = {apiVersion: apiVersionOf(group, 'v1'), kind: resource.kind, metadata: {}, ...body};
    return (await store!.create(this.context(group, plural, {verb: 'create'}), object)).object;
  }

  get(group: string, plural: string, name: string): KubeObject | undefined {
    const key = plural === 'namespaces' ? name : `team/${name}`;
    return this.registry.get(group, plural)!.cache.get(key)?.object;
  }

  /** @param path such as `pods/binding` */
  async post(path: string, name: string, body: JsonObject): Promise<KubeObject> {
    const [plural = '', subresource = ''] = path.split('/');
    const {resource} = this.registry.find('', 'v1', plural)!;
    const {handle} = resource.subresources!.find((each) => each.name === subresource)!;
    const context = this.context('', plural, {verb: 'create', name, subresource});
    return await handle!(context, {apiVersion: 'v1', kind: 'X', metadata: {name}, ...body});
  }

  async status(group: string, plural: string, name: string, status: JsonObject): Promise<void> {
    const context = this.context(group, plural, {verb: 'update', name, subresource: 'status'});
    await this.registry.get(group, plural)!.update(context, name, (current) => ({...current, status}));
  }
}

const spec = {containers: [{name: 'a', image: 'i'}]};

describe('pods/binding', () => {
  it('gives a Pod to a node, once', async () => {
    await using cluster = await Cluster.start();
    await cluster.create('', 'pods', {metadata: {name: 'p'}, spec});
    const bind = (node: string): Promise<KubeObject> =>
      cluster.post('pods/binding', 'p', {target: {kind: 'Node', name: node}});
    expect(await bind('n1')).toMatchObject({kind: 'Status', status: 'Success', code: 201});
    expect(cluster.get('', 'pods', 'p')).toMatchObject({
      spec: {nodeName: 'n1'},
      status: {conditions: [{type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-01-02T03:04:05Z'}]},
    });
    await expect(bind('n2')).rejects.toMatchObject({
      code: 409,
      message: 'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"',
    });
  });

  it('refuses what it does not understand', async () => {
    await using cluster = await Cluster.start();
    await cluster.create('', 'pods', {metadata: {name: 'p'}, spec: {...spec, schedulingGates: [{name: 'a.b/c'}]}});
    await expect(cluster.post('pods/binding', 'p', {target: {kind: 'Pod', name: ''}})).rejects.toMatchObject({
      code: 500,
      message:
        '[target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>", target.name: Required value]',
    });
    await expect(
      cluster.post('pods/binding', 'p', {metadata: {name: 'q'}, target: {kind: 'Node', name: 'n'}}),
    ).rejects.toMatchObject({code: 400, message: 'name in URL does not match name in Binding object'});
    await expect(cluster.post('pods/binding', 'p', {target: {name: 'n'}})).rejects.toMatchObject({code: 409});
  });
});

describe('pods/eviction', () => {
  it('deletes a Pod as far as its budget allows', async () => {
    await using cluster = await Cluster.start();
    const labels = {x: 'y'};
    for (const name of ['p', 'q']) {
      await cluster.create('', 'pods', {metadata: {name, labels}, spec: {...spec, nodeName: 'n'}});
      await cluster.status('', 'pods', name, {phase: 'Running', qosClass: 'BestEffort'});
    }
    await cluster.create('policy', 'poddisruptionbudgets', {
      metadata: {name: 'b'},
      spec: {minAvailable: 1, selector: {matchLabels: labels}},
    });
    const counts = {currentHealthy: 2, desiredHealthy: 1, expectedPods: 2};
    await expect(cluster.post('pods/eviction', 'p', {})).rejects.toMatchObject({
      code: 429,
      details: {
        causes: [{message: 'The disruption budget b is still being processed by the server.'}],
        retryAfterSeconds: 10,
      },
    });
    await cluster.status('policy', 'poddisruptionbudgets', 'b', {
      ...counts,
      disruptionsAllowed: 1,
      observedGeneration: 1,
    });
    expect(await cluster.post('pods/eviction', 'p', {})).toMatchObject({status: 'Success'});
    expect(cluster.get('', 'pods', 'p')).toMatchObject({
      metadata: {deletionTimestamp: expect.anything(), deletionGracePeriodSeconds: 30},
      status: {conditions: [{type: 'DisruptionTarget', reason: 'EvictionByEvictionAPI'}]},
    });
    expect(cluster.get('policy', 'poddisruptionbudgets', 'b')).toMatchObject({
      status: {disruptionsAllowed: 0, disruptedPods: {p: '2026-01-02T03:04:05Z'}},
    });
    await expect(cluster.post('pods/eviction', 'q', {})).rejects.toMatchObject({
      code: 429,
      details: {causes: [{message: 'The disruption budget b needs 1 healthy pods and has 2 currently'}]},
    });
    await expect(cluster.post('pods/eviction', 'none', {})).rejects.toMatchObject({code: 404});
  });
});

describe('namespaces/finalize', () => {
  it('lets a Namespace go that is deleted', async () => {
    await using cluster = await Cluster.start();
    await cluster.create('', 'namespaces', {metadata: {name: 'n'}});
    const store = cluster.registry.get('', 'namespaces')!;
    await store.delete(cluster.context('', 'namespaces', {verb: 'delete', name: 'n'}), 'n');
    expect(cluster.get('', 'namespaces', 'n')).toMatchObject({status: {phase: 'Terminating'}});
    await cluster.post('namespaces/finalize', 'n', {spec: {}});
    expect(cluster.get('', 'namespaces', 'n')).toBeUndefined();
  });
});

it('Services have addresses of their own', async () => {
  await using cluster = await Cluster.start();
  const addresses = new Set<unknown>();
  for (const name of ['a', 'b', 'c']) {
    const {spec: made} = (await cluster.create('', 'services', {metadata: {name}, spec: {ports: [{port: 80}]}})) as {
      spec?: JsonObject;
    };
    addresses.add(made?.['clusterIP']);
  }
  expect(addresses.size).toBe(3);
  const taken = cluster.get('', 'services', 'a')!['spec'] as JsonObject;
  const clusterIP = taken['clusterIP'] ?? '';
  await expect(
    cluster.create('', 'services', {metadata: {name: 'd'}, spec: {clusterIP, ports: [{port: 80}]}}),
  ).rejects.toMatchObject({code: 422, message: expect.stringContaining('provided IP is already allocated')});
});

it('an Event is there in both groups, whoever wrote it', async () => {
  await using cluster = await Cluster.start();
  const involvedObject = {kind: 'Pod', name: 'p', namespace: 'team'};
  await cluster.create('', 'events', {metadata: {name: 'one'}, involvedObject, message: 'm', type: 'Normal'});
  await cluster.create('events.k8s.io', 'events', {
    metadata: {name: 'two'},
    regarding: involvedObject,
    note: 'n',
    type: 'Warning',
    eventTime: '2026-01-01T00:00:00.000000Z',
    action: 'a',
    reason: 'r',
    reportingController: 'example.com/c',
    reportingInstance: 'i',
  });
  const core = cluster.registry.get('', 'events')!;
  const group = cluster.registry.get('events.k8s.io', 'events')!;
  await Promise.all([core.cache.fresh(), group.cache.fresh()]);
  expect(cluster.get('events.k8s.io', 'events', 'one')).toMatchObject({apiVersion: 'events.k8s.io/v1', note: 'm'});
  expect(cluster.get('', 'events', 'two')).toMatchObject({apiVersion: 'v1', message: 'n', involvedObject});
  const [one, two] = [core, group].map(({cache}) => cache.get('team/two')?.revision);
  expect(one).toBe(two);
});
