import {access, mkdir, mkdtemp, readdir, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Readable} from 'node:stream';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {
  ARTIFACTS_FINALIZER,
  type ArtifactStoreSpec,
  artifactKey,
  bindStatus,
  type Run,
  type RunStatus,
  runKind,
} from '@kruntimes/api-types';
import {runCrd} from '@kruntimes/api-types/crds';
import {type ArtifactStore, ArtifactStoreError, createFilesystemStore} from '@kruntimes/artifact-store';
import {Client, type KindClient, kinds, Manager, silentLogger, systemClock, Transport} from '@kruntimes/reconciler-kit';
import {sharedControlPlane, waitFor, waitForDeletion, waitForObject} from '@kruntimes/reconciler-kit/testing';
import {addMaintainer, type Maintainer} from './add-maintainer.ts';

const spec: ArtifactStoreSpec = {filesystem: {claimName: 'artifacts'}};
const other: ArtifactStoreSpec = {filesystem: {claimName: 'others'}};
const patient = {timeoutMs: 60_000};

let transport: Transport;
let runs: KindClient<Run>;
let namespace: string;
let directory: string;
let files: ArtifactStore;
/** Thrown by the store instead of what it would do. */
let refusal: Error | undefined;
let calls: string[];
let stop: AbortController;
let running: Promise<void>;
let maintainer: Maintainer;

const ref = (name: string) => ({name, namespace});

beforeEach(async () => {
  const controlPlane = await sharedControlPlane();
  transport = new Transport(controlPlane.config);
  const client = new Client(transport);
  const crds = client.kind(kinds.CustomResourceDefinition);
  await crds.apply(runCrd, {fieldManager: 'maintainer-tests', force: true});
  await waitForObject(
    crds,
    {name: runCrd.metadata?.name ?? ''},
    ({status}) => status?.conditions?.some(({type, status: is}) => type === 'Established' && is === 'True') ?? false,
    patient,
  );
  runs = client.kind(runKind);
  namespace = await controlPlane.createNamespace();
  directory = await mkdtemp(join(tmpdir(), 'maintainer-'));
  files = createFilesystemStore({directory: join(directory, 'store')});
  refusal = undefined;
  calls = [];
  await mkdir(join(directory, 'store'));
  stop = new AbortController();
  const manager = new Manager({config: controlPlane.config, logger: silentLogger});
  const store: ArtifactStore = {
    put: (...args) => files.put(...args),
    get: (...args) => files.get(...args),
    list: (...args) => files.list(...args),
    close: () => files.close(),
    deletePrefix: async (prefix, options) => {
      calls.push(prefix);
      if (refusal !== undefined) throw refusal;
      return await files.deletePrefix(prefix, options);
    },
  };
  maintainer = addMaintainer(manager, {
    namespace,
    spec,
    store,
    downloadBindAddress: '127.0.0.1:0',
    maxConcurrentDeletes: 4,
    clock: systemClock,
    logger: silentLogger,
    retry: {baseDelayMs: 20, maxDelayMs: 100},
  });
  running = manager.start(stop.signal);
});

afterEach(async () => {
  stop.abort();
  await running;
  await transport.close();
  await rm(directory, {recursive: true, force: true});
});

/** A Run as runtimed leaves it: finalizer, snapshot, and files in the store. */
async function addRun(
  name: string,
  {finalizers = [ARTIFACTS_FINALIZER], status = {}}: {finalizers?: string[]; status?: Partial<RunStatus>} = {},
): Promise<Run> {
  const run = await runs.create({metadata: {...ref(name), finalizers}, spec: {runtime: 'bash', args: ['true']}});
  const {uid = ''} = run.metadata ?? {};
  const key = artifactKey({namespace, uid}, 1, 'report.txt');
  const {sizeBytes, digest} = await files.put(key, Readable.from([Buffer.from('hello')]), {sizeBytes: 5});
  const written: RunStatus = {
    phase: 'Succeeded',
    artifactStore: spec,
    artifactRefs: [{name: 'report.txt', key, sizeBytes, digest}],
    ...status,
  };
  return await runs.updateStatus({...run, status: written});
}

const stored = async (run: Run): Promise<boolean> =>
  await access(join(directory, 'store', namespace, run.metadata?.uid ?? '')).then(
    () => true,
    () => false,
  );
const conditionOf = (run: Run): string[] =>
  (run.status?.conditions ?? [])
    .filter(({type}) => type === 'ArtifactsDeleted')
    .map(({status, reason}) => `${status} ${reason}`);

describe('a Run that is deleted', () => {
  test('takes its artifacts along, and nobody else’s', async () => {
    const [gone, stays] = [await addRun('gone'), await addRun('stays')];
    await runs.delete(ref('gone'));
    await waitForDeletion(runs, ref('gone'), patient);
    expect([await stored(gone), await stored(stays)]).toEqual([false, true]);
  });

  test('keeps finalizers of others, and says that its artifacts are gone only if it said the contrary before', async () => {
    await addRun('quiet', {finalizers: ['example.com/other', ARTIFACTS_FINALIZER]});
    await runs.delete(ref('quiet'));
    const quiet = await waitForObject(runs, ref('quiet'), ({metadata}) => metadata?.finalizers?.length === 1, patient);
    expect(quiet.metadata?.finalizers).toEqual(['example.com/other']);
    expect(conditionOf(quiet)).toEqual([]);

    refusal = new ArtifactStoreError('CREDENTIALS_MISSING', 'there are no S3 credentials');
    await addRun('loud', {finalizers: ['example.com/other', ARTIFACTS_FINALIZER]});
    await runs.delete(ref('loud'));
    const stuck = await waitForObject(runs, ref('loud'), (run) => conditionOf(run).length > 0, patient);
    expect(conditionOf(stuck)).toEqual(['False CredentialsMissing']);
    expect(stuck.status?.phase).toBe('Succeeded');
    refusal = undefined;
    const loud = await waitForObject(runs, ref('loud'), ({metadata}) => metadata?.finalizers?.length === 1, patient);
    expect(conditionOf(loud)).toEqual(['True Deleted']);
    for (const name of ['quiet', 'loud'])
      await runs.patch(ref(name), {type: 'merge', body: {metadata: {finalizers: []}}});
  });

  test('waits for a store that is away, tells why, and goes when the store is back', async () => {
    const run = await addRun('a');
    refusal = new ArtifactStoreError('UNAVAILABLE', 'nobody answers');
    await runs.delete(ref('a'));
    const told = await waitForObject(runs, ref('a'), (each) => conditionOf(each).length > 0, patient);
    expect(told.status?.conditions).toMatchObject([{reason: 'StoreUnavailable', message: 'nobody answers'}]);
    refusal = new ArtifactStoreError('ACCESS_DENIED', 'no');
    await waitForObject(runs, ref('a'), (each) => conditionOf(each).includes('False AccessDenied'), patient);
    expect(await stored(run)).toBe(true);
    refusal = undefined;
    await waitForDeletion(runs, ref('a'), patient);
    expect(await stored(run)).toBe(false);
  });

  test('goes when there is nothing left of the store', async () => {
    await addRun('a');
    await rm(join(directory, 'store'), {recursive: true});
    await runs.delete(ref('a'));
    await waitForDeletion(runs, ref('a'), patient);
    expect(await readdir(directory)).toEqual([]);
  });

  test('is left alone while it may be running, and while it is waiting for somebody else’s store', async () => {
    const bound = await addRun('bound', {
      status: {...bindStatus({...(await addRun('x')), status: {phase: 'Pending'}}, {name: 'p', uid: 'u'}, new Date())},
    });
    const foreign = await addRun('foreign', {status: {artifactStore: other}});
    await addRun('mine');
    for (const name of ['bound', 'foreign', 'mine']) await runs.delete(ref(name));
    await waitForDeletion(runs, ref('mine'), patient);
    expect([await stored(bound), await stored(foreign)]).toEqual([true, true]);
    const {metadata} = await runs.get('bound', {namespace});
    expect(calls).not.toContain(`${namespace}/${metadata?.uid}/`);
    await runs.updateStatus({
      ...(await runs.get('bound', {namespace})),
      status: {phase: 'Cancelled', artifactStore: spec},
    });
    await waitForDeletion(runs, ref('bound'), patient);
    expect(await stored(bound)).toBe(false);
    await runs.patch(ref('foreign'), {type: 'merge', body: {metadata: {finalizers: []}}});
  });
});

test('an artifact is found by the UID of its Run', async () => {
  const run = await addRun('a');
  const uid = run.metadata?.uid ?? '';
  const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${maintainer.downloads.port}${path}`);
  await waitFor(maintainer.runs, (all) => all.length > 0, patient);
  const answer = await get(`/v1/runs/${uid}/artifacts/report.txt`);
  expect([answer.status, answer.headers.get('etag'), await answer.text()]).toEqual([
    200,
    `"${run.status?.artifactRefs?.[0]?.digest}"`,
    'hello',
  ]);
  const missing = await get(`/v1/runs/${uid}/artifacts/other.txt`);
  expect([missing.status, await missing.json()]).toEqual([
    404,
    {code: 'ARTIFACT_UNKNOWN', message: 'Run a has no artifact other.txt'},
  ]);
  expect((await get('/v1/runs/0-0/artifacts/report.txt')).status).toBe(404);
  await runs.patch(ref('a'), {type: 'merge', body: {metadata: {finalizers: []}}});
});
