/**
 * The embedded API server beside kube-apiserver with etcd: the same client, the same machine, one run, taking turns.
 *
 * Usage: npm run bench:api-server [-- --objects=10000 --writes=2000 --rounds=3 --json=FILE]
 */
import {mkdir, writeFile} from 'node:fs/promises';
import {cpus} from 'node:os';
import {dirname} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import {type Run, runKind} from '@kruntimes/api-types';
import {runCrd} from '@kruntimes/api-types/crds';
import {Client, kinds, Transport} from '@kruntimes/reconciler-kit';
import {
  type ControlPlane,
  createNamespace,
  grantClusterRole,
  installDefinitions,
  KubeControlPlane,
  startControlPlane,
  startKubeControlPlane,
} from '@kruntimes/reconciler-kit/testing';
import {cpuSeconds, residentMiB} from './process-usage.ts';
import {median} from './quantile.ts';

const servers = ['embedded', 'kube'] as const;
type Server = (typeof servers)[number];

/** Figures of one round; durations in milliseconds. */
interface Figures {
  readyMs: number;
  idleMiB: number;
  createsPerSecond: number;
  createCpuMs: number;
  statusPatchesPerSecond: number;
  statusPatchCpuMs: number;
  sequentialCreateMs: number;
  listMs: number;
  fanOutEventsPerSecond: number;
  loadedMiB: number;
}

const CONCURRENCY = 32;
const WATCHERS = 50;
const FAN_OUT_WRITES = 300;
const SEQUENTIAL_CREATES = 200;

const goModule = fileURLToPath(new URL('../../tools/kube', import.meta.url));
const {values} = parseArgs({
  options: {
    objects: {type: 'string', default: '10000'},
    writes: {type: 'string', default: '2000'},
    rounds: {type: 'string', default: '3'},
    json: {type: 'string'},
  },
});
const objects = Number(values.objects);
const writes = Number(values.writes);
const rounds = Number(values.rounds);

const results: Record<Server, Figures[]> = {embedded: [], kube: []};
for (let round = 1; round <= rounds; round++) {
  // The order changes, so that neither always has the cooler machine.
  for (const server of round % 2 === 1 ? servers : servers.toReversed()) {
    process.stderr.write(`round ${round} of ${rounds}: ${server}\n`);
    results[server].push(await measure(server));
  }
}
report();

async function measure(server: Server): Promise<Figures> {
  const options = {
    durable: true,
    resolve: {goModule, log: (line: string) => process.stderr.write(`${line}\n`)},
  };
  await using controlPlane =
    server === 'kube'
      ? await startKubeControlPlane(options)
      : await startControlPlane({...options, server: 'embedded'});
  // Started once before: etcd runs, and what a first start writes is there.
  await controlPlane.killApiServer();
  const started = performance.now();
  await controlPlane.restartApiServer();
  const readyMs = performance.now() - started;
  const pids = pidsOf(controlPlane);
  await using admin = new Transport(controlPlane.config);
  await installDefinitions(new Client(admin), [runCrd]);
  // Not an administrator's: kube-apiserver lets those pass its flow control.
  const user = 'benchmark';
  const everything = {apiGroups: ['*'], resources: ['*'], verbs: ['*']};
  await grantClusterRole(new Client(admin), {metadata: {name: user}, rules: [everything]}, user);
  await using transport = new Transport(controlPlane.userConfig({user}), {connections: CONCURRENCY});
  const client = new Client(transport);
  const namespace = await createNamespace(client);
  const runs = client.kind(runKind);
  const idleMiB = await residentMiB(pids);

  // Warm: connections, compiled code on both sides.
  await inParallel(200, (index) => runs.create(run(namespace, `warm-${index}`)));
  const creates = await timed(pids, writes, (index) => runs.create(run(namespace, `run-${index}`)));
  const patches = await timed(pids, writes, (index) =>
    runs.patchStatus(
      {name: `run-${index}`, namespace},
      {type: 'merge', body: {status: {phase: 'Scheduled', assignedPod: 'pod', assignedPodUID: 'uid', attempt: 1}}},
    ),
  );
  const sequential: number[] = [];
  for (let index = 0; index < SEQUENTIAL_CREATES; index++) {
    const at = performance.now();
    await runs.create(run(namespace, `sequential-${index}`));
    sequential.push(performance.now() - at);
  }
  const present = writes + 200 + SEQUENTIAL_CREATES;
  await inParallel(Math.max(0, objects - present), (index) => runs.create(run(namespace, `more-${index}`)));
  const lists: number[] = [];
  for (let index = 0; index < 5; index++) {
    const at = performance.now();
    await transport.request({method: 'GET', path: `/apis/kruntimes.io/v1alpha1/namespaces/${namespace}/runs`});
    lists.push(performance.now() - at);
  }
  const loadedMiB = await residentMiB(pids);
  return {
    readyMs,
    idleMiB,
    createsPerSecond: creates.perSecond,
    createCpuMs: creates.cpuMs,
    statusPatchesPerSecond: patches.perSecond,
    statusPatchCpuMs: patches.cpuMs,
    sequentialCreateMs: median(sequential),
    listMs: median(lists),
    fanOutEventsPerSecond: await fanOut(client),
    loadedMiB,
  };
}

/** Writes of one object, seen by many watchers: events per second until the last one has the last. */
async function fanOut(client: Client): Promise<number> {
  const configMaps = client.kind(kinds.ConfigMap);
  const namespace = await createNamespace(client);
  const stop = new AbortController();
  const watchers = await Promise.all(
    Array.from({length: WATCHERS}, async () => {
      const stream = configMaps.watch({namespace, signal: stop.signal});
      return async (): Promise<void> => {
        let seen = 0;
        for await (const event of stream) {
          if (event.type !== 'BOOKMARK' && ++seen === FAN_OUT_WRITES) return;
        }
        throw new Error(`a watch ended after ${seen} of ${FAN_OUT_WRITES} events`);
      };
    }),
  );
  const started = performance.now();
  const seen = Promise.all(watchers.map((watch) => watch()));
  await inParallel(FAN_OUT_WRITES, (index) =>
    configMaps.create({metadata: {name: `event-${index}`, namespace}, data: {text: 'x'.repeat(1000)}}),
  );
  await seen;
  stop.abort();
  return (WATCHERS * FAN_OUT_WRITES * 1000) / (performance.now() - started);
}

async function timed(
  pids: readonly number[],
  count: number,
  work: (index: number) => Promise<unknown>,
): Promise<{perSecond: number; cpuMs: number}> {
  const cpu = await cpuSeconds(pids);
  const started = performance.now();
  await inParallel(count, work);
  const seconds = (performance.now() - started) / 1000;
  return {perSecond: count / seconds, cpuMs: (((await cpuSeconds(pids)) - cpu) * 1000) / count};
}

async function inParallel(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const workers = Array.from({length: CONCURRENCY}, async () => {
    while (next < count) await work(next++);
  });
  await Promise.all(workers);
}

function run(namespace: string, name: string): Run {
  return {
    apiVersion: 'kruntimes.io/v1alpha1',
    kind: 'Run',
    metadata: {name, namespace, labels: {app: 'benchmark'}},
    spec: {runtime: 'bash', source: {inline: `echo hello\n# ${'x'.repeat(900)}\n`}, timeoutSeconds: 60},
  };
}

function pidsOf(controlPlane: ControlPlane): number[] {
  const etcd = controlPlane instanceof KubeControlPlane ? controlPlane.etcdPid : undefined;
  return [controlPlane.apiServerPid, etcd].filter((pid) => pid !== undefined);
}

function report(): void {
  const rows: [keyof Figures, string][] = [
    ['readyMs', 'start of the API server to ready, ms'],
    ['idleMiB', 'RSS after the start, MiB'],
    ['createsPerSecond', `creates of a Run (1 KB script), ${CONCURRENCY} at once, per s`],
    ['createCpuMs', 'server CPU per create, ms'],
    ['statusPatchesPerSecond', `status merge patches, ${CONCURRENCY} at once, per s`],
    ['statusPatchCpuMs', 'server CPU per status patch, ms'],
    ['sequentialCreateMs', 'one create after the other, median ms'],
    ['listMs', `list of ${objects} Runs, median ms`],
    ['fanOutEventsPerSecond', `events per s to ${WATCHERS} watchers`],
    ['loadedMiB', `RSS with ${objects} Runs, MiB`],
  ];
  const medianOf = (server: Server, key: keyof Figures): number => median(results[server].map((each) => each[key]));
  const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
  const lines = [
    '| | embedded (SQLite, synchronous=FULL) | kube-apiserver + etcd (fsync) | embedded / kube |',
    '| --- | --- | --- | --- |',
    ...rows.map(([key, title]) => {
      const [embedded, kube] = [medianOf('embedded', key), medianOf('kube', key)];
      return `| ${title} | ${number(embedded)} | ${number(kube)} | ${(embedded / kube).toFixed(2)} |`;
    }),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  if (values.json !== undefined) {
    const environment = {node: process.version, cpus: cpus().map(({model}) => model)};
    void mkdir(dirname(values.json), {recursive: true}).then(() =>
      writeFile(values.json!, `${JSON.stringify({environment, objects, writes, results}, undefined, 2)}\n`),
    );
  }
}
