import {describe, expect, test} from '@jest/globals';
import {type Run, type RuntimeSpec, runtimeKind} from '@kruntimes/api-types';
import {Ledger} from '@kruntimes/integration/support/ledger';
import {expectNothingLost, settledPods, underLoad} from '@kruntimes/integration/support/load';
import {RunWatch} from '@kruntimes/integration/support/run-watch';
import {kinds} from '@kruntimes/reconciler-kit';
import {createBashRuntime, createRun} from './support/bash-runtime.ts';
import {suite} from './support/suite.ts';
import {patient, systemNamespace} from './support/world.ts';

const namespace = 'load';
/** There is no release yet: the charts and images as they are, by a lower version. */
const previous = '0.0.0-previous';
const images = ['controller', 'scheduler', 'runtimed', 'runtime-maintainer'];

let ledger: Ledger;
let watch: RunWatch;

const e2e = suite(async (world) => {
  await world.installDefinitions();
  await world.helm.publish(previous);
  for (const image of images) {
    const name = `docker.io/library/kruntimes-${image}`;
    await world.cluster.tagImage(`${name}:${world.version}`, `${name}:${previous}`);
  }
  await world.release({name: 'kruntimes', namespace: systemNamespace, version: previous});
  await world.createNamespace(namespace);
  const volume = await world.createVolume({namespace, name: 'ledger'});
  ledger = new Ledger(volume.directory, '/ledger');
  await world.client.kind(kinds.PersistentVolumeClaim).create({
    metadata: {name: 'ledger', namespace},
    spec: {accessModes: ['ReadWriteMany'], storageClassName: '', resources: {requests: {storage: '1Gi'}}},
  });
  watch = await RunWatch.start(world.client, namespace);
  world.defer(() => watch.stop());
  await createBashRuntime(world.client, {namespace, spec: {replicas: 2, template: template()}});
  await settled(2, []);
});

/** A grace period that no Run outlives. */
function template(env: Record<string, string> = {}): RuntimeSpec['template'] {
  return {
    spec: {
      terminationGracePeriodSeconds: 300,
      volumes: [{name: 'ledger', persistentVolumeClaim: {claimName: 'ledger'}}],
      containers: [
        {
          name: 'runtime',
          image: 'kruntimes-bash-runtime:latest',
          imagePullPolicy: 'IfNotPresent',
          env: Object.entries(env).map(([name, value]) => ({name, value})),
          volumeMounts: [{name: 'ledger', mountPath: '/ledger'}],
        },
      ],
    },
  };
}

async function settled(count: number, old: readonly string[]): Promise<string[]> {
  return await settledPods(e2e.world.client, {namespace, count, old, ...patient});
}

async function change(spec: object): Promise<void> {
  await e2e.world.client.kind(runtimeKind).patch({name: 'bash', namespace}, {type: 'merge', body: {spec}});
}

async function load(act: () => Promise<void>): Promise<Run[]> {
  ledger.clear();
  return await underLoad(
    {
      ledger,
      create: (spec) => createRun(e2e.world.client, namespace, spec),
      ended: (name) => watch.ended(namespace, name, patient.timeoutMs),
    },
    act,
  );
}

/** Images of our containers: of the control plane, and of runtimed in Runtime Pods. */
async function ourImages(): Promise<string[]> {
  const pods = e2e.world.client.kind(kinds.Pod);
  const lists = await Promise.all([pods.list({namespace: systemNamespace}), pods.list({namespace})]);
  const containers = lists
    .flatMap(({items}) => items)
    .filter(({metadata}) => metadata?.deletionTimestamp === undefined)
    .flatMap(({spec}) => [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]);
  const found = new Set(containers.map(({image = ''}) => image).filter((image) => !image.includes('bash-runtime')));
  return [...found].toSorted();
}

describe('while Runs arrive all the time, none is lost and none runs twice', () => {
  test(
    'when the chart is upgraded from the previous version',
    e2e.reported(async () => {
      const {version} = e2e.world;
      const imagesOf = (tag: string): string[] =>
        ['controller', 'runtimed', 'scheduler'].map((name) => `kruntimes-${name}:${tag}`);
      expect(await ourImages()).toEqual(imagesOf(previous));
      const old = await settled(2, []);
      const runs = await load(async () => {
        await e2e.world.installDefinitions();
        await e2e.world.release({name: 'kruntimes', namespace: systemNamespace});
        await settled(2, old);
      });
      expectNothingLost(runs, ledger);
      expect(await ourImages()).toEqual(imagesOf(version));
      console.info(`${runs.length} Runs during the upgrade`);
    }),
  );

  test(
    'when the template of the Runtime changes',
    e2e.reported(async () => {
      const old = await settled(2, []);
      const runs = await load(async () => {
        await change({template: template({VERSION: '2'})});
        await settled(2, old);
      });
      expectNothingLost(runs, ledger);
      const places = [...new Set(runs.map(({status}) => status?.assignedPodUID ?? ''))];
      expect(places.some((uid) => old.includes(uid))).toBe(true);
      expect(places.some((uid) => !old.includes(uid))).toBe(true);
      console.info(`${runs.length} Runs during the rollout`);
    }),
  );

  test(
    'when the Runtime is scaled up and down and its capacity changes',
    e2e.reported(async () => {
      const runs = await load(async () => {
        await change({replicas: 3});
        await settled(3, []);
        await change({replicas: 1});
        const old = await settled(1, []);
        await change({capacity: {resources: {runs: 2}}});
        await settled(1, old);
      });
      expectNothingLost(runs, ledger);
      console.info(`${runs.length} Runs while scaling`);
    }),
  );
});
