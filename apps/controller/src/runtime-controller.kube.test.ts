import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {type Runtime, runtimeKind} from '@kruntimes/api-types';
import {type Client, kinds} from '@kruntimes/reconciler-kit';
import {waitForDeletion, waitForObject} from '@kruntimes/reconciler-kit/testing';
import type {PodSpec} from 'kubernetes-types/core/v1.d.ts';
import {KubeWorld} from './kube-world.fixture.ts';

let world: KubeWorld;
let client: Client;
let namespace: string;
let stopManager: () => Promise<void>;

const create = (spec: Partial<PodSpec> = {}, name = 'bash', fields: Partial<Runtime['spec']> = {}): Promise<Runtime> =>
  client.kind(runtimeKind).create({
    apiVersion: 'kruntimes.io/v1alpha1',
    kind: 'Runtime',
    metadata: {name, namespace},
    spec: {
      template: {spec: {containers: [{name: 'runtime', image: 'img'}], ...spec}},
      ...fields,
    },
  });
const condition = (runtime: Runtime, type: string): string => {
  const found = runtime.status?.conditions?.find((candidate) => candidate.type === type);
  return found ? `${found.status} ${found.reason}` : 'none';
};
const untilCondition = (type: string, wanted: string, name = 'bash'): Promise<Runtime> =>
  waitForObject(client.kind(runtimeKind), {namespace, name}, (runtime) => condition(runtime, type) === wanted);

beforeEach(async () => {
  world = await KubeWorld.create();
  ({client, namespace} = world);
  stopManager = world.startController();
});

afterEach(() => world.close());

describe('a Runtime', () => {
  test('becomes a Deployment that the API server accepts, with its identity', async () => {
    await create({}, 'bash', {replicas: 3, capacity: {resources: {runs: 2}}});
    const runtime = await untilCondition('Accepted', 'True Accepted');
    const deployment = await client.kind(kinds.Deployment).get('bash-runtime', {namespace});
    expect(deployment.spec?.replicas).toBe(3);
    expect(deployment.metadata?.ownerReferences).toMatchObject([{uid: runtime.metadata?.uid, controller: true}]);
    expect(runtime.status).toMatchObject({replicas: 0, readyReplicas: 0, observedGeneration: 1});
    await waitForObject(client.kind(kinds.ServiceAccount), {namespace, name: 'kruntimes-runtimed'});
    await waitForObject(client.kind(kinds.RoleBinding), {namespace, name: 'kruntimes-runtimed-kruntimes-runtimed'});
    const role = await client.kind(kinds.Role).get('kruntimes-runtimed', {namespace});
    expect(role.rules?.flatMap(({resources = [], verbs}) => resources.map((r) => `${r} ${verbs.join(',')}`))).toEqual([
      'runs get,list,watch,patch',
      'runs/status get,update',
      // runtimed watches its own Pod; RBAC has no way to say which one that is.
      'pods get,list,watch',
      'pods/status patch',
      'leases get,create,update',
    ]);
  });

  test('makes Pods that PodSecurity "restricted" accepts', async () => {
    await client
      .kind(kinds.Namespace)
      .patch(
        {name: namespace},
        {type: 'merge', body: {metadata: {labels: {'pod-security.kubernetes.io/enforce': 'restricted'}}}},
      );
    await create();
    await untilCondition('Accepted', 'True Accepted');
    await waitForObject(client.kind(kinds.ServiceAccount), {namespace, name: 'kruntimes-runtimed'});
    const {spec} = await client.kind(kinds.Deployment).get('bash-runtime', {namespace});
    const pod = await client.kind(kinds.Pod).create(
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {...spec?.template.metadata, name: 'p', namespace},
        ...(spec?.template.spec && {spec: spec.template.spec}),
      },
      {dryRun: true},
    );
    expect(pod.spec?.initContainers?.[0]?.name).toBe('runtimed');
  });

  test('is refused with all that is wrong, and its Deployment stays as it was', async () => {
    const runtime = await create();
    await untilCondition('Accepted', 'True Accepted');
    const before = await client.kind(kinds.Deployment).get('bash-runtime', {namespace});
    await client
      .kind(runtimeKind)
      .patch(
        {name: 'bash', namespace},
        {type: 'merge', body: {spec: {template: {spec: {hostPID: true, hostNetwork: true}}}}},
      );
    const refused = await untilCondition('Accepted', 'False InvalidTemplate');
    const message = refused.status?.conditions?.find(({type}) => type === 'Accepted')?.message;
    expect(message).toContain('spec.hostPID must not be true; spec.hostNetwork must not be true');
    const after = await client.kind(kinds.Deployment).get('bash-runtime', {namespace});
    expect(after.metadata?.generation).toBe(before.metadata?.generation);
    expect(refused.metadata?.uid).toBe(runtime.metadata?.uid);
  });

  test.each<[string, Partial<PodSpec>, RegExp]>([
    ['an impossible value', {restartPolicy: 'Never'}, /restartPolicy/],
    ['a field that does not exist', {nodeSelektor: {}} as Partial<PodSpec>, /nodeSelektor/],
    [
      'a value of the wrong type',
      {terminationGracePeriodSeconds: 'soon'} as unknown as Partial<PodSpec>,
      /soon|terminationGracePeriodSeconds/,
    ],
  ])('shows what the API server says to %s', async (_, spec, text) => {
    await create(spec);
    const refused = await untilCondition('Accepted', 'False InvalidTemplate');
    expect(refused.status?.conditions?.find(({type}) => type === 'Accepted')?.message).toMatch(text);
  });

  test('does not take over a Deployment of somebody else', async () => {
    const labels = {app: 'x'};
    await client.kind(kinds.Deployment).create({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {name: 'bash-runtime', namespace},
      spec: {
        selector: {matchLabels: labels},
        template: {metadata: {labels}, spec: {containers: [{name: 'a', image: 'b'}]}},
      },
    });
    await create();
    await untilCondition('Accepted', 'False DeploymentExists');
    expect(
      (await client.kind(kinds.Deployment).get('bash-runtime', {namespace})).metadata?.ownerReferences,
    ).toBeUndefined();
  });

  test('has its Deployment set right when somebody changes it', async () => {
    await create({}, 'bash', {replicas: 2});
    await untilCondition('Accepted', 'True Accepted');
    const ref = {name: 'bash-runtime', namespace};
    await client.kind(kinds.Deployment).patch(ref, {type: 'merge', body: {spec: {replicas: 9}}});
    const repaired = await waitForObject(client.kind(kinds.Deployment), ref, ({spec}) => spec?.replicas === 2);
    expect(repaired.spec?.replicas).toBe(2);
  });
});

test('what an admission policy forbids is told, and tried again', async () => {
  const name = `deny-${namespace}`;
  await client.kind(kinds.ValidatingAdmissionPolicy).create({
    metadata: {name},
    spec: {
      matchConstraints: {
        namespaceSelector: {matchLabels: {'kubernetes.io/metadata.name': namespace}},
        resourceRules: [
          // kubernetes-types 1.30 leaves out the fields that a rule inherits.
          {
            apiGroups: ['apps'],
            apiVersions: ['v1'],
            operations: ['CREATE', 'UPDATE'],
            resources: ['deployments'],
          } as object,
        ],
      },
      validations: [
        {expression: 'object.spec.replicas <= 2', message: 'no more than two replicas here', reason: 'Forbidden'},
      ],
    },
  });
  await client.kind(kinds.ValidatingAdmissionPolicyBinding).create({
    metadata: {name},
    spec: {policyName: name, validationActions: ['Deny']},
  });
  // Policies take effect some time after they are made: until this one refuses what it has to.
  const probe = {
    metadata: {name: 'probe', namespace},
    spec: {
      replicas: 3,
      selector: {matchLabels: {a: 'b'}},
      template: {metadata: {labels: {a: 'b'}}, spec: {containers: [{name: 'c', image: 'i'}]}},
    },
  };
  let denied = false;
  for (let i = 0; i < 1000 && !denied; i++) {
    denied = await client
      .kind(kinds.Deployment)
      .create(probe, {dryRun: true})
      .then(
        () => false,
        () => true,
      );
  }
  expect(denied).toBe(true);
  await create({}, 'bash', {replicas: 3});
  const refused = await untilCondition('Accepted', 'False DeploymentForbidden');
  const message = refused.status?.conditions?.find(({type}) => type === 'Accepted')?.message;
  expect(message).toContain('no more than two replicas here');
  await client.kind(runtimeKind).patch({name: 'bash', namespace}, {type: 'merge', body: {spec: {replicas: 2}}});
  await untilCondition('Accepted', 'True Accepted');
});

describe('a ServiceAccount of the user', () => {
  const account = (name: string) =>
    client.kind(kinds.ServiceAccount).create({apiVersion: 'v1', kind: 'ServiceAccount', metadata: {name, namespace}});
  const binding = {
    name: 'kruntimes-runtimed-worker',
    get namespace() {
      return namespace;
    },
  };

  test('must exist; the Runtime is accepted as soon as it does', async () => {
    await create({serviceAccountName: 'worker'});
    const refused = await untilCondition('Accepted', 'False ServiceAccountNotFound');
    expect(refused.status?.conditions?.[0]?.message).toContain('there is no ServiceAccount "worker"');
    await account('worker');
    await untilCondition('Accepted', 'True Accepted');
  });

  test('gets the Role, with an Event, and loses it when no Runtime uses it any more', async () => {
    await account('worker');
    await create({serviceAccountName: 'worker'});
    await create({serviceAccountName: 'worker'}, 'second');
    const granted = await waitForObject(client.kind(kinds.RoleBinding), binding);
    expect(granted).toMatchObject({
      metadata: {labels: {'app.kubernetes.io/managed-by': 'kruntimes'}},
      roleRef: {kind: 'Role', name: 'kruntimes-runtimed'},
      subjects: [{kind: 'ServiceAccount', name: 'worker', namespace}],
    });
    await client.kind(runtimeKind).delete({name: 'bash', namespace});
    await client
      .kind(runtimeKind)
      .patch(
        {name: 'second', namespace},
        {type: 'merge', body: {spec: {template: {spec: {serviceAccountName: null}}}}},
      );
    await waitForDeletion(client.kind(kinds.RoleBinding), binding);
    await waitForObject(client.kind(kinds.ServiceAccount), {namespace, name: 'kruntimes-runtimed'});
    await client.kind(runtimeKind).delete({name: 'second', namespace});
    await waitForDeletion(client.kind(kinds.Role), {namespace, name: 'kruntimes-runtimed'});
    await waitForDeletion(client.kind(kinds.ServiceAccount), {namespace, name: 'kruntimes-runtimed'});
    expect((await client.kind(kinds.ServiceAccount).get('worker', {namespace})).metadata?.name).toBe('worker');
    // What is still to be told is told when the manager stops.
    await stopManager();
    const events = await client.kind(kinds.Event).list({namespace});
    expect(events.items.map(({reason}) => reason)).toEqual(
      expect.arrayContaining(['PermissionsGranted', 'PermissionsRevoked']),
    );
  });

  test('gets nothing by a Runtime that is refused', async () => {
    await account('worker');
    await create({serviceAccountName: 'worker', hostPID: true});
    await untilCondition('Accepted', 'False InvalidTemplate');
    await create({}, 'second');
    await waitForObject(client.kind(kinds.RoleBinding), {namespace, name: 'kruntimes-runtimed-kruntimes-runtimed'});
    const bindings = await client.kind(kinds.RoleBinding).list({namespace});
    expect(bindings.items.map(({metadata}) => metadata?.name)).toEqual(['kruntimes-runtimed-kruntimes-runtimed']);
  });

  test('keeps the Role as long as a Pod of the Runtime is left', async () => {
    await account('worker');
    await create({serviceAccountName: 'worker'});
    await waitForObject(client.kind(kinds.RoleBinding), binding);
    const {spec} = await client.kind(kinds.Deployment).get('bash-runtime', {namespace});
    const {metadata, spec: podSpec} = spec?.template ?? {};
    const pod = await client
      .kind(kinds.Pod)
      .create({metadata: {...metadata, name: 'p', namespace}, ...(podSpec && {spec: podSpec})});
    await client.kind(runtimeKind).delete({name: 'bash', namespace});
    // What comes later is handled later: when this is there, the deletion has been handled.
    await create({}, 'second');
    await waitForObject(client.kind(kinds.RoleBinding), {namespace, name: 'kruntimes-runtimed-kruntimes-runtimed'});
    expect((await client.kind(kinds.RoleBinding).get(binding.name, {namespace})).roleRef.name).toBe(
      'kruntimes-runtimed',
    );
    await client.kind(kinds.Pod).delete({name: pod.metadata?.name ?? '', namespace}, {gracePeriodSeconds: 0});
    await waitForDeletion(client.kind(kinds.RoleBinding), binding);
  });

  test('has its Role set right when somebody changes it', async () => {
    await create();
    const ref = {name: 'kruntimes-runtimed', namespace};
    const role = await waitForObject(client.kind(kinds.Role), ref);
    await client.kind(kinds.Role).patch(ref, {type: 'merge', body: {rules: []}});
    await waitForObject(client.kind(kinds.Role), ref, ({rules}) => rules?.length === role.rules?.length);
  });
});
