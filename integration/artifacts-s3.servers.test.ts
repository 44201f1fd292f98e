import {randomUUID} from 'node:crypto';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {ARTIFACTS_DELETED_CONDITION, type ArtifactStoreSpec, type Run, runKind} from '@kruntimes/api-types';
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
    const waiting = await system.until(
      namespace,
      refOf(run).name,
      ({status}) => status?.conditions?.some(({type}) => type === ARTIFACTS_DELETED_CONDITION) ?? false,
      180_000,
    );
    const condition = waiting.status?.conditions?.find(({type}) => type === ARTIFACTS_DELETED_CONDITION);
    expect(condition).toMatchObject({status: 'False', reason: 'StoreUnavailable'});
    await server.start();
    await waitForDeletion(client.kind(runKind), refOf(run), patient);
    expect(await keys()).toEqual([]);
  }, 400_000);
});
