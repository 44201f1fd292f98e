import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Readable} from 'node:stream';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {
  ARTIFACTS_FINALIZER,
  type ArtifactStoreSpec,
  artifactPrefix,
  bindStatus,
  fenceOf,
  type Run,
  type RunSpec,
} from '@kruntimes/api-types';
import {ArtifactStoreError, type CollectedArtifacts, type Rejection} from '@kruntimes/artifact-store';
import {ApiError, Metrics, silentLogger} from '@kruntimes/reconciler-kit';
import {ManualClock} from '@kruntimes/reconciler-kit/testing';
import {ArtifactStorage, type StoredArtifacts} from './artifact-storage.ts';
import {Attempt, type AttemptOrigin} from './attempt.ts';
import {MemoryArtifactStore} from './memory-artifact-store.fixture.ts';
import {RunFinalizer} from './run-finalizer.ts';
import {createRuntimedMetrics} from './runtimed-metrics.ts';
import {SpoolDirectory} from './spool-directory.ts';
import {StatusWriter} from './status-writer.ts';
import {WorkspaceRoot} from './workspace.ts';

const uid = '6f1b7d2e-0c3a-4a57-9d3c-0a1b2c3d4e5f';
const never = new AbortController().signal;
const prefix = artifactPrefix({namespace: 'default', uid}, 1);
let directory: string;
let clock: ManualClock;
const open: (() => unknown)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kruntimes-artifacts-'));
  clock = new ManualClock();
});

afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
  rmSync(directory, {recursive: true, force: true});
});

/** A stored Run that notes the writes it takes, among the calls of the store. */
class NotedRun {
  readonly calls: string[];
  run: Run;
  /** The next writes answer so. */
  answers: ApiError[] = [];

  constructor(spec: Partial<RunSpec>, calls: string[]) {
    this.calls = calls;
    const metadata = {name: 'run', namespace: 'default', uid, resourceVersion: '1', finalizers: ['other/finalizer']};
    const pending: Run = {metadata, spec: {runtime: 'bash', ...spec}};
    this.run = {...pending, status: bindStatus(pending, {name: 'bash-0', uid: 'pod'}, new Date(0))};
  }

  async get(): Promise<Run> {
    return this.run;
  }

  async patch(_ref: object, {body}: {body: unknown}): Promise<Run> {
    const {metadata} = body as Run;
    return this.#write('patch', metadata?.resourceVersion, {metadata: {...this.run.metadata, ...metadata}});
  }

  async updateStatus({metadata, status}: Run): Promise<Run> {
    return this.#write(`status ${status?.phase}`, metadata?.resourceVersion, status === undefined ? {} : {status});
  }

  change(change: Partial<Run>): void {
    const resourceVersion = String(Number(this.run.metadata?.resourceVersion) + 1);
    this.run = {...this.run, ...change, metadata: {...this.run.metadata, ...change.metadata, resourceVersion}};
  }

  #write(call: string, resourceVersion: string | undefined, change: Partial<Run>): Run {
    const answer = this.answers.shift();
    if (answer !== undefined) throw answer;
    if (resourceVersion !== this.run.metadata?.resourceVersion) throw new ApiError({status: 409});
    this.calls.push(call);
    this.change(change);
    return this.run;
  }
}

interface SetUp {
  spec?: Partial<RunSpec>;
  store?: ArtifactStoreSpec | undefined;
  /** Size by name. */
  items?: Record<string, number>;
  rejected?: Rejection[];
  origin?: AttemptOrigin;
}

const filesystem: ArtifactStoreSpec = {filesystem: {claimName: 'claim'}};

async function setUp(options: SetUp = {}) {
  const {spec = {}, items = {'result.txt': 5}, rejected = [], origin = 'bound'} = options;
  const storeSpec = 'store' in options ? options.store : filesystem;
  const store = new MemoryArtifactStore();
  const stored = new NotedRun(spec, store.calls);
  const parts = {
    clock,
    random: () => 0,
    logger: silentLogger,
    metrics: createRuntimedMetrics(new Metrics(), {namespace: 'default', runtime: 'bash'}),
  };
  const spool = SpoolDirectory.open({path: join(directory, 'spool'), maxBytesPerRun: storeSpec?.maxBytesPerRun});
  const collect = async (): Promise<CollectedArtifacts> => ({
    items: Object.entries(items).map(([name, sizeBytes]) => ({
      name,
      sizeBytes,
      contentType: 'text/plain',
      open: () => Readable.from([Buffer.alloc(sizeBytes, 'x')]),
    })),
    rejected,
    totalBytes: Object.values(items).reduce((sum, size) => sum + size, 0),
    [Symbol.asyncDispose]: async () => {},
  });
  const storage = new ArtifactStorage({
    ...parts,
    finalizer: new RunFinalizer({...parts, runs: stored}),
    writer: new StatusWriter({...parts, runs: stored}),
    collect,
    ...(storeSpec === undefined ? {} : {opened: {store, spec: storeSpec, spool}}),
  });
  const workspaces = await WorkspaceRoot.open(directory, clock);
  open.push(() => workspaces.close());
  const workspace = await workspaces.create(`${uid}-1`);
  open.push(() => workspace.close());
  if (Object.keys(items).length + rejected.length > 0) writeFileSync(join(workspace.paths.artifacts, 'something'), '');
  const fence = fenceOf(stored.run);
  if (fence === undefined) throw new Error('the Run is not bound');
  const attempt = new Attempt(stored.run, fence, origin);
  const ended = {attempt, workspace, log: undefined, succeeded: true, startTime: new Date(0)};
  return {store, stored, storage, attempt, ended, calls: store.calls};
}

/** Moves time on until a promise is settled. */
async function advanceUntil<T>(promise: Promise<T>): Promise<T> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  while (!settled) {
    await clock.advance(500);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return promise;
}

const unavailable = () => new ArtifactStoreError('UNAVAILABLE', 'the store does not answer');

describe('what an attempt left', () => {
  test('is stored after the finalizer and the snapshot are there', async () => {
    const {storage, stored, ended, calls} = await setUp({items: {b: 2, a: 1}});
    const {refs, artifacts, failure} = await storage.store(ended, never);
    expect(calls).toEqual(['patch', 'status Running', `put ${prefix}b`, `put ${prefix}a`]);
    expect(stored.run.metadata?.finalizers).toEqual(['other/finalizer', ARTIFACTS_FINALIZER]);
    expect(stored.run.status).toMatchObject({phase: 'Running', artifactStore: filesystem});
    expect(refs).toEqual([
      {name: 'a', key: `${prefix}a`, sizeBytes: 1, digest: expect.stringMatching(/^sha256:/), mediaType: 'text/plain'},
      expect.objectContaining({name: 'b', sizeBytes: 2}),
    ]);
    expect({artifacts, failure}).toEqual({artifacts: {reason: 'Stored', message: ''}});
  });

  test('costs nothing when it is nothing', async () => {
    const {storage, ended, calls} = await setUp({items: {}});
    expect(await storage.store(ended, never)).toEqual({});
    expect(calls).toEqual([]);
  });

  test('is not asked for after a failure when only success counts', async () => {
    const {storage, ended, calls} = await setUp({spec: {artifacts: {when: 'OnSuccess'}}});
    expect(await storage.store({...ended, succeeded: false}, never)).toEqual({});
    expect(calls).toEqual([]);
    expect((await storage.store(ended, never)).refs).toHaveLength(1);
  });

  test('without a store is reported, with what to do', async () => {
    const {storage, ended, calls} = await setUp({store: undefined});
    const {artifacts, failure} = await storage.store(ended, never);
    expect(artifacts).toMatchObject({
      reason: 'NoArtifactStore',
      message: expect.stringContaining('spec.artifactStore'),
    });
    expect(failure).toBeUndefined();
    expect(calls).toEqual([]);
  });

  test('is named where it cannot be stored, and the rest is stored', async () => {
    const rejected = Array.from({length: 9}, (_, i) => ({
      name: `${'link'.repeat(30)}${i}`,
      code: 'NOT_A_FILE' as const,
      reason: 'a symbolic link',
    }));
    const {storage, ended} = await setUp({rejected});
    const {refs, artifacts, failure} = await storage.store(ended, never);
    expect(refs).toHaveLength(1);
    expect(failure).toBeUndefined();
    expect(artifacts?.reason).toBe('EntriesRejected');
    expect(artifacts?.message).toMatch(/^left out: (?:link)+\.\.\. \(a symbolic link\), .* and 4 more$/);
    expect(artifacts?.message.length).toBeLessThan(1024);
  });

  test('has its log with it', async () => {
    const {storage, ended, attempt, store} = await setUp({items: {}});
    const log = storage.logSpool(attempt);
    await log?.end(['a line', 'the end']);
    const {refs} = await storage.store({...ended, succeeded: false, log}, never);
    await log?.remove();
    expect(refs).toMatchObject([{name: 'logs', mediaType: 'application/x-ndjson', sizeBytes: 15}]);
    expect(store.objects.get(`${prefix}logs`)?.toString()).toBe('a line\nthe end\n');
  });
});

describe('limits', () => {
  test.each<[string, SetUp, string]>([
    [
      'too many bytes',
      {rejected: [{name: 'big', code: 'TOO_LARGE', reason: 'more than 10 bytes'}]},
      'nothing is stored: "big" cannot be stored: more than 10 bytes',
    ],
    [
      'too many artifacts',
      {items: Object.fromEntries(Array.from({length: 101}, (_, i) => [`a${i}`, 1]))},
      'nothing is stored: the program left 101 artifacts, more than 100',
    ],
  ])('%s: no byte is uploaded and no write is made', async (_, options, message) => {
    const {storage, ended, calls} = await setUp(options);
    const {artifacts, failure, refs} = await storage.store(ended, never);
    expect(artifacts).toEqual({reason: 'LimitExceeded', message});
    expect(failure).toContain('the artifacts are not stored');
    expect(refs).toBeUndefined();
    expect(calls).toEqual([]);
  });

  test('a hundred artifacts and the log are not too many', async () => {
    const {storage, ended, attempt} = await setUp({
      items: Object.fromEntries(Array.from({length: 100}, (_, i) => [`a${i}`, 1])),
    });
    const log = storage.logSpool(attempt);
    await log?.end(['a line', 'end']);
    expect((await storage.store({...ended, log}, never)).refs).toHaveLength(101);
    await log?.remove();
  });

  test('the log gives way to the artifacts', async () => {
    const {storage, ended, attempt} = await setUp({store: {...filesystem, maxBytesPerRun: 5000}, items: {a: 4990}});
    const log = storage.logSpool(attempt);
    await log?.end(['a line', 'the end']);
    const {refs, artifacts, failure} = await storage.store({...ended, log}, never);
    await log?.remove();
    expect(refs).toMatchObject([{name: 'a'}]);
    expect(artifacts).toMatchObject({reason: 'LimitExceeded', message: expect.stringContaining('the log is left out')});
    expect(failure).toBeUndefined();
  });
});

describe('a store that fails', () => {
  test('is tried again where that may help', async () => {
    const {storage, ended, store, calls} = await setUp();
    let failures = 3;
    store.before = (call) => {
      if (call.startsWith('put') && failures-- > 0) throw unavailable();
    };
    const {artifacts} = await advanceUntil(storage.store(ended, never));
    expect(artifacts?.reason).toBe('Stored');
    expect(calls.filter((call) => call.startsWith('put'))).toHaveLength(4);
  });

  test('for too long leaves nothing, and says why', async () => {
    const {storage, ended, store, calls} = await setUp({items: {a: 1, b: 1, c: 1}});
    store.before = (call) => {
      if (call.endsWith('/c')) throw unavailable();
    };
    const {artifacts, failure, refs} = await advanceUntil(storage.store(ended, never));
    expect(artifacts).toEqual({reason: 'ArtifactError', message: 'nothing is stored: the store does not answer'});
    expect(failure).toBe('the artifacts are not stored: the store does not answer');
    expect(refs).toBeUndefined();
    expect(clock.monotonic()).toBeLessThanOrEqual(90_000);
    expect(calls.at(-1)).toBe(`delete ${prefix}`);
    expect(store.objects.size).toBe(0);
  });

  test('for good is not tried again', async () => {
    const {storage, ended, store, calls} = await setUp();
    store.before = (call) => {
      if (call.startsWith('put')) throw new ArtifactStoreError('ACCESS_DENIED', 'denied');
    };
    expect((await storage.store(ended, never)).failure).toContain('denied');
    expect(calls.filter((call) => call.startsWith('put'))).toHaveLength(1);
  });

  test('with nothing but a log to store fails no Run', async () => {
    const {storage, ended, store, attempt} = await setUp({items: {}});
    const log = storage.logSpool(attempt);
    await log?.end(['a line', 'end']);
    store.before = () => {
      throw unavailable();
    };
    const {artifacts, failure} = await advanceUntil(storage.store({...ended, log}, never));
    await log?.remove();
    expect(failure).toBeUndefined();
    expect(artifacts?.message).toBe('the log is not stored: the store does not answer');
  });
});

describe('an API server', () => {
  test('that is away is waited for', async () => {
    const {storage, ended, stored, calls} = await setUp();
    stored.answers = [new ApiError({status: 503}), new ApiError({status: 429})];
    await advanceUntil(storage.store(ended, never));
    expect(calls).toEqual(['patch', 'status Running', `put ${prefix}result.txt`]);
  });

  test('that knows of a change is asked again', async () => {
    const {storage, ended, stored, calls} = await setUp();
    stored.change({spec: {...stored.run.spec, ttlSecondsAfterFinished: 5}});
    await storage.store(ended, never);
    expect(calls).toEqual(['patch', 'status Running', `put ${prefix}result.txt`]);
    expect(stored.run.metadata?.finalizers).toContain(ARTIFACTS_FINALIZER);
  });

  test('that allows no finalizer gets no byte stored', async () => {
    const {storage, ended, stored, calls} = await setUp();
    stored.answers = [new ApiError({status: 403})];
    expect((await storage.store(ended, never)).failure).toContain('finalizer of artifacts was refused');
    expect(calls).toEqual([]);
  });

  test('that does not take the snapshot gets no byte stored', async () => {
    const {storage, ended, stored, calls} = await setUp();
    const updateStatus = stored.updateStatus.bind(stored);
    stored.updateStatus = async (run) => {
      if (run.status?.artifactStore !== undefined) throw new ApiError({status: 422});
      return updateStatus(run);
    };
    expect((await storage.store(ended, never)).failure).toContain('could not be noted');
    expect(calls).toEqual(['patch']);
  });
});

describe('an attempt', () => {
  test('whose Run may have artifacts in another store adds none', async () => {
    const {storage, ended, stored, attempt, calls} = await setUp();
    const {status} = stored.run;
    if (status !== undefined) stored.change({status: {...status, artifactStore: {s3: {bucket: 'bucket'}}}});
    attempt.observe(stored.run);
    expect((await storage.store(ended, never)).failure).toContain('another store');
    expect(calls).toEqual(['patch']);
  });

  test('whose Run has finalizer and snapshot already needs no write', async () => {
    const {storage, ended, attempt, calls} = await setUp();
    await storage.store(ended, never);
    calls.length = 0;
    await storage.store({...ended, attempt}, never);
    expect(calls).toEqual([`put ${prefix}result.txt`]);
  });

  test('of an earlier process is stored anew', async () => {
    const {storage, ended, store, calls} = await setUp({origin: 'begun'});
    store.objects.set(`${prefix}stale`, Buffer.from(''));
    await storage.store(ended, never);
    expect(calls).toEqual(['patch', 'status Running', `delete ${prefix}`, `put ${prefix}result.txt`]);
    expect([...store.objects.keys()]).toEqual([`${prefix}result.txt`]);
  });

  test('whose Run is deleted in mid-upload leaves nothing', async () => {
    const {storage, ended, attempt, stored, store} = await setUp({items: {a: 1, b: 1, c: 1}});
    store.before = (call) => {
      if (!call.endsWith('/b')) return;
      stored.change({metadata: {deletionTimestamp: '2026-01-01T00:00:00Z'}});
      attempt.observe(stored.run);
    };
    const {refs, failure} = await storage.store(ended, never);
    expect(refs).toBeUndefined();
    expect(failure).toContain('the Run was deleted or given up');
    expect(store.objects.size).toBe(0);
    expect(attempt.stopReason).toEqual({kind: 'deleted'});
  });

  test('that this process must leave is left to the next one', async () => {
    const {storage, ended, store} = await setUp();
    const end = new AbortController();
    store.before = () => end.abort(new Error('the process ends'));
    await expect(storage.store(ended, end.signal)).rejects.toThrow('the process ends');
  });
});

test('a directory of artifacts that the program replaced is reported', async () => {
  const {storage, ended, calls} = await setUp({items: {}});
  const {artifacts: path} = ended.workspace.paths;
  rmSync(path, {recursive: true});
  writeFileSync(path, '');
  const result: StoredArtifacts = await storage.store(ended, never);
  expect(result.artifacts).toMatchObject({
    reason: 'EntriesRejected',
    message: expect.stringContaining('ARTIFACTS_DIR'),
  });
  expect(calls).toEqual([]);
});
