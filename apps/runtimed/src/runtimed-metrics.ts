import {type RunPhase, retryableReasons} from '@kruntimes/api-types';
import type {Metrics} from '@kruntimes/reconciler-kit';

const secondsBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200,
];

/** What an attempt led to: a terminal phase, another attempt, or nothing because the Run was taken away. */
export type AttemptResult = RunPhase | 'Abandoned';

const attemptResults: AttemptResult[] = ['Succeeded', 'Failed', 'Timeout', 'Cancelled', 'Pending', 'Abandoned'];

type Counter = ReturnType<Metrics['counter']>;
type Gauge = ReturnType<Metrics['gauge']>;

/** A metric some of whose labels are given. */
interface LabelledCounter<L extends string> {
  inc(labels: Readonly<Record<L, string>>, value?: number): void;
}

interface LabelledHistogram<L extends string> {
  observe(labels: Readonly<Record<L, string>>, value: number): void;
}

/** The Runtime of this Pod. */
export interface RuntimedLabels {
  namespace: string;
  runtime: string;
}

/** The series of runtimed. Labels take few, fixed values: never a name of a Run. */
export interface RuntimedMetrics {
  readonly attemptsTotal: LabelledCounter<'result'>;
  readonly failuresTotal: LabelledCounter<'reason'>;
  readonly attempts: {inc(): void; dec(): void};
  readonly stepSeconds: LabelledHistogram<'step'>;
  readonly statusWritesTotal: Counter;
  readonly outputBytesTotal: Counter;
  readonly artifactBytesTotal: Counter;
  readonly leaseRenewalsTotal: Counter;
  readonly runtimeConnected: Gauge;
  readonly runtimeConnections: Counter;
  readonly workspaceRemovalFailuresTotal: Counter;
}

/** Not `namespace`: Prometheus gives every series the namespace of the Pod that it was read from. */
const runtimeLabels = ['runtime_namespace', 'runtime'] as const;

export function createRuntimedMetrics(metrics: Metrics, {namespace, runtime}: RuntimedLabels): RuntimedMetrics {
  const own = {runtime_namespace: namespace, runtime};
  const attemptsTotal = metrics.counter({
    name: 'kruntimes_runtimed_attempts_total',
    help: 'Attempts that ended, by what became of the Run; Pending means that another attempt follows',
    labelNames: [...runtimeLabels, 'result'],
  });
  const failuresTotal = metrics.counter({
    name: 'kruntimes_runtimed_attempt_failures_total',
    help: 'Attempts that ended otherwise than with exit code 0, by reason as in status.reason of a Run',
    labelNames: [...runtimeLabels, 'reason'],
  });
  const attempts = metrics.gauge({
    name: 'kruntimes_runtimed_attempts',
    help: 'Attempts that this Pod has at the moment, clean-up included',
    labelNames: runtimeLabels,
  });
  const stepSeconds = metrics.histogram({
    name: 'kruntimes_runtimed_step_duration_seconds',
    help: 'How long each step of an attempt took: wait (for its slot), prepare (workspace and source), execute, store, report, clean',
    labelNames: [...runtimeLabels, 'step'],
    buckets: secondsBuckets,
  });
  attempts.set(own, 0);
  const created: RuntimedMetrics = {
    attemptsTotal: {inc: (labels, value) => attemptsTotal.inc({...own, ...labels}, value)},
    failuresTotal: {inc: (labels, value) => failuresTotal.inc({...own, ...labels}, value)},
    attempts: {inc: () => attempts.inc(own), dec: () => attempts.dec(own)},
    stepSeconds: {observe: (labels, value) => stepSeconds.observe({...own, ...labels}, value)},
    statusWritesTotal: metrics.counter({
      name: 'kruntimes_runtimed_status_writes_total',
      help: 'Status writes of Runs by outcome: written, conflict, failed',
      labelNames: ['result'],
    }),
    outputBytesTotal: metrics.counter({
      name: 'kruntimes_runtimed_output_bytes_total',
      help: 'Bytes that programs wrote',
      labelNames: ['stream'],
    }),
    artifactBytesTotal: metrics.counter({
      name: 'kruntimes_runtimed_artifact_bytes_total',
      help: 'Bytes of artifacts and logs that were put into the artifact store',
    }),
    leaseRenewalsTotal: metrics.counter({
      name: 'kruntimes_runtimed_lease_renewals_total',
      help: 'Renewals of the Lease of this Pod by outcome: renewed, failed',
      labelNames: ['result'],
    }),
    runtimeConnected: metrics.gauge({
      name: 'kruntimes_runtimed_runtime_connected',
      help: 'Whether the Runtime server answers: 1 yes, 0 no',
    }),
    runtimeConnections: metrics.counter({
      name: 'kruntimes_runtimed_runtime_connections_total',
      help: 'Connections to the Runtime server by mode: session, polling',
      labelNames: ['mode'],
    }),
    workspaceRemovalFailuresTotal: metrics.counter({
      name: 'kruntimes_runtimed_workspace_removal_failures_total',
      help: 'Workspaces that could not be removed',
    }),
  };
  for (const result of attemptResults) created.attemptsTotal.inc({result}, 0);
  for (const reason of retryableReasons) created.failuresTotal.inc({reason}, 0);
  for (const result of ['written', 'conflict', 'failed']) created.statusWritesTotal.inc({result}, 0);
  for (const stream of ['stdout', 'stderr']) created.outputBytesTotal.inc({stream}, 0);
  for (const result of ['renewed', 'failed']) created.leaseRenewalsTotal.inc({result}, 0);
  for (const mode of ['session', 'polling']) created.runtimeConnections.inc({mode}, 0);
  return created;
}
