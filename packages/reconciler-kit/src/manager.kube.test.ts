import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from '@jest/globals';
import type {ConfigMap} from 'kubernetes-types/core/v1.d.ts';
import {
  Client,
  type DeepReadonly,
  type KindClient,
  kinds,
  Manager,
  type ManagerOptions,
  Metrics,
  Transport,
} from './index.ts';
import {type ControlPlaneAccess, FaultProxy, sharedControlPlane, waitFor, waitForObject} from './testing/index.ts';

let controlPlane: ControlPlaneAccess;
let namespace: string;
let client: Client;
let stop: AbortController;
let runs: Promise<void>[];

beforeAll(async () => {
  controlPlane = await sharedControlPlane();
  client = new Client(new Transport(controlPlane.config));
});
afterAll(() => client.transport.close());
beforeEach(async () => {
  namespace = await controlPlane.createNamespace();
  stop = new AbortController();
  runs = [];
});
afterEach(async () => {
  stop.abort();
  await Promise.all(runs);
});

function newManager(options: Partial<ManagerOptions> = {}): Manager {
  return new Manager({name: 'example.com/kit-test', config: controlPlane.config, metrics: new Metrics(), ...options});
}

async function start(manager: Manager): Promise<void> {
  const run = manager.start(stop.signal);
  runs.push(run);
  await Promise.race([manager.elected, run]);
}

/** A controller that keeps, for each ConfigMap labelled role=source, a copy that the source owns. */
function addCopyController(manager: Manager): KindClient<ConfigMap> {
  const configMaps = manager.client.kind(kinds.ConfigMap);
  const sources = manager.cache(kinds.ConfigMap, {namespace, labelSelector: 'role=source'});
  const copies = manager.cache(kinds.ConfigMap, {namespace, labelSelector: 'role=copy'});
  manager
    .controller({
      name: 'copy',
      maxConcurrent: 4,
      async reconcile({key, name}, {signal}) {
        const source = sources.get(key);
        if (!source) return;
        if (copies.get(`${namespace}/${name}-copy`)?.data?.text === source.data?.text) return;
        await configMaps.apply(copyOf(source), {fieldManager: 'copy', force: true, signal});
      },
    })
    .for(sources)
    .owns(copies, {ownerKind: kinds.ConfigMap});
  return configMaps;
}

function copyOf({metadata: {name = '', uid = ''} = {}, data}: DeepReadonly<ConfigMap>): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: `${name}-copy`,
      namespace,
      labels: {role: 'copy'},
      ownerReferences: [{apiVersion: 'v1', kind: 'ConfigMap', name, uid, controller: true}],
    },
    data: {text: data?.text ?? ''},
  };
}

function newSource(name: string, text: string): ConfigMap {
  return {metadata: {name, namespace, labels: {role: 'source'}}, data: {text}};
}

describe('a Manager with a controller', () => {
  test('brings about what is wanted, and again after somebody undid it', async () => {
    const manager = newManager({healthProbeBindAddress: '127.0.0.1:0', metricsBindAddress: '127.0.0.1:0'});
    const configMaps = addCopyController(manager);
    await configMaps.create(newSource('early', 'was there before'));
    await start(manager);
    expect((await fetch(`http://${manager.healthAddress}/readyz`)).status).toBe(200);

    const copy = (name: string, text: string) =>
      waitForObject(configMaps, {name: `${name}-copy`, namespace}, ({data}) => data?.text === text);
    await copy('early', 'was there before');
    await configMaps.create(newSource('late', 'came later'));
    await copy('late', 'came later');
    await configMaps.patch({name: 'late', namespace}, {type: 'merge', body: {data: {text: 'changed'}}});
    await copy('late', 'changed');
    await configMaps.patch({name: 'late-copy', namespace}, {type: 'merge', body: {data: {text: 'tampered'}}});
    await copy('late', 'changed');
    const {metadata: {uid} = {}} = await copy('late', 'changed');
    await configMaps.delete({name: 'late-copy', namespace});
    await waitForObject(configMaps, {name: 'late-copy', namespace}, ({metadata}) => metadata?.uid !== uid);

    const text = await (await fetch(`http://${manager.metricsAddress}/metrics`)).text();
    expect(text).toMatch(/^controller_runtime_reconcile_total\{controller="copy",result="success"\} [1-9]/m);
    expect(text).toContain('controller_runtime_reconcile_errors_total{controller="copy"} 0');
    expect(text).toMatch(/^workqueue_adds_total\{name="copy",controller="copy"\} [1-9]/m);
    expect(text).toMatch(/^rest_client_requests_total\{code="201",method="PATCH",host="127.0.0.1:\d+"\} [1-9]/m);
  });

  test('handles two hundred objects, four at a time', async () => {
    const manager = newManager();
    const configMaps = addCopyController(manager);
    await Promise.all(Array.from({length: 200}, (_, i) => configMaps.create(newSource(`source-${i}`, `text ${i}`))));
    await start(manager);
    const copies = await waitFor(configMaps, (objects) => objects.length === 200, {
      namespace,
      labelSelector: 'role=copy',
      timeoutMs: 30_000,
    });
    expect(copies.every(({metadata, data}) => `text ${metadata?.name?.split('-')[1]}` === data?.text)).toBe(true);
  });

  test('in rest it asks nothing but to renew its Lease', async () => {
    const user = `idle-${namespace}`;
    const manager = newManager({
      config: controlPlane.userConfig({user, groups: ['system:masters']}),
      leaderElection: {
        namespace,
        name: 'idle',
        identity: 'me',
        leaseDurationMs: 3_000,
        renewDeadlineMs: 2_000,
        retryPeriodMs: 100,
      },
    });
    const configMaps = addCopyController(manager);
    await start(manager);
    const created = await configMaps.create(newSource('one', 'text'));
    await waitForObject(configMaps, {name: 'one-copy', namespace});
    manager.events.event(created, {type: 'Normal', reason: 'Copied', action: 'Copy', note: 'once'});
    await manager.events.flush();

    const mark = await controlPlane.auditMark();
    const renewals = new Set<string>();
    const leases = client.kind(kinds.Lease);
    await waitFor(leases, ([lease]) => renewals.add(lease?.spec?.renewTime ?? '').size > 20, {
      namespace,
      description: 'twenty renewals',
    });
    const requests = (await controlPlane.auditEvents(mark)).filter((event) => event.user.username === user);
    const others = requests.filter((event) => event.verb !== 'update' || event.objectRef?.resource !== 'leases');
    expect(requests.length).toBeGreaterThanOrEqual(19);
    expect(others).toEqual([]);
  });

  test('a refused list makes start() fail with the reason', async () => {
    const manager = newManager({config: controlPlane.userConfig({user: 'nobody'}), cacheSyncTimeoutMs: 2_000});
    manager.cache(kinds.Secret, {namespace});
    await expect(manager.start(stop.signal)).rejects.toMatchObject({
      code: 'CACHE_SYNC_TIMEOUT',
      message: expect.stringContaining('secrets'),
    });
  });
});

describe('a Manager behind a bad network', () => {
  let proxy: FaultProxy;
  beforeEach(async () => {
    proxy = await FaultProxy.start(controlPlane.config);
  });
  afterEach(() => proxy.close());

  test('misses nothing, whatever is cut, lost or refused', async () => {
    const manager = newManager({config: proxy.config});
    addCopyController(manager);
    const direct = client.kind(kinds.ConfigMap);
    await start(manager);
    const cuts = proxy.cutEvery(100, {watch: true});
    const writes = {method: 'PATCH'};
    const faults = [
      proxy.inject({kind: 'lose-answer'}, {match: writes, times: 20}),
      proxy.inject({kind: 'answer', status: 500}, {match: writes, times: 20}),
      proxy.inject({kind: 'cut'}, {match: writes, times: 20}),
      proxy.inject({kind: 'answer', status: 429, retryAfterSeconds: 0}, {match: writes, times: 20}),
    ];
    for (let i = 0; i < 100; i++) await direct.create(newSource(`source-${i}`, 'first'));
    for (let i = 0; i < 100; i++) {
      await direct.patch({name: `source-${i}`, namespace}, {type: 'merge', body: {data: {text: `text ${i}`}}});
    }
    await waitFor(
      direct,
      (copies) =>
        copies.length === 100 &&
        copies.every(({metadata, data}) => `text ${metadata?.name?.split('-')[1]}` === data?.text),
      {namespace, labelSelector: 'role=copy', timeoutMs: 30_000},
    );
    cuts.stop();
    expect(faults.map((fault) => fault.hits)).toEqual([20, 20, 20, 20]);
  });

  test('gives its leadership up before another one gets it', async () => {
    const election = {namespace, name: 'cut-off', leaseDurationMs: 3_000, renewDeadlineMs: 2_000, retryPeriodMs: 200};
    const first = newManager({config: proxy.config, leaderElection: {...election, identity: 'first'}});
    let wasAborted = false;
    first.add({
      needsLeaderElection: true,
      start: (signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            wasAborted = true;
            resolve();
          });
        }),
    });
    const firstRun = first.start(stop.signal).catch((error: unknown) => error);
    await first.elected;
    const second = newManager({leaderElection: {...election, identity: 'second'}});
    const secondRun = start(second);
    proxy.inject({kind: 'stall'});
    await secondRun;
    expect(wasAborted).toBe(true);
    expect(first.isLeader).toBe(false);
    expect(await firstRun).toMatchObject({code: 'LEADERSHIP_LOST'});
  });
});

describe('Events', () => {
  test('are what the API server takes, and a repetition becomes a series', async () => {
    const manager = newManager();
    const events = manager.client.kind(kinds.Event);
    const map = await manager.client.kind(kinds.ConfigMap).create(newSource('eventful', 'x'));
    const details = {type: 'Warning', reason: 'TooSmall', action: 'Resize', note: 'it is too small'} as const;
    manager.events.event(map, details);
    await manager.events.flush();
    manager.events.event(map, details);
    manager.events.event(map, {...details, note: 'it is still too small'});
    await manager.events.flush();
    const {items} = await events.list({namespace});
    expect(items).toEqual([
      expect.objectContaining({
        type: 'Warning',
        reason: 'TooSmall',
        action: 'Resize',
        note: 'it is too small',
        reportingController: 'example.com/kit-test',
        regarding: expect.objectContaining({kind: 'ConfigMap', name: 'eventful', uid: map.metadata?.uid}),
        series: {count: 3, lastObservedTime: expect.any(String)},
      }),
    ]);
    await manager.events.close();
    await manager.client.transport.close();
  });

  test('of cluster-scoped objects land in the namespace default', async () => {
    const manager = newManager();
    const namespaces = manager.client.kind(kinds.Namespace);
    manager.events.event(await namespaces.get(namespace), {
      type: 'Normal',
      reason: 'Seen',
      action: 'Look',
      note: 'a namespace',
    });
    await manager.events.close();
    const {items} = await manager.client
      .kind(kinds.Event)
      .list({namespace: 'default', fieldSelector: `regarding.name=${namespace}`});
    expect(items).toHaveLength(1);
    await manager.client.transport.close();
  });

  test('are dropped without harm where they may not be written', async () => {
    const metrics = new Metrics();
    const manager = newManager({config: controlPlane.userConfig({user: 'nobody'}), metrics});
    manager.events.event(
      {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'x', namespace}},
      {type: 'Normal', reason: 'A', action: 'B', note: 'c'},
    );
    await manager.events.close();
    expect(await metrics.text()).toContain('reconciler_kit_events_dropped_total{reason="rejected"} 1');
    await manager.client.transport.close();
  });
});
