import {type Run, TRACEPARENT_ANNOTATION} from '@kruntimes/api-types';
import {contextBelow, formatTraceparent, parseTraceparent, tracingWanted} from '@kruntimes/reconciler-kit';
import {SpanStatusCode} from '@opentelemetry/api';
import {clientVersion} from './version.ts';

/** The trace that Runs are created in. */
export interface RunTrace {
  /** The Runs with the annotation that hands the trace on; one that a Run has already stays. */
  runs: Run[];
  /** Ends the span of this command, if it has one, and exports it. */
  end(exitCode: number | undefined): Promise<void>;
}

/**
 * The trace of `krt run`. With OTEL_* variables that ask for traces, the command is a span, below that of the caller if TRACEPARENT names
 * one; without them the Runs go below the caller's span itself. Undefined when there is neither.
 */
export async function startRunTrace(runs: readonly Run[], env: NodeJS.ProcessEnv): Promise<RunTrace | undefined> {
  const caller = parseTraceparent(env.TRACEPARENT);
  if (!tracingWanted(env)) {
    const traceparent = caller && formatTraceparent(caller);
    return traceparent === undefined ? undefined : {runs: annotated(runs, traceparent), end: async () => {}};
  }
  const {startTracing} = await import('@kruntimes/reconciler-kit/otlp');
  const tracing = startTracing({serviceName: 'krt', serviceVersion: clientVersion(), env});
  const attributes = {'kruntimes.runtime': runs[0]?.spec.runtime ?? '', 'kruntimes.runs': runs.length};
  const span = tracing.tracer.startSpan('krt run', {attributes}, contextBelow(caller));
  const traceparent = formatTraceparent(span.spanContext());
  return {
    runs: traceparent === undefined ? [...runs] : annotated(runs, traceparent),
    end: async (exitCode) => {
      if (exitCode !== undefined) span.setAttribute('process.exit.code', exitCode);
      if (exitCode !== 0) span.setStatus({code: SpanStatusCode.ERROR});
      span.end();
      await tracing.shutdown();
    },
  };
}

function annotated(runs: readonly Run[], traceparent: string): Run[] {
  return runs.map((run) => {
    const annotations = {[TRACEPARENT_ANNOTATION]: traceparent, ...run.metadata?.annotations};
    return {...run, metadata: {...run.metadata, annotations}};
  });
}
