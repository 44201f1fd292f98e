import {type Run, type RunPhase, runKind} from '@kruntimes/api-types';
import {
  type Clock,
  isConflict,
  isNotFound,
  type KindClient,
  type Logger,
  type Manager,
  type Metrics,
  type Timer,
  Watcher,
  type WatchHandler,
} from '@kruntimes/reconciler-kit';
import {type FinishedRun, FinishedRuns} from './finished-runs.ts';

export interface RunRetentionOptions {
  /** How long a finished Run is kept that does not say so itself. */
  readonly defaultTtlSeconds: number;
  /** More than this per namespace are not kept, the oldest go first. */
  readonly maxFinishedRunsPerNamespace: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Watch one namespace only. */
  readonly namespace?: string;
}

const activePhases: readonly RunPhase[] = ['Pending', 'Scheduled', 'Running'];
const finishedRuns = activePhases.map((phase) => `status.phase!=${phase}`).join(',');
/** Enough to keep pace with a busy cluster, and little beside what its Runs cost. */
const MAX_CONCURRENT_DELETES = 8;
const RETRY_SECONDS = 5;
/** A namespace over its limit is brought this far below it, so that not each Run that ends costs a look at all of them. */
const SLACK = 0.01;

/** Deletes finished Runs when their time is over or when there are too many. */
export function addRunRetention(manager: Manager, options: RunRetentionOptions): void {
  const runs = manager.client.kind(runKind);
  const retention = new RunRetention({...options, runs, metrics: manager.metrics});
  const watcher = new Watcher<Run>(runs, {
    ...(options.namespace !== undefined && {namespace: options.namespace}),
    fieldSelector: finishedRuns,
    transform: projectFinishedRun,
    clock: options.clock,
    logger: options.logger,
    metrics: manager.metrics,
  });
  manager.add({
    name: 'run-retention',
    needsLeaderElection: true,
    start: async (signal) => {
      await Promise.all([watcher.run(retention, signal), retention.start(signal)]);
    },
  });
}

interface Parts extends RunRetentionOptions {
  readonly runs: Pick<KindClient<Run>, 'delete'>;
  readonly metrics: Metrics;
}

/** Fed by a watch of finished Runs. */
export class RunRetention implements WatchHandler<Run> {
  readonly #parts: Parts;
  readonly #finished = new FinishedRuns();
  readonly #deletes = new Set<Promise<void>>();
  /** Deleted, or being deleted, and still to be seen by the watch. */
  readonly #deleting = new Set<FinishedRun>();
  /** Runs beyond the limit of their namespace, which are due whatever their time. */
  readonly #excess = new Set<FinishedRun>();
  readonly #deleted;
  #timer: {readonly dueAt: number; readonly timer: Timer} | undefined;
  #running = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    const gauge = parts.metrics.gauge({
      name: 'kruntimes_controller_finished_runs',
      help: 'Finished Runs that are kept',
      collect: () => gauge.set(this.#finished.size),
    });
    this.#deleted = parts.metrics.counter({
      name: 'kruntimes_controller_runs_deleted_total',
      help: 'Finished Runs that were deleted, by cause: ttl, limit',
      labelNames: ['cause'],
    });
    for (const cause of ['ttl', 'limit']) this.#deleted.inc({cause}, 0);
  }

  /** Deletes until `signal` is aborted. */
  async start(signal: AbortSignal): Promise<void> {
    this.#running = true;
    this.#advance();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), {once: true});
    });
    this.#running = false;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
    await Promise.all(this.#deletes);
  }

  replace(runs: Run[]): void {
    this.#finished.clear();
    this.#excess.clear();
    this.#deleting.clear();
    const namespaces = new Set<string>();
    for (const run of runs) {
      this.#keep(run);
      namespaces.add(run.metadata?.namespace ?? '');
    }
    for (const namespace of namespaces) this.#enforceLimit(namespace);
    this.#advance();
  }

  event(type: 'ADDED' | 'MODIFIED' | 'DELETED', run: Run): void {
    const {namespace = '', name = ''} = run.metadata ?? {};
    if (type === 'DELETED') {
      this.#forget(namespace, name);
      return;
    }
    this.#keep(run);
    this.#enforceLimit(namespace);
    this.#advance();
  }

  #keep(run: Run): void {
    const {
      namespace = '',
      name = '',
      resourceVersion = '',
      creationTimestamp = '',
      deletionTimestamp,
    } = run.metadata ?? {};
    // Whoever deleted it waits for a finalizer: there is nothing left to do.
    if (deletionTimestamp !== undefined) {
      this.#forget(namespace, name);
      return;
    }
    const finishedMs = Date.parse(run.status?.completionTime ?? creationTimestamp) || this.#parts.clock.now();
    const finishedAt = Math.ceil(finishedMs / 1000);
    const ttlSeconds = run.spec.ttlSecondsAfterFinished ?? this.#parts.defaultTtlSeconds;
    this.#finished.set({namespace, name, resourceVersion, finishedAt, dueAt: finishedAt + ttlSeconds});
  }

  #forget(namespace: string, name: string): void {
    const run = this.#finished.get(namespace, name);
    if (run === undefined) return;
    this.#finished.delete(namespace, name);
    this.#excess.delete(run);
    this.#deleting.delete(run);
  }

  #enforceLimit(namespace: string): void {
    const limit = this.#parts.maxFinishedRunsPerNamespace;
    const excess = this.#finished.count(namespace) - limit;
    if (excess <= 0 || this.#goingFrom(namespace) >= excess) return;
    for (const run of this.#finished.oldest(namespace, excess + Math.floor(limit * SLACK))) {
      if (!this.#deleting.has(run)) this.#excess.add(run);
    }
  }

  /** How many Runs of a namespace are about to go. */
  #goingFrom(namespace: string): number {
    let count = 0;
    for (const runs of [this.#excess, this.#deleting]) {
      for (const run of runs) if (run.namespace.name === namespace) count++;
    }
    return count;
  }

  #advance(): void {
    if (!this.#running) return;
    while (this.#deletes.size < MAX_CONCURRENT_DELETES) {
      const next = this.#take();
      if (next === undefined) break;
      const work = this.#delete(next.run, next.cause);
      this.#deletes.add(work);
      void work.finally(() => {
        this.#deletes.delete(work);
        this.#advance();
      });
    }
    const next = this.#finished.next();
    // Each delete that ends comes here again.
    if (next === undefined || this.#deletes.size >= MAX_CONCURRENT_DELETES) return;
    if (this.#timer !== undefined && this.#timer.dueAt <= next.dueAt) return;
    this.#timer?.timer.cancel();
    const onDue = (): void => {
      this.#timer = undefined;
      this.#advance();
    };
    const waitMs = Math.max(0, next.dueAt * 1000 - this.#parts.clock.now());
    this.#timer = {dueAt: next.dueAt, timer: this.#parts.clock.setTimeout(onDue, waitMs)};
  }

  #take(): {run: FinishedRun; cause: 'ttl' | 'limit'} | undefined {
    for (const run of this.#excess) {
      this.#excess.delete(run);
      if (run.place < 0) continue;
      return {run, cause: 'limit'};
    }
    const run = this.#finished.next();
    return run !== undefined && run.dueAt * 1000 <= this.#parts.clock.now() ? {run, cause: 'ttl'} : undefined;
  }

  async #delete(run: FinishedRun, cause: 'ttl' | 'limit'): Promise<void> {
    const {name, namespace, resourceVersion} = run;
    this.#deleting.add(run);
    // Out of the way of the next one; if all goes well, the watch takes it out for good.
    this.#postpone(run);
    try {
      // Of this state only: not one that asks to be kept longer, and not a new Run of the same name.
      await this.#parts.runs.delete(
        {name, namespace: namespace.name},
        {propagationPolicy: 'Background', preconditions: {resourceVersion: String(resourceVersion)}},
      );
      this.#deleted.inc({cause});
    } catch (error) {
      this.#deleting.delete(run);
      if (!isNotFound(error) && !isConflict(error)) {
        this.#parts.logger.warn('finished run not deleted', {run: name, namespace: namespace.name, error});
      }
    }
  }

  #postpone(run: FinishedRun): void {
    if (run.place < 0) return;
    const dueAt = Math.ceil(this.#parts.clock.now() / 1000) + RETRY_SECONDS;
    const {name, namespace, resourceVersion, finishedAt} = run;
    this.#finished.set({name, namespace: namespace.name, resourceVersion: String(resourceVersion), finishedAt, dueAt});
  }
}

/** When it ended and how long it is to be kept. */
export function projectFinishedRun(run: Run): Run {
  const {namespace = '', name = '', resourceVersion = '', creationTimestamp, deletionTimestamp} = run.metadata ?? {};
  const {ttlSecondsAfterFinished} = run.spec;
  const {phase = 'Succeeded', completionTime} = run.status ?? {};
  return {
    metadata: {
      namespace,
      name,
      resourceVersion,
      ...(creationTimestamp && {creationTimestamp}),
      ...(deletionTimestamp && {deletionTimestamp}),
    },
    spec: {runtime: '', ...(ttlSecondsAfterFinished !== undefined && {ttlSecondsAfterFinished})},
    status: {phase, ...(completionTime && {completionTime})},
  };
}
