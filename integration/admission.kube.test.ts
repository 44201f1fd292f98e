import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {
  API_VERSION,
  ARTIFACTS_DELETED_CONDITION,
  ARTIFACTS_FINALIZER,
  GROUP,
  leaseName,
  MAINTAINER_SERVICE_ACCOUNT,
  RUNTIME_LABEL,
  RUNTIMED_READY_CONDITION,
} from '@kruntimes/api-types';
import {type ApiRequest, type Client, isApiError, isForbidden, kinds, Transport} from '@kruntimes/reconciler-kit';
import {System} from './support/system.ts';

/** An identity of a Pod and what it may try. Nothing is ever stored: all of it is a dry run. */
interface Thief {
  transport: Transport;
  /** The message of the refusal; `undefined` when the write would have been accepted. */
  refusal(request: Omit<ApiRequest, 'query'>): Promise<string | undefined>;
}

interface PodRef {
  name: string;
  uid: string;
}

const strategic = 'application/strategic-merge-patch+json';
const merge = 'application/merge-patch+json';
const zeroUID = '00000000-0000-4000-8000-000000000000';
const ENFORCED_ATTEMPTS = 300;
const ENFORCED_INTERVAL_MS = 50;

let system: System;
let namespace: string;
let client: Client;
let podA: PodRef;
let podB: PodRef;
let runtimed: Thief;
const transports: Transport[] = [];

const runPath = (name: string): string => `/apis/${API_VERSION}/namespaces/${namespace}/runs/${name}`;
const podPath = (name: string): string => `/api/v1/namespaces/${namespace}/pods/${name}`;
const leasesPath = (): string => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;

/** The identity of a ServiceAccount in a Pod, as the kubelet would hand it out. */
async function thief(serviceAccount: string, pod: PodRef, home = namespace): Promise<Thief> {
  const {status} = await client.createToken(
    {name: serviceAccount, namespace: home},
    {boundObjectRef: {apiVersion: 'v1', kind: 'Pod', ...pod}},
  );
  const transport = new Transport(system.controlPlane.tokenConfig(status?.token ?? ''));
  transports.push(transport);
  return {
    transport,
    async refusal(request) {
      try {
        await transport.request({...request, query: {dryRun: 'All'}});
        return undefined;
      } catch (error) {
        if (isApiError(error) && isForbidden(error)) return error.message;
        throw error;
      }
    },
  };
}

/** A Pod that never runs, whose ServiceAccount may do what `rules` say in the namespace of the tests. */
async function otherPod(name: string, rules: object[]): Promise<PodRef> {
  await client.kind(kinds.ServiceAccount).create({metadata: {name, namespace}});
  await client.kind(kinds.Role).create({metadata: {name, namespace}, rules} as never);
  await client.kind(kinds.RoleBinding).create({
    metadata: {name, namespace},
    roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name},
    subjects: [{kind: 'ServiceAccount', name, namespace}],
  });
  return await idlePod(name, namespace);
}

async function idlePod(serviceAccount: string, home: string): Promise<PodRef> {
  const {metadata} = await client.kind(kinds.Pod).create({
    metadata: {name: `idle-${serviceAccount}`, namespace: home},
    spec: {serviceAccountName: serviceAccount, containers: [{name: 'idle', image: 'none'}]},
  });
  return {name: metadata?.name ?? '', uid: metadata?.uid ?? ''};
}

const condition = (type: string): object => ({
  status: {conditions: [{type, status: 'False', reason: 'Stolen', lastTransitionTime: '2026-01-01T00:00:00Z'}]},
});
const patchPod = (pod: PodRef, body: object): Omit<ApiRequest, 'query'> => ({
  method: 'PATCH',
  path: `${podPath(pod.name)}/status`,
  contentType: strategic,
  body,
});

const patchRun = (name: string, body: object): Omit<ApiRequest, 'query'> => ({
  method: 'PATCH',
  path: runPath(name),
  contentType: merge,
  body,
});
const finalizers = (...names: string[]): object => ({metadata: {finalizers: names}});

/** A write of runtimed: the whole status of a Run, changed. */
async function putStatus(name: string, change: object): Promise<Omit<ApiRequest, 'query'>> {
  const run = await client.transport.request<{status: object}>({method: 'GET', path: runPath(name)});
  return {method: 'PUT', path: `${runPath(name)}/status`, body: {...run, status: {...run.status, ...change}}};
}

const lease = (name: string, labels: Record<string, string> = {}): object => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {name, namespace, labels},
  spec: {holderIdentity: 'thief', renewTime: '2026-01-01T00:00:00.000000Z'},
});

async function putLease(name: string): Promise<Omit<ApiRequest, 'query'>> {
  const path = `${leasesPath()}/${name}`;
  const present = await client.transport.request<{spec: object}>({method: 'GET', path});
  return {method: 'PUT', path, body: {...present, spec: {...present.spec, renewTime: '2026-01-01T00:00:00.000000Z'}}};
}

/** A Run that runs until it is cancelled, in the Pod that it happened to get. */
async function runningRun(): Promise<{name: string; podUID: string; podName: string}> {
  const {metadata} = await system.create(namespace, {source: {inline: 'sleep 600'}});
  const {status} = await system.phase(namespace, metadata?.name ?? '', 'Running');
  return {name: metadata?.name ?? '', podUID: status?.assignedPodUID ?? '', podName: status?.assignedPod ?? ''};
}

async function end(name: string): Promise<void> {
  await system.cancel(namespace, name);
  await system.ended(namespace, name);
}

/** Nothing tells when the API server begins to enforce a policy: each is asked for a refusal until it gives one. */
async function enforced(policy: string, request: Omit<ApiRequest, 'query'>, caller = runtimed): Promise<void> {
  for (let attempt = 0; attempt < ENFORCED_ATTEMPTS; attempt++) {
    if ((await caller.refusal(request))?.includes(policy)) return;
    const {promise, resolve} = Promise.withResolvers<void>();
    setTimeout(resolve, ENFORCED_INTERVAL_MS);
    await promise;
  }
  throw new Error(`${policy} is not enforced`);
}

beforeAll(async () => {
  system = await System.start();
  ({client} = system.cluster);
  namespace = await system.createNamespace();
  await system.createRuntime(namespace, {replicas: 2, runs: 4});
  const {items} = await client.kind(kinds.Pod).list({namespace, labelSelector: RUNTIME_LABEL});
  const [a, b] = items.map(({metadata}) => ({name: metadata?.name ?? '', uid: metadata?.uid ?? ''}));
  podA = a as PodRef;
  podB = b as PodRef;
  runtimed = await thief('kruntimes-runtimed', podA);
  const {metadata} = await system.create(namespace, {runtime: 'nobody', source: {inline: 'echo never'}});
  await enforced('kruntimes-run-status', await putStatus(metadata?.name ?? '', {message: 'stolen'}));
  await enforced('kruntimes-run-finalizer', patchRun(metadata?.name ?? '', finalizers(ARTIFACTS_FINALIZER)));
  await enforced('kruntimes-pod-status', patchPod(podB, condition(RUNTIMED_READY_CONDITION)));
  await enforced('kruntimes-lease', await putLease(leaseName(podB.uid)));
  await end(metadata?.name ?? '');
}, 120_000);
afterAll(async () => {
  await Promise.all(transports.map((transport) => transport.close()));
  await system?.stop();
});

describe('with the admission policies', () => {
  test('a Run succeeds, is cancelled, runs into its timeout and is tried again', async () => {
    const ended = await Promise.all([
      system.finish(namespace, {source: {inline: 'echo hello'}}),
      system.finish(namespace, {source: {inline: 'sleep 600'}, timeoutSeconds: 1}),
      system.finish(namespace, {
        source: {inline: 'test "$KRUNTIME_RUN_ATTEMPT" = 2'},
        retryPolicy: {maxAttempts: 2, backoffSeconds: 1},
      }),
    ]);
    expect(ended.map(({status}) => [status?.phase, status?.attempt])).toEqual([
      ['Succeeded', 1],
      ['Timeout', 1],
      ['Succeeded', 2],
    ]);
    const {name} = await runningRun();
    await end(name);
  });
});

describe('the token of a runtimed', () => {
  test('writes the status of no Run but those of its Pod', async () => {
    const runs = [];
    // The scheduler spreads Runs, but which Pod gets which is its business.
    for (let i = 0; i < 6; i++) runs.push(await runningRun());
    const own = runs.find(({podUID}) => podUID === podA.uid);
    const foreign = runs.find(({podUID}) => podUID === podB.uid);
    if (!own || !foreign) throw new Error('one of the two Pods got no Run');
    expect(await runtimed.refusal(await putStatus(own.name, {message: 'mine'}))).toBeUndefined();
    expect(await runtimed.refusal(await putStatus(foreign.name, {phase: 'Succeeded'}))).toContain(
      `the Run is bound to the Pod with UID ${podB.uid} and the token of the caller is that of the Pod with UID ${podA.uid}`,
    );
    const stolen = {assignedPod: podA.name, assignedPodUID: podA.uid};
    expect(await runtimed.refusal(await putStatus(foreign.name, stolen))).toContain('may write its status');
    const moved = 'only holders of the verb bind on runs may bind a Run to another Pod';
    expect(await runtimed.refusal(await putStatus(own.name, {assignedPodUID: podB.uid}))).toContain(moved);
    expect(await runtimed.refusal(await putStatus(own.name, {assignedPod: podB.name}))).toContain(moved);
    expect(await runtimed.refusal(await putStatus(own.name, {attempt: 2}))).toContain(
      'the Run is at attempt 1, and this is the status of attempt 2',
    );
    for (const {name} of runs) await end(name);
  }, 60_000);

  test('adds the finalizer of artifacts to Runs of its Pod, and changes nothing else of any Run', async () => {
    const runs = [];
    for (let i = 0; i < 6; i++) runs.push(await runningRun());
    const own = runs.find(({podUID}) => podUID === podA.uid)?.name ?? '';
    const foreign = runs.find(({podUID}) => podUID === podB.uid)?.name ?? '';
    expect(await runtimed.refusal(patchRun(own, finalizers(ARTIFACTS_FINALIZER)))).toBeUndefined();
    expect(await runtimed.refusal(patchRun(foreign, finalizers(ARTIFACTS_FINALIZER)))).toContain(
      `the token of the caller is that of the Pod with UID ${podA.uid}, the Run is bound to the Pod with UID ${podB.uid}`,
    );
    const one = 'may add the finalizer kruntimes.io/artifacts to a Run and change no other';
    for (const names of [['example.com/other'], [ARTIFACTS_FINALIZER, 'example.com/other'], ['foregroundDeletion']])
      expect(await runtimed.refusal(patchRun(own, finalizers(...names)))).toContain(one);
    for (const spec of [{cancelRequested: true}, {ttlSecondsAfterFinished: 1}])
      expect(await runtimed.refusal(patchRun(own, {spec, ...finalizers(ARTIFACTS_FINALIZER)}))).toContain(
        'may not change the spec of a Run',
      );
    const owner = {apiVersion: 'v1', kind: 'Pod', name: podB.name, uid: podB.uid};
    for (const metadata of [{labels: {a: 'b'}}, {annotations: {a: 'b'}}, {ownerReferences: [owner]}])
      expect(await runtimed.refusal(patchRun(own, {metadata}))).toContain('nothing in the metadata of a Run but');
    // What is there stays: the maintainer takes the finalizer away, and others look after theirs.
    for (const present of [[ARTIFACTS_FINALIZER], ['example.com/other']]) {
      await client.transport.request(patchRun(own, finalizers(...present)));
      expect(await runtimed.refusal(patchRun(own, finalizers()))).toContain(one);
    }
    expect(await runtimed.refusal(patchRun(own, finalizers('example.com/other', ARTIFACTS_FINALIZER)))).toBeUndefined();
    await client.transport.request(patchRun(own, finalizers()));
    for (const {name} of runs) await end(name);
  }, 60_000);

  test('binds no Run', async () => {
    const {metadata} = await system.create(namespace, {runtime: 'nobody', source: {inline: 'echo never'}});
    const name = metadata?.name ?? '';
    await system.until(namespace, name, ({status}) => (status?.conditions ?? []).length > 0);
    const bind = {phase: 'Scheduled', attempt: 1, assignedPod: podA.name, assignedPodUID: podA.uid};
    expect(await runtimed.refusal(await putStatus(name, bind))).toContain('the Run is not bound to a Pod');
    await end(name);
  });

  test('changes one condition of its own Pod, and nothing else of any Pod', async () => {
    expect(await runtimed.refusal(patchPod(podA, condition(RUNTIMED_READY_CONDITION)))).toBeUndefined();
    expect(await runtimed.refusal(patchPod(podB, condition(RUNTIMED_READY_CONDITION)))).toContain(
      `the token of the caller is that of the Pod with UID ${podA.uid}, this one has UID ${podB.uid}`,
    );
    for (const type of ['Ready', 'PodScheduled', 'example.com/new'])
      expect(await runtimed.refusal(patchPod(podA, condition(type)))).toContain(
        'a runtimed may change no condition of its Pod but kruntimes.io/RuntimedReady',
      );
    const gone = {status: {conditions: [{type: 'Ready', $patch: 'delete'}]}};
    expect(await runtimed.refusal(patchPod(podA, gone))).toContain('no condition of its Pod but');
    // A new value, a new field, a field that is no longer there.
    for (const status of [{phase: 'Failed'}, {message: 'stolen'}, {startTime: null}])
      expect(await runtimed.refusal(patchPod(podA, {status}))).toContain('nothing in the status of its Pod');
    for (const metadata of [{labels: {app: 'other'}}, {annotations: {'example.com/a': 'b'}}])
      expect(await runtimed.refusal(patchPod(podA, {metadata}))).toContain('may not change the metadata of its Pod');
  });

  test('touches no Pod of somebody else', async () => {
    const stranger = await otherPod('stranger', []);
    expect(await runtimed.refusal(patchPod(stranger, condition('Ready')))).toContain('its own Pod only');
  });

  test('renews no Lease but that of its Pod', async () => {
    expect(await runtimed.refusal(await putLease(leaseName(podA.uid)))).toBeUndefined();
    expect(await runtimed.refusal(await putLease(leaseName(podB.uid)))).toContain(
      `which may write Lease ${leaseName(podA.uid)} and not ${leaseName(podB.uid)}`,
    );
    const create = (name: string, labels = {}): Omit<ApiRequest, 'query'> => ({
      method: 'POST',
      path: leasesPath(),
      body: lease(name, labels),
    });
    const refused = `and not ${leaseName(zeroUID)}`;
    expect(await runtimed.refusal(create(leaseName(zeroUID), {[RUNTIME_LABEL]: 'bash'}))).toContain(refused);
    expect(await runtimed.refusal(create('kruntimes-scheduler'))).toContain('and not kruntimes-scheduler');
    expect(await runtimed.refusal(create('leader-of-somebody'))).toContain('and not leader-of-somebody');
  });

  test('reads no Secret, creates nothing, deletes nothing, and is worth nothing elsewhere', async () => {
    const core = `/api/v1/namespaces/${namespace}`;
    const apps = `/apis/apps/v1/namespaces/${namespace}`;
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    const runs = runPath('').slice(0, -1);
    const runtimes = `/apis/${API_VERSION}/namespaces/${namespace}/runtimes`;
    const metadata = {generateName: 'stolen-', namespace};
    const container = {name: 'runtime', image: 'none'};
    const secret = await client.kind(kinds.Secret).create({metadata, stringData: {key: 'value'}});
    const {metadata: foreign} = await client.kind(kinds.Namespace).create({metadata: {generateName: 'foreign-'}});
    const created = {
      [`${core}/pods`]: {apiVersion: 'v1', kind: 'Pod', metadata, spec: {containers: [container]}},
      [`${core}/secrets`]: {apiVersion: 'v1', kind: 'Secret', metadata},
      [`${core}/configmaps`]: {apiVersion: 'v1', kind: 'ConfigMap', metadata},
      [`${core}/serviceaccounts`]: {apiVersion: 'v1', kind: 'ServiceAccount', metadata},
      [`${core}/serviceaccounts/kruntimes-runtimed/token`]: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {audiences: []},
      },
      [`${core}/pods/${podB.name}/eviction`]: {apiVersion: 'policy/v1', kind: 'Eviction', metadata: {name: podB.name}},
      [`${apps}/deployments`]: {apiVersion: 'apps/v1', kind: 'Deployment', metadata},
      [`${rbac}/roles`]: {apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata},
      [`${rbac}/rolebindings`]: {apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata},
      [runs]: {apiVersion: API_VERSION, kind: 'Run', metadata, spec: {runtime: 'bash', args: ['true']}},
      [runtimes]: {
        apiVersion: API_VERSION,
        kind: 'Runtime',
        metadata,
        spec: {template: {spec: {containers: [container]}}},
      },
    };
    const requests: Omit<ApiRequest, 'query'>[] = [
      ...Object.entries(created).map(([path, body]) => ({method: 'POST' as const, path, body})),
      ...[
        `${core}/secrets`,
        `${core}/secrets/${secret.metadata?.name}`,
        `${core}/configmaps`,
        `${core}/pods/${podA.name}/log`,
        `${rbac}/roles`,
        runtimes,
        '/api/v1/secrets',
        '/api/v1/pods',
        '/api/v1/nodes',
        `/apis/${API_VERSION}/runs`,
        `/apis/${API_VERSION}/namespaces/${foreign?.name}/runs`,
        `/api/v1/namespaces/${foreign?.name}/pods`,
      ].map((path) => ({method: 'GET' as const, path})),
      ...[podPath(podA.name), podPath(podB.name), `${leasesPath()}/${leaseName(podA.uid)}`, `${runs}/none`].map(
        (path) => ({method: 'DELETE' as const, path}),
      ),
    ];
    for (const request of requests) {
      const refused = await runtimed.refusal(request);
      expect([request.method, request.path, refused]).toEqual([
        request.method,
        request.path,
        expect.stringMatching(/ cannot (create|get|list|delete) resource /),
      ]);
    }
  });
});

describe('the token of a maintainer', () => {
  test('lets a deleted Run go and says why it cannot, and changes nothing else of any Run', async () => {
    // Nothing listens there: the maintainer itself tries in vain, and the Run stays.
    const artifactStore = {s3: {bucket: 'artifacts', endpoint: 'http://127.0.0.1:1', secretName: 'none'}};
    const stored = async (): Promise<string> => {
      const {metadata} = await system.create(namespace, {runtime: 'nobody', source: {inline: 'echo never'}});
      const name = metadata?.name ?? '';
      await system.until(namespace, name, ({status}) => (status?.conditions ?? []).length > 0);
      await client.transport.request(patchRun(name, finalizers(ARTIFACTS_FINALIZER, 'example.com/other')));
      await client.transport.request(await putStatus(name, {artifactStore}));
      return name;
    };
    const [kept, gone] = [await stored(), await stored()];
    await client.transport.request({method: 'DELETE', path: runPath(gone)});
    await system.until(
      namespace,
      gone,
      ({status}) => (status?.conditions ?? []).some(({type}) => type === ARTIFACTS_DELETED_CONDITION),
      120_000,
    );
    const account = MAINTAINER_SERVICE_ACCOUNT;
    const maintainer = await thief(account, await idlePod(account, namespace));
    await enforced('kruntimes-maintainer', await putStatus(gone, {message: 'stolen'}), maintainer);

    expect(await maintainer.refusal(patchRun(gone, finalizers('example.com/other')))).toBeUndefined();
    for (const names of [[], [ARTIFACTS_FINALIZER]])
      expect(await maintainer.refusal(patchRun(gone, finalizers(...names)))).toContain('and change no other');
    for (const names of [['example.com/other'], [ARTIFACTS_FINALIZER, 'example.com/other', 'example.com/new']])
      expect(await maintainer.refusal(patchRun(kept, finalizers(...names)))).toContain('and change no other');
    expect(await maintainer.refusal(patchRun(kept, {spec: {cancelRequested: true}}))).toContain('the spec of a Run');
    for (const metadata of [{labels: {a: 'b'}}, {annotations: {a: 'b'}}])
      expect(await maintainer.refusal(patchRun(kept, {metadata}))).toContain('nothing in the metadata of a Run but');

    const written = (type: string): object => ({
      conditions: [{type, status: 'False', reason: 'X', message: '', lastTransitionTime: '2026-01-01T00:00:00Z'}],
    });
    const {status} = await client.transport.request<{status: {conditions: object[]}}>({
      path: runPath(gone),
      method: 'GET',
    });
    const others = status.conditions.filter((each) => Reflect.get(each, 'type') !== ARTIFACTS_DELETED_CONDITION);
    expect(await maintainer.refusal(await putStatus(gone, {conditions: others}))).toBeUndefined();
    for (const type of [ARTIFACTS_DELETED_CONDITION, 'Finished'])
      expect(await maintainer.refusal(await putStatus(gone, written(type)))).toContain('no condition of a Run but');
    for (const change of [{message: 'stolen'}, {phase: 'Succeeded'}, {artifactStore: undefined}])
      expect(await maintainer.refusal(await putStatus(gone, change))).toContain('nothing in the status of a Run but');
    for (const name of [kept, gone]) await client.transport.request(patchRun(name, finalizers()));
  }, 180_000);
});

test('who may create Runs needs the verb use on the Runtime too', async () => {
  const create = {apiGroups: [GROUP], resources: ['runs'], verbs: ['create']};
  const use = {apiGroups: [GROUP], resources: ['runtimes'], resourceNames: ['bash'], verbs: ['use']};
  const run = (runtime: string): Omit<ApiRequest, 'query'> => ({
    method: 'POST',
    path: runPath('').slice(0, -1),
    body: {
      apiVersion: API_VERSION,
      kind: 'Run',
      metadata: {generateName: 'run-', namespace},
      spec: {runtime, source: {inline: 'true'}},
    },
  });
  const creator = await thief('creator', await otherPod('creator', [create]));
  await enforced('kruntimes-run-create', run('bash'), creator);
  const user = await thief('user', await otherPod('user', [create, use]));
  expect(await user.refusal(run('bash'))).toBeUndefined();
  expect(await user.refusal(run('python'))).toContain('may not use Runtime "python"');
});

describe('the policies leave alone', () => {
  test('the controller, when it runs in a Pod', async () => {
    const home = 'kruntimes-system';
    const controller = await thief('kruntimes-controller', await idlePod('kruntimes-controller', home), home);
    const {name} = await runningRun();
    expect(await controller.refusal(await putStatus(name, {message: 'taken'}))).toBeUndefined();
    expect(await controller.refusal(patchRun(name, finalizers('example.com/other')))).toBeUndefined();
    expect(await controller.refusal(patchPod(podA, condition(RUNTIMED_READY_CONDITION)))).toBeUndefined();
    expect(await controller.refusal(await putLease(leaseName(podA.uid)))).toBeUndefined();
    await end(name);
  });

  test('Pods of others that set conditions of Runtime Pods and have Leases of their own', async () => {
    const rules = [
      {apiGroups: [''], resources: ['pods/status'], verbs: ['patch']},
      {apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create', 'update']},
    ];
    const other = await thief('balancer', await otherPod('balancer', rules));
    expect(await other.refusal(patchPod(podA, condition('example.com/target-health')))).toBeUndefined();
    const create = {method: 'POST', path: leasesPath()} as const;
    expect(await other.refusal({...create, body: lease('balancer-leader')})).toBeUndefined();
    expect(await other.refusal(await putLease(leaseName(podA.uid)))).toContain(`and not ${leaseName(podA.uid)}`);
  });

  test('nobody who may write the status of Runs by RBAC alone', async () => {
    const rules = [{apiGroups: [GROUP], resources: ['runs/status'], verbs: ['update', 'patch']}];
    const careless = await thief('careless', await otherPod('careless', rules));
    const {name} = await runningRun();
    const request = {method: 'PATCH', path: `${runPath(name)}/status`, contentType: merge} as const;
    expect(await careless.refusal({...request, body: {status: {phase: 'Succeeded'}}})).toContain(
      'may write its status',
    );
    await end(name);
  });
});

describe('with the admission policies and a dead Pod', () => {
  test('a Run whose Pod vanishes is taken from it and runs again', async () => {
    const other = await system.createNamespace();
    await system.createRuntime(other, {replicas: 2, runs: 1});
    const script = 'test "$KRUNTIME_RUN_ATTEMPT" = 2 || sleep 600';
    const {metadata} = await system.create(other, {source: {inline: script}});
    const running = await system.phase(other, metadata?.name ?? '', 'Running');
    const pod = {name: running.status?.assignedPod ?? '', namespace: other};
    // Silent until its end, so that nobody is left to report but the controller.
    system.cluster.killContainer(pod, 'runtimed', 'SIGSTOP');
    await client.kind(kinds.Pod).delete(pod, {gracePeriodSeconds: 0});
    const run = await system.ended(other, metadata?.name ?? '', 60_000);
    expect(run.status).toMatchObject({phase: 'Succeeded', attempt: 2, disruptions: 1});
    expect(run.status?.attempts?.[0]).toMatchObject({number: 1, reason: 'PodGone'});
    expect(run.status?.assignedPodUID).not.toBe(running.status?.assignedPodUID);
  }, 90_000);
});
