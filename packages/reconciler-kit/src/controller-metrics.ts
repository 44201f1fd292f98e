import {isNativeError} from 'node:util/types';
import type {Metrics} from './metrics.ts';

/** The `controller_runtime_*` series of one controller. */
export class ControllerMetrics {
  readonly #results;
  readonly #errors;
  readonly #terminalErrors;
  readonly #panics;
  readonly #timeouts;
  readonly #seconds;
  readonly #activeWorkers;

  constructor(metrics: Metrics, options: {controller: string; maxConcurrent: number}) {
    const {controller} = options;
    const result = (name: string) => metrics.reconcileTotal.labels({controller, result: name});
    this.#results = {
      success: result('success'),
      error: result('error'),
      requeue: result('requeue'),
      requeue_after: result('requeue_after'),
    };
    this.#errors = metrics.reconcileErrorsTotal.labels({controller});
    this.#terminalErrors = metrics.terminalReconcileErrorsTotal.labels({controller});
    this.#panics = metrics.reconcilePanicsTotal.labels({controller});
    this.#timeouts = metrics.reconcileTimeoutsTotal.labels({controller});
    this.#seconds = metrics.reconcileTimeSeconds.labels({controller});
    this.#activeWorkers = metrics.activeWorkers.labels({controller});
    const counters = [
      ...Object.values(this.#results),
      this.#errors,
      this.#terminalErrors,
      this.#panics,
      this.#timeouts,
    ];
    for (const counter of counters) counter.inc(0);
    metrics.reconcileTimeSeconds.zero({controller});
    this.#activeWorkers.set(0);
    metrics.maxConcurrentReconciles.labels({controller}).set(options.maxConcurrent);
  }

  started(): void {
    this.#activeWorkers.inc();
  }

  succeeded(result: 'success' | 'requeue_after'): void {
    this.#results[result].inc();
  }

  failed(error: unknown, terminal: boolean): void {
    this.#results.error.inc();
    this.#errors.inc();
    if (terminal) this.#terminalErrors.inc();
    if (isProgrammingError(error)) this.#panics.inc();
  }

  timedOut(): void {
    this.#timeouts.inc();
  }

  ended(seconds: number): void {
    this.#seconds.observe(seconds);
    this.#activeWorkers.dec();
  }
}

/** What JavaScript has in place of Go's panics. Names, since an error may come from another realm. */
function isProgrammingError(error: unknown): boolean {
  return !isNativeError(error) || ['TypeError', 'ReferenceError', 'RangeError'].includes(error.name);
}
