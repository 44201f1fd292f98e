import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {
  ARTIFACTS_FINALIZER,
  type ArtifactStoreSpec,
  artifactStoreHash,
  bindStatus,
  FORCE_RELEASE_ANNOTATION,
  maintainerName,
  type Run,
  type RunStatus,
  runKind,
} from '@kruntimes/api-types';
import {kinds} from '@kruntimes/reconciler-kit';
import {waitFor, waitForDeletion, waitForObject} from '@kruntimes/reconciler-kit/testing';
import {KubeWorld} from './kube-world.fixture.ts';

const patient = {timeoutMs: 60_000};
const claim: ArtifactStoreSpec = {filesystem: {claimName: 'artifacts', path: 'team'}};
const bucket: ArtifactStoreSpec = {s3: {bucket: 'runs', prefix: 'a/b', secretName: 'keys'}, maxBytesPerRun: 5};

let world: KubeWorld;

beforeEach(async () => {
  world = await KubeWorld.create();
});
afterEach(() => world.close());

const runs = () => world.client.kind(runKind);
const ref = (name: string) => ({name, namespace: world.namespace});
const identity = () => ref('kruntimes-maintainer');
const deployment = (store: ArtifactStoreSpec) => ref(maintainerName(artifactStoreHash(store)));
const deployments = () => world.client.kind(kinds.Deployment);

/** A Run as runtimed leaves it. */
async function addRun(
  name: string,
  status: Partial<RunStatus>,
  finalizers: string[] = [ARTIFACTS_FINALIZER],
): Promise<Run> {
  const run = await runs().create({metadata: {...ref(name), finalizers}, spec: {runtime: 'bash', args: ['true']}});
  return await runs().updateStatus({...run, status: {phase: 'Succeeded', ...status}});
}

async function removeFinalizers(name: string): Promise<void> {
  await runs().patch(ref(name), {type: 'merge', body: {metadata: {finalizers: []}}});
}

async function eventsOf(name: string, namespace = world.namespace): Promise<(string | undefined)[]> {
  const items = await waitFor(world.client.kind(kinds.Event), (all) => all.length > 0, {
    namespace,
    fieldSelector: `regarding.name=${name},reason=ArtifactsOrphaned`,
    ...patient,
  });
  return items.map(({note}) => note);
}

describe('a maintainer', () => {
  test('is there for each store that Runs have artifacts in, with the least rights, and goes with the last of them', async () => {
    world.startController();
    await addRun('a', {artifactStore: claim});
    await addRun('b', {artifactStore: claim});
    await addRun('c', {artifactStore: bucket});
    await addRun('none', {});
    const first = await waitForObject(deployments(), deployment(claim), () => true, patient);
    const pod = first.spec?.template.spec;
    expect(pod).toMatchObject({
      serviceAccountName: 'kruntimes-maintainer',
      automountServiceAccountToken: false,
      securityContext: {fsGroup: 65532},
      containers: [
        {
          image: 'maintainer:x',
          args: expect.arrayContaining([
            `--namespace=${world.namespace}`,
            '--artifact-store={"filesystem":{"claimName":"artifacts","path":"team"}}',
            '--download-bind-address=127.0.0.1:19095',
          ]),
          volumeMounts: [
            {name: 'kruntimes-token', readOnly: true},
            {name: 'kruntimes-artifacts', mountPath: '/var/lib/kruntimes/artifacts', subPath: 'team'},
          ],
          securityContext: {runAsNonRoot: true, readOnlyRootFilesystem: true},
        },
      ],
    });
    expect(first.metadata?.ownerReferences).toBeUndefined();
    const second = await waitForObject(deployments(), deployment(bucket), () => true, patient);
    expect(second.spec?.template.spec?.volumes?.[1]).toMatchObject({secret: {secretName: 'keys', optional: true}});
    const role = await waitForObject(world.client.kind(kinds.Role), identity(), () => true, patient);
    expect(role.rules?.flatMap(({resources = [], verbs}) => resources.map((r) => `${r} ${verbs.join(',')}`))).toEqual([
      'runs get,list,watch,patch',
      'runs/status update',
    ]);
    await waitForObject(world.client.kind(kinds.ServiceAccount), identity(), () => true, patient);
    await waitForObject(world.client.kind(kinds.RoleBinding), identity(), () => true, patient);

    await runs().delete(ref('c'));
    await removeFinalizers('c');
    await waitForDeletion(deployments(), deployment(bucket), patient);
    await removeFinalizers('a');
    await removeFinalizers('b');
    await waitForDeletion(deployments(), deployment(claim), patient);
    await waitForDeletion(world.client.kind(kinds.RoleBinding), identity(), patient);
    await waitForDeletion(world.client.kind(kinds.ServiceAccount), identity(), patient);
    await waitForDeletion(world.client.kind(kinds.Role), identity(), patient);
    await removeFinalizers('none');
  });

  test('comes back when somebody deletes it or its identity, and is found by a new controller', async () => {
    const stop = world.startController();
    await addRun('a', {artifactStore: claim});
    const {metadata} = await waitForObject(deployments(), deployment(claim), () => true, patient);
    await waitForObject(world.client.kind(kinds.RoleBinding), identity(), () => true, patient);
    await deployments().delete(deployment(claim));
    await waitForObject(deployments(), deployment(claim), (each) => each.metadata?.uid !== metadata?.uid, patient);
    const account = await world.client.kind(kinds.ServiceAccount).get('kruntimes-maintainer', identity());
    await world.client.kind(kinds.ServiceAccount).delete(identity());
    await waitForObject(
      world.client.kind(kinds.ServiceAccount),
      identity(),
      (each) => each.metadata?.uid !== account.metadata?.uid,
      patient,
    );
    await stop();
    await removeFinalizers('a');
    world.startController();
    // No Run tells that it is not needed any more: it is seen by its own label.
    await waitForDeletion(deployments(), deployment(claim), patient);
    await waitForDeletion(world.client.kind(kinds.Role), identity(), patient);
  });

  test('makes Pods that PodSecurity "restricted" accepts', async () => {
    const labels = {'pod-security.kubernetes.io/enforce': 'restricted'};
    await world.client
      .kind(kinds.Namespace)
      .patch({name: world.namespace}, {type: 'merge', body: {metadata: {labels}}});
    world.startController();
    await addRun('a', {artifactStore: claim});
    const {spec} = await waitForObject(deployments(), deployment(claim), () => true, patient);
    await waitForObject(world.client.kind(kinds.ServiceAccount), identity(), () => true, patient);
    const pod = await world.client
      .kind(kinds.Pod)
      .create(
        {metadata: {...spec?.template.metadata, ...ref('p')}, ...(spec?.template.spec && {spec: spec.template.spec})},
        {dryRun: true},
      );
    expect(pod.spec?.containers[0]?.name).toBe('maintainer');
    await removeFinalizers('a');
  });
});

describe('a deleted Run', () => {
  test('that never got as far as an upload goes, but not before its attempt is over', async () => {
    world.startController();
    const bound = bindStatus({spec: {runtime: 'bash'}}, {name: 'p', uid: 'u'}, new Date());
    await addRun('over', {});
    await addRun('others', {}, [ARTIFACTS_FINALIZER, 'example.com/other']);
    await addRun('running', bound);
    for (const name of ['running', 'others', 'over']) await runs().delete(ref(name));
    await waitForDeletion(runs(), ref('over'), patient);
    const others = await waitForObject(runs(), ref('others'), (run) => run.metadata?.finalizers?.length === 1, patient);
    expect(others.metadata?.finalizers).toEqual(['example.com/other']);
    // The Pod is gone, so that the attempt is taken from it; then nobody can store anything any more.
    await waitForDeletion(runs(), ref('running'), patient);
    await removeFinalizers('others');
  });

  test('whose artifacts are given up goes, and tells what stays behind', async () => {
    world.startController();
    const kept = await addRun('kept', {artifactStore: bucket});
    const given = await addRun('given-up', {artifactStore: bucket});
    for (const name of ['kept', 'given-up']) await runs().delete(ref(name));
    const annotations = {[FORCE_RELEASE_ANNOTATION]: 'true'};
    await runs().patch(ref('given-up'), {type: 'merge', body: {metadata: {annotations}}});
    await waitForDeletion(runs(), ref('given-up'), patient);
    expect(await eventsOf('given-up')).toEqual([
      `the Run was let go by kruntimes.io/force-release: its artifacts stay behind below s3://runs/a/b/${world.namespace}/${given.metadata?.uid}/`,
    ]);
    expect((await runs().get('kept', {namespace: world.namespace})).metadata?.uid).toBe(kept.metadata?.uid);
    await removeFinalizers('kept');
  });

  test('does not keep its namespace from going', async () => {
    world.startController();
    await addRun('a', {artifactStore: claim});
    await addRun('b', {artifactStore: claim});
    await world.client.kind(kinds.Namespace).delete({name: world.namespace});
    // What the controller-manager does then.
    await runs().deleteCollection({namespace: world.namespace});
    await waitForDeletion(runs(), ref('a'), patient);
    await waitForDeletion(runs(), ref('b'), patient);
    expect(await eventsOf(world.namespace, 'default')).toEqual([
      `the namespace is deleted with Runs in it: their artifacts stay behind below team/${world.namespace}/ in PersistentVolumeClaim artifacts`,
    ]);
  });
});
