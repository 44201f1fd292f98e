import type {Metrics} from '@kruntimes/reconciler-kit';

export type WriteResult = 'success' | 'conflict' | 'gone' | 'error';

/** More Runtimes than this share one series: labels must not grow with what users create. */
const MAX_RUNTIME_SERIES = 200;

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

/** The scheduler's numbers; all names start with `kruntimes_scheduler_`. */
export class SchedulerMetrics {
  readonly #binds;
  readonly #bindSeconds;
  readonly #queueSeconds;
  readonly #otherWrites;

  constructor(
    metrics: Metrics,
    sources: {waiting(): Iterable<[runtime: string, runs: number]>; pods(): Iterable<[obstacle: string, pods: number]>},
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
      buckets: SECONDS,
    });
    this.#otherWrites = metrics.counter({
      name: 'kruntimes_scheduler_status_writes_total',
      help: 'Other writes of the scheduler to Runs, by kind (unschedulable, cancel) and result',
      labelNames: ['kind', 'result'],
    });
    const pending = metrics.gauge({
      name: 'kruntimes_scheduler_pending_runs',
      help: `Runs that wait for a slot, by Runtime; from ${MAX_RUNTIME_SERIES} Runtimes on the rest is counted as _other`,
      labelNames: ['namespace', 'runtime'],
      collect: () => {
        pending.reset();
        let series = 0;
        let others = 0;
        for (const [key, runs] of sources.waiting()) {
          const [namespace = '', runtime = ''] = key.split('/');
          if (++series <= MAX_RUNTIME_SERIES) pending.set({namespace, runtime}, runs);
          else others += runs;
        }
        if (others > 0) pending.set({namespace: '_other', runtime: '_other'}, others);
      },
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

  waited(seconds: number): void {
    this.#queueSeconds.observe(seconds);
  }

  wrote(kind: 'unschedulable' | 'cancel', result: WriteResult): void {
    this.#otherWrites.inc({kind, result});
  }
}
