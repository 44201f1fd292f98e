import {access, readdir, rm, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {
  ARTIFACT_STORE_LABEL,
  ARTIFACTS_FINALIZER,
  type ArtifactStoreSpec,
  artifactStoreHash,
  FORCE_RELEASE_ANNOTATION,
  maintainerName,
  type Run,
  runKind,
  runtimeKind,
} from '@kruntimes/api-types';
import {type Client, kinds} from '@kruntimes/reconciler-kit';
import {waitFor, waitForDeletion} from '@kruntimes/reconciler-kit/testing';
import {System} from './support/system.ts';

const patient = {timeoutMs: 120_000};
const artifactStore: ArtifactStoreSpec = {filesystem: {claimName: 'artifacts', path: 'kept'}};
const script =
  'echo one > "$KRUNTIME_ARTIFACTS_DIR/one.txt"; mkdir "$KRUNTIME_ARTIFACTS_DIR/many"; echo x > "$KRUNTIME_ARTIFACTS_DIR/many/x"';

let system: System;
let client: Client;
beforeAll(async () => {
  system = await System.start();
  ({client} = system.cluster);
}, 180_000);
afterAll(() => system?.stop());

/** A namespace with the Runtime `bash`, which keeps artifacts in a PersistentVolumeClaim. */
async function world(): Promise<string> {
  const namespace = await system.createNamespace();
  await system.createRuntime(namespace, {replicas: 1, runs: 4, spec: {artifactStore}});
  return namespace;
}

/** Where the local node keeps the volume. */
const claim = (namespace: string): string => join(system.directory, 'claims', namespace, 'artifacts');
const filesOf = (run: Run): string =>
  join(claim(run.metadata?.namespace ?? ''), 'kept', run.metadata?.namespace ?? '', run.metadata?.uid ?? '');
const isThere = async (path: string): Promise<boolean> =>
  await access(path).then(
    () => true,
    () => false,
  );
const refOf = ({metadata}: Run) => ({name: metadata?.name ?? '', namespace: metadata?.namespace ?? ''});
const remove = async (run: Run): Promise<void> => void (await client.kind(runKind).delete(refOf(run)));
const gone = (run: Run): Promise<void> => waitForDeletion(client.kind(runKind), refOf(run), patient);

/** A Run that has ended and left artifacts. */
async function storedRun(namespace: string): Promise<Run> {
  const {metadata} = await system.create(namespace, {source: {inline: script}});
  const run = await system.ended(namespace, metadata?.name ?? '', 120_000);
  expect(run.status).toMatchObject({phase: 'Succeeded', artifactStore});
  expect(run.metadata?.finalizers).toEqual([ARTIFACTS_FINALIZER]);
  expect(await readdir(join(filesOf(run), '1'))).toEqual(expect.arrayContaining(['many.tar.gz', 'one.txt']));
  return run;
}

/** The Pod of the maintainer, when downloads answer. */
async function maintainerPod(namespace: string): Promise<string> {
  const pods = await waitFor(
    client.kind(kinds.Pod),
    (all) =>
      all.some(({status}) => status?.conditions?.some(({type, status: is}) => type === 'Ready' && is === 'True')),
    {namespace, labelSelector: `${ARTIFACT_STORE_LABEL}=${artifactStoreHash(artifactStore)}`, ...patient},
  );
  return pods[0]?.metadata?.name ?? '';
}

const maintainerGone = (namespace: string): Promise<void> =>
  waitForDeletion(
    client.kind(kinds.Deployment),
    {namespace, name: maintainerName(artifactStoreHash(artifactStore))},
    patient,
  );

describe('the artifacts of a Run', () => {
  test('go with it, and the maintainer with the last of them', async () => {
    const namespace = await world();
    const [first, second] = await Promise.all([storedRun(namespace), storedRun(namespace)]);
    await maintainerPod(namespace);
    await remove(first);
    await gone(first);
    expect([await isThere(filesOf(first)), await isThere(filesOf(second))]).toEqual([false, true]);
    await remove(second);
    await gone(second);
    expect(await isThere(filesOf(second))).toBe(false);
    await maintainerGone(namespace);
    await waitForDeletion(client.kind(kinds.Role), {namespace, name: 'kruntimes-maintainer'}, patient);
  }, 300_000);

  test('go with it when its Runtime is gone, and when it had another store by then', async () => {
    const namespace = await world();
    const run = await storedRun(namespace);
    const runtime = {namespace, name: 'bash'};
    const body = {spec: {artifactStore: {filesystem: {claimName: 'elsewhere', path: null}}}};
    await client.kind(runtimeKind).patch(runtime, {type: 'merge', body});
    await client.kind(runtimeKind).delete(runtime);
    await waitForDeletion(client.kind(runtimeKind), runtime, patient);
    await remove(run);
    await gone(run);
    expect(await isThere(filesOf(run))).toBe(false);
    await maintainerGone(namespace);
  }, 300_000);

  test('count as deleted when there is nothing left of the store', async () => {
    const namespace = await world();
    const run = await storedRun(namespace);
    await maintainerPod(namespace);
    await rm(claim(namespace), {recursive: true});
    await remove(run);
    await gone(run);
    expect(await isThere(claim(namespace))).toBe(false);
  }, 300_000);

  test('go though the maintainer is killed while it deletes them', async () => {
    const namespace = await world();
    const run = await storedRun(namespace);
    const pod = await maintainerPod(namespace);
    const many = join(filesOf(run), '1');
    for (let i = 0; i < 5000; i++) await writeFile(join(many, `file-${i}`), '');
    await remove(run);
    system.cluster.killContainer({namespace, name: pod}, 'maintainer');
    await gone(run);
    expect(await isThere(filesOf(run))).toBe(false);
  }, 300_000);

  test('can be given up when their store never comes back', async () => {
    const namespace = await system.createNamespace();
    const runs = client.kind(runKind);
    // The Secret was deleted with the bucket.
    const lost: ArtifactStoreSpec = {s3: {bucket: 'artifacts', endpoint: 'http://127.0.0.1:1', secretName: 'gone'}};
    const run = await runs.create({
      metadata: {namespace, generateName: 'run-', finalizers: [ARTIFACTS_FINALIZER]},
      spec: {runtime: 'bash', args: ['true']},
    });
    await runs.updateStatus({...run, status: {phase: 'Succeeded', artifactStore: lost}});
    await remove(run);
    const {name} = refOf(run);
    const condition = (each: Run) => each.status?.conditions?.find(({type}) => type === 'ArtifactsDeleted');
    const stuck = await system.until(namespace, name, (each) => condition(each) !== undefined, 120_000);
    expect(condition(stuck)).toMatchObject({status: 'False', reason: 'CredentialsMissing'});
    const annotations = {[FORCE_RELEASE_ANNOTATION]: 'true'};
    await runs.patch(refOf(run), {type: 'merge', body: {metadata: {annotations}}});
    await gone(run);
    const [event] = await waitFor(client.kind(kinds.Event), (all) => all.length > 0, {
      namespace,
      fieldSelector: `regarding.name=${name},reason=ArtifactsOrphaned`,
      ...patient,
    });
    expect(event?.note).toContain(`below s3://artifacts/${namespace}/${run.metadata?.uid}/ at http://127.0.0.1:1`);
    await waitForDeletion(
      client.kind(kinds.Deployment),
      {namespace, name: maintainerName(artifactStoreHash(lost))},
      patient,
    );
  }, 300_000);

  test('do not keep a namespace from going; what stays behind is told', async () => {
    const namespace = await world();
    await storedRun(namespace);
    const broken = await storedRun(namespace);
    const pod = await maintainerPod(namespace);
    // It can neither delete nor let go any more.
    system.cluster.killContainer({namespace, name: pod}, 'maintainer', 'SIGSTOP');
    await client.kind(kinds.Namespace).delete({name: namespace});
    await waitForDeletion(client.kind(kinds.Namespace), {name: namespace}, patient);
    const [event] = await waitFor(client.kind(kinds.Event), (all) => all.length > 0, {
      namespace: 'default',
      fieldSelector: `regarding.name=${namespace},reason=ArtifactsOrphaned`,
      ...patient,
    });
    expect(event?.note).toContain(`kept/${namespace}/ in PersistentVolumeClaim artifacts`);
    expect(await isThere(filesOf(broken))).toBe(true);
  }, 300_000);
});
