import {randomUUID} from 'node:crypto';
import {existsSync} from 'node:fs';
import {readdir, rename} from 'node:fs/promises';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {
  ARTIFACTS_CREDENTIALS_VOLUME,
  ARTIFACTS_DELETED_CONDITION,
  type ArtifactStoreSpec,
  type Run,
  runKind,
} from '@kruntimes/api-types';
import {createS3Store} from '@kruntimes/artifact-store';
import {type S3Server, startS3Server} from '@kruntimes/artifact-store/testing';
import {type Client, kinds} from '@kruntimes/reconciler-kit';
import {waitForDeletion} from '@kruntimes/reconciler-kit/testing';
import {System} from './support/system.ts';

const goModule = fileURLToPath(new URL('../tools/s3/', import.meta.url));
const bucket = 'artifacts';
const patient = {timeoutMs: 180_000};
/** More than fits in one request: the upload has several parts. */
const bigBytes = 20 * 1024 * 1024;
const script = [
  'echo one > "$KRUNTIME_ARTIFACTS_DIR/one.txt"',
  `head -c ${bigBytes} /dev/urandom > "$KRUNTIME_ARTIFACTS_DIR/big.bin"`,
  'sha256sum < "$KRUNTIME_ARTIFACTS_DIR/big.bin" | head -c 64',
].join('\n');

let server: S3Server;
let system: System;
let client: Client;
let namespace: string;

beforeAll(async () => {
  server = await startS3Server({goModule});
  await server.createBucket(bucket);
  system = await System.start();
  ({client} = system.cluster);
  namespace = await system.createNamespace();
  await putCredentials(server.credentials.secretAccessKey);
  const s3 = {bucket, prefix: 'kept', endpoint: server.endpoint, region: server.region, secretName: 'store'};
  const artifactStore: ArtifactStoreSpec = {s3: {...s3, forcePathStyle: true}};
  await system.createRuntime(namespace, {replicas: 1, runs: 4, spec: {artifactStore}});
}, 600_000);
afterAll(async () => {
  await system?.stop();
  await server?.[Symbol.asyncDispose]();
});

async function putCredentials(secretAccessKey: string): Promise<void> {
  const stringData = {accessKeyID: server.credentials.accessKeyId, secretAccessKey};
  await client.kind(kinds.Secret).create({metadata: {name: 'store', namespace}, stringData});
}

/** Keys in the bucket, from what runtimed and the maintainer put there. */
async function keys(): Promise<string[]> {
  const store = createS3Store({bucket, endpoint: server.endpoint, credentials: async () => server.credentials});
  try {
    const found: string[] = [];
    for await (const {key} of store.list('')) found.push(key);
    return found.toSorted();
  } finally {
    await store.close();
  }
}

const refOf = ({metadata}: Run) => ({name: metadata?.name ?? '', namespace});

async function storedRun(): Promise<Run> {
  const {metadata} = await system.create(namespace, {source: {inline: script}});
  const run = await system.ended(namespace, metadata?.name ?? '', 180_000);
  expect(run.status).toMatchObject({phase: 'Succeeded'});
  return run;
}

describe('artifacts in S3', () => {
  test('are stored, downloaded, and deleted with their Run', async () => {
    const run = await storedRun();
    const prefix = `kept/${namespace}/${run.metadata?.uid}/1`;
    expect(await keys()).toEqual([`${prefix}/big.bin`, `${prefix}/logs`, `${prefix}/one.txt`]);
    const big = run.status?.artifactRefs?.find(({name}) => name === 'big.bin');
    expect(big).toMatchObject({sizeBytes: bigBytes, digest: `sha256:${(await system.logs(run)).stdout}`});
    // krt compares the digest before it says that it has the file.
    const {name} = refOf(run);
    const got = await system.krt(namespace, ['artifacts', 'get', name, 'one.txt', '-o', '-']);
    expect(got).toMatchObject({code: 0, stdout: 'one\n'});
    const target = `${system.directory}/${randomUUID()}`;
    const whole = await system.krt(namespace, ['artifacts', 'get', name, 'big.bin', '-o', target]);
    expect(whole).toMatchObject({code: 0});
    await client.kind(runKind).delete(refOf(run));
    await waitForDeletion(client.kind(runKind), refOf(run), patient);
    expect(await keys()).toEqual([]);
    expect(await server.listUploads(bucket)).toEqual([]);
  }, 400_000);

  test('wait for a store that is away, say so on the Run, and are deleted when it is back', async () => {
    const run = await storedRun();
    await server.stop();
    await client.kind(runKind).delete(refOf(run));
    await untilNotDeleted(run, 'StoreUnavailable');
    await server.start();
    await waitForDeletion(client.kind(runKind), refOf(run), patient);
    expect(await keys()).toEqual([]);
  }, 400_000);

  test('wait for credentials that are gone or not accepted any more, and say so on the Run', async () => {
    const run = await storedRun();
    const {credentials} = server;
    const files = await secretFiles('secretAccessKey');
    expect(files.length).toBeGreaterThanOrEqual(2); // those of runtimed and of the maintainer
    for (const file of files) await rename(file, `${file}.away`);
    await client.kind(runKind).delete(refOf(run));
    await untilNotDeleted(run, 'CredentialsMissing');
    await server.stop();
    await server.start({...credentials, secretAccessKey: randomUUID()});
    for (const file of files) await rename(`${file}.away`, file);
    await untilNotDeleted(run, 'AccessDenied');
    await server.stop();
    await server.start(credentials);
    await waitForDeletion(client.kind(runKind), refOf(run), patient);
    expect(await keys()).toEqual([]);
  }, 400_000);
});

/** Until the Run says for this reason that its artifacts are not deleted yet. */
async function untilNotDeleted(run: Run, reason: string): Promise<void> {
  const says = ({status}: Run): boolean =>
    status?.conditions?.some((is) => is.type === ARTIFACTS_DELETED_CONDITION && is.reason === reason) ?? false;
  const {status} = await system.until(namespace, refOf(run).name, says, 180_000);
  expect(status?.conditions?.find(({type}) => type === ARTIFACTS_DELETED_CONDITION)?.status).toBe('False');
}

/** A key of the Secret, in each place where the local node has put it. Workspaces come and go meanwhile: no look at those. */
async function secretFiles(key: string): Promise<string[]> {
  const pods = join(system.directory, 'p');
  const places = (await readdir(pods)).map((pod) => join(pods, pod, ARTIFACTS_CREDENTIALS_VOLUME, key));
  return places.filter((place) => existsSync(place));
}
