import {
  API_VERSION,
  type DisruptionReason,
  endAttemptStatus,
  fenceOf,
  leaseName,
  RUN_KIND,
  RUNTIME_LABEL,
  RUNTIMED_READY_CONDITION,
  type Run,
  type Runtime,
  runKind,
  terminalPhases,
} from '@kruntimes/api-types';
import {
  type Cache,
  type Client,
  type Clock,
  type DeepReadonly,
  findCondition,
  isConflict,
  isNotFound,
  type KubernetesObject,
  kinds,
  type Logger,
  type Manager,
  type Metrics,
  objectKey,
  type ReconcileContext,
  type ReconcileRequest,
  type ReconcileResult,
  rfc3339,
} from '@kruntimes/reconciler-kit';
import type {Lease} from 'kubernetes-types/coordination/v1.d.ts';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {LeaseMonitor} from './lease-monitor.ts';
import {type PodFate, podFate} from './pod-fate.ts';

export interface RunReaperOptions {
  manager: Manager;
  runtimes: Cache<Runtime>;
  /** Of all Runtimes. */
  pods: Cache<Pod>;
  clock: Clock;
  logger: Logger;
  random?: () => number;
  /** Watch one namespace only. */
  namespace?: string;
  /** See LeaseMonitorOptions. */
  leaseDurationMs?: number;
}

const BY_POD = 'pod';
const DEFAULT_UNREACHABLE_SECONDS = 300;
/** A Pod that exists but is not in the cache: its label was taken away. Nothing tells of its end. */
const UNWATCHED_POD_MS = 30_000;
/** Runs that hold a slot. */
const boundRuns = ['Pending', ...terminalPhases].map((phase) => `status.phase!=${phase}`).join(',');

/**
 * Takes Runs from Pods where they can't be running any more, so that each ends or is run again in bounded time; and turns off the
 * readiness of Pods whose runtimed has gone silent.
 */
export function addRunReaper(options: RunReaperOptions): void {
  const {manager, pods, namespace} = options;
  const scope = namespace === undefined ? {} : {namespace};
  const runs = manager.cache<Run>(runKind, {
    ...scope,
    fieldSelector: boundRuns,
    transform: projectBoundRun,
    indexers: {[BY_POD]: (run) => podKeysOf(run)},
  });
  const leases = manager.cache<Lease>(kinds.Lease, {
    ...scope,
    labelSelector: RUNTIME_LABEL,
    transform: projectLease,
  });
  const leaseClient = manager.client.kind(kinds.Lease);
  const monitor = new LeaseMonitor({
    leases,
    pods,
    clock: options.clock,
    logger: options.logger,
    metrics: manager.metrics,
    leaseDurationMs: options.leaseDurationMs,
    reader: {
      list: async (signal) => {
        const all: Lease[] = [];
        for await (const lease of leaseClient.listAll({...scope, labelSelector: RUNTIME_LABEL, signal}))
          all.push(lease);
        return all;
      },
      get: ({namespace: leaseNamespace, name}, signal) => leaseClient.get(name, {namespace: leaseNamespace, signal}),
    },
    onExpired: (pod) => controller.enqueue(pod),
  });
  const reaper = new RunReaper({...options, client: manager.client, metrics: manager.metrics, runs, monitor});
  const controller = manager
    .controller({
      name: 'run-reaper',
      maxConcurrent: 8,
      reconcile: (request, context) => reaper.reconcile(request, context),
    })
    // A Run that is where it should be is nothing to look at: no work on the way of a healthy Run.
    .watches(runs, (run) => podKeysOf(run).filter((key) => reaper.needsLook(key, run)))
    .watches(pods, (pod) => [objectKey(pod)], [
      {
        create: (pod) => reaper.needsCare(pod),
        update: (_, pod) => reaper.needsCare(pod),
      },
    ]);
  manager.add({name: 'lease-monitor', needsLeaderElection: true, start: (signal) => monitor.start(signal)});
}

interface Parts {
  readonly runtimes: Pick<Cache<Runtime>, 'get'>;
  readonly pods: Pick<Cache<Pod>, 'get'>;
  readonly runs: Pick<Cache<Run>, 'byIndex'>;
  readonly monitor: Pick<LeaseMonitor, 'isFresh' | 'isExpired' | 'silentMs' | 'wasRenewed'>;
  readonly client: Pick<Client, 'kind'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly random?: () => number;
}

/** Looks at one Pod, by `namespace/name`, and at the Runs that are bound to it. */
export class RunReaper {
  readonly #parts: Parts;
  readonly #reaped;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#reaped = parts.metrics.counter({
      name: 'kruntimes_controller_runs_reaped_total',
      help: 'Attempts that were taken from their Pod, by reason: PodGone, PodUnreachable',
      labelNames: ['reason'],
    });
    for (const reason of ['PodGone', 'PodUnreachable']) this.#reaped.inc({reason}, 0);
  }

  /** Whether anything may be wrong with this Run's Pod. */
  needsLook(podKey: string, run: DeepReadonly<Run>): boolean {
    const pod = this.#parts.pods.get(podKey);
    return pod === undefined || pod.metadata?.uid !== run.status?.assignedPodUID || this.needsCare(pod);
  }

  /** Whether the Pod has ended or is silent. */
  needsCare(pod: DeepReadonly<Pod>): boolean {
    const {phase} = pod.status ?? {};
    return phase === 'Failed' || phase === 'Succeeded' || !this.#parts.monitor.isFresh(pod);
  }

  async reconcile({key, name, namespace = ''}: ReconcileRequest, context: ReconcileContext): Promise<ReconcileResult> {
    const pod = this.#parts.pods.get(key);
    if (pod !== undefined) await this.#ensureNotReadyIfSilent(pod, context);
    const runs = this.#parts.runs.byIndex(BY_POD, key);
    if (runs.length === 0) return {};

    // The cache may lag behind the one that bound the Run: a Pod that seems to be missing is asked for.
    const known = pod !== undefined && runs.every((run) => run.status?.assignedPodUID === pod.metadata?.uid);
    const present = known ? pod : await this.#readPod({name, namespace}, context.signal);
    let lookAgainMs = known ? Number.POSITIVE_INFINITY : UNWATCHED_POD_MS;
    for (const run of runs) {
      const fate = podFate(run, present, {
        isFresh: present !== undefined && this.#parts.monitor.isFresh(present),
        silentMs: present && this.#parts.monitor.silentMs(present),
        unreachableMs: this.#unreachableMs(run),
      });
      if (fate.kind === 'alive') lookAgainMs = Math.min(lookAgainMs, fate.lookAgainMs);
      else await this.#take(run, fate, present, context);
    }
    return lookAgainMs === Number.POSITIVE_INFINITY ? {} : {requeueAfterMs: lookAgainMs};
  }

  /** The readiness of a silent Pod is turned off here, since the one whose business it is can't. */
  async #ensureNotReadyIfSilent(pod: DeepReadonly<Pod>, {signal, logger}: ReconcileContext): Promise<void> {
    const {monitor, client, clock} = this.#parts;
    const condition = findCondition(pod.status?.conditions, RUNTIMED_READY_CONDITION);
    if (condition?.status !== 'True' || !monitor.isExpired(pod)) return;
    if (await monitor.wasRenewed(pod, signal)) return;
    const {name = '', namespace, uid} = pod.metadata ?? {};
    const off = {
      type: RUNTIMED_READY_CONDITION,
      status: 'False',
      reason: 'LeaseExpired',
      message: `runtimed has not renewed Lease ${leaseName(uid ?? '')}`,
      lastTransitionTime: rfc3339(clock.now()),
    };
    const body = {metadata: {uid}, status: {conditions: [off]}};
    try {
      await client.kind(kinds.Pod).patchStatus({name, namespace}, {type: 'strategic', body}, {signal});
    } catch (error) {
      if (isNotFound(error) || isConflict(error)) return;
      throw error;
    }
    logger.warn('pod is silent', {pod: name, namespace});
  }

  async #readPod(ref: {name: string; namespace: string}, signal: AbortSignal): Promise<Pod | undefined> {
    try {
      return await this.#parts.client.kind(kinds.Pod).get(ref.name, {namespace: ref.namespace, signal});
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #unreachableMs(run: DeepReadonly<Run>): number {
    const runtime = this.#parts.runtimes.get(`${run.metadata?.namespace ?? ''}/${run.spec.runtime}`);
    return (runtime?.spec.unreachableSeconds ?? DEFAULT_UNREACHABLE_SECONDS) * 1000;
  }

  async #take(
    run: DeepReadonly<Run>,
    fate: Exclude<PodFate, {kind: 'alive'}>,
    pod: DeepReadonly<Pod> | undefined,
    {signal, logger}: ReconcileContext,
  ): Promise<void> {
    const {monitor, client, clock, random = Math.random} = this.#parts;
    const fence = fenceOf(run);
    if (fence === undefined) return;
    if (fate.kind === 'unreachable' && pod !== undefined && (await monitor.wasRenewed(pod, signal))) return;
    const reason: DisruptionReason = fate.kind === 'gone' ? 'PodGone' : 'PodUnreachable';
    const status = endAttemptStatus(
      run,
      fence,
      {outcome: {kind: 'lost', reason, message: fate.message}},
      {now: new Date(clock.now()), random},
    );
    const {name = '', namespace = '', uid = '', resourceVersion = ''} = run.metadata ?? {};
    // Only status: the API server takes the rest of such a PUT from what it has.
    const body: Run = {
      apiVersion: API_VERSION,
      kind: RUN_KIND,
      metadata: {name, namespace, uid, resourceVersion},
      spec: {runtime: run.spec.runtime},
      status,
    };
    try {
      await client.kind(runKind).updateStatus(body, {signal});
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    this.#reaped.inc({reason});
    logger.warn('run taken from its pod', {
      run: name,
      namespace,
      uid,
      reason,
      pod: run.status?.assignedPod,
      attempt: fence.attempt,
    });
  }
}

function podKeysOf(run: DeepReadonly<Run>): string[] {
  const pod = run.status?.assignedPod;
  return pod === undefined ? [] : [`${run.metadata?.namespace ?? ''}/${pod}`];
}

/** What a bound Run is judged by, and what the end of its attempt is computed from. */
function projectBoundRun(run: Run): Run {
  const {runtime, cancelRequested, retryPolicy, timeoutSeconds} = run.spec;
  return {
    metadata: identityOf(run),
    spec: {
      runtime,
      ...(cancelRequested && {cancelRequested}),
      ...(retryPolicy && {retryPolicy}),
      ...(timeoutSeconds !== undefined && {timeoutSeconds}),
    },
    ...(run.status && {status: run.status}),
  };
}

function projectLease(lease: Lease): Lease {
  const renewTime = lease.spec?.renewTime;
  return {metadata: identityOf(lease), spec: renewTime === undefined ? {} : {renewTime}};
}

function identityOf({metadata}: KubernetesObject): {
  name: string;
  namespace: string;
  uid: string;
  resourceVersion: string;
} {
  const {name = '', namespace = '', uid = '', resourceVersion = ''} = metadata ?? {};
  return {name, namespace, uid, resourceVersion};
}
