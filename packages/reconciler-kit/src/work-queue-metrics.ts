import type {Metrics} from './metrics.ts';

/** More priorities than this share one label value. @see https://github.com/kubernetes-sigs/controller-runtime/blob/main/pkg/metrics/workqueue.go */
const MAX_PRIORITY_LABELS = 25;
const OTHER_PRIORITIES = 'exceeded_cardinality_limit';

export interface WorkQueueMetricsOptions {
  name: string;
  controller: string;
  /** Start of the work on each key that is handed out, monotonic ms. */
  processingSince(): Iterable<number>;
  now(): number;
}

/** The `workqueue_*` series of one queue. */
export class WorkQueueMetrics {
  readonly #metrics: Metrics;
  readonly #options: WorkQueueMetricsOptions;
  readonly #labels: {name: string; controller: string};
  readonly #adds;
  readonly #retries;
  readonly #queueSeconds;
  readonly #workSeconds;
  readonly #depths = new Map<number, {inc(value?: number): void; dec(value?: number): void}>();
  readonly #endCollect: () => void;

  constructor(metrics: Metrics, options: WorkQueueMetricsOptions) {
    const {name, controller} = options;
    const labels = {name, controller};
    this.#metrics = metrics;
    this.#options = options;
    this.#labels = labels;
    this.#adds = metrics.workqueueAddsTotal.labels(labels);
    this.#retries = metrics.workqueueRetriesTotal.labels(labels);
    this.#queueSeconds = metrics.workqueueQueueDurationSeconds.labels(labels);
    this.#workSeconds = metrics.workqueueWorkDurationSeconds.labels(labels);
    this.#adds.inc(0);
    this.#retries.inc(0);
    metrics.workqueueQueueDurationSeconds.zero(labels);
    metrics.workqueueWorkDurationSeconds.zero(labels);
    this.#depth(0).inc(0);
    this.#measureWork();
    this.#endCollect = metrics.onCollect(() => this.#measureWork());
  }

  /** A key became due. */
  added(priority: number): void {
    this.#adds.inc();
    this.#depth(priority).inc();
  }

  /** A key will become due later. */
  retried(): void {
    this.#retries.inc();
  }

  priorityChanged(from: number, to: number): void {
    this.#depth(from).dec();
    this.#depth(to).inc();
  }

  handedOut(priority: number, queuedSeconds: number): void {
    this.#depth(priority).dec();
    this.#queueSeconds.observe(queuedSeconds);
  }

  finished(workedSeconds: number): void {
    this.#workSeconds.observe(workedSeconds);
  }

  close(): void {
    this.#measureWork();
    this.#endCollect();
  }

  #depth(priority: number): {inc(value?: number): void; dec(value?: number): void} {
    let depth = this.#depths.get(priority);
    if (!depth) {
      const label = this.#depths.size < MAX_PRIORITY_LABELS ? String(priority) : OTHER_PRIORITIES;
      depth = this.#metrics.workqueueDepth.labels({...this.#labels, priority: label});
      // Beyond the limit nothing is remembered either: the label is the same for all.
      if (label !== OTHER_PRIORITIES) this.#depths.set(priority, depth);
    }
    return depth;
  }

  #measureWork(): void {
    const now = this.#options.now();
    let total = 0;
    let longest = 0;
    for (const since of this.#options.processingSince()) {
      const seconds = (now - since) / 1000;
      total += seconds;
      longest = Math.max(longest, seconds);
    }
    this.#metrics.workqueueUnfinishedWorkSeconds.set(this.#labels, total);
    this.#metrics.workqueueLongestRunningProcessorSeconds.set(this.#labels, longest);
  }
}
