import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, jest, test} from '@jest/globals';
import {ARTIFACTS_FINALIZER, runKind, runtimeKind} from '@kruntimes/api-types';
import {kubeModule} from '@kruntimes/krt-cli/dev';
import {
  Client,
  isApiError,
  isNotFound,
  type KindClient,
  type KubernetesObject,
  kinds,
  Transport,
} from '@kruntimes/reconciler-kit';
import {
  type ControlPlane,
  startControlPlane,
  waitForDeletion,
  waitForObject,
  writeKubeconfig,
} from '@kruntimes/reconciler-kit/testing';
import type {Deployment} from 'kubernetes-types/apps/v1.d.ts';
import type {Job} from 'kubernetes-types/batch/v1.d.ts';
import type {PodSpec} from 'kubernetes-types/core/v1.d.ts';
import {parseAllDocuments} from 'yaml';
import {Component} from '../support/component.ts';
import {chartFolder, Helm} from '../support/helm.ts';

// Servers are built at first, and components have to lead.
jest.setTimeout(300_000);

const patient = {timeoutMs: 120_000};
const system = 'kruntimes-system';
/** Not on the API server of apiserver-kit. */
const elsewhere = ['NetworkPolicy', 'Job'];

type Rendered = KubernetesObject & {kind: string; spec?: {template?: {spec?: PodSpec}} & PodSpec};

class World implements AsyncDisposable {
  readonly directory: string;
  readonly controlPlane: ControlPlane;
  readonly client: Client;
  readonly helm: Helm;

  private constructor(directory: string, controlPlane: ControlPlane, helm: Helm) {
    this.directory = directory;
    this.controlPlane = controlPlane;
    this.client = new Client(new Transport(controlPlane.config));
    this.helm = helm;
  }

  static async start(server: 'embedded' | 'kube'): Promise<World> {
    const directory = await mkdtemp(join(tmpdir(), 'charts-'));
    const controlPlane = await startControlPlane({server, resolve: {goModule: kubeModule}});
    const world = new World(directory, controlPlane, await Helm.open(directory, controlPlane.kubeconfigPath));
    for (const name of [system, 'team-a', 'team-b', 'team-c'])
      await world.client
        .kind(kinds.Namespace)
        .create({metadata: {name, labels: {'pod-security.kubernetes.io/enforce': 'restricted'}}});
    return world;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.transport.close();
    await this.controlPlane.stop();
    await rm(this.directory, {recursive: true, force: true});
  }

  async render(chart: Parameters<typeof chartFolder>[0], release: string, ...set: string[]): Promise<Rendered[]> {
    const text = await this.helm.run(['template', release, chartFolder(chart), '--namespace', system, ...sets(set)]);
    return parseAllDocuments(text)
      .map((document) => document.toJS() as Rendered | null)
      .filter((object) => object !== null);
  }

  async install(chart: Parameters<typeof chartFolder>[0], release: string, ...set: string[]): Promise<void> {
    await this.helm.run(['install', release, chartFolder(chart), '--namespace', system, ...sets(set)]);
  }

  /** Server-side apply, as kubectl does it. */
  async apply(object: Rendered, dryRun = false): Promise<void> {
    await this.client.transport.request({
      method: 'PATCH',
      path: await this.#pathOf(object),
      contentType: 'application/apply-patch+yaml',
      query: {fieldManager: 'test', force: true, ...(dryRun && {dryRun: 'All'})},
      body: object,
    });
  }

  async #pathOf({apiVersion = '', kind, metadata}: Rendered): Promise<string> {
    const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const {resources} = await this.client.transport.request<{
      resources: {name: string; kind: string; namespaced: boolean}[];
    }>({method: 'GET', path: group});
    const found = resources.find((resource) => resource.kind === kind && !resource.name.includes('/'));
    if (found === undefined) throw new Error(`${apiVersion} has no ${kind}`);
    const scope = found.namespaced ? `/namespaces/${metadata?.namespace}` : '';
    return `${group}${scope}/${found.name}/${metadata?.name}`;
  }

  /** A component of a release, with the arguments and the permissions that it has there. */
  async component(
    app: 'controller' | 'scheduler',
    args: readonly string[],
    serviceAccount: string,
  ): Promise<Component> {
    const {status} = await this.client.createToken({name: serviceAccount, namespace: system}, {});
    const kubeconfig = join(this.directory, `${serviceAccount}.kubeconfig`);
    await writeKubeconfig(kubeconfig, {...this.controlPlane.tokenConfig(status?.token ?? ''), namespace: system});
    return await Component.start(app, args, kubeconfig);
  }
}

const sets = (set: readonly string[]): string[] => set.flatMap((value) => ['--set', value]);

function argsOf(object: {spec?: {template: {spec?: PodSpec}}} | undefined): string[] {
  return object?.spec?.template.spec?.containers[0]?.args ?? [];
}

/** The message of a refusal; `undefined` when it was accepted. */
async function refusal(request: Promise<unknown>): Promise<string | undefined> {
  try {
    await request;
    return undefined;
  } catch (error) {
    if (isApiError(error)) return error.message;
    throw error;
  }
}

/** By server: the second suite goes on where the first one ended. */
const worlds = new Map<string, World>();
afterAll(async () => {
  for (const world of worlds.values()) await world[Symbol.asyncDispose]();
});

describe.each(['embedded', 'kube'] as const)('on the API server %s', (server) => {
  let world: World;
  beforeAll(async () => {
    world = await World.start(server);
    worlds.set(server, world);
    await world.install('kruntimes-crds', 'kruntimes-crds');
  }, 960_000);

  test('all that is rendered is accepted, and Pods where Pod Security is restricted', async () => {
    const rendered = [
      ...(await world.render('kruntimes', 'kruntimes', 'controller.env[0].name=A')),
      ...(await world.render('kruntimes', 'second', 'watchNamespace=team-a', 'networkPolicies.runtimes=false')),
      ...(await world.render('kruntimes-runtimes', 'runtimes', 'namespace=team-a')),
      ...(await world.render('kruntimes-crds', 'kruntimes-crds')),
    ];
    const known = rendered.filter(({kind}) => kind !== 'Pod' && (server === 'kube' || !elsewhere.includes(kind)));
    const problems: string[] = [];
    for (const object of known) {
      const problem = await refusal(world.apply(object, true));
      if (problem !== undefined) problems.push(`${object.kind} ${object.metadata?.name}: ${problem}`);
    }
    expect(problems).toEqual([]);
    const specs = rendered.flatMap(({kind, spec, metadata}) => {
      const podSpec = kind === 'Pod' ? spec : spec?.template?.spec;
      return podSpec?.containers === undefined || kind === 'Runtime' ? [] : [{name: metadata?.name ?? '', podSpec}];
    });
    expect(specs).toHaveLength(8);
    const pods = world.client.kind(kinds.Pod);
    for (const {name, podSpec} of specs) {
      const accounts = world.client.kind(kinds.ServiceAccount);
      const account = podSpec.serviceAccountName ?? '';
      await accounts.apply({metadata: {name: account, namespace: system}}, {fieldManager: 'test'});
      const pod = {metadata: {name, namespace: system}, spec: podSpec};
      expect(await refusal(pods.create(pod, {dryRun: true}))).toBeUndefined();
      await accounts.delete({name: account, namespace: system});
    }
  });

  test('a release is installed once for a scope, and none for a scope that overlaps', async () => {
    const set = server === 'embedded' ? ['networkPolicies.enabled=false'] : [];
    await world.install('kruntimes', 'kruntimes', 'watchNamespace=team-a', ...set);
    await world.install('kruntimes', 'second', 'watchNamespace=team-b', ...set);
    const refused = async (release: string, ...scope: string[]): Promise<string> => {
      const args = ['install', release, chartFolder('kruntimes'), '--namespace', system, ...sets([...scope, ...set])];
      const {code, stderr} = await world.helm.try(args);
      expect([code, stderr]).toEqual([1, expect.any(String)]);
      return stderr;
    };
    expect(await refused('third')).toContain(
      'Another release, kruntimes.kruntimes-system, runs the Runs of namespace team-a (Lease kruntimes-controller.namespace.team-a in namespace kube-system). This one would do so for all namespaces',
    );
    expect(await refused('third', 'watchNamespace=team-b')).toContain(
      'Another release, second-kruntimes.kruntimes-system, runs the Runs of namespace team-b',
    );
    // An upgrade of the release that has the scope is none of another one.
    await world.helm.run(['upgrade', 'kruntimes', chartFolder('kruntimes'), '--namespace', system, '--reuse-values']);
    await world.helm.run(['uninstall', 'second', '--namespace', system, '--no-hooks']);
  });
});

describe('a release on kube-apiserver', () => {
  let world: World;
  const running: Component[] = [];
  /** Of the release itself, the latest of each. */
  const started = new Map<string, Component>();
  const args = new Map<string, string[]>();
  const deployments = (): KindClient<Deployment> => world.client.kind(kinds.Deployment);

  beforeAll(async () => {
    world = worlds.get('kube') as World;
    for (const app of ['controller', 'scheduler']) {
      const deployment = await deployments().get(`kruntimes-${app}`, {namespace: system});
      args.set(app, argsOf(deployment));
    }
  });
  afterAll(async () => {
    await Promise.all(running.map((component) => component.stop('SIGKILL')));
  });

  const start = async (app: 'controller' | 'scheduler', given = args.get(app) ?? []): Promise<Component> => {
    const component = await world.component(app, given, `kruntimes-${app}`);
    running.push(component);
    started.set(app, component);
    return component;
  };

  test('works with the permissions that it has, in its namespace alone', async () => {
    const [controller, scheduler] = await Promise.all([start('controller'), start('scheduler')]);
    await Promise.all([controller.logged('leading'), scheduler.logged('leading')]);
    expect([await controller.readyz(), await scheduler.readyz()]).toEqual([200, 200]);
    await world.install(
      'kruntimes-runtimes',
      'runtimes',
      'namespace=team-a',
      'runtimes.other.namespace=team-b',
      'runtimes.other.image.repository=x',
    );
    const made = {namespace: 'team-a', name: 'bash-runtime'};
    await waitForObject(deployments(), made, () => true, patient);
    const policy = await waitForObject(world.client.kind(kinds.NetworkPolicy), made, () => true, patient);
    expect(policy.metadata?.ownerReferences).toMatchObject([{kind: 'Runtime', name: 'bash', controller: true}]);
    await waitForObject(
      world.client.kind(kinds.Role),
      {namespace: 'team-a', name: 'kruntimes-runtimed'},
      () => true,
      patient,
    );
    await waitForObject(
      world.client.kind(runtimeKind),
      {namespace: 'team-a', name: 'bash'},
      ({status}) => status?.conditions?.some(({type, status: is}) => type === 'Accepted' && is === 'True') ?? false,
      patient,
    );
    const {metadata} = await world.client
      .kind(runKind)
      .create({metadata: {generateName: 'run-', namespace: 'team-a'}, spec: {runtime: 'bash', args: ['true']}});
    const name = metadata?.name ?? '';
    await waitForObject(
      world.client.kind(runKind),
      {namespace: 'team-a', name},
      ({status}) => status?.conditions?.some(({reason}) => reason === 'NoReadyPods') ?? false,
      patient,
    );
    const elsewhereMade = await deployments().list({namespace: 'team-b'});
    expect(elsewhereMade.items).toEqual([]);
    const forbidden = [controller, scheduler].flatMap(({log}) =>
      log.filter((line) => /forbidden/i.test(JSON.stringify(line))),
    );
    expect(forbidden).toEqual([]);
  });

  test('takes the NetworkPolicies of Runtimes away when they are switched off, and makes them again', async () => {
    const make = args.get('controller') ?? [];
    const remove = make.map((arg) => arg.replace('--network-policies=make', '--network-policies=remove'));
    expect(remove).not.toEqual(make);
    const policies = world.client.kind(kinds.NetworkPolicy);
    const policy = {namespace: 'team-a', name: 'bash-runtime'};
    await started.get('controller')?.stop();
    const without = await start('controller', remove);
    await waitForDeletion(policies, policy, patient);
    await without.stop();
    await start('controller');
    await waitForObject(policies, policy, () => true, patient);
  });

  test('is not disturbed by another one that Helm did not check, which says why it does not work', async () => {
    // As `helm template | kubectl apply` does it.
    const rendered = await world.render('kruntimes', 'second');
    for (const object of rendered.filter(({metadata}) => metadata?.annotations?.['helm.sh/hook'] === undefined))
      await world.apply(object);
    const deployment = rendered.find(
      ({metadata, kind}) => kind === 'Deployment' && metadata?.name?.endsWith('controller'),
    );
    const second = await world.component('controller', argsOf(deployment as never), 'second-kruntimes-controller');
    running.push(second);
    const {reason} = await second.logged('not standing for election');
    expect(reason).toBe(
      'installation kruntimes.kruntimes-system works in namespace team-a (Lease kube-system/kruntimes-controller.namespace.team-a), ' +
        'so second-kruntimes.kruntimes-system must not work in all namespaces: give one of them another scope, or uninstall it',
    );
    expect(await second.readyz()).toBe(500);
    // The first one starts again, whatever ended it.
    await started.get('controller')?.stop('SIGKILL');
    const again = await start('controller');
    await again.logged('leading');
    expect(await second.readyz()).toBe(500);
    await second.stop();
  });

  test('leaves nothing behind when it is uninstalled, but what users have made', async () => {
    const runs = world.client.kind(runKind);
    const artifacts = {name: 'stored', namespace: 'team-a'};
    const run = await runs.create({
      metadata: {...artifacts, finalizers: [ARTIFACTS_FINALIZER]},
      spec: {runtime: 'bash', args: ['true'], cancelRequested: true},
    });
    expect(run.metadata?.finalizers).toEqual([ARTIFACTS_FINALIZER]);
    const uninstalled = world.helm.try(['uninstall', 'kruntimes', '--namespace', system, '--timeout', '4m']);
    const job = await playTheNode();
    expect(job.status?.succeeded).toBe(1);
    expect(await uninstalled).toMatchObject({code: 0});

    expect((await runs.get('stored', {namespace: 'team-a'})).metadata?.finalizers).toBeUndefined();
    await world.client.kind(runtimeKind).get('bash', {namespace: 'team-a'});
    expect(await ofRelease('kruntimes')).toEqual([]);
    const managed = {namespace: 'team-a', labelSelector: 'app.kubernetes.io/managed-by=kruntimes'};
    for (const kind of [kinds.Deployment, kinds.Role, kinds.RoleBinding, kinds.ServiceAccount, kinds.NetworkPolicy]) {
      const {items} = await world.client.kind<KubernetesObject>(kind).list(managed);
      expect([kind.plural, items]).toEqual([kind.plural, []]);
    }
  });

  /** What a kubelet and kube-controller-manager do: components end when they are scaled to nothing, and the Job runs. */
  async function playTheNode(): Promise<Job> {
    const jobs = world.client.kind(kinds.Job);
    const ref = {name: 'kruntimes-uninstall', namespace: system};
    const job = await waitForObject(jobs, ref, () => true, patient);
    const hook = await world.component('controller', argsOf(job), ref.name);
    running.push(hook);
    await waitForObject(
      deployments(),
      {namespace: system, name: 'kruntimes-scheduler'},
      ({spec}) => spec?.replicas === 0,
      patient,
    );
    await Promise.all(running.filter((component) => component !== hook).map((component) => component.stop()));
    expect([await hook.exit, hook.log.filter(({level}) => level === 'error')]).toEqual([0, []]);
    const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const conditions = ['SuccessCriteriaMet', 'Complete'].map((type) => ({
      type,
      status: 'True',
      lastTransitionTime: now,
    }));
    const present = await jobs.get(ref.name, {namespace: system});
    return await jobs.updateStatus({
      ...present,
      status: {succeeded: 1, startTime: now, completionTime: now, conditions, uncountedTerminatedPods: {}},
    });
  }

  /** All objects with the label of a release, but Helm's own Secrets. */
  async function ofRelease(release: string): Promise<string[]> {
    const found: string[] = [];
    for (const kind of Object.values(kinds)) {
      if (kind === kinds.Event) continue;
      const options = {labelSelector: `app.kubernetes.io/instance=${release}`};
      try {
        const {items} = await world.client.kind<KubernetesObject>(kind).list(options);
        found.push(...items.map(({metadata}) => `${kind.plural} ${metadata?.namespace ?? ''}/${metadata?.name}`));
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    return found;
  }
});
