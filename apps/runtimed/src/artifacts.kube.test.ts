import {existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {gunzipSync} from 'node:zlib';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {ARTIFACTS_FINALIZER, type ArtifactStoreSpec, parseRunLogLine, type Run, runKind} from '@kruntimes/api-types';
import {PodWorld} from './pod-world.fixture.ts';

let world: PodWorld;

beforeEach(async () => {
  world = await PodWorld.create();
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const artifactStore: ArtifactStoreSpec = {filesystem: {claimName: 'artifacts'}};
const runs = () => world.client.kind(runKind);

async function start(store: ArtifactStoreSpec | undefined = artifactStore) {
  await world.serveRuntime();
  return world.startRuntimed(store === undefined ? {} : {artifactStore: store});
}

/** Content of every object in the store, by key. */
function objects(): Record<string, string> {
  const found = readdirSync(world.artifactsDirectory, {recursive: true, withFileTypes: true});
  return Object.fromEntries(
    found
      .filter((entry) => entry.isFile())
      .map(({parentPath, name}) => {
        const path = join(parentPath, name);
        return [path.slice(world.artifactsDirectory.length + 1), readFileSync(path, 'latin1')];
      }),
  );
}

const prefixOf = (run: Run, attempt = 1): string => `${world.namespace}/${run.metadata?.uid}/${attempt}/`;
const conditionOf = (run: Run) => run.status?.conditions?.find(({type}) => type === 'ArtifactsStored');

/** Writes of runtimed to a Run, in order. */
async function writesTo(name: string): Promise<string[]> {
  const events = await world.controlPlane.auditEvents();
  const user = `system:serviceaccount:${world.namespace}:runtimed`;
  return events
    .filter(({user: {username}, objectRef, verb}) => username === user && objectRef?.name === name && verb !== 'get')
    .map(({verb, objectRef: {resource, subresource} = {}, responseStatus}) =>
      [verb, subresource === undefined ? resource : `${resource}/${subresource}`, responseStatus?.code].join(' '),
    );
}

describe('the artifacts of a Run', () => {
  test('are in the store, with their log, when it has ended', async () => {
    await start();
    const run = await world.execute(
      'run',
      `echo hello
cd "$KRUNTIME_ARTIFACTS_DIR"
printf body > result.txt
mkdir tree; printf leaf > tree/leaf\n`,
    );
    expect(run.status).toMatchObject({phase: 'Succeeded', artifactStore});
    expect(run.metadata?.finalizers).toEqual([ARTIFACTS_FINALIZER]);
    expect(conditionOf(run)).toMatchObject({status: 'True', reason: 'Stored', message: ''});
    expect(run.status?.artifactRefs).toEqual([
      {
        name: 'logs',
        key: `${prefixOf(run)}logs`,
        sizeBytes: expect.any(Number),
        digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
        mediaType: 'application/x-ndjson',
      },
      {
        name: 'result.txt',
        key: `${prefixOf(run)}result.txt`,
        sizeBytes: 4,
        digest: 'sha256:230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5',
        mediaType: expect.any(String),
      },
      expect.objectContaining({name: 'tree.tar.gz', mediaType: 'application/gzip'}),
    ]);
    const stored = objects();
    expect(Object.keys(stored)).toHaveLength(3);
    expect(stored[`${prefixOf(run)}result.txt`]).toBe('body');
    const archive = gunzipSync(Buffer.from(stored[`${prefixOf(run)}tree.tar.gz`] ?? '', 'latin1')).toString('latin1');
    expect(archive).toContain('leaf');
    const lines = (stored[`${prefixOf(run)}logs`] ?? '').trimEnd().split('\n').map(parseRunLogLine);
    expect(lines).toMatchObject([
      {stream: 'stdout', data: 'hello\n', attempt: 1},
      {end: {stdoutBytes: 6, stderrBytes: 0, truncatedBytes: 0}},
    ]);
    expect(await writesTo('run')).toEqual(['patch runs 200', 'update runs/status 200', 'update runs/status 200']);
    await world.untilClean();
    expect(readdirSync(world.spoolDirectory)).toEqual([]);
  });

  test('cost nothing where there are none', async () => {
    await start();
    const run = await world.execute('run', 'true\n');
    expect(conditionOf(run)).toBeUndefined();
    expect(run.metadata?.finalizers).toBeUndefined();
    expect(await writesTo('run')).toEqual(['update runs/status 200']);
    expect(objects()).toEqual({});
  });

  test('are gone without a store, and the Run says so', async () => {
    await world.serveRuntime();
    world.startRuntimed();
    const run = await world.execute('run', 'echo hello; touch "$KRUNTIME_ARTIFACTS_DIR/result"\n');
    expect(run.status?.phase).toBe('Succeeded');
    expect(conditionOf(run)).toMatchObject({status: 'False', reason: 'NoArtifactStore'});
    expect(await writesTo('run')).toEqual(['update runs/status 200']);
    expect(conditionOf(await world.execute('without', 'echo hello\n'))).toBeUndefined();
  });

  test.each<[string, string, Partial<Run['spec']>, string[]]>([
    ['failed', 'exit 3', {}, ['logs', 'result']],
    ['failed', 'exit 3', {artifacts: {when: 'OnSuccess'}}, ['logs']],
    ['succeeded', 'exit 0', {artifacts: {when: 'OnSuccess'}}, ['logs', 'result']],
    ['timed out', 'sleep 600', {timeoutSeconds: 5}, ['logs', 'result']],
  ])('of a Run that %s by %s %j: %j', async (_outcome, end, spec, names) => {
    await start();
    const run = await world.execute('run', `echo hello; echo body > "$KRUNTIME_ARTIFACTS_DIR/result"; ${end}\n`, spec);
    expect(run.status?.artifactRefs?.map(({name}) => name)).toEqual(names);
    expect(Object.keys(objects())).toEqual(names.map((name) => `${prefixOf(run)}${name}`));
  });

  test('of a cancelled Run are stored too', async () => {
    await start();
    await world.run('run', `echo body > "$KRUNTIME_ARTIFACTS_DIR/result"; touch ${world.directory}/there; sleep 600\n`);
    while (!existsSync(join(world.directory, 'there'))) await new Promise((resolve) => setImmediate(resolve));
    await runs().patch(
      {name: 'run', namespace: world.namespace},
      {type: 'merge', body: {spec: {cancelRequested: true}}},
    );
    const run = await world.until('run');
    expect(run.status?.phase).toBe('Cancelled');
    expect(run.status?.artifactRefs?.map(({name}) => name)).toEqual(['result']);
  });

  test('of an attempt that is repeated are not kept', async () => {
    await start();
    const script = `echo "$KRUNTIME_RUN_ATTEMPT" > "$KRUNTIME_ARTIFACTS_DIR/result"; exit $((2 - KRUNTIME_RUN_ATTEMPT))\n`;
    await world.run('run', script, {retryPolicy: {maxAttempts: 2, backoffSeconds: 0}});
    const pending = await world.until('run', ({status}) => status?.phase === 'Pending');
    expect(objects()).toEqual({});
    await world.bind(pending);
    const run = await world.until('run');
    expect(objects()).toEqual({[`${prefixOf(run, 2)}result`]: '2\n'});
    expect(run.status?.artifactRefs).toMatchObject([{name: 'result', key: `${prefixOf(run, 2)}result`}]);
  });

  test('that are no files are named, and nothing of them is stored', async () => {
    const secret = join(world.directory, 'secret');
    writeFileSync(secret, 'token');
    await start();
    const run = await world.execute(
      'run',
      `cd "$KRUNTIME_ARTIFACTS_DIR"
ln -s ${secret} link; mkfifo fifo; touch .hidden logs; printf x > good\n`,
    );
    expect(run.status?.phase).toBe('Succeeded');
    expect(conditionOf(run)).toMatchObject({status: 'False', reason: 'EntriesRejected'});
    for (const name of ['link', 'fifo', '.hidden', 'logs']) expect(conditionOf(run)?.message).toContain(name);
    expect(objects()).toEqual({[`${prefixOf(run)}good`]: 'x'});
  });

  test.each<[string, string]>([
    ['another directory', 'rm -r "$KRUNTIME_ARTIFACTS_DIR"; ln -s DIRECTORY "$KRUNTIME_ARTIFACTS_DIR"'],
    ['a FIFO', 'rm -r "$KRUNTIME_ARTIFACTS_DIR"; mkfifo "$KRUNTIME_ARTIFACTS_DIR"'],
    ['nothing', 'rm -r "$(dirname "$PWD")"'],
  ])('in a directory that the program replaced by %s', async (_what, script) => {
    await start();
    const run = await world.execute('run', `${script.replace('DIRECTORY', world.directory)}\n`);
    expect(run.status?.phase).toBe('Succeeded');
    expect(objects()).toEqual({});
    expect(run.metadata?.finalizers).toBeUndefined();
  });

  test('over the limit fail the Run before a byte is stored', async () => {
    await start({...artifactStore, maxBytesPerRun: 1000});
    const run = await world.execute('run', 'head -c 1001 /dev/zero > "$KRUNTIME_ARTIFACTS_DIR/big"\n');
    expect(run.status).toMatchObject({phase: 'Failed', reason: 'ArtifactError'});
    expect(run.status?.message).toContain('big');
    expect(conditionOf(run)).toMatchObject({status: 'False', reason: 'LimitExceeded'});
    expect(run.metadata?.finalizers).toBeUndefined();
    expect(objects()).toEqual({});
    const failed = await world.execute('failed', 'head -c 1001 /dev/zero > "$KRUNTIME_ARTIFACTS_DIR/big"; exit 3\n');
    expect(failed.status).toMatchObject({phase: 'Failed', reason: 'NonZeroExit', exitCode: 3});
    expect(conditionOf(failed)).toMatchObject({status: 'False', reason: 'LimitExceeded'});
  });
});

test('a Run that is deleted while it runs is ended, though a finalizer keeps its object', async () => {
  await start();
  const created = await world.createRun('run', {
    source: {inline: `touch ${world.directory}/there; touch "$KRUNTIME_ARTIFACTS_DIR/result"; sleep 600\n`},
    retryPolicy: {maxAttempts: 3},
  });
  const ref = {name: 'run', namespace: world.namespace};
  const marked = await runs().patch(ref, {type: 'merge', body: {metadata: {finalizers: [ARTIFACTS_FINALIZER]}}});
  expect(marked.metadata?.uid).toBe(created.metadata?.uid);
  await world.bind(marked);
  while (!existsSync(join(world.directory, 'there'))) await new Promise((resolve) => setImmediate(resolve));
  await runs().delete(ref);
  const run = await world.until('run');
  expect(run.status).toMatchObject({phase: 'Cancelled', reason: 'CancelRequested'});
  expect(run.metadata?.finalizers).toEqual([ARTIFACTS_FINALIZER]);
  expect(objects()).toEqual({});
  await world.untilClean();
});
