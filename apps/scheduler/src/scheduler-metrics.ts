import {LabelLimit, type Metrics} from '@kruntimes/reconciler-kit';

export type WriteResult = 'success' | 'conflict' | 'gone' | 'error';

/** What the model knows of one Runtime, for the gauges. */
export interface RuntimeLoad {
  /** `namespace/name` */
  readonly runtime: string;
  /** Runs that wait for a slot. */
  readonly waiting: number;
  /** Runs that hold a slot. */
  readonly active: number;
  /** Slots (units of `runs`) that Runs hold, and that Pods which take Runs have free. */
  readonly used: number;
  readonly free: number;
}

/** More Runtimes than this share one series: labels must not grow with what users create. */
const MAX_RUNTIME_SERIES = 200;

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

/** Not `namespace`: Prometheus gives every series the namespace of the Pod that it was read from. */
const RUNTIME = ['runtime_namespace', 'runtime'] as const;

/** The scheduler's numbers; all names start with `kruntimes_scheduler_`. */
export class SchedulerMetrics {
  readonly #labels = new LabelLimit(RUNTIME, MAX_RUNTIME_SERIES);
  readonly #binds;
  readonly #bindSeconds;
  readonly #queueSeconds;
  readonly #boundRuns;
  readonly #otherWrites;

  constructor(
    metrics: Metrics,
    sources: {load(): Iterable<RuntimeLoad>; pods(): Iterable<[obstacle: string, pods: number]>},
  ) {
    this.#binds = metrics.counter({
      name: 'kruntimes_scheduler_binds_total',
      help: 'Writes that bind a Run to a Pod, by result: success, conflict (another writer was first), gone, error',
      labelNames: ['result'],
    });
    for (const result of ['success', 'conflict', 'gone', 'error']) this.#binds.inc({result}, 0);
    this.#bindSeconds = metrics.histogram({
      name: 'kruntimes_scheduler_bind_duration_seconds',
      help: 'Time of one bind write, from the decision to the answer of the API server',
      buckets: SECONDS,
    });
    this.#queueSeconds = metrics.histogram({
      name: 'kruntimes_scheduler_queue_duration_seconds',
      help: 'Time that a Run waited, from when it could be bound as far as it is concerned until it was bound',
      labelNames: RUNTIME,
      buckets: SECONDS,
    });
    this.#boundRuns = metrics.counter({
      name: 'kruntimes_scheduler_bound_runs_total',
      help: 'Runs that were bound, by pool: hit (a warm slot was free at once), miss (the Run had to wait for one)',
      labelNames: [...RUNTIME, 'pool'],
    });
    this.#otherWrites = metrics.counter({
      name: 'kruntimes_scheduler_status_writes_total',
      help: 'Other writes of the scheduler to Runs, by kind (unschedulable, cancel) and result',
      labelNames: ['kind', 'result'],
    });
    const gauge = (name: string, help: string) => metrics.gauge({name, help, labelNames: RUNTIME});
    const active = gauge('kruntimes_scheduler_active_runs', 'Runs that hold a slot');
    const used = gauge('kruntimes_scheduler_slots_used', 'Slots (units of the resource runs) that Runs hold');
    const free = gauge(
      'kruntimes_scheduler_slots_free',
      'Slots (units of the resource runs) that are free in Pods which take Runs',
    );
    const pending = metrics.gauge({
      name: 'kruntimes_scheduler_pending_runs',
      help: 'Runs that wait for a slot',
      labelNames: RUNTIME,
    });
    metrics.onCollect(() => {
      for (const each of [pending, active, used, free]) each.reset();
      for (const load of sources.load()) {
        const labels = this.#labelsOf(load.runtime);
        pending.inc(labels, load.waiting);
        active.inc(labels, load.active);
        used.inc(labels, load.used);
        free.inc(labels, load.free);
      }
    });
    const pods = metrics.gauge({
      name: 'kruntimes_scheduler_runtime_pods',
      help: 'Runtime Pods by the reason for which they take no Runs; None: they take Runs',
      labelNames: ['obstacle'],
      collect: () => {
        pods.reset();
        for (const [obstacle, count] of sources.pods()) pods.set({obstacle}, count);
      },
    });
  }

  bound(result: WriteResult, seconds: number): void {
    this.#binds.inc({result});
    this.#bindSeconds.observe(seconds);
  }

  /** @param runtime `namespace/name` */
  waited(runtime: string, seconds: number, pool: 'hit' | 'miss'): void {
    const labels = this.#labelsOf(runtime);
    this.#queueSeconds.observe(labels, seconds);
    this.#boundRuns.inc({...labels, pool});
  }

  wrote(kind: 'unschedulable' | 'cancel', result: WriteResult): void {
    this.#otherWrites.inc({kind, result});
  }

  #labelsOf(runtime: string) {
    const at = runtime.indexOf('/');
    return this.#labels.of(runtime.slice(0, at), runtime.slice(at + 1));
  }
}
