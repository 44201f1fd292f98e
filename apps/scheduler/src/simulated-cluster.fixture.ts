/** For tests: the objects of a cluster, watched through caches that can lag, and status writes that can be held, refused and lost. */
import {
  isTerminal,
  leaseName,
  RUNTIME_LABEL,
  RUNTIMED_READY_CONDITION,
  type Run,
  type RunStatus,
  type Runtime,
} from '@kruntimes/api-types';
import {
  ApiError,
  type CacheHandler,
  type DeepReadonly,
  type KubernetesObject,
  objectKey,
  ReconcilerKitError,
} from '@kruntimes/reconciler-kit';
import type {Deployment, ReplicaSet} from 'kubernetes-types/apps/v1.d.ts';
import type {Lease} from 'kubernetes-types/coordination/v1.d.ts';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import type {Watched} from './pod-directory.ts';
import type {WriteRunStatus} from './run-writer.ts';

type Change<T> = {type: 'set'; object: T} | {type: 'delete'; object: T};

/** A cache that shows its store's changes when it is told to. */
export class SimulatedCache<T extends KubernetesObject> implements Watched<T> {
  readonly #objects = new Map<string, T>();
  readonly #handlers = new Set<CacheHandler<T>>();
  readonly #backlog: Change<T>[] = [];
  readonly #sync = Promise.withResolvers<void>();
  /** Changes wait for `deliver`. */
  lagging = false;
  isSynced = true;

  change(change: Change<T>): void {
    this.#backlog.push(structuredClone(change));
    if (!this.lagging) this.deliver();
  }

  /** Shows the next changes to the handlers; all of them by default. */
  deliver(most = Number.POSITIVE_INFINITY): void {
    for (let i = 0; i < most; i++) {
      const change = this.#backlog.shift();
      if (change === undefined) return;
      const key = objectKey(change.object);
      const previous = this.#objects.get(key);
      if (change.type === 'delete') {
        this.#objects.delete(key);
        if (previous !== undefined)
          this.#tell((handler) => handler.delete?.(previous as DeepReadonly<T>, {exact: true}));
        continue;
      }
      const object = change.object as DeepReadonly<T>;
      this.#objects.set(key, change.object);
      if (previous === undefined) this.#tell((handler) => handler.add?.(object, {initial: false}));
      else this.#tell((handler) => handler.update?.(previous as DeepReadonly<T>, object));
    }
  }

  get(key: string): DeepReadonly<T> | undefined {
    return this.#objects.get(key) as DeepReadonly<T> | undefined;
  }

  subscribe(handler: CacheHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#objects.values()) handler.add?.(object as DeepReadonly<T>, {initial: true});
    return () => this.#handlers.delete(handler);
  }

  synced(): Promise<void> {
    return this.isSynced ? Promise.resolve() : this.#sync.promise;
  }

  finishSync(): void {
    this.isSynced = true;
    this.#sync.resolve();
  }

  #tell(call: (handler: CacheHandler<T>) => void): void {
    for (const handler of this.#handlers) call(handler);
  }
}

export interface HeldWrite {
  readonly run: DeepReadonly<Run>;
  readonly status: RunStatus;
  /** Carries it out and answers. */
  commit(): void;
  /** Carries it out, but the answer is lost. */
  commitUnheard(): void;
  /** Answers without carrying it out; 0: the connection breaks. */
  fail(status: number): void;
}

export class SimulatedCluster {
  readonly runtimes = new SimulatedCache<Runtime>();
  readonly pods = new SimulatedCache<Pod>();
  readonly leases = new SimulatedCache<Lease>();
  readonly deployments = new SimulatedCache<Deployment>();
  readonly replicaSets = new SimulatedCache<ReplicaSet>();
  /** The watch of non-terminal Runs; a new one for each scheduler, as after a restart. */
  runs = new SimulatedCache<Run>();
  /** All Runs by `namespace/name`, as the API server has them. */
  readonly storedRuns = new Map<string, Run>();
  /** Status writes that were carried out, in order. */
  readonly written: {run: string; status: RunStatus}[] = [];
  /** With `holdWrites`: writes that wait to be carried out. */
  readonly heldWrites: HeldWrite[] = [];
  holdWrites = false;
  #version = 0;

  nextVersion(): string {
    return String(++this.#version);
  }

  get sources() {
    const {runtimes, pods, leases, deployments, replicaSets} = this;
    return {runtimes, pods, leases, deployments, replicaSets};
  }

  /** A Runtime with its Deployment and ReplicaSet, all with UIDs made of their names. */
  addRuntime(namespace: string, name: string, resources: Record<string, number> = {runs: 1}): void {
    const labels = {[RUNTIME_LABEL]: name};
    const uid = `${namespace}-${name}`;
    const owner = (apiVersion: string, kind: string, ownerName: string, ownerUID: string) => [
      {apiVersion, kind, name: ownerName, uid: ownerUID, controller: true},
    ];
    this.runtimes.change({
      type: 'set',
      object: {
        metadata: {namespace, name, uid, resourceVersion: this.nextVersion()},
        spec: {capacity: {resources}} as Runtime['spec'],
      },
    });
    this.deployments.change({
      type: 'set',
      object: {
        metadata: {
          namespace,
          name: `${name}-runtime`,
          uid: `${uid}-deployment`,
          labels,
          ownerReferences: owner('kruntimes.io/v1alpha1', 'Runtime', name, uid),
        },
      },
    });
    this.replicaSets.change({
      type: 'set',
      object: {
        metadata: {
          namespace,
          name: `${name}-runtime-1`,
          uid: `${uid}-replicaset`,
          labels,
          ownerReferences: owner('apps/v1', 'Deployment', `${name}-runtime`, `${uid}-deployment`),
        },
      },
    });
  }

  /** A ready Pod of that Runtime with a fresh Lease. */
  addPod(namespace: string, runtime: string, name: string, change: (pod: Pod) => Pod = (pod) => pod): void {
    const uid = `${namespace}-${name}`;
    const labels = {[RUNTIME_LABEL]: runtime};
    const pod: Pod = {
      metadata: {
        namespace,
        name,
        uid,
        labels,
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'ReplicaSet',
            name: `${runtime}-runtime-1`,
            uid: `${namespace}-${runtime}-replicaset`,
            controller: true,
          },
        ],
      },
      status: {
        phase: 'Running',
        conditions: [
          {type: 'Ready', status: 'True'},
          {type: RUNTIMED_READY_CONDITION, status: 'True'},
        ],
      },
    };
    this.pods.change({type: 'set', object: change(pod)});
    this.renewLease(namespace, runtime, uid);
  }

  renewLease(namespace: string, runtime: string, podUID: string): void {
    this.leases.change({
      type: 'set',
      object: {
        metadata: {namespace, name: leaseName(podUID), labels: {[RUNTIME_LABEL]: runtime}},
        spec: {renewTime: this.nextVersion()},
      },
    });
  }

  deletePod(namespace: string, name: string): void {
    const pod = {metadata: {namespace, name, uid: `${namespace}-${name}`}};
    this.pods.change({type: 'delete', object: pod});
    this.leases.change({type: 'delete', object: {metadata: {namespace, name: leaseName(pod.metadata.uid)}}});
  }

  addRun(namespace: string, name: string, fields: Partial<Run['spec']> = {}, status?: RunStatus): Run {
    return this.putRun({
      metadata: {namespace, name, uid: `${namespace}-${name}`, creationTimestamp: '2026-01-01T00:00:00Z'},
      spec: {runtime: 'bash', ...fields},
      status: status ?? {phase: 'Pending'},
    });
  }

  /** Stores the Run as a new version of itself. */
  putRun(run: Run): Run {
    const stored = structuredClone({...run, metadata: {...run.metadata, resourceVersion: this.nextVersion()}});
    this.storedRuns.set(objectKey(stored), stored);
    this.runs.change({type: isTerminal(stored.status?.phase) ? 'delete' : 'set', object: stored});
    return stored;
  }

  run(key: string): Run {
    const run = this.storedRuns.get(key);
    if (run === undefined) throw new Error(`no Run ${key}`);
    return run;
  }

  changeRun(key: string, change: (run: Run) => Run): void {
    this.putRun(change(structuredClone(this.run(key))));
  }

  deleteRun(key: string): void {
    const run = this.run(key);
    this.storedRuns.delete(key);
    this.runs.change({type: 'delete', object: run});
  }

  /** A new watch, which begins with what is stored. */
  restartWatch(): void {
    this.runs = new SimulatedCache<Run>();
    for (const run of this.storedRuns.values()) {
      if (!isTerminal(run.status?.phase)) this.runs.change({type: 'set', object: run});
    }
  }

  readonly write: WriteRunStatus = async (run, status) => {
    if (!this.holdWrites) return this.#store(run, status);
    const {promise, resolve, reject} = Promise.withResolvers<Run>();
    const held: HeldWrite = {
      run,
      status,
      commit: () => {
        leave();
        try {
          resolve(this.#store(run, status));
        } catch (error) {
          reject(error);
        }
      },
      commitUnheard: () => {
        leave();
        try {
          this.#store(run, status);
        } catch {
          // Refused, but that answer is lost too.
        }
        reject(new ReconcilerKitError('CONNECTION_FAILED', 'connection reset', {retryable: true}));
      },
      fail: (code) => {
        leave();
        reject(
          code === 0
            ? new ReconcilerKitError('CONNECTION_FAILED', 'connection reset', {retryable: true})
            : new ApiError({status: code}),
        );
      },
    };
    const leave = () => void this.heldWrites.splice(this.heldWrites.indexOf(held), 1);
    this.heldWrites.push(held);
    return promise;
  };

  #store(run: DeepReadonly<Run>, status: RunStatus): Run {
    const key = objectKey(run);
    const stored = this.storedRuns.get(key);
    if (stored === undefined) throw new ApiError({status: 404, reason: 'NotFound'});
    if (
      stored.metadata?.uid !== run.metadata?.uid ||
      stored.metadata?.resourceVersion !== run.metadata?.resourceVersion
    ) {
      throw new ApiError({status: 409, reason: 'Conflict'});
    }
    this.written.push({run: key, status});
    return structuredClone(this.putRun({...stored, status}));
  }
}
