/** For tests on a real API server: the objects around a scheduler, and somebody who executes what it binds. */
import {readFile} from 'node:fs/promises';
import {
  endAttemptStatus,
  fenceOf,
  leaseName,
  RUNTIME_LABEL,
  RUNTIMED_READY_CONDITION,
  type Run,
  runKind,
  runtimeKind,
} from '@kruntimes/api-types';
import {runCrd, runtimeCrd} from '@kruntimes/api-types/crds';
import {
  Client,
  isConflict,
  isNotFound,
  kinds,
  microTime,
  objectKey,
  Transport,
  Watcher,
} from '@kruntimes/reconciler-kit';
import {
  type ControlPlaneAccess,
  grantClusterRole,
  installDefinitions,
  sharedControlPlane,
} from '@kruntimes/reconciler-kit/testing';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import type {OwnerReference} from 'kubernetes-types/meta/v1.d.ts';
import type {ClusterRole} from 'kubernetes-types/rbac/v1.d.ts';
import {parseAllDocuments} from 'yaml';

export class KubeWorld implements AsyncDisposable {
  readonly controlPlane: ControlPlaneAccess;
  readonly client: Client;
  readonly namespace: string;
  readonly #owned: AsyncDisposable[] = [];

  private constructor(controlPlane: ControlPlaneAccess, client: Client, namespace: string) {
    this.controlPlane = controlPlane;
    this.client = client;
    this.namespace = namespace;
  }

  static async create(): Promise<KubeWorld> {
    const controlPlane = await sharedControlPlane();
    const transport = new Transport(controlPlane.config);
    const client = new Client(transport);
    await installDefinitions(client, [runCrd, runtimeCrd]);
    const world = new KubeWorld(controlPlane, client, await controlPlane.createNamespace());
    world.#owned.push(transport);
    return world;
  }

  /** An identity with exactly the permissions that the chart gives. */
  async schedulerConfig(user: string) {
    const text = await readFile(
      new URL('../../../charts/kruntimes/files/rbac/scheduler.yaml', import.meta.url),
      'utf8',
    );
    const documents = parseAllDocuments(text).map((document) => document.toJS() as ClusterRole);
    const role = documents.find(({kind}) => kind === 'ClusterRole');
    if (role === undefined) throw new Error('scheduler.yaml has no ClusterRole');
    await grantClusterRole(this.client, role, user);
    return this.controlPlane.userConfig({user});
  }

  async addRuntime(name: string, runs: number, namespace = this.namespace): Promise<OwnerReference> {
    const runtime = await this.client.kind(runtimeKind).create({
      metadata: {name, namespace},
      spec: {
        capacity: {resources: {runs}},
        template: {spec: {containers: [{name: 'runtime', image: 'bash'}]}},
      },
    });
    const labels = {[RUNTIME_LABEL]: name};
    const template = {metadata: {labels}, spec: {containers: [{name: 'runtime', image: 'bash'}]}};
    const selector = {matchLabels: labels};
    const deployment = await this.client.kind(kinds.Deployment).create({
      metadata: {
        name: `${name}-runtime`,
        namespace,
        labels,
        ownerReferences: [ownerOf('kruntimes.io/v1alpha1', 'Runtime', runtime)],
      },
      spec: {selector, template},
    });
    const replicaSet = await this.client.kind(kinds.ReplicaSet).create({
      metadata: {
        name: `${name}-runtime-1`,
        namespace,
        labels,
        ownerReferences: [ownerOf('apps/v1', 'Deployment', deployment)],
      },
      spec: {selector, template},
    });
    return ownerOf('apps/v1', 'ReplicaSet', replicaSet);
  }

  /** A Pod that is ready and whose Lease is fresh, for as long as nobody looks at the clock. */
  async addReadyPod(
    runtime: string,
    name: string,
    owner: OwnerReference | undefined,
    namespace = this.namespace,
  ): Promise<Pod> {
    const labels = {[RUNTIME_LABEL]: runtime};
    const pods = this.client.kind(kinds.Pod);
    const created = await pods.create({
      metadata: {name, namespace, labels, ...(owner && {ownerReferences: [owner]})},
      spec: {containers: [{name: 'runtime', image: 'bash'}], automountServiceAccountToken: false},
    });
    const conditions = ['Ready', RUNTIMED_READY_CONDITION].map((type) => ({type, status: 'True'}));
    const pod = await pods.patchStatus(
      {name, namespace},
      {type: 'merge', body: {status: {phase: 'Running', conditions}}},
    );
    await this.client.kind(kinds.Lease).create({
      metadata: {name: leaseName(created.metadata?.uid ?? ''), namespace, labels},
      spec: {holderIdentity: name, leaseDurationSeconds: 40, renewTime: microTime(Date.now())},
    });
    return pod;
  }

  createRun(name: string, runtime = 'bash', namespace = this.namespace): Promise<Run> {
    return this.client.kind(runKind).create({metadata: {name, namespace}, spec: {runtime, source: {inline: 'true'}}});
  }

  /** Ends each Run soon after it was bound, as the runtimed of its Pod would, and takes the history of binds down. */
  execute(): Executor {
    const executor = new Executor(this);
    this.#owned.push(executor);
    return executor;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const owned of this.#owned.reverse()) await owned[Symbol.asyncDispose]();
  }
}

/** Plays runtimed for all Pods of a namespace. */
export class Executor implements AsyncDisposable {
  /** Names of Runs by UID of the Pod that each attempt was bound to, in the order of the API server's history. */
  readonly binds: {run: string; attempt: number; podUID: string}[] = [];
  /** The most Runs that were on one Pod at the same time. */
  mostOnOnePod = 0;
  readonly ended = new Set<string>();
  readonly #client: Client;
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;
  readonly #active = new Map<string, Set<string>>();
  readonly #writes = new Set<Promise<void>>();

  constructor(world: KubeWorld) {
    this.#client = world.client;
    const watcher = new Watcher(world.client.kind(runKind), {namespace: world.namespace});
    this.#watching = watcher.run(
      {
        replace: (runs) => runs.forEach((run) => this.#see(run)),
        event: (_, run) => this.#see(run),
      },
      this.#stop.signal,
    );
  }

  #see(run: Run): void {
    const key = objectKey(run);
    const fence = fenceOf(run);
    if (fence === undefined) {
      for (const runs of this.#active.values()) runs.delete(key);
      return;
    }
    const runs = this.#active.get(fence.podUID) ?? new Set();
    this.#active.set(fence.podUID, runs);
    if (runs.has(key)) return;
    runs.add(key);
    this.binds.push({run: key, attempt: fence.attempt, podUID: fence.podUID});
    this.mostOnOnePod = Math.max(this.mostOnOnePod, runs.size);
    const write = this.#end(run);
    this.#writes.add(write);
    void write.finally(() => this.#writes.delete(write));
  }

  async #end(known: Run): Promise<void> {
    const runs = this.#client.kind(runKind);
    for (let run = known, tries = 0; tries < 20; tries++) {
      const fence = fenceOf(run);
      if (fence === undefined) return;
      const status = endAttemptStatus(
        run,
        fence,
        {outcome: {kind: 'exited', exitCode: 0}},
        {now: new Date(), random: Math.random},
      );
      try {
        await runs.updateStatus({...run, status});
        this.ended.add(objectKey(run));
        return;
      } catch (error) {
        if (isNotFound(error)) return;
        if (!isConflict(error)) throw error;
        run = await runs.get(run.metadata?.name ?? '', {namespace: run.metadata?.namespace});
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    await Promise.all(this.#writes);
  }
}

function ownerOf(
  apiVersion: string,
  kind: string,
  object: {metadata?: {name?: string; readonly uid?: string}},
): OwnerReference {
  return {apiVersion, kind, name: object.metadata?.name ?? '', uid: object.metadata?.uid ?? '', controller: true};
}
