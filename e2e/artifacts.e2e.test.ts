import {readdir} from 'node:fs/promises';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {describe, expect, test} from '@jest/globals';
import {
  ARTIFACTS_DELETED_CONDITION,
  ARTIFACTS_FINALIZER,
  type ArtifactStoreSpec,
  type Run,
  runKind,
  runtimeKind,
} from '@kruntimes/api-types';
import {createS3Store} from '@kruntimes/artifact-store';
import {type S3Server, startS3Server} from '@kruntimes/artifact-store/testing';
import {RunWatch} from '@kruntimes/integration/support/run-watch';
import type {User} from '@kruntimes/integration/support/user';
import {kinds} from '@kruntimes/reconciler-kit';
import {waitFor, waitForDeletion} from '@kruntimes/reconciler-kit/testing';
import {createBashRuntime, createRun, runtimeReady} from './support/bash-runtime.ts';
import {suite} from './support/suite.ts';
import type {Volume} from './support/volumes.ts';
import {patient} from './support/world.ts';

const namespace = 'artifacts';
const bucket = 'artifacts';
/** Runtimes by where they keep artifacts. */
const runtimes = ['files', 'bucket'] as const;
type RuntimeName = (typeof runtimes)[number];
const script = 'echo one > "$KRUNTIME_ARTIFACTS_DIR/one.txt"; mkdir "$KRUNTIME_ARTIFACTS_DIR/many"; echo printed';

let volume: Volume;
let server: S3Server;
let watch: RunWatch;
let ann: User;

const e2e = suite(async (world) => {
  const {client, cluster} = world;
  await world.installed();
  // On the host's end of the link to the node: Pods reach it, and it outlives whatever happens on the node.
  const goModule = fileURLToPath(new URL('../tools/s3/', import.meta.url));
  server = await startS3Server({goModule, host: cluster.layout.hostAddress});
  world.defer(() => server[Symbol.asyncDispose]());
  await server.createBucket(bucket);
  await world.createNamespace(namespace);
  volume = await world.createVolume({namespace, name: 'store'});
  watch = await RunWatch.start(client, namespace);
  world.defer(() => watch.stop());
  ann = await world.createUser('ann', namespace);
  await client.kind(kinds.PersistentVolumeClaim).create({
    metadata: {name: 'store', namespace},
    spec: {accessModes: ['ReadWriteMany'], storageClassName: '', resources: {requests: {storage: '1Gi'}}},
  });
  const {accessKeyId, secretAccessKey} = server.credentials;
  const stringData = {accessKeyID: accessKeyId, secretAccessKey};
  await client.kind(kinds.Secret).create({metadata: {name: 'store', namespace}, stringData});
  const {endpoint, region} = server;
  const stores: Record<RuntimeName, ArtifactStoreSpec> = {
    files: {filesystem: {claimName: 'store', path: 'kept'}},
    bucket: {s3: {bucket, prefix: 'kept', endpoint, region, secretName: 'store', forcePathStyle: true}},
  };
  for (const name of runtimes) await createBashRuntime(client, {namespace, name, spec: {artifactStore: stores[name]}});
  await Promise.all(runtimes.map((name) => runtimeReady(client, namespace, name)));
});

/** What the store of a Runtime holds of a Run, sorted. */
async function stored(runtime: RuntimeName, {metadata}: Run): Promise<string[]> {
  const prefix = `kept/${namespace}/${metadata?.uid}/`;
  if (runtime === 'files') return (await readdir(join(volume.directory, prefix, '1')).catch(() => [])).toSorted();
  const store = createS3Store({bucket, endpoint: server.endpoint, credentials: async () => server.credentials});
  try {
    const found: string[] = [];
    for await (const {key} of store.list(prefix)) found.push(key.slice(`${prefix}1/`.length));
    return found.toSorted();
  } finally {
    await store.close();
  }
}

/** A Run that has ended and left artifacts. */
async function keptRun(runtime: RuntimeName): Promise<Run> {
  const {metadata} = await createRun(e2e.world.client, namespace, {runtime, source: {inline: script}});
  const run = await watch.ended(namespace, metadata?.name ?? '', patient.timeoutMs);
  expect(run.status).toMatchObject({phase: 'Succeeded'});
  expect(run.metadata?.finalizers).toEqual([ARTIFACTS_FINALIZER]);
  expect(await stored(runtime, run)).toEqual(['logs', 'many.tar.gz', 'one.txt']);
  return run;
}

const refOf = ({metadata}: Run) => ({name: metadata?.name ?? '', namespace});

async function remove(run: Run): Promise<void> {
  await e2e.world.client.kind(runKind).delete(refOf(run));
}

/** Until the Run, which is being deleted, is gone with what it left in the store. */
async function gone(runtime: RuntimeName, run: Run): Promise<void> {
  await waitForDeletion(e2e.world.client.kind(runKind), refOf(run), patient);
  expect(await stored(runtime, run)).toEqual([]);
}

describe('artifacts on a volume and in a bucket', () => {
  test(
    'are stored, downloaded by who may, and deleted with their Run',
    e2e.reported(async () => {
      await Promise.all(
        runtimes.map(async (runtime) => {
          const run = await keptRun(runtime);
          const {name} = refOf(run);
          const got = await ann.krt(['artifacts', 'get', name, 'one.txt', '-o', '-']);
          expect(got).toMatchObject({code: 0, stdout: 'one\n'});
          await remove(run);
          await gone(runtime, run);
        }),
      );
      expect(await server.listUploads(bucket)).toEqual([]);
    }),
  );

  test(
    'wait for a store that is away, say so on the Run, and are deleted when it is back',
    e2e.reported(async () => {
      const run = await keptRun('bucket');
      await server.stop();
      await remove(run);
      const {status} = await watch.until(
        namespace,
        refOf(run).name,
        (each) => each.status?.conditions?.some(({type}) => type === ARTIFACTS_DELETED_CONDITION) ?? false,
        patient.timeoutMs,
      );
      expect(status?.conditions?.find(({type}) => type === ARTIFACTS_DELETED_CONDITION)).toMatchObject({
        status: 'False',
        reason: 'StoreUnavailable',
      });
      await server.start();
      await gone('bucket', run);
    }),
  );

  test(
    'are deleted when their Runtime is scaled to zero or gone, and then nothing of the maintainer is left',
    e2e.reported(async () => {
      const {client} = e2e.world;
      const [inFiles, inBucket] = await Promise.all([keptRun('files'), keptRun('bucket')]);
      await client.kind(runtimeKind).patch({namespace, name: 'files'}, {type: 'merge', body: {spec: {replicas: 0}}});
      await client.kind(runtimeKind).delete({namespace, name: 'bucket'});
      await waitForDeletion(client.kind(runtimeKind), {namespace, name: 'bucket'}, patient);
      await runtimeReady(client, namespace, 'files');
      await Promise.all([remove(inFiles), remove(inBucket)]);
      await Promise.all([gone('files', inFiles), gone('bucket', inBucket)]);
      await waitFor(
        client.kind(kinds.Deployment),
        (all) => !all.some(({metadata}) => metadata?.name?.startsWith('kruntimes-maintainer')),
        {namespace, ...patient, description: 'no maintainer'},
      );
      await waitForDeletion(client.kind(kinds.Role), {namespace, name: 'kruntimes-maintainer'}, patient);
    }),
  );
});
