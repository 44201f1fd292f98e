/**
 * The scheduler's model: which Run goes to which Pod. It knows no API server, no clock and no I/O; events go in, decisions come out.
 *
 * Per Runtime it keeps the free resources of its Pods in a tournament tree and its waiting Runs in one heap per *shape* (the set of
 * requested resources). A shape that found no Pod is parked; it is looked at again only when a Pod of its Runtime gets more free
 * resources, and then only against that Pod. So a decision costs O(log Pods + log Runs), and no event looks at all Runs or all Pods.
 */
import {RUNS_RESOURCE} from '@kruntimes/api-types';
import {IndexedHeap} from '@kruntimes/reconciler-kit';
import {CapacityTree} from './capacity-tree.ts';
import {fits, missingResource, type Resources, shapeOf, unitsOf} from './resources.ts';
import type {RuntimeLoad} from './scheduler-metrics.ts';

export interface PlacementRuntime {
  /** `namespace/name` */
  readonly key: string;
  /** What each Pod of the Runtime is meant to offer. */
  readonly capacity: Resources;
  /** Why it has no open Pods, or will have none, when that is known of the Runtime itself. */
  readonly trouble?: 'RuntimeTerminating' | 'RuntimeNotAccepted' | undefined;
}

export interface PlacementPod {
  readonly uid: string;
  readonly name: string;
  /** `namespace/name` of its Runtime. Never changes for one UID. */
  readonly runtime: string;
  readonly capacity: Resources;
  /** Whether new Runs may be placed here. What is reserved stays reserved either way. */
  readonly open: boolean;
}

export interface PlacementRun {
  readonly uid: string;
  /** `namespace/name` of the Runtime it asks for. */
  readonly runtime: string;
  readonly requests: Resources;
  /** Higher goes first. */
  readonly priority: number;
  /** Among equal priorities lower goes first; equal values go in the order of arrival. Milliseconds since the epoch. */
  readonly queuedAt: number;
}

export interface Decision {
  readonly run: string;
  readonly pod: {readonly uid: string; readonly name: string};
  /** Whether the Run had to wait because no Pod had room for it. */
  readonly waited: boolean;
}

/** Why a waiting Run is not on a Pod. */
export interface Obstacle {
  readonly reason:
    | 'RuntimeNotFound'
    | 'RuntimeTerminating'
    | 'RuntimeNotAccepted'
    | 'RequestTooLarge'
    | 'NoReadyPods'
    | 'InsufficientCapacity';
  /** The resource of which not even an empty Pod has enough; only with RequestTooLarge. */
  readonly resource?: string;
}

export interface PlacementOptions {
  /**
   * A waiting Run that others of lower rank overtake, because they ask for less, keeps a Pod to itself after this time: then it can't be
   * overtaken for ever. At most one Pod per Runtime is kept so.
   * @defaultValue 30_000
   */
  readonly patienceMs?: number;
}

interface Pod {
  readonly uid: string;
  name: string;
  pool: Pool | undefined;
  capacity: Resources;
  open: boolean;
  readonly used: Map<string, number>;
  readonly runs: Set<Run>;
  slot: number;
}

interface Run extends PlacementRun {
  readonly sequence: number;
  /** On the clock that is passed to `next`. */
  readonly waitingSince: number;
  readonly shape: Shape;
  pod: Pod | undefined;
  /** It came when there was no room for its shape. */
  late: boolean;
}

interface Shape {
  readonly key: string;
  readonly requests: Resources;
  readonly pool: Pool;
  readonly waiting: IndexedHeap<Run>;
  /** Its Runs, those that hold a slot included. */
  members: number;
  /** When it last found no Pod, on the clock of `next`; what has waited since before that had to wait. */
  parkedAt: number;
  /** What the last review of reasons saw. */
  obstacle: Obstacle['reason'] | undefined;
}

/** What the model knows of one Runtime, whether that exists or is only asked for. */
interface Pool {
  readonly key: string;
  /** Undefined: no such Runtime. */
  runtime: PlacementRuntime | undefined;
  readonly pods: Set<Pod>;
  readonly tree: CapacityTree<Pod>;
  openPods: number;
  readonly shapes: Map<string, Shape>;
  /** Shapes that may find a Pod, and shapes that found none; by the rank of their first Run. */
  readonly active: IndexedHeap<Shape>;
  readonly parked: IndexedHeap<Shape>;
  waitingRuns: number;
  kept: {readonly run: Run; readonly pod: Pod} | undefined;
}

export class Placement {
  readonly #pools = new Map<string, Pool>();
  readonly #pods = new Map<string, Pod>();
  readonly #runs = new Map<string, Run>();
  /** Pools with active shapes, in turn: a Runtime with many Runs does not keep others waiting. */
  readonly #ready = new Set<Pool>();
  readonly #patienceMs: number;
  #sequence = 0;

  constructor(options: PlacementOptions = {}) {
    this.#patienceMs = options.patienceMs ?? 30_000;
  }

  /** Adds a Runtime or changes what is known of it. */
  setRuntime(runtime: PlacementRuntime): void {
    this.#pool(runtime.key).runtime = runtime;
  }

  deleteRuntime(key: string): void {
    const pool = this.#pools.get(key);
    if (pool === undefined) return;
    pool.runtime = undefined;
    this.#forgetPoolIfUnused(pool);
  }

  setPod(pod: PlacementPod): void {
    const known = this.#pod(pod.uid);
    const pool = this.#pool(pod.runtime);
    if (known.pool !== pool) {
      this.#detach(known);
      known.pool = pool;
      pool.pods.add(known);
      known.slot = pool.tree.add(known, undefined);
    }
    known.name = pod.name;
    known.capacity = pod.capacity;
    if (known.open !== pod.open) {
      known.open = pod.open;
      pool.openPods += pod.open ? 1 : -1;
    }
    if (!pod.open && pool.kept?.pod === known) pool.kept = undefined;
    this.#freed(known);
  }

  /** The Pod is gone. Runs that are bound to it stay reserved on it until they are deleted or bound anew. */
  deletePod(uid: string): void {
    const pod = this.#pods.get(uid);
    if (pod === undefined) return;
    this.#detach(pod);
    this.#forgetPodIfUnused(pod);
  }

  /** The Run waits for a slot. A reservation it held is dropped. `now` is on the clock of `next`. */
  setPending(run: PlacementRun, now: number): void {
    const known = this.#runs.get(run.uid);
    if (known !== undefined && known.pod === undefined && sameDemand(known, run)) return;
    const sequence = known?.sequence ?? this.#sequence++;
    const waitingSince = known?.pod === undefined ? (known?.waitingSince ?? now) : now;
    if (known !== undefined) this.deleteRun(run.uid);
    const shape = this.#shape(run);
    const pending: Run = {...run, sequence, waitingSince, shape, pod: undefined, late: false};
    this.#admit(pending);
    this.#wait(pending);
  }

  /** The Run holds a slot of this Pod, whether the Pod is known (yet) or not. */
  setReserved(run: PlacementRun, podUID: string): void {
    const known = this.#runs.get(run.uid);
    if (known !== undefined && known.pod?.uid === podUID && sameDemand(known, run)) return;
    const sequence = known?.sequence ?? this.#sequence++;
    if (known !== undefined) this.deleteRun(run.uid);
    const reserved: Run = {...run, sequence, waitingSince: 0, shape: this.#shape(run), pod: undefined, late: false};
    this.#admit(reserved);
    this.#reserve(reserved, this.#pod(podUID));
  }

  /** The Run needs no slot (any more). Says nothing about how it ended. */
  deleteRun(uid: string): void {
    const run = this.#runs.get(uid);
    if (run === undefined) return;
    this.#runs.delete(uid);
    if (run.pod === undefined) {
      const {pool} = run.shape;
      this.#stopWaiting(run);
      if (pool.kept?.run === run) this.#unkeepPod(pool);
    } else {
      this.#release(run);
    }
    this.#forgetShapeIfUnused(run.shape);
  }

  /** The next Run to bind, whose slot is reserved from now on; undefined when no waiting Run fits any open Pod. `now`: monotonic ms. */
  next(now: number): Decision | undefined {
    for (const pool of this.#ready) {
      const decision = this.#place(pool, now);
      this.#ready.delete(pool);
      if (decision === undefined) continue;
      if (pool.active.size > 0) this.#ready.add(pool);
      return decision;
    }
    return undefined;
  }

  /** Why a waiting Run waits; undefined for a Run that holds a slot, is not known, or may still be placed by `next`. */
  obstacle(uid: string): Obstacle | undefined {
    const run = this.#runs.get(uid);
    if (run === undefined || run.pod !== undefined) return undefined;
    const {shape} = run;
    if (shape.pool.active.has(shape)) return undefined;
    return obstacleOf(shape);
  }

  /**
   * The waiting Runs of this Runtime whose obstacle is of another kind than at the last call. Costs one look at each shape, and at Runs
   * only of those shapes that changed.
   */
  reviewObstacles(runtime: string): string[] {
    const changed: string[] = [];
    const pool = this.#pools.get(runtime);
    if (pool === undefined) return changed;
    for (const shape of pool.shapes.values()) {
      const {reason} = obstacleOf(shape);
      if (shape.obstacle === reason) continue;
      shape.obstacle = reason;
      for (const run of shape.waiting.values()) changed.push(run.uid);
    }
    return changed;
  }

  /** What each Runtime has to do, whether it exists or is only asked for. Looks at all Pods. */
  *load(): IterableIterator<RuntimeLoad> {
    for (const pool of this.#pools.values()) {
      let [active, used, free] = [0, 0, 0];
      for (const pod of pool.pods) {
        const taken = pod.used.get(RUNS_RESOURCE) ?? 0;
        active += pod.runs.size;
        used += taken;
        if (pod.open) free += Math.max(0, unitsOf(pod.capacity, RUNS_RESOURCE) - taken);
      }
      yield {runtime: pool.key, waiting: pool.waitingRuns, active, used, free};
    }
  }

  /** Whether the Pod is known and takes Runs. */
  isOpen(podUID: string): boolean {
    return this.#pods.get(podUID)?.open === true;
  }

  /** What is reserved on a Pod now, by resource. */
  reserved(podUID: string): Resources {
    return Object.fromEntries(this.#pods.get(podUID)?.used ?? []);
  }

  /** Sizes of what is kept, for tests and metrics. */
  get sizes(): {runtimes: number; pods: number; runs: number} {
    return {runtimes: this.#pools.size, pods: this.#pods.size, runs: this.#runs.size};
  }

  #place(pool: Pool, now: number): Decision | undefined {
    for (let shape = pool.active.peek(); shape !== undefined; shape = pool.active.peek()) {
      const run = shape.waiting.peek() as Run;
      this.#keepPodForOvertaken(pool, run, now);
      const pod = podFor(pool, run);
      if (pod === undefined) {
        pool.active.delete(shape);
        pool.parked.push(shape);
        shape.parkedAt = now;
        continue;
      }
      this.#stopWaiting(run);
      this.#reserve(run, pod);
      if (pool.kept?.run === run) this.#unkeepPod(pool);
      const waited = run.late || shape.parkedAt >= run.waitingSince;
      return {run: run.uid, pod: {uid: pod.uid, name: pod.name}, waited};
    }
    return undefined;
  }

  /** Keeps a Pod free of Runs of lower rank for the first parked Run, when that has been overtaken for too long. */
  #keepPodForOvertaken(pool: Pool, next: Run, now: number): void {
    const overtaken = pool.parked.peek()?.waiting.peek();
    if (overtaken === undefined || pool.kept !== undefined || byRank(overtaken, next) > 0) return;
    if (now - overtaken.waitingSince < this.#patienceMs) return;
    let best: Pod | undefined;
    for (const pod of pool.pods) {
      if (!pod.open || !fits(overtaken.requests, pod.capacity)) continue;
      if (best === undefined || unitsOf(freeOf(pod), 'runs') > unitsOf(freeOf(best), 'runs')) best = pod;
    }
    if (best === undefined) return;
    pool.kept = {run: overtaken, pod: best};
    showFree(best);
  }

  #unkeepPod(pool: Pool): void {
    const pod = pool.kept?.pod;
    pool.kept = undefined;
    if (pod !== undefined) this.#freed(pod);
  }

  #wait(run: Run): void {
    const {shape} = run;
    const {pool} = shape;
    shape.waiting.push(run);
    pool.waitingRuns++;
    // A parked shape stays parked: its new member fits no Pod either, unless it may use the kept one.
    if (pool.parked.has(shape) && !mayUseKeptPod(pool, run)) {
      pool.parked.reorder(shape);
      run.late = true;
      return;
    }
    this.#activate(shape);
  }

  #activate(shape: Shape): void {
    shape.pool.parked.delete(shape);
    shape.pool.active.push(shape);
    this.#ready.add(shape.pool);
  }

  #stopWaiting(run: Run): void {
    const {shape} = run;
    const {pool} = shape;
    // Out of the heaps of shapes while its first Run changes: they are ordered by it.
    const home = pool.active.delete(shape) ? pool.active : pool.parked;
    pool.parked.delete(shape);
    shape.waiting.delete(run);
    pool.waitingRuns--;
    if (shape.waiting.size > 0) home.push(shape);
  }

  #reserve(run: Run, pod: Pod): void {
    run.pod = pod;
    pod.runs.add(run);
    for (const [name, amount] of Object.entries(run.requests)) pod.used.set(name, (pod.used.get(name) ?? 0) + amount);
    showFree(pod);
  }

  #release(run: Run): void {
    const pod = run.pod as Pod;
    run.pod = undefined;
    pod.runs.delete(run);
    for (const [name, amount] of Object.entries(run.requests)) {
      const left = (pod.used.get(name) ?? 0) - amount;
      if (left > 0) pod.used.set(name, left);
      else pod.used.delete(name);
    }
    this.#freed(pod);
    this.#forgetPodIfUnused(pod);
  }

  /** Shows what the Pod has free, and wakes the parked shapes that fit into it. */
  #freed(pod: Pod): void {
    const pool = pod.pool;
    if (pool === undefined) return;
    showFree(pod);
    if (!pod.open || pool.parked.size === 0) return;
    const free = freeOf(pod);
    const kept = pool.kept?.pod === pod;
    for (const shape of [...pool.parked.values()]) {
      if (kept && !mayUseKeptPod(pool, shape.waiting.peek() as Run)) continue;
      if (fits(shape.requests, free)) this.#activate(shape);
    }
  }

  #detach(pod: Pod): void {
    const {pool} = pod;
    if (pool === undefined) return;
    if (pod.open) pool.openPods--;
    pod.open = false;
    pod.pool = undefined;
    pool.pods.delete(pod);
    pool.tree.remove(pod.slot);
    if (pool.kept?.pod === pod) pool.kept = undefined;
    this.#forgetPoolIfUnused(pool);
  }

  #pool(key: string): Pool {
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = {
        key,
        runtime: undefined,
        pods: new Set(),
        tree: new CapacityTree(),
        openPods: 0,
        shapes: new Map(),
        active: new IndexedHeap(byFirstRun),
        parked: new IndexedHeap(byFirstRun),
        waitingRuns: 0,
        kept: undefined,
      };
      this.#pools.set(key, pool);
    }
    return pool;
  }

  #pod(uid: string): Pod {
    let pod = this.#pods.get(uid);
    if (pod === undefined) {
      pod = {uid, name: '', pool: undefined, capacity: {}, open: false, used: new Map(), runs: new Set(), slot: 0};
      this.#pods.set(uid, pod);
    }
    return pod;
  }

  #shape(run: PlacementRun): Shape {
    const pool = this.#pool(run.runtime);
    const key = shapeOf(run.requests);
    let shape = pool.shapes.get(key);
    if (shape === undefined) {
      shape = {
        key,
        requests: run.requests,
        pool,
        waiting: new IndexedHeap(byRank),
        members: 0,
        parkedAt: Number.NEGATIVE_INFINITY,
        obstacle: undefined,
      };
      shape.obstacle = obstacleOf(shape).reason;
      pool.shapes.set(key, shape);
    }
    return shape;
  }

  #admit(run: Run): void {
    run.shape.members++;
    this.#runs.set(run.uid, run);
  }

  #forgetShapeIfUnused(shape: Shape): void {
    if (--shape.members > 0) return;
    shape.pool.shapes.delete(shape.key);
    this.#forgetPoolIfUnused(shape.pool);
  }

  #forgetPodIfUnused(pod: Pod): void {
    if (pod.pool === undefined && pod.runs.size === 0) this.#pods.delete(pod.uid);
  }

  #forgetPoolIfUnused(pool: Pool): void {
    if (pool.runtime !== undefined || pool.pods.size > 0 || pool.shapes.size > 0) return;
    this.#pools.delete(pool.key);
    this.#ready.delete(pool);
  }
}

function byRank(a: Run, b: Run): number {
  return b.priority - a.priority || a.queuedAt - b.queuedAt || a.sequence - b.sequence;
}

function byFirstRun(a: Shape, b: Shape): number {
  const first = a.waiting.peek();
  const second = b.waiting.peek();
  return first === undefined || second === undefined ? 0 : byRank(first, second);
}

function sameDemand(known: Run, run: PlacementRun): boolean {
  return (
    known.runtime === run.runtime &&
    known.priority === run.priority &&
    known.queuedAt === run.queuedAt &&
    known.shape.key === shapeOf(run.requests)
  );
}

function freeOf(pod: Pod): Resources {
  const free: [string, number][] = Object.entries(pod.capacity).map(([name, all]) => [
    name,
    all - (pod.used.get(name) ?? 0),
  ]);
  return Object.fromEntries(free);
}

/** Tells the tree what new Runs may take of the Pod: nothing, when it is not open or is kept for one of them. */
function showFree(pod: Pod): void {
  const {pool} = pod;
  if (pool === undefined) return;
  pool.tree.set(pod.slot, pod.open && pool.kept?.pod !== pod ? freeOf(pod) : undefined);
}

/** The Pod that is kept for an overtaken Run is open to that Run, and to those that go before it anyway. */
function mayUseKeptPod(pool: Pool, run: Run): boolean {
  return pool.kept !== undefined && byRank(run, pool.kept.run) <= 0;
}

function podFor(pool: Pool, run: Run): Pod | undefined {
  const pod = pool.tree.find(run.requests);
  if (pod !== undefined || !mayUseKeptPod(pool, run)) return pod;
  const kept = pool.kept?.pod;
  return kept !== undefined && fits(run.requests, freeOf(kept)) ? kept : undefined;
}

function obstacleOf({pool, requests}: Shape): Obstacle {
  if (pool.runtime === undefined) return {reason: 'RuntimeNotFound'};
  const {capacity, trouble} = pool.runtime;
  if (trouble === 'RuntimeTerminating') return {reason: trouble};
  const resource = missingResource(requests, capacity);
  if (resource !== undefined) return {reason: 'RequestTooLarge', resource};
  if (pool.openPods > 0) return {reason: 'InsufficientCapacity'};
  return {reason: trouble ?? 'NoReadyPods'};
}
