import {Counter, collectDefaultMetrics, Gauge, Histogram, Registry} from 'prom-client';
import {type ClientMetrics, type ClientMetricsSource, createClientMetrics} from './client-metrics.ts';

/** What every metric has: a name by Prometheus' rules, a sentence of help, the names of its labels. */
export interface MetricOptions<L extends string> {
  name: string;
  help: string;
  labelNames?: readonly L[];
}

export interface HistogramOptions<L extends string> extends MetricOptions<L> {
  /** Upper bounds, rising. Default: prom-client's, 5 ms to 10 s. */
  buckets?: number[];
}

export interface MetricsOptions {
  /**
   * Adds prom-client's default series of the process and of Node.js (`process_*`, `nodejs_*`). Default false: they belong
   * to a process, so only one `Metrics` of a process should have them.
   */
  processMetrics?: boolean;
}

/** @see https://github.com/kubernetes-sigs/controller-runtime/blob/main/pkg/internal/controller/metrics/metrics.go */
const RECONCILE_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];

/** 10 ns to 1,000 s by powers of ten. @see https://github.com/kubernetes-sigs/controller-runtime/blob/main/pkg/metrics/workqueue.go */
const QUEUE_SECONDS = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1000];

/**
 * The numbers of one process, under the series names of controller-runtime, so that its dashboards and alerts work.
 *
 * Series with labels that are known beforehand (controllers, queues, elections) are set to 0 by the part that owns them as
 * soon as it is made: a rate over a series that appears with its first event would miss that event.
 */
export class Metrics implements ClientMetricsSource {
  /** The prom-client registry; every series of this object is in it and in no other. */
  readonly registry: Registry = new Registry();

  readonly reconcileTotal: Counter<'controller' | 'result'>;
  readonly reconcileErrorsTotal: Counter<'controller'>;
  readonly terminalReconcileErrorsTotal: Counter<'controller'>;
  readonly reconcilePanicsTotal: Counter<'controller'>;
  readonly reconcileTimeoutsTotal: Counter<'controller'>;
  readonly reconcileTimeSeconds: Histogram<'controller'>;
  readonly maxConcurrentReconciles: Gauge<'controller'>;
  readonly activeWorkers: Gauge<'controller'>;

  readonly workqueueDepth: Gauge<'name' | 'controller' | 'priority'>;
  readonly workqueueAddsTotal: Counter<'name' | 'controller'>;
  readonly workqueueQueueDurationSeconds: Histogram<'name' | 'controller'>;
  readonly workqueueWorkDurationSeconds: Histogram<'name' | 'controller'>;
  readonly workqueueUnfinishedWorkSeconds: Gauge<'name' | 'controller'>;
  readonly workqueueLongestRunningProcessorSeconds: Gauge<'name' | 'controller'>;
  readonly workqueueRetriesTotal: Counter<'name' | 'controller'>;

  readonly leaderElectionMasterStatus: Gauge<'name'>;
  readonly leaderElectionSlowpathTotal: Counter<'name'>;

  /** What Transport, Watcher and Cache tell: `rest_client_*` and `reconciler_kit_*`. */
  readonly client: ClientMetrics;

  /** Events that never reached the API server, by `reason`: `spam`, `queue_full`, `rejected`, `invalid`. */
  readonly eventsDroppedTotal: Counter<'reason'>;

  readonly #beforeCollect = new Set<() => void>();

  constructor(options: MetricsOptions = {}) {
    const queue = ['name', 'controller'] as const;
    // First of all: a scrape reads the series in this order, and this one's `collect` refreshes others.
    this.workqueueUnfinishedWorkSeconds = this.gauge({
      name: 'workqueue_unfinished_work_seconds',
      help: 'How many seconds of work has been done that is in progress and has not been observed by work_duration',
      labelNames: queue,
      collect: () => this.#refresh(),
    });
    this.client = createClientMetrics(this.registry);

    this.reconcileTotal = this.counter({
      name: 'controller_runtime_reconcile_total',
      help: 'Total number of reconciliations per controller',
      labelNames: ['controller', 'result'],
    });
    this.reconcileErrorsTotal = this.counter({
      name: 'controller_runtime_reconcile_errors_total',
      help: 'Total number of reconciliation errors per controller',
      labelNames: ['controller'],
    });
    this.terminalReconcileErrorsTotal = this.counter({
      name: 'controller_runtime_terminal_reconcile_errors_total',
      help: 'Total number of terminal reconciliation errors per controller',
      labelNames: ['controller'],
    });
    this.reconcilePanicsTotal = this.counter({
      name: 'controller_runtime_reconcile_panics_total',
      help: 'Total number of reconciliations per controller that ended in a programming error',
      labelNames: ['controller'],
    });
    this.reconcileTimeoutsTotal = this.counter({
      name: 'controller_runtime_reconcile_timeouts_total',
      help: 'Total number of reconciliations per controller that ran into the reconcile timeout',
      labelNames: ['controller'],
    });
    this.reconcileTimeSeconds = this.histogram({
      name: 'controller_runtime_reconcile_time_seconds',
      help: 'Length of time per reconciliation per controller',
      labelNames: ['controller'],
      buckets: RECONCILE_SECONDS,
    });
    this.maxConcurrentReconciles = this.gauge({
      name: 'controller_runtime_max_concurrent_reconciles',
      help: 'Maximum number of concurrent reconciles per controller',
      labelNames: ['controller'],
    });
    this.activeWorkers = this.gauge({
      name: 'controller_runtime_active_workers',
      help: 'Number of currently used workers per controller',
      labelNames: ['controller'],
    });

    this.workqueueDepth = this.gauge({
      name: 'workqueue_depth',
      help: 'Current depth of workqueue by workqueue and priority',
      labelNames: [...queue, 'priority'],
    });
    this.workqueueAddsTotal = this.counter({
      name: 'workqueue_adds_total',
      help: 'Total number of adds handled by workqueue',
      labelNames: queue,
    });
    this.workqueueQueueDurationSeconds = this.histogram({
      name: 'workqueue_queue_duration_seconds',
      help: 'How long in seconds an item stays in workqueue before being requested',
      labelNames: queue,
      buckets: QUEUE_SECONDS,
    });
    this.workqueueWorkDurationSeconds = this.histogram({
      name: 'workqueue_work_duration_seconds',
      help: 'How long in seconds processing an item from workqueue takes',
      labelNames: queue,
      buckets: QUEUE_SECONDS,
    });
    this.workqueueLongestRunningProcessorSeconds = this.gauge({
      name: 'workqueue_longest_running_processor_seconds',
      help: 'How many seconds has the longest running processor for workqueue been running',
      labelNames: queue,
    });
    this.workqueueRetriesTotal = this.counter({
      name: 'workqueue_retries_total',
      help: 'Total number of retries handled by workqueue',
      labelNames: queue,
    });

    this.leaderElectionMasterStatus = this.gauge({
      name: 'leader_election_master_status',
      help: 'Whether this process is the leader of the election: 1 leader, 0 not',
      labelNames: ['name'],
    });
    this.leaderElectionSlowpathTotal = this.counter({
      name: 'leader_election_slowpath_total',
      help: 'Total number of times a leader had to read its Lease before it could renew it',
      labelNames: ['name'],
    });

    this.eventsDroppedTotal = this.counter({
      name: 'reconciler_kit_events_dropped_total',
      help: 'Number of Events that were not recorded, by reason',
      labelNames: ['reason'],
    });
    for (const reason of ['spam', 'queue_full', 'rejected', 'invalid']) this.eventsDroppedTotal.inc({reason}, 0);

    if (options.processMetrics) collectDefaultMetrics({register: this.registry});
  }

  /** Adds a counter of your own to the registry. Without labels it starts at 0. */
  counter<L extends string = never>(options: MetricOptions<L>): Counter<L> {
    const {name, help, labelNames = []} = options;
    return new Counter<L>({name, help, labelNames: [...labelNames], registers: [this.registry]});
  }

  /** Adds a gauge of your own to the registry. `collect` runs before each scrape and may set it. */
  gauge<L extends string = never>(options: MetricOptions<L> & {collect?: () => void}): Gauge<L> {
    const {name, help, labelNames = [], collect} = options;
    return new Gauge<L>({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      ...(collect ? {collect} : {}),
    });
  }

  /** Adds a histogram of your own to the registry. */
  histogram<L extends string = never>(options: HistogramOptions<L>): Histogram<L> {
    const {name, help, labelNames = [], buckets} = options;
    return new Histogram<L>({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      ...(buckets ? {buckets} : {}),
    });
  }

  /**
   * Calls `refresh` before each scrape, for gauges that would otherwise need a timer.
   *
   * @returns a function that ends it
   */
  onCollect(refresh: () => void): () => void {
    this.#beforeCollect.add(refresh);
    return () => this.#beforeCollect.delete(refresh);
  }

  /** Everything in the Prometheus text format, version 0.0.4. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  #refresh(): void {
    for (const refresh of this.#beforeCollect) refresh();
  }
}
