import {ACCEPTED_CONDITION, capacityOf, leaseName, type Runtime} from '@kruntimes/api-types';
import {
  type Cache,
  type Clock,
  type DeepReadonly,
  findCondition,
  type KubernetesObject,
  LeaseObserver,
  objectKey,
} from '@kruntimes/reconciler-kit';
import type {Deployment, ReplicaSet} from 'kubernetes-types/apps/v1.d.ts';
import type {Lease} from 'kubernetes-types/coordination/v1.d.ts';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import type {Placement} from './placement.ts';
import {type PodObstacle, podCapacity, podObstacle, runtimeKeyOf} from './pod-target.ts';

export type Watched<T extends KubernetesObject> = Pick<Cache<T>, 'get' | 'subscribe' | 'synced'>;

/** Everything by which Pods are judged. */
export interface PodSources {
  readonly runtimes: Watched<Runtime>;
  readonly pods: Watched<Pod>;
  readonly leases: Watched<Lease>;
  readonly deployments: Watched<Deployment>;
  readonly replicaSets: Watched<ReplicaSet>;
}

export interface PodDirectoryOptions {
  readonly sources: PodSources;
  readonly placement: Placement;
  readonly clock: Clock;
  readonly leaseDurationMs: number;
  /** Called when more or less may be placed for this Runtime (`namespace/name`) than before. */
  readonly onChange: (runtime: string) => void;
}

/**
 * Tells the model which Runtimes and Pods there are, and which Pods take Runs. An event is looked at for the Pods that it concerns only:
 * those of its Runtime at most.
 */
export class PodDirectory {
  readonly #sources: PodSources;
  readonly #placement: Placement;
  readonly #onChange: (runtime: string) => void;
  readonly #leases: LeaseObserver;
  /** Keys of the Pods by key of the Runtime in their label. */
  readonly #podsOf = new Map<string, Set<string>>();
  /** Key of the Pod by key of its Lease. */
  readonly #podOfLease = new Map<string, string>();
  readonly #obstacles = new Map<string, PodObstacle | undefined>();

  constructor(options: PodDirectoryOptions) {
    this.#sources = options.sources;
    this.#placement = options.placement;
    this.#onChange = options.onChange;
    const judge = (lease: string): void => this.#judge(this.#podOfLease.get(lease));
    this.#leases = new LeaseObserver({
      durationMs: options.leaseDurationMs,
      clock: options.clock,
      onFresh: judge,
      onExpired: judge,
    });
  }

  /** Follows its sources until the returned function is called. */
  start(): () => void {
    const {runtimes, pods, leases, deployments, replicaSets} = this.#sources;
    const owner = {
      add: (object: DeepReadonly<KubernetesObject>) => this.#judgeAllOf(runtimeKeyOf(object)),
      update: (previous: DeepReadonly<KubernetesObject>, object: DeepReadonly<KubernetesObject>) => {
        if (runtimeKeyOf(previous) === runtimeKeyOf(object) && sameOwner(previous, object)) return;
        this.#judgeAllOf(runtimeKeyOf(previous));
        this.#judgeAllOf(runtimeKeyOf(object));
      },
      delete: (object: DeepReadonly<KubernetesObject>) => this.#judgeAllOf(runtimeKeyOf(object)),
    };
    const stops = [
      leases.subscribe({
        add: (lease) => this.#leases.observe(objectKey(lease), lease.spec?.renewTime),
        update: (_, lease) => this.#leases.observe(objectKey(lease), lease.spec?.renewTime),
        delete: (lease) => {
          this.#leases.forget(objectKey(lease));
          this.#judge(this.#podOfLease.get(objectKey(lease)));
        },
      }),
      deployments.subscribe(owner),
      replicaSets.subscribe(owner),
      runtimes.subscribe({
        add: (runtime) => this.#setRuntime(runtime),
        update: (previous, runtime) => {
          if (!sameRuntime(previous, runtime)) this.#setRuntime(runtime);
        },
        delete: (runtime) => {
          this.#placement.deleteRuntime(objectKey(runtime));
          this.#judgeAllOf(objectKey(runtime));
          this.#onChange(objectKey(runtime));
        },
      }),
      pods.subscribe({
        add: (pod) => this.#setPod(pod),
        update: (previous, pod) => {
          if (runtimeKeyOf(previous) !== runtimeKeyOf(pod)) this.#deletePod(previous);
          this.#setPod(pod);
        },
        delete: (pod) => this.#deletePod(pod),
      }),
    ];
    return () => {
      for (const stop of stops) stop();
      this.#leases.close();
    };
  }

  /** Number of Pods that take Runs and of those that don't, by reason. */
  count(): Map<PodObstacle | 'None', number> {
    const counts = new Map<PodObstacle | 'None', number>();
    for (const obstacle of this.#obstacles.values()) {
      counts.set(obstacle ?? 'None', (counts.get(obstacle ?? 'None') ?? 0) + 1);
    }
    return counts;
  }

  #setRuntime(runtime: DeepReadonly<Runtime>): void {
    const key = objectKey(runtime);
    this.#placement.setRuntime({key, capacity: capacityOf(runtime), trouble: troubleOf(runtime)});
    this.#judgeAllOf(key);
    this.#onChange(key);
  }

  #setPod(pod: DeepReadonly<Pod>): void {
    const runtime = runtimeKeyOf(pod);
    if (runtime === undefined) return;
    const key = objectKey(pod);
    let pods = this.#podsOf.get(runtime);
    if (pods === undefined) {
      pods = new Set();
      this.#podsOf.set(runtime, pods);
    }
    pods.add(key);
    this.#podOfLease.set(leaseKeyOf(pod), key);
    this.#judge(key);
  }

  #deletePod(pod: DeepReadonly<Pod>): void {
    const runtime = runtimeKeyOf(pod) ?? '';
    const key = objectKey(pod);
    const pods = this.#podsOf.get(runtime);
    pods?.delete(key);
    if (pods?.size === 0) this.#podsOf.delete(runtime);
    this.#podOfLease.delete(leaseKeyOf(pod));
    this.#obstacles.delete(key);
    this.#placement.deletePod(pod.metadata?.uid ?? '');
    this.#onChange(runtime);
  }

  #judgeAllOf(runtime: string | undefined): void {
    for (const pod of this.#podsOf.get(runtime ?? '') ?? []) this.#judge(pod);
  }

  #judge(key: string | undefined): void {
    const pod = key === undefined ? undefined : this.#sources.pods.get(key);
    const runtime = pod && runtimeKeyOf(pod);
    if (key === undefined || pod === undefined || runtime === undefined) return;
    const {runtimes, deployments, replicaSets} = this.#sources;
    const obstacle = podObstacle(pod, {
      runtime: (name) => runtimes.get(name),
      deployment: (name) => deployments.get(name),
      replicaSet: (name) => replicaSets.get(name),
      leaseIsFresh: (namespace, uid) => this.#leases.isFresh(`${namespace}/${leaseName(uid)}`),
    });
    this.#obstacles.set(key, obstacle);
    this.#placement.setPod({
      uid: pod.metadata?.uid ?? '',
      name: pod.metadata?.name ?? '',
      runtime,
      capacity: podCapacity(pod, runtimes.get(runtime)),
      open: obstacle === undefined,
    });
    this.#onChange(runtime);
  }
}

function leaseKeyOf(pod: DeepReadonly<Pod>): string {
  return `${pod.metadata?.namespace ?? ''}/${leaseName(pod.metadata?.uid ?? '')}`;
}

function troubleOf(runtime: DeepReadonly<Runtime>): 'RuntimeTerminating' | 'RuntimeNotAccepted' | undefined {
  if (runtime.metadata?.deletionTimestamp !== undefined) return 'RuntimeTerminating';
  const accepted = findCondition(runtime.status?.conditions, ACCEPTED_CONDITION);
  return accepted?.status === 'False' ? 'RuntimeNotAccepted' : undefined;
}

/** Whether nothing changed that the model knows of a Runtime: its status changes with every Pod. */
function sameRuntime(a: DeepReadonly<Runtime>, b: DeepReadonly<Runtime>): boolean {
  return (
    a.metadata?.uid === b.metadata?.uid &&
    troubleOf(a) === troubleOf(b) &&
    JSON.stringify(capacityOf(a)) === JSON.stringify(capacityOf(b))
  );
}

function sameOwner(a: DeepReadonly<KubernetesObject>, b: DeepReadonly<KubernetesObject>): boolean {
  const owners = (object: DeepReadonly<KubernetesObject>) =>
    JSON.stringify(object.metadata?.ownerReferences?.map(({uid, controller}) => [uid, controller]) ?? []);
  return a.metadata?.uid === b.metadata?.uid && owners(a) === owners(b);
}
