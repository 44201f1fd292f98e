import {afterAll, beforeAll, beforeEach, describe, expect, test} from '@jest/globals';
import {API_VERSION, RUNTIME_LABEL, type Run, type RunSpec, type RuntimeSpec, runtimeKind} from '@kruntimes/api-types';
import {kinds} from '@kruntimes/reconciler-kit';
import {Ledger} from './support/ledger.ts';
import {expectNothingLost, underLoad as load, settledPods} from './support/load.ts';
import {System} from './support/system.ts';

const timeoutMs = 180_000;

let system: System;
let namespace: string;
let ledger: Ledger;

beforeAll(async () => {
  system = await System.start();
  ledger = new Ledger(system.directory);
}, 120_000);
beforeEach(async () => {
  ledger.clear();
  namespace = await system.createNamespace();
});
afterAll(() => system?.stop());

const runtimes = () => system.cluster.client.kind(runtimeKind);
const pods = () => system.cluster.client.kind(kinds.Pod);

function template(graceSeconds: number, env: Record<string, string> = {}): RuntimeSpec['template'] {
  return {
    spec: {
      terminationGracePeriodSeconds: graceSeconds,
      containers: [
        {
          name: 'runtime',
          image: 'kruntimes-bash-runtime:latest',
          env: Object.entries(env).map(([name, value]) => ({name, value})),
        },
      ],
    },
  };
}

async function createRuntime(spec: RuntimeSpec): Promise<void> {
  await runtimes().create({apiVersion: API_VERSION, kind: 'Runtime', metadata: {name: 'bash', namespace}, spec});
  await settled(spec.replicas ?? 1, []);
}

async function change(spec: object): Promise<void> {
  await runtimes().patch({name: 'bash', namespace}, {type: 'merge', body: {spec}});
}

/** Resolves when there are exactly so many Pods, all ready, and none of `old`. @returns their UIDs */
async function settled(count: number, old: readonly string[]): Promise<string[]> {
  return await settledPods(system.cluster.client, {namespace, count, old, timeoutMs});
}

/** @returns the Runs that arrived while `act` did its work, ended */
async function underLoad(act: () => Promise<void>): Promise<Run[]> {
  const target = {
    ledger,
    create: (spec: Partial<RunSpec>) => system.create(namespace, spec),
    ended: (name: string) => system.ended(namespace, name, timeoutMs),
  };
  return await load(target, act);
}

describe('while Runs arrive all the time, none is lost and none runs twice', () => {
  test('when the template changes', async () => {
    await createRuntime({replicas: 2, capacity: {resources: {runs: 4}}, template: template(600)});
    const old = await settled(2, []);
    const runs = await underLoad(async () => {
      await change({template: template(600, {VERSION: '2'})});
      await settled(2, old);
    });
    expectNothingLost(runs, ledger);
    const places = new Set(runs.map(({status}) => status?.assignedPodUID));
    expect([...places].some((uid) => old.includes(uid ?? ''))).toBe(true);
    expect([...places].some((uid) => !old.includes(uid ?? ''))).toBe(true);
  }, 400_000);

  test('when the Runtime is scaled up and down and its capacity changes', async () => {
    await createRuntime({replicas: 1, capacity: {resources: {runs: 4}}, template: template(600)});
    const runs = await underLoad(async () => {
      await change({replicas: 3});
      await settled(3, []);
      await change({replicas: 1});
      const old = await settled(1, []);
      await change({capacity: {resources: {runs: 2}}});
      await settled(1, old);
    });
    expectNothingLost(runs, ledger);
  }, 600_000);

  test('when its Pods are deleted, one by one and all at once', async () => {
    await createRuntime({replicas: 2, capacity: {resources: {runs: 4}}, template: template(600)});
    const runs = await underLoad(async () => {
      const {items} = await pods().list({namespace, labelSelector: RUNTIME_LABEL});
      const [one] = items;
      await pods().delete({namespace, name: one?.metadata?.name ?? ''});
      const both = await settled(2, [one?.metadata?.uid ?? '']);
      const present = await pods().list({namespace, labelSelector: RUNTIME_LABEL});
      await Promise.all(present.items.map(({metadata}) => pods().delete({namespace, name: metadata?.name ?? ''})));
      await settled(2, both);
    });
    expectNothingLost(runs, ledger);
  }, 600_000);
});

test('a Run that outlives the grace period is ended, and runs again on another Pod when it has ended', async () => {
  await createRuntime({replicas: 2, capacity: {resources: {runs: 4}}, template: template(20)});
  const script = ledger.script('if [ "$KRUNTIME_RUN_ATTEMPT" = 1 ]; then sleep 600; fi');
  const created = await Promise.all(
    Array.from({length: 4}, () => system.create(namespace, {source: {inline: script}})),
  );
  const names = created.map(({metadata}) => metadata?.name ?? '');
  const running = await Promise.all(names.map((name) => system.phase(namespace, name, 'Running')));
  await ledger.started(4);
  const pod = running[0]?.status?.assignedPod ?? '';
  await pods().delete({namespace, name: pod});
  const moved = running.filter(({status}) => status?.assignedPod === pod).map(({metadata}) => metadata?.name ?? '');
  for (const name of moved) {
    const {status} = await system.ended(namespace, name, timeoutMs);
    expect(status).toMatchObject({phase: 'Succeeded', attempt: 2, disruptions: 1});
    expect(status?.attempts?.[0]).toMatchObject({number: 1, reason: 'PodTerminating'});
    expect(status?.assignedPod).not.toBe(pod);
  }
  expect(ledger.overlaps()).toEqual([]);
  const stayed = names.filter((name) => !moved.includes(name));
  for (const name of stayed) await system.cancel(namespace, name);
  for (const name of stayed) {
    expect((await system.ended(namespace, name, timeoutMs)).status).toMatchObject({phase: 'Cancelled', attempt: 1});
  }
}, 400_000);
