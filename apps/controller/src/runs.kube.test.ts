import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {bindStatus, endAttemptStatus, fenceOf, leaseName, type Run, runKind, runtimeKind} from '@kruntimes/api-types';
import {kinds, microTime} from '@kruntimes/reconciler-kit';
import {waitFor, waitForDeletion, waitForObject} from '@kruntimes/reconciler-kit/testing';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {fastClock, KubeWorld} from './kube-world.fixture.ts';

let world: KubeWorld;

beforeEach(async () => {
  world = await KubeWorld.create();
});

afterEach(() => world.close());

const labels = {'kruntimes.io/runtime': 'bash'};
const runs = () => world.client.kind(runKind);
const ref = (name: string) => ({name, namespace: world.namespace});

async function addPod(name: string): Promise<Pod> {
  const pods = world.client.kind(kinds.Pod);
  const pod = await pods.create({
    metadata: {...ref(name), labels},
    spec: {containers: [{name: 'runtime', image: 'i'}], automountServiceAccountToken: false},
  });
  const conditions = [{type: 'kruntimes.io/RuntimedReady', status: 'True'}];
  await pods.patchStatus(ref(name), {type: 'merge', body: {status: {phase: 'Running', conditions}}});
  await world.client.kind(kinds.Lease).create({
    metadata: {...ref(leaseName(pod.metadata?.uid ?? '')), labels},
    spec: {holderIdentity: name, renewTime: microTime(Date.now())},
  });
  return pod;
}

async function addBoundRun(name: string, pod: Pod, spec: Partial<Run['spec']> = {}): Promise<Run> {
  const run = await runs().create({metadata: ref(name), spec: {runtime: 'bash', args: ['true'], ...spec}});
  const {name: podName = '', uid = ''} = pod.metadata ?? {};
  return runs().updateStatus({...run, status: bindStatus(run, {name: podName, uid}, new Date())});
}

async function addFinishedRun(name: string, spec: Partial<Run['spec']> = {}): Promise<Run> {
  const run = await addBoundRun(name, {metadata: {name: 'p', uid: 'u'}}, spec);
  const fence = fenceOf(run);
  if (fence === undefined) throw new Error('not bound');
  const end = {outcome: {kind: 'exited', exitCode: 0} as const};
  return runs().updateStatus({
    ...run,
    status: endAttemptStatus(run, fence, end, {now: new Date(), random: Math.random}),
  });
}

const untilReason = (name: string, reason: string) =>
  waitForObject(runs(), ref(name), (run) => run.status?.reason === reason);

describe('a Run whose Pod is no more', () => {
  test('is given back when the Pod is deleted, failed or replaced, and not before', async () => {
    world.startController();
    const [gone, failed, replaced, healthy] = await Promise.all(['gone', 'failed', 'replaced', 'healthy'].map(addPod));
    if (!gone || !failed || !replaced || !healthy) throw new Error('no Pods');
    await Promise.all([
      addBoundRun('on-gone', gone),
      addBoundRun('on-failed', failed),
      addBoundRun('on-replaced', replaced),
      addBoundRun('on-healthy', healthy),
    ]);
    const pods = world.client.kind(kinds.Pod);
    await pods.delete(ref('gone'), {gracePeriodSeconds: 0});
    await pods.patchStatus(ref('failed'), {type: 'merge', body: {status: {phase: 'Failed'}}});
    await pods.delete(ref('replaced'), {gracePeriodSeconds: 0});
    await addPod('replaced');
    for (const name of ['on-gone', 'on-failed', 'on-replaced']) {
      const run = await untilReason(name, 'PodGone');
      expect(run.status).toMatchObject({phase: 'Pending', attempt: 1, disruptions: 1});
      expect(run.spec.args).toEqual(['true']);
    }
    expect((await runs().get('on-healthy', {namespace: world.namespace})).status?.phase).toBe('Scheduled');
  });

  test('is found when the controller was away, and a cancelled one ends', async () => {
    const pod = await addPod('p');
    await addBoundRun('a', pod);
    await addBoundRun('b', pod, {cancelRequested: true});
    await world.client.kind(kinds.Pod).delete(ref('p'), {gracePeriodSeconds: 0});
    world.startController();
    await untilReason('a', 'PodGone');
    const cancelled = await untilReason('b', 'CancelRequested');
    expect(cancelled.status?.phase).toBe('Cancelled');
  });
});

describe('a silent Pod', () => {
  test('is marked, and its Runs are taken when it was unreachable for too long', async () => {
    await world.client.kind(runtimeKind).create({
      metadata: ref('bash'),
      spec: {
        replicas: 0,
        unreachableSeconds: 120,
        template: {spec: {containers: [{name: 'runtime', image: 'i'}]}},
      },
    });
    const silent = await addPod('silent');
    await addBoundRun('a', silent);
    world.startController({clock: fastClock(50)});
    const marked = await waitForObject(world.client.kind(kinds.Pod), ref('silent'), (pod) =>
      (pod.status?.conditions ?? []).some(({reason}) => reason === 'LeaseExpired'),
    );
    expect(marked.status?.conditions).toMatchObject([
      {type: 'kruntimes.io/RuntimedReady', status: 'False', reason: 'LeaseExpired'},
    ]);
    expect((await runs().get('a', {namespace: world.namespace})).status?.phase).toBe('Scheduled');
    const run = await untilReason('a', 'PodUnreachable');
    expect(run.status).toMatchObject({phase: 'Pending', disruptions: 1});
  });
});

describe('a finished Run', () => {
  test('is deleted when its time is over', async () => {
    // Before the controller begins: it takes Runs from Pods that there are not.
    await addFinishedRun('default');
    await addFinishedRun('at-once', {ttlSecondsAfterFinished: 0});
    await addFinishedRun('long', {ttlSecondsAfterFinished: 3600});
    world.startController({defaultRunTtl: 1});
    await addBoundRun('running', await addPod('p'));
    await waitForDeletion(runs(), ref('at-once'));
    await waitForDeletion(runs(), ref('default'));
    const left = await runs().list({namespace: world.namespace});
    expect(left.items.map(({metadata}) => metadata?.name).toSorted()).toEqual(['long', 'running']);
    await runs().patch(ref('long'), {type: 'merge', body: {spec: {ttlSecondsAfterFinished: 0}}});
    await waitForDeletion(runs(), ref('long'));
  });

  test('makes room for the next when there are too many', async () => {
    for (let i = 0; i < 6; i++) await addFinishedRun(`r${i}`);
    world.startController({maxFinishedRunsPerNamespace: 4});
    const left = await waitFor(runs(), (all) => all.length === 4, {namespace: world.namespace});
    expect(left.map(({metadata}) => metadata?.name).toSorted()).toEqual(['r2', 'r3', 'r4', 'r5']);
  });
});
