import {describe, expect, test} from '@jest/globals';
import {ARTIFACTS_FINALIZER, isTerminal, RUNTIME_LABEL, type Run, runKind, runtimeKind} from '@kruntimes/api-types';
import {kinds} from '@kruntimes/reconciler-kit';
import {waitFor, waitForObject} from '@kruntimes/reconciler-kit/testing';
import {createBashRuntime, createRun, runtimeReady} from './support/bash-runtime.ts';
import {findOurs, untilOursAreGone} from './support/leftovers.ts';
import {suite} from './support/suite.ts';
import {patient, systemNamespace} from './support/world.ts';

const release = 'kruntimes';
const scopes = ['scope-a', 'scope-b'] as const;
const [first, second] = scopes;
/** In nobody's scope. */
const outside = 'scope-c';

const e2e = suite(async (world) => {
  await world.uninstall(release, systemNamespace);
  await world.installDefinitions();
  await Promise.all([first, second, outside].map((namespace) => world.createNamespace(namespace)));
  await world.createVolume({namespace: first, name: 'artifacts'});
  for (const namespace of scopes) world.defer(() => world.uninstall(release, namespace));
});

const only = (namespace: string): string[] => [
  `watchNamespace=${namespace}`,
  'controller.replicas=1',
  'scheduler.replicas=1',
];

async function ended(run: Run): Promise<Run> {
  const {name = '', namespace} = run.metadata ?? {};
  const runs = e2e.world.client.kind(runKind);
  return await waitForObject(
    runs,
    {name, ...(namespace && {namespace})},
    ({status}) => isTerminal(status?.phase),
    patient,
  );
}

describe('two releases, each for one namespace', () => {
  test(
    'work side by side, each in its namespace and nowhere else',
    e2e.reported(async () => {
      const {client} = e2e.world;
      await Promise.all(
        scopes.map((namespace) => e2e.world.release({name: release, namespace, values: only(namespace)})),
      );
      await client.kind(kinds.PersistentVolumeClaim).create({
        metadata: {name: 'artifacts', namespace: first},
        spec: {accessModes: ['ReadWriteMany'], storageClassName: '', resources: {requests: {storage: '1Gi'}}},
      });
      const artifactStore = {filesystem: {claimName: 'artifacts'}};
      await createBashRuntime(client, {namespace: outside});
      const unseen = await createRun(client, outside, {source: {inline: 'true'}});
      await createBashRuntime(client, {namespace: first, spec: {artifactStore}});
      await createBashRuntime(client, {namespace: second});
      const source = {inline: 'echo kept > "$KRUNTIME_ARTIFACTS_DIR/kept"'};
      const runs = await Promise.all(
        scopes.map(async (namespace) => {
          await runtimeReady(client, namespace);
          return await ended(await createRun(client, namespace, {source}));
        }),
      );
      expect(runs.map(({status}) => status?.phase)).toEqual(['Succeeded', 'Succeeded']);
      expect(runs[0]?.metadata?.finalizers).toEqual([ARTIFACTS_FINALIZER]);
      // What came later is done.
      const {status} = await client.kind(runKind).get(unseen.metadata?.name ?? '', {namespace: outside});
      expect(status).toEqual({phase: 'Pending'});
      expect((await client.kind(kinds.Deployment).list({namespace: outside})).items).toEqual([]);
    }),
  );

  test.each([
    [
      'the same namespace',
      [`watchNamespace=${first}`],
      `Another release, kruntimes.${first}, runs the Runs of namespace ${first}`,
    ],
    ['all namespaces', [], 'runs the Runs of namespace scope-'],
  ])('a third release for %s is refused, and leaves nothing', async (_, values, message) => {
    await e2e.reported(async () => {
      const {helm, version} = e2e.world;
      const settings = values.flatMap((value) => ['--set', value]);
      const chart = helm.published('kruntimes', version);
      const {code, stderr} = await helm.try('install', 'third', ...chart, '-n', outside, ...settings);
      expect({code, stderr}).toEqual({code: 1, stderr: expect.stringContaining(message)});
      expect(stderr).toContain('Give it another scope by watchNamespace, or uninstall the other one first.');
      expect(await helm.run('list', '--all', '--short', '-n', outside)).toBe('');
    })();
  });

  test(
    'neither has rights outside its namespace',
    e2e.reported(async () => {
      const administrator = await e2e.world.administrator(first);
      const may = async (component: string, verb: string, resource: string, namespace?: string): Promise<string> => {
        const account = `--as=system:serviceaccount:${first}:kruntimes-${component}`;
        const where = namespace === undefined ? ['--all-namespaces'] : ['-n', namespace];
        const [plural = '', part = ''] = resource.split('/');
        const what = [plural, `--subresource=${part}`, account, ...where];
        const {stdout} = await administrator.kubectl(['auth', 'can-i', verb, ...what]);
        return stdout.trim();
      };
      expect(await may('controller', 'create', 'deployments.apps', first)).toBe('yes');
      expect(await may('scheduler', 'update', 'runs.kruntimes.io/status', first)).toBe('yes');
      const answers = await Promise.all(
        [
          ['controller', 'list', 'runs.kruntimes.io', second],
          ['controller', 'patch', 'runs.kruntimes.io', second],
          ['controller', 'create', 'deployments.apps', second],
          ['controller', 'create', 'roles.rbac.authorization.k8s.io', second],
          ['controller', 'list', 'pods', second],
          ['controller', 'get', 'secrets', first],
          ['controller', 'get', 'secrets', second],
          ['controller', 'list', 'runs.kruntimes.io', undefined],
          ['controller', 'create', 'clusterroles.rbac.authorization.k8s.io', undefined],
          ['scheduler', 'update', 'runs.kruntimes.io/status', second],
          ['scheduler', 'list', 'pods', second],
          ['scheduler', 'get', 'secrets', first],
          ['scheduler', 'list', 'runs.kruntimes.io', undefined],
        ].map(async ([component = '', verb = '', resource = '', namespace]) => [
          component,
          verb,
          resource,
          namespace,
          await may(component, verb, resource, namespace),
        ]),
      );
      expect(answers.filter((answer) => answer[4] !== 'no')).toEqual([]);
    }),
  );
});

const isUsers = (description: string): boolean => /^run(s|times)\.kruntimes\.io /.test(description);
const isDefinition = (description: string): boolean =>
  /^customresourcedefinitions\.\S+ \w+\.kruntimes\.io$|^apiservices\.\S+ v1alpha1\.kruntimes\.io$/.test(description);
/** The namespace, which the tests have made, and what Kubernetes puts into each. */
const isSystemNamespace = (description: string): boolean =>
  [
    `namespaces ${systemNamespace}`,
    `configmaps ${systemNamespace}/kube-root-ca.crt`,
    `serviceaccounts ${systemNamespace}/default`,
  ].includes(description);

describe('uninstalling', () => {
  test(
    'a release takes away all but Runs and Runtimes, which have no finalizers any more',
    e2e.reported(async () => {
      const {client, cluster} = e2e.world;
      await Promise.all(scopes.map((namespace) => e2e.world.uninstall(release, namespace)));
      const {items: pods} = await client.kind(kinds.Pod).list({labelSelector: RUNTIME_LABEL});
      for (const namespace of new Set(pods.map(({metadata}) => metadata?.namespace)))
        await waitFor(client.kind(kinds.Pod), (all) => all.length === 0, {namespace, ...patient});
      const isOfDefinitions = (description: string): boolean =>
        isDefinition(description) ||
        /^clusterroles\.\S+ kruntimes-(view|edit|admin)$/.test(description) ||
        new RegExp(`^secrets ${systemNamespace}/sh\\.helm\\.release\\.v1\\.kruntimes-crds\\.v\\d+$`).test(description);
      const stays = (description: string): boolean =>
        isUsers(description) || isOfDefinitions(description) || isSystemNamespace(description);
      await untilOursAreGone(cluster, client, stays);
      const left = await findOurs(cluster);
      expect(left.filter((description) => !stays(description))).toEqual([]);
      expect(left.filter((description) => description.startsWith('runs.'))).toHaveLength(3);
      expect(left.filter((description) => description.startsWith('runtimes.'))).toHaveLength(3);
      const objects = [...(await client.kind(runKind).list()).items, ...(await client.kind(runtimeKind).list()).items];
      expect(objects.flatMap(({metadata}) => metadata?.finalizers ?? [])).toEqual([]);
    }),
  );

  test(
    'the kinds keeps them and what is of them; deleting them leaves nothing',
    e2e.reported(async () => {
      const {client, cluster, helm} = e2e.world;
      await helm.run('uninstall', 'kruntimes-crds', '-n', systemNamespace, '--wait');
      const kept = await findOurs(cluster);
      const stays = (description: string): boolean =>
        isUsers(description) || isDefinition(description) || isSystemNamespace(description);
      expect(kept.filter((description) => !stays(description))).toEqual([]);
      expect(kept.filter(isUsers)).toHaveLength(6);
      expect(kept.filter((description) => description.startsWith('customresourcedefinitions'))).toHaveLength(2);
      // As the chart says.
      const administrator = await e2e.world.administrator(first);
      const command = ['delete', 'crd', 'runs.kruntimes.io', 'runtimes.kruntimes.io', '--timeout=240s'];
      expect(await administrator.kubectl(command)).toMatchObject({code: 0});
      await untilOursAreGone(cluster, client, isSystemNamespace);
      expect((await findOurs(cluster)).filter((description) => !isSystemNamespace(description))).toEqual([]);
    }),
  );
});
