import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {User} from '@kruntimes/integration/support/user';
import {Client, type ClusterConfig, kinds, Transport} from '@kruntimes/reconciler-kit';
import {waitForDeletion, waitForObject} from '@kruntimes/reconciler-kit/testing';
import {type Cluster, findCluster} from '../cluster/cluster.ts';
import {chartVersion, Helm} from './helm.ts';
import {report} from './report.ts';
import {Volume} from './volumes.ts';

/** For waits: nothing is judged by them. */
export const patient = {timeoutMs: 240_000};
/** Where the shared release is. */
export const systemNamespace = 'kruntimes-system';

export interface ReleaseOptions {
  name: string;
  namespace: string;
  version?: string;
  /** As `--set` has them. */
  values?: readonly string[];
}

/** The real node, the charts in its registry, and what is made there for one suite. */
export class World {
  readonly cluster: Cluster;
  /** An administrator's. */
  readonly client: Client;
  readonly helm: Helm;
  /** Of the charts and images. */
  readonly version: string;
  /** For files of this suite. */
  readonly directory: string;
  readonly #namespaces: string[] = [];
  readonly #volumes: Volume[] = [];
  readonly #users: User[] = [];
  readonly #deferred: (() => Promise<void>)[] = [];

  private constructor(cluster: Cluster, helm: Helm, version: string, directory: string) {
    this.cluster = cluster;
    this.client = new Client(new Transport(cluster.access.config, {userAgent: 'e2e'}));
    this.helm = helm;
    this.version = version;
    this.directory = directory;
  }

  /** Finds the cluster and publishes the charts in its registry. */
  static async open(): Promise<World> {
    const cluster = await findCluster();
    const helm = await Helm.open(cluster.kubeconfig, cluster.registry);
    const version = await chartVersion();
    await helm.publish(version);
    return new World(cluster, helm, version, await mkdtemp(join(tmpdir(), 'kruntimes-e2e-')));
  }

  /** Removes what was made for the suite; releases stay. */
  async close(): Promise<void> {
    for (const work of this.#deferred.toReversed()) await work();
    await Promise.all(this.#namespaces.map((name) => this.deleteNamespace(name)));
    for (const volume of this.#volumes) await volume.delete();
    for (const user of this.#users) await user.close();
    await this.client.transport.close();
    await this.helm[Symbol.asyncDispose]();
    await rm(this.directory, {recursive: true, force: true});
  }

  /** Before {@link close} removes anything else; what was deferred last is done first. */
  defer(work: () => Promise<void>): void {
    this.#deferred.push(work);
  }

  /** The kinds, and one release for all namespaces: as they are, else newly installed. They stay for the suites that follow. */
  async installed(): Promise<void> {
    await this.installDefinitions();
    await this.release({name: 'kruntimes', namespace: systemNamespace});
  }

  /** The chart kruntimes-crds. */
  async installDefinitions(): Promise<void> {
    await this.createNamespace(systemNamespace, {stays: true});
    const chart = this.helm.published('kruntimes-crds', this.version);
    await this.helm.run('upgrade', '--install', 'kruntimes-crds', ...chart, '-n', systemNamespace, '--wait');
  }

  /** Installs or upgrades the chart kruntimes, and waits until all its Pods are ready. */
  async release({name, namespace, version = this.version, values = []}: ReleaseOptions): Promise<void> {
    const chart = this.helm.published('kruntimes', version);
    const settings = values.flatMap((value) => ['--set', value]);
    await this.helm.run('upgrade', '--install', name, ...chart, '-n', namespace, ...settings, '--wait', '--timeout=4m');
  }

  /** Uninstalls a release, if it is there. */
  async uninstall(name: string, namespace: string): Promise<void> {
    await this.helm.run('uninstall', name, '-n', namespace, '--ignore-not-found', '--wait', '--timeout=5m');
  }

  /** A namespace in which Pod Security `restricted` is enforced, until the suite ends. */
  async createNamespace(name: string, {stays = false} = {}): Promise<string> {
    const labels = {
      'pod-security.kubernetes.io/enforce': 'restricted',
      'pod-security.kubernetes.io/enforce-version': 'latest',
    };
    const namespaces = this.client.kind(kinds.Namespace);
    await namespaces.apply({metadata: {name, labels}}, {fieldManager: 'e2e', force: true});
    if (!stays) this.#namespaces.push(name);
    await waitForObject(this.client.kind(kinds.ServiceAccount), {namespace: name, name: 'default'}, undefined, patient);
    return name;
  }

  async deleteNamespace(name: string): Promise<void> {
    const namespaces = this.client.kind(kinds.Namespace);
    await namespaces.delete({name});
    await waitForDeletion(namespaces, {name}, {...patient, description: `namespace ${name} gone`});
  }

  async createVolume(claim: {namespace: string; name: string}): Promise<Volume> {
    const volume = await Volume.create(this.client, this.cluster.layout.directory, claim);
    this.#volumes.push(volume);
    return volume;
  }

  /** Somebody who has this ClusterRole in this namespace, and no other rights. */
  async createUser(name: string, namespace: string, role = 'kruntimes-edit'): Promise<User> {
    await this.client.kind(kinds.RoleBinding).apply(
      {
        metadata: {name: `${name}-${role}`, namespace},
        roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role},
        subjects: [{apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name}],
      },
      {fieldManager: 'e2e', force: true},
    );
    return await this.login(name, this.cluster.access.userConfig({user: name}), namespace);
  }

  async administrator(namespace: string): Promise<User> {
    return await this.login('administrator', this.cluster.access.config, namespace);
  }

  /** Somebody with this configuration. */
  async login(name: string, config: ClusterConfig, namespace: string): Promise<User> {
    const user = await User.login(name, config, namespace, this.directory);
    this.#users.push(user);
    return user;
  }

  /** Does `body`; if it fails, prints what the cluster looks like. */
  async reported<T>(body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      console.error(await report(this.client, this.cluster.kubeconfig).catch(String));
      throw error;
    }
  }
}
