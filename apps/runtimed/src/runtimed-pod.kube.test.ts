import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {leaseName, RUNTIME_LABEL, RUNTIMED_READY_CONDITION} from '@kruntimes/api-types';
import {kinds} from '@kruntimes/reconciler-kit';
import {FaultProxy, waitForObject} from '@kruntimes/reconciler-kit/testing';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {PodWorld} from './pod-world.fixture.ts';

let world: PodWorld;

beforeEach(async () => {
  world = await PodWorld.create();
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const conditionOf = (pod: Pod) => pod.status?.conditions?.find(({type}) => type === RUNTIMED_READY_CONDITION);
const isReady = (pod: Pod) => conditionOf(pod)?.status === 'True';
const isNotReady = (reason: string) => (pod: Pod) =>
  conditionOf(pod)?.status === 'False' && conditionOf(pod)?.reason === reason;
const podPatches = async () => {
  const user = `system:serviceaccount:${world.namespace}:runtimed`;
  const events = await world.controlPlane.auditEvents();
  return events.filter(({user: {username}, verb}) => username === user && verb === 'patch').length;
};

describe('the Pod condition', () => {
  test('is True once Runs can be executed, and False while the Runtime server is away', async () => {
    const server = await world.serveRuntime();
    world.startRuntimed();
    expect(conditionOf(await world.untilPod(isReady))).toMatchObject({reason: 'Serving', status: 'True'});
    await server.close();
    const away = conditionOf(await world.untilPod(isNotReady('RuntimeUnavailable')));
    expect(away?.message).toContain('Runtime server at unix://');
    await world.serveRuntime();
    await world.untilPod(isReady);
    expect(await podPatches()).toBe(3);
  });

  test('is not written before there is anything to say', async () => {
    const {runtimed} = world.startRuntimed();
    await waitForObject(world.client.kind(kinds.Lease), {name: leaseName(world.pod.uid), namespace: world.namespace});
    expect(runtimed.state).toMatchObject({ready: false});
    expect(await podPatches()).toBe(0);
  });

  test('is turned on again after the controller turned it off', async () => {
    await world.serveRuntime();
    world.startRuntimed();
    const ready = conditionOf(await world.untilPod(isReady));
    const condition = {
      ...ready,
      status: 'False',
      reason: 'LeaseExpired',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    const off = await world.client
      .kind(kinds.Pod)
      .patchStatus(world.pod, {type: 'strategic', body: {status: {conditions: [condition]}}});
    expect(isReady(off)).toBe(false);
    await world.untilPod((pod) => isReady(pod) && pod.metadata?.resourceVersion !== off.metadata?.resourceVersion);
  });

  test('is False when runtimed has stopped', async () => {
    await world.serveRuntime();
    const {stop} = world.startRuntimed();
    await world.untilPod(isReady);
    await stop();
    expect(isNotReady('PodTerminating')(await world.client.kind(kinds.Pod).get(world.pod.name, world.pod))).toBe(true);
  });

  test('leaves other conditions alone', async () => {
    await world.client.kind(kinds.Pod).patchStatus(world.pod, {
      type: 'strategic',
      body: {status: {conditions: [{type: 'Initialized', status: 'True'}]}},
    });
    await world.serveRuntime();
    world.startRuntimed();
    const pod = await world.untilPod(isReady);
    expect(pod.status?.conditions).toContainEqual(expect.objectContaining({type: 'Initialized', status: 'True'}));
  });
});

const leases = () => world.client.kind(kinds.Lease);
const ref = () => ({name: leaseName(world.pod.uid), namespace: world.namespace});

describe('the Lease', () => {
  test('belongs to the Pod and is renewed', async () => {
    world.startRuntimed({leaseRenewSeconds: 1});
    const lease = await waitForObject(leases(), ref());
    expect(lease.metadata).toMatchObject({
      labels: {[RUNTIME_LABEL]: 'bash'},
      ownerReferences: [{kind: 'Pod', name: world.pod.name, uid: world.pod.uid}],
    });
    expect(lease.spec).toMatchObject({holderIdentity: world.pod.name, leaseDurationSeconds: 40});
    const renewed = await waitForObject(leases(), ref(), ({spec}) => spec?.renewTime !== lease.spec?.renewTime);
    expect(renewed.spec?.acquireTime).toBe(lease.spec?.acquireTime);
  });

  test('is made again when it is gone, and taken over from an earlier process', async () => {
    const first = world.startRuntimed({leaseRenewSeconds: 1});
    const lease = await waitForObject(leases(), ref());
    await leases().delete(ref());
    await waitForObject(leases(), ref(), ({metadata}) => metadata?.uid !== lease.metadata?.uid);
    await first.stop();
    const {metadata} = await leases().get(ref().name, ref());
    world.startRuntimed({leaseRenewSeconds: 1});
    const renewed = await waitForObject(
      leases(),
      ref(),
      (next) => next.metadata?.resourceVersion !== metadata?.resourceVersion,
    );
    expect(renewed.metadata?.uid).toBe(metadata?.uid);
  });

  test('that cannot be renewed for too long ends what runs', async () => {
    await world.serveRuntime();
    const proxy = await FaultProxy.start(world.config);
    world.defer(() => proxy.close());
    // 61 s less the minute of grace: one second.
    world.startRuntimed({config: proxy.config, leaseRenewSeconds: 10, unreachableSeconds: 64});
    await world.untilPod(isReady);
    const run = await world.run('run', 'exec sleep 60\n');
    await waitForWorkspace();
    await proxy.offline();
    while (world.log(run).end === undefined) await new Promise((resolve) => setImmediate(resolve));
    await proxy.online();
    const back = await world.until('run', ({status}) => status?.phase === 'Pending');
    expect(back.status).toMatchObject({reason: 'PodUnreachable', disruptions: 1});
    await world.untilClean();
  });
});

async function waitForWorkspace(): Promise<void> {
  while (world.workspaces().length === 0) await new Promise((resolve) => setImmediate(resolve));
}
