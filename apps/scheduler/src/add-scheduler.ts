import {
  type DeepReadonly,
  RUNTIME_LABEL,
  type Run,
  type Runtime,
  runKind,
  runtimeKind,
  TRACEPARENT_ANNOTATION,
  terminalPhases,
} from '@kruntimes/api-types';
import {type Clock, kinds, type Logger, type Manager, parseTraceparent, traceOfUid} from '@kruntimes/reconciler-kit';
import {type SpanContext, type Tracer, trace} from '@opentelemetry/api';
import type {Deployment, ReplicaSet} from 'kubernetes-types/apps/v1.d.ts';
import {projectLease, projectMetadata, projectPod, projectRun, projectRuntime} from './projection.ts';
import {runStatusWriter} from './run-writer.ts';
import {Scheduler} from './scheduler.ts';

export interface AddSchedulerOptions {
  /** Only Runs of this namespace; all when left out. */
  namespace?: string | undefined;
  clock: Clock;
  logger: Logger;
  random?: (() => number) | undefined;
  tracer?: Tracer | undefined;
  /** Trace Runs, as this environment (OTEL_TRACES_SAMPLER ...) says. */
  traceEnv?: NodeJS.ProcessEnv | undefined;
  maxConcurrentBinds?: number | undefined;
  unschedulableDelayMs?: number | undefined;
  leaseDurationMs?: number | undefined;
}

/** Runs that have not ended: what the scheduler remembers follows active work, not history. */
const activeRuns = terminalPhases.map((phase) => `status.phase!=${phase}`).join(',');

/** The span that created the Run, if it says so; else the trace that is named by its UID. */
function parentSpanOf({metadata}: DeepReadonly<Run>, env: NodeJS.ProcessEnv): SpanContext | undefined {
  return parseTraceparent(metadata?.annotations?.[TRACEPARENT_ANNOTATION]) ?? traceOfUid(metadata?.uid ?? '', env);
}

/** Gives a Manager the scheduler and the caches that it reads. */
export function addScheduler(manager: Manager, options: AddSchedulerOptions): void {
  const {namespace, traceEnv} = options;
  const labelled = {namespace, labelSelector: RUNTIME_LABEL};
  const owners = {...labelled, metadataOnly: true};
  const scheduler = new Scheduler({
    runs: manager.cache<Run>(runKind, {namespace, fieldSelector: activeRuns, transform: projectRun}),
    sources: {
      runtimes: manager.cache<Runtime>(runtimeKind, {namespace, transform: projectRuntime}),
      pods: manager.cache(kinds.Pod, {...labelled, transform: projectPod}),
      leases: manager.cache(kinds.Lease, {...labelled, transform: projectLease}),
      deployments: manager.cache(kinds.Deployment, {...owners, transform: projectMetadata<Deployment>}),
      replicaSets: manager.cache(kinds.ReplicaSet, {...owners, transform: projectMetadata<ReplicaSet>}),
    },
    write: runStatusWriter(manager.client.kind(runKind)),
    clock: options.clock,
    random: options.random ?? Math.random,
    logger: options.logger,
    metrics: manager.metrics,
    ...(traceEnv && {parentSpan: (run) => parentSpanOf(run, traceEnv)}),
    tracer: options.tracer ?? trace.getTracer('@kruntimes/scheduler'),
    maxConcurrentBinds: options.maxConcurrentBinds,
    unschedulableDelayMs: options.unschedulableDelayMs,
    leaseDurationMs: options.leaseDurationMs,
  });
  manager.add({name: 'scheduler', needsLeaderElection: true, start: (signal) => scheduler.start(signal)});
}
