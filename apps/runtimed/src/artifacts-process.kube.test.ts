import {mkdirSync, readdirSync, writeFileSync} from 'node:fs';
import {createServer, type IncomingMessage, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {ARTIFACTS_FINALIZER, artifactPrefix, type Run, runKind} from '@kruntimes/api-types';
import {createFilesystemStore} from '@kruntimes/artifact-store';
import {kill, startRuntimed, startRuntimeServer} from './pod-processes.fixture.ts';
import {PodWorld} from './pod-world.fixture.ts';

let world: PodWorld;

beforeEach(async () => {
  world = await PodWorld.create();
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const runs = () => world.client.kind(runKind);
const artifactStore = {filesystem: {claimName: 'artifacts'}};
const storeFlags = () => [
  `--artifact-store=${JSON.stringify(artifactStore)}`,
  `--artifacts-directory=${world.artifactsDirectory}`,
  `--spool-directory=${world.spoolDirectory}`,
];

/** Paths of all files in the store, unfinished ones included. */
function storedFiles(): string[] {
  return readdirSync(world.artifactsDirectory, {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile())
    .map(({parentPath, name}) => join(parentPath, name).slice(world.artifactsDirectory.length + 1))
    .toSorted();
}

async function until(description: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not reached: ${description}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const prefixOf = (run: Run): string => artifactPrefix({namespace: world.namespace, uid: run.metadata?.uid ?? ''});
const largeFiles = 'cd "$KRUNTIME_ARTIFACTS_DIR"; truncate -s 16M a b c; echo done\n';

describe('runtimed killed with -9 in mid-upload', () => {
  async function killInMidUpload(): Promise<Run> {
    startRuntimeServer(world);
    const child = startRuntimed(world, storeFlags());
    const {metadata} = await world.run('run', largeFiles);
    await until('a byte in the store', () => storedFiles().length > 0);
    await kill(child);
    const run = await runs().get('run', {namespace: world.namespace});
    expect(run.metadata?.uid).toBe(metadata?.uid);
    return run;
  }

  test('leaves the finalizer and the store in the Run, and nothing that these do not lead to', async () => {
    const run = await killInMidUpload();
    expect(run.metadata?.finalizers).toEqual([ARTIFACTS_FINALIZER]);
    expect(run.status).toMatchObject({artifactStore, attempt: 1});
    const files = storedFiles();
    expect(files.filter((path) => !path.startsWith(prefixOf(run)))).toEqual([]);
    // The Run stays until somebody has removed them, whoever deletes it.
    await runs().delete({name: 'run', namespace: world.namespace});
    expect((await runs().get('run', {namespace: world.namespace})).metadata?.deletionTimestamp).toBeDefined();
    const store = createFilesystemStore({directory: world.artifactsDirectory});
    await store.deletePrefix(prefixOf(run));
    expect(storedFiles()).toEqual([]);
  }, 240_000);

  test('stores the artifacts when it is back: of one execution, and nothing else', async () => {
    await killInMidUpload();
    startRuntimed(world, storeFlags());
    const run = await world.until('run');
    expect(run.status).toMatchObject({phase: 'Succeeded', attempt: 1});
    expect(run.status?.artifactRefs?.map(({name, sizeBytes}) => [name, name === 'logs' ? 0 : sizeBytes])).toEqual([
      ['a', 16 * 1024 * 1024],
      ['b', 16 * 1024 * 1024],
      ['c', 16 * 1024 * 1024],
      ['logs', 0],
    ]);
    expect(storedFiles()).toEqual(run.status?.artifactRefs?.map(({key}) => key));
    await world.untilClean();
    await until('an empty spool', () => readdirSync(world.spoolDirectory).length === 0);
  }, 240_000);
});

describe('a spool on a full disk', () => {
  test('fails Runs with directories as artifacts, cuts long logs and leaves nothing', async () => {
    startRuntimeServer(world);
    // No file of runtimed gets larger than this.
    startRuntimed(world, storeFlags(), ['prlimit', '--fsize=1000000']);
    const failed = await world.execute(
      'failed',
      'mkdir "$KRUNTIME_ARTIFACTS_DIR/tree"; head -c 3000000 /dev/urandom > "$KRUNTIME_ARTIFACTS_DIR/tree/file"\n',
    );
    expect(failed.status).toMatchObject({phase: 'Failed', reason: 'ArtifactError'});
    expect(failed.status?.message).toContain('"tree" cannot be stored');
    expect(failed.metadata?.finalizers).toBeUndefined();
    expect(storedFiles()).toEqual([]);
    const cut = await world.execute('cut', 'head -c 3000000 /dev/urandom | base64\n');
    expect(cut.status?.phase).toBe('Succeeded');
    expect(cut.status?.conditions?.find(({type}) => type === 'ArtifactsStored')).toMatchObject({
      status: 'False',
      reason: 'LimitExceeded',
      message: 'the log is cut: the disk of the spool failed (EFBIG)',
    });
    expect(storedFiles()).toEqual([`${prefixOf(cut)}1/logs`]);
    await world.untilClean();
    await until('an empty spool', () => readdirSync(world.spoolDirectory).length === 0);
  }, 240_000);
});

describe('a Run that is deleted in mid-upload', () => {
  /** An S3 server that never answers a PUT, and has nothing. */
  async function startSilentS3(): Promise<{server: Server; puts: IncomingMessage[]; listed: string[]}> {
    const puts: IncomingMessage[] = [];
    const listed: string[] = [];
    const server = createServer((request, response) => {
      if (request.method === 'PUT' || request.method === 'POST') {
        puts.push(request);
        request.resume();
        return;
      }
      const {searchParams} = new URL(request.url ?? '', 'http://s3');
      listed.push(searchParams.get('prefix') ?? '');
      const result = searchParams.has('uploads') ? 'ListMultipartUploadsResult' : 'ListBucketResult';
      response.setHeader('content-type', 'application/xml');
      response.end(`<?xml version="1.0"?><${result}><IsTruncated>false</IsTruncated></${result}>`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    world.defer(() => {
      server.closeAllConnections();
      server.close();
    });
    return {server, puts, listed};
  }

  test('is ended at once, its upload too, and what it stored is removed', async () => {
    const {server, puts, listed} = await startSilentS3();
    const credentials = join(world.directory, 'credentials');
    mkdirSync(credentials);
    writeFileSync(join(credentials, 'accessKeyID'), 'id');
    writeFileSync(join(credentials, 'secretAccessKey'), 'secret\n');
    const {port} = server.address() as AddressInfo;
    const s3 = {
      bucket: 'bucket',
      prefix: 'team',
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      forcePathStyle: true,
      secretName: 'credentials',
    };
    await world.serveRuntime();
    world.startRuntimed({artifactStore: {s3}});
    const {metadata} = await world.run('run', 'echo body > "$KRUNTIME_ARTIFACTS_DIR/result"; echo hello\n');
    await until('an upload', () => puts.length > 0);
    const uploading = await runs().get('run', {namespace: world.namespace});
    expect(uploading.metadata?.finalizers).toEqual([ARTIFACTS_FINALIZER]);
    expect(uploading.status).toMatchObject({phase: 'Running', artifactStore: {s3}});
    await runs().delete({name: 'run', namespace: world.namespace});
    const ended = await world.until('run');
    expect(ended.metadata?.uid).toBe(metadata?.uid);
    expect(ended.status?.artifactRefs).toBeUndefined();
    expect(ended.status?.artifactStore).toEqual({s3});
    expect(ended.metadata?.finalizers).toEqual([ARTIFACTS_FINALIZER]);
    await until('the end of the upload', () => puts.every(({destroyed}) => destroyed));
    expect(listed).toContain(`team/${prefixOf(ended)}1/`);
    await world.untilClean();
  }, 240_000);
});
