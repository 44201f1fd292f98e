import {ACCEPTED_CONDITION, type Runtime} from '@kruntimes/api-types';
import {type Cache, findCondition, LabelLimit, type Metrics} from '@kruntimes/reconciler-kit';

/** More Runtimes than this share one series: labels must not grow with what users create. */
const MAX_RUNTIME_SERIES = 200;

/** Not `namespace`: Prometheus gives every series the namespace of the Pod that it was read from. */
const RUNTIME = ['runtime_namespace', 'runtime'] as const;

/** Gauges of what Runtimes want and have, set at each scrape. */
export function addRuntimeMetrics(metrics: Metrics, runtimes: Pick<Cache<Runtime>, 'list'>): void {
  const limit = new LabelLimit(RUNTIME, MAX_RUNTIME_SERIES);
  const gauge = (name: string, help: string) => metrics.gauge({name, help, labelNames: RUNTIME});
  const wanted = gauge('kruntimes_controller_runtime_replicas', 'Pods that a Runtime wants (spec.replicas)');
  const ready = gauge(
    'kruntimes_controller_runtime_ready_replicas',
    'Pods of a Runtime that are ready (status.readyReplicas)',
  );
  const refused = gauge(
    'kruntimes_controller_runtime_refused',
    'Whether the condition Accepted of a Runtime is False: 1 refused, 0 not',
  );
  metrics.onCollect(() => {
    for (const each of [wanted, ready, refused]) each.reset();
    for (const {metadata, spec, status} of runtimes.list()) {
      const labels = limit.of(metadata?.namespace ?? '', metadata?.name ?? '');
      wanted.inc(labels, spec.replicas ?? 1);
      ready.inc(labels, status?.readyReplicas ?? 0);
      refused.inc(labels, findCondition(status?.conditions, ACCEPTED_CONDITION)?.status === 'False' ? 1 : 0);
    }
  });
}
