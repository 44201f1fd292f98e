import {
  bindStatus,
  cancelPendingStatus,
  type DeepReadonly,
  isTerminal,
  type Run,
  type RunStatus,
  requestsOf,
  SCHEDULED_CONDITION,
  unschedulableStatus,
} from '@kruntimes/api-types';
import {
  type Clock,
  contextBelow,
  findCondition,
  isApiError,
  isConflict,
  isNotFound,
  type Logger,
  type Metrics,
  objectKey,
} from '@kruntimes/reconciler-kit';
import {type Attributes, type Span, type SpanContext, SpanStatusCode, type Tracer} from '@opentelemetry/api';
import {Agenda} from './agenda.ts';
import {describeObstacle} from './obstacle-message.ts';
import {type Decision, type Obstacle, Placement, type PlacementRun} from './placement.ts';
import {PodDirectory, type PodSources, type Watched} from './pod-directory.ts';
import {isOlderVersion} from './resource-version.ts';
import type {WriteRunStatus} from './run-writer.ts';
import {SchedulerMetrics, type WriteResult} from './scheduler-metrics.ts';

export interface SchedulerOptions {
  /** Non-terminal Runs only. */
  readonly runs: Watched<Run>;
  readonly sources: PodSources;
  readonly write: WriteRunStatus;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  /** The span that those of a Run belong below; left out: nothing is traced. */
  readonly parentSpan?: ((run: DeepReadonly<Run>) => SpanContext | undefined) | undefined;
  /** @defaultValue 64 */
  readonly maxConcurrentBinds?: number | undefined;
  /**
   * How long a Run waits before its status says why: a Run that gets its slot sooner costs one write.
   * @defaultValue 1_000
   */
  readonly unschedulableDelayMs?: number | undefined;
  /** A Pod whose Lease was not renewed for so long, as seen here, takes no Runs. @defaultValue 40_000 */
  readonly leaseDurationMs?: number | undefined;
  /** See PlacementOptions. */
  readonly patienceMs?: number | undefined;
}

/** What the scheduler knows of one Run that has not ended. */
interface Entry {
  readonly uid: string;
  /** The newest state known: from the watch, or the answer to a write of ours. */
  run: DeepReadonly<Run>;
  /** A write is under way, or will be repeated. Events are only noted meanwhile. */
  busy: boolean;
  /** A slot that was reserved while another write was under way. */
  decision: Decision | undefined;
  /** A bind of which it is not known whether it was written, and the state it was based on. */
  unsettled: {decision: Decision; run: DeepReadonly<Run>} | undefined;
  failures: number;
  /** Since when it waits for a slot; monotonic. */
  waitingSinceMs: number | undefined;
  /** Gone from the watch. */
  deleted: boolean;
}

/** A share of the writes in flight that explanations may take: they must not keep binds waiting. */
const MAX_EXPLANATIONS = 8;
/** An obstacle that changes is explained anew, but not at the pace of a Pod that comes and goes. */
const CHANGED_OBSTACLE_DELAY_MS = 10_000;
const FRESH_STATE_TIMEOUT_MS = 5_000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 30_000;

/** Binds waiting Runs to free slots: events in, status writes out. All decisions are {@link Placement}'s. */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #metrics: SchedulerMetrics;
  readonly #placement: Placement;
  readonly #pods: PodDirectory;
  readonly #entries = new Map<string, Entry>();
  /** Runs that wait for a time: nextAttemptTime, or the back-off after a failed write. */
  readonly #waits: Agenda<Entry>;
  /** Runs whose status may have to say why they wait. */
  readonly #reviews: Agenda<Entry>;
  readonly #explanations = new Set<Entry>();
  readonly #cancellations = new Set<Entry>();
  readonly #changedRuntimes = new Set<string>();
  readonly #writes = new Set<Promise<void>>();
  #binding = 0;
  #explaining = 0;
  #running = false;
  #pumpQueued = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#placement = new Placement({...(options.patienceMs !== undefined && {patienceMs: options.patienceMs})});
    this.#pods = new PodDirectory({
      sources: options.sources,
      placement: this.#placement,
      clock: options.clock,
      leaseDurationMs: options.leaseDurationMs ?? 40_000,
      onChange: (runtime) => {
        this.#changedRuntimes.add(runtime);
        this.#queuePump();
      },
    });
    this.#metrics = new SchedulerMetrics(options.metrics, {
      load: () => this.#placement.load(),
      pods: () => this.#pods.count(),
    });
    this.#waits = new Agenda(this.#clock, (entry) => this.#resume(entry));
    this.#reviews = new Agenda(this.#clock, (entry) => {
      this.#explanations.add(entry);
      this.#queuePump();
    });
  }

  /** Schedules until `signal` is aborted, then waits for the writes under way. */
  async start(signal: AbortSignal): Promise<void> {
    const {runs, sources} = this.#options;
    const stopPods = this.#pods.start();
    const stopRuns = runs.subscribe({
      add: (run) => this.#observe(run),
      update: (_, run) => this.#observe(run),
      delete: (run) => this.#forget(run),
    });
    try {
      // A slot that is taken must be known to be before the first is given away.
      await Promise.all([runs, ...Object.values(sources)].map((cache: Watched<Run>) => cache.synced(signal)));
      this.#running = true;
      this.#logger.info('scheduling', {runs: this.#entries.size});
      this.#queuePump();
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), {once: true});
      });
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#running = false;
      stopRuns();
      stopPods();
      await Promise.all(this.#writes);
      this.#waits.clear();
      this.#reviews.clear();
    }
  }

  #observe(run: DeepReadonly<Run>): void {
    const uid = run.metadata?.uid ?? '';
    let entry = this.#entries.get(uid);
    if (entry === undefined) {
      entry = {
        uid,
        run,
        busy: false,
        decision: undefined,
        unsettled: undefined,
        failures: 0,
        waitingSinceMs: undefined,
        deleted: false,
      };
      this.#entries.set(uid, entry);
    } else if (isOlderVersion(versionOf(run), versionOf(entry.run))) {
      return;
    } else {
      entry.run = run;
    }
    const {assignedPodUID} = run.status ?? {};
    if (!entry.busy) this.#settle(entry);
    // Bound by our write that is not answered yet, or by someone else: the slot to count is this one.
    else if (assignedPodUID !== undefined) this.#placement.setReserved(placementRun(run), assignedPodUID);
    this.#queuePump();
  }

  /** The Run is gone from the watch: it ended, or it was deleted. Which of the two is not to be known here. */
  #forget(run: DeepReadonly<Run>): void {
    const entry = this.#entries.get(run.metadata?.uid ?? '');
    if (entry === undefined) return;
    entry.deleted = true;
    this.#entries.delete(entry.uid);
    this.#leaveQueues(entry);
    this.#placement.deleteRun(entry.uid);
    this.#queuePump();
  }

  #leaveQueues(entry: Entry): void {
    this.#waits.delete(entry);
    this.#reviews.delete(entry);
    this.#explanations.delete(entry);
    this.#cancellations.delete(entry);
    entry.decision = undefined;
  }

  /** Puts a Run where its newest state says it belongs. */
  #settle(entry: Entry): void {
    const {uid, run} = entry;
    const {phase = 'Pending', assignedPodUID} = run.status ?? {};
    if (entry.deleted || isTerminal(phase)) {
      this.#leaveQueues(entry);
      this.#placement.deleteRun(uid);
      return;
    }
    if (phase !== 'Pending') {
      this.#leaveQueues(entry);
      entry.waitingSinceMs = undefined;
      if (assignedPodUID === undefined) this.#placement.deleteRun(uid);
      else this.#placement.setReserved(placementRun(run), assignedPodUID);
      return;
    }
    if (run.metadata?.deletionTimestamp !== undefined || run.spec.cancelRequested === true) {
      this.#leaveQueues(entry);
      this.#placement.deleteRun(uid);
      if (run.metadata?.deletionTimestamp === undefined) this.#cancellations.add(entry);
      return;
    }
    const waitMs = this.#remainingDelayMs(run);
    if (waitMs > 0) {
      this.#leaveQueues(entry);
      this.#placement.deleteRun(uid);
      entry.waitingSinceMs = undefined;
      this.#waits.in(waitMs, entry);
      return;
    }
    this.#waits.delete(entry);
    const now = this.#clock.monotonic();
    if (entry.waitingSinceMs === undefined) {
      entry.waitingSinceMs = now;
      this.#reviews.in(this.#options.unschedulableDelayMs ?? 1_000, entry);
    }
    this.#placement.setPending(placementRun(run), now);
  }

  #remainingDelayMs(run: DeepReadonly<Run>): number {
    const time = run.status?.nextAttemptTime;
    const remainingMs = time === undefined ? 0 : Date.parse(time) - this.#clock.now();
    return Number.isNaN(remainingMs) ? 0 : remainingMs;
  }

  /** Events come in batches: decisions are taken once per batch, on all of it. */
  #queuePump(): void {
    if (this.#pumpQueued || !this.#running) return;
    this.#pumpQueued = true;
    queueMicrotask(() => {
      this.#pumpQueued = false;
      if (this.#running) this.#pump();
    });
  }

  #pump(): void {
    const most = this.#options.maxConcurrentBinds ?? 64;
    while (this.#binding < most) {
      const decision = this.#placement.next(this.#clock.monotonic());
      if (decision !== undefined) this.#bindWhenFree(decision);
      const cancel = this.#binding < most ? takeFirst(this.#cancellations) : undefined;
      if (cancel !== undefined) this.#track(this.#cancel(cancel));
      if (decision === undefined && cancel === undefined) break;
    }
    for (const runtime of this.#changedRuntimes) {
      for (const uid of this.#placement.reviewObstacles(runtime)) {
        const entry = this.#entries.get(uid);
        if (entry !== undefined && !this.#reviews.has(entry)) this.#reviews.in(CHANGED_OBSTACLE_DELAY_MS, entry);
      }
    }
    this.#changedRuntimes.clear();
    while (this.#explaining < MAX_EXPLANATIONS) {
      const entry = takeFirst(this.#explanations);
      if (entry === undefined) break;
      this.#explain(entry);
    }
  }

  #track(write: Promise<void>): void {
    this.#writes.add(write);
    void write.finally(() => {
      this.#writes.delete(write);
      this.#queuePump();
    });
  }

  #bindWhenFree(decision: Decision): void {
    const entry = this.#entries.get(decision.run);
    if (entry === undefined) this.#placement.deleteRun(decision.run);
    else if (entry.busy) entry.decision = decision;
    else this.#track(this.#bind(entry, decision));
  }

  async #bind(entry: Entry, decision: Decision, options: {repeated?: boolean} = {}): Promise<void> {
    this.#binding++;
    const startMs = this.#clock.monotonic();
    const {run} = entry;
    const {pod} = decision;
    const span = this.#startSpan('bind', run, {'k8s.pod.name': pod.name, 'k8s.pod.uid': pod.uid});
    const {result, error} = await this.#write(entry, (known) => bindStatus(known, pod, new Date(this.#clock.now())));
    if (result !== 'success') span?.setStatus({code: SpanStatusCode.ERROR, message: result});
    span?.end();
    this.#binding--;
    this.#metrics.bound(result, (this.#clock.monotonic() - startMs) / 1000);
    const refused = isApiError(error) && error.status < 500;
    if (result === 'conflict' || result === 'gone' || (refused && options.repeated)) {
      // The first try of this bind may have been written, and be the reason of the conflict: then the slot is taken.
      this.#yield(entry, run, {keepSlot: options.repeated === true && result !== 'gone'});
      return;
    }
    if (result === 'error') {
      const retryMs = this.#failed(entry, error);
      // What the API server refused is not written. Anything else may be: then the slot stays reserved until that is known.
      if (refused) this.#placement.deleteRun(entry.uid);
      else entry.unsettled = {decision, run};
      entry.busy = entry.unsettled !== undefined;
      if (!entry.deleted) this.#waits.in(retryMs, entry);
      return;
    }
    const bindMs = this.#clock.monotonic() - startMs;
    const waitMs = Math.round(this.#clock.monotonic() - (entry.waitingSinceMs ?? startMs));
    this.#metrics.waited(runtimeOf(run), waitMs / 1000, decision.waited ? 'miss' : 'hit');
    this.#startSpan('queue', run, {}, this.#clock.now() - waitMs)?.end(this.#clock.now() - bindMs);
    this.#logger.info('run bound', {run: objectKey(run), uid: entry.uid, pod: pod.name, waitMs});
    this.#proceed(entry);
  }

  /** @param startTime milliseconds since the epoch; now when left out */
  #startSpan(name: string, run: DeepReadonly<Run>, more: Attributes, startTime?: number): Span | undefined {
    const {tracer, parentSpan} = this.#options;
    if (parentSpan === undefined) return undefined;
    const attributes = {
      'kruntimes.run.namespace': run.metadata?.namespace ?? '',
      'kruntimes.run.name': run.metadata?.name ?? '',
      'kruntimes.run.uid': run.metadata?.uid ?? '',
      'kruntimes.runtime': run.spec.runtime,
      ...more,
    };
    const options = {attributes, ...(startTime === undefined ? {} : {startTime})};
    return tracer.startSpan(name, options, contextBelow(parentSpan(run)));
  }

  /** A time has come that the Run waited for. */
  #resume(entry: Entry): void {
    const {unsettled} = entry;
    entry.unsettled = undefined;
    if (unsettled === undefined) {
      this.#settle(entry);
    } else if (
      versionOf(entry.run) === versionOf(unsettled.run) &&
      this.#placement.isOpen(unsettled.decision.pod.uid)
    ) {
      this.#track(this.#bind(entry, unsettled.decision, {repeated: true}));
    } else {
      entry.busy = false;
      this.#settle(entry);
    }
    this.#queuePump();
  }

  async #cancel(entry: Entry): Promise<void> {
    this.#binding++;
    const {run} = entry;
    const {result, error} = await this.#write(entry, (known) =>
      cancelPendingStatus(known, new Date(this.#clock.now())),
    );
    this.#binding--;
    this.#metrics.wrote('cancel', result);
    if (result === 'success') {
      this.#logger.info('run cancelled before it was bound', {run: objectKey(run), uid: entry.uid});
      this.#proceed(entry);
    } else if (result === 'error') {
      entry.busy = false;
      const retryMs = this.#failed(entry, error);
      if (!entry.deleted) this.#waits.in(retryMs, entry);
    } else {
      this.#yield(entry, run);
    }
  }

  /** Writes why a Run waits, unless its status says so already. */
  #explain(entry: Entry): void {
    const {phase = 'Pending', conditions} = entry.run.status ?? {};
    if (entry.deleted || phase !== 'Pending' || entry.waitingSinceMs === undefined) return;
    const obstacle = entry.busy ? undefined : this.#placement.obstacle(entry.uid);
    if (obstacle === undefined) {
      // It is being bound or only waits for its turn. In case that changes:
      this.#reviews.in(this.#options.unschedulableDelayMs ?? 1_000, entry);
      return;
    }
    const present = findCondition(conditions, SCHEDULED_CONDITION);
    if (present?.status === 'False' && present.reason === obstacle.reason) return;
    this.#track(this.#writeExplanation(entry, obstacle));
  }

  async #writeExplanation(entry: Entry, obstacle: Obstacle): Promise<void> {
    this.#explaining++;
    const {run} = entry;
    const {result, error} = await this.#write(entry, (known) =>
      unschedulableStatus(known, obstacle.reason, describeObstacle(obstacle, known), new Date(this.#clock.now())),
    );
    this.#explaining--;
    this.#metrics.wrote('unschedulable', result);
    if (result === 'conflict' || result === 'gone') {
      this.#yield(entry, run);
      return;
    }
    const {reason} = obstacle;
    if (result === 'success') this.#logger.info('run has to wait', {run: objectKey(run), uid: entry.uid, reason});
    else if (!entry.deleted) this.#reviews.in(this.#failed(entry, error), entry);
    this.#proceed(entry);
  }

  /** One status write on the newest known state. The entry stays busy; what follows is the caller's to say. Never rejects. */
  async #write(
    entry: Entry,
    statusOf: (run: DeepReadonly<Run>) => RunStatus | undefined,
  ): Promise<{result: WriteResult; error?: unknown}> {
    const {run} = entry;
    entry.busy = true;
    try {
      const status = statusOf(run);
      if (status === undefined) return {result: 'success'};
      const written = await this.#options.write(run, status);
      if (!isOlderVersion(versionOf(written), versionOf(entry.run))) entry.run = written;
      entry.failures = 0;
      return {result: 'success'};
    } catch (error) {
      return {result: isConflict(error) ? 'conflict' : isNotFound(error) ? 'gone' : 'error', error};
    }
  }

  /** After a write: the bind that had to wait for it, or wherever the Run belongs now. */
  #proceed(entry: Entry): void {
    const {decision, run} = entry;
    entry.decision = undefined;
    entry.busy = false;
    const {phase = 'Pending'} = run.status ?? {};
    const wanted = run.spec.cancelRequested !== true && run.metadata?.deletionTimestamp === undefined;
    if (decision !== undefined && phase === 'Pending' && wanted && !entry.deleted && this.#running) {
      this.#track(this.#bind(entry, decision));
      return;
    }
    if (decision !== undefined) this.#placement.deleteRun(entry.uid);
    this.#settle(entry);
  }

  /** Another writer was first: the Run goes on from its fresh state, which is here by now or which the watch will bring. */
  #yield(entry: Entry, stale: DeepReadonly<Run>, options: {keepSlot?: boolean} = {}): void {
    entry.busy = false;
    entry.decision = undefined;
    if (options.keepSlot !== true) this.#placement.deleteRun(entry.uid);
    if (versionOf(entry.run) !== versionOf(stale)) this.#settle(entry);
    // In case nothing comes: a Run must not wait for ever for an event.
    else if (!entry.deleted) this.#waits.in(FRESH_STATE_TIMEOUT_MS, entry);
  }

  /** Logs a failed write and says when to try again: exponential, with jitter. */
  #failed(entry: Entry, error: unknown): number {
    this.#logger.warn('run status not written', {run: objectKey(entry.run), uid: entry.uid, error});
    const ceilingMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(entry.failures++, 20));
    return ceilingMs * (0.5 + this.#options.random() / 2);
  }
}

function placementRun(run: DeepReadonly<Run>): PlacementRun {
  return {
    uid: run.metadata?.uid ?? '',
    runtime: runtimeOf(run),
    requests: requestsOf(run),
    priority: run.spec.priority ?? 0,
    queuedAt: Date.parse(run.metadata?.creationTimestamp ?? '') || 0,
  };
}

/** `namespace/name` of the Runtime that it asks for. */
function runtimeOf(run: DeepReadonly<Run>): string {
  return `${run.metadata?.namespace ?? ''}/${run.spec.runtime}`;
}

function versionOf(run: DeepReadonly<Run>): string | undefined {
  return run.metadata?.resourceVersion;
}

function takeFirst<T>(set: Set<T>): T | undefined {
  for (const item of set) {
    set.delete(item);
    return item;
  }
  return undefined;
}
