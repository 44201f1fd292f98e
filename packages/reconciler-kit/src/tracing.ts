import {isNativeError} from 'node:util/types';
import {
  type Attributes,
  type Context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';

/** The kit's own tracer. Without an OpenTelemetry SDK in the process its spans cost nothing and go nowhere. */
export function kitTracer(): Tracer {
  return trace.getTracer('@kruntimes/reconciler-kit');
}

/** Runs `fn` inside an active span, which ends with it and carries its error. */
export function withSpan<R>(
  tracer: Tracer,
  name: string,
  attributes: Attributes,
  fn: (span: Span) => Promise<R>,
): Promise<R> {
  return tracer.startActiveSpan(name, {attributes}, async (span) => {
    try {
      return await fn(span);
    } catch (error) {
      span.recordException(isNativeError(error) ? error : String(error));
      span.setStatus({code: SpanStatusCode.ERROR, message: isNativeError(error) ? error.message : String(error)});
      throw error;
    } finally {
      span.end();
    }
  });
}

/**
 * Whether the environment asks for traces: an OTLP endpoint is named or OTEL_TRACES_EXPORTER is `otlp`, and nothing turns them off.
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export function tracingWanted(env: NodeJS.ProcessEnv): boolean {
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return false;
  const exporters = env.OTEL_TRACES_EXPORTER?.trim();
  if (exporters) return exporters.split(',').some((each) => each.trim() === 'otlp');
  return Boolean(env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT);
}

const traceparent = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const traceparentLength = 55;

/**
 * The span that a W3C `traceparent` names; undefined for anything that is none, however long.
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function parseTraceparent(text: string | undefined): SpanContext | undefined {
  if (text?.length !== traceparentLength) return undefined;
  const [, traceId = '', spanId = '', flags = ''] = traceparent.exec(text) ?? [];
  const parsed = {traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true};
  return isSpanContextValid(parsed) ? parsed : undefined;
}

/** The W3C `traceparent` of a span; undefined when there is no trace. */
export function formatTraceparent(span: SpanContext): string | undefined {
  if (!isSpanContextValid(span)) return undefined;
  return `00-${span.traceId}-${span.spanId}-${(span.traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, '0')}`;
}

const uuid = /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/;

/**
 * A parent that several processes agree on without talking to each other: the trace of an object is its UID without hyphens, and they all
 * decide alike whether it is sampled, as OTEL_TRACES_SAMPLER says. Nobody exports the span that it names. Undefined for what is no UUID.
 */
export function traceOfUid(uid: string, env: NodeJS.ProcessEnv): SpanContext | undefined {
  const parts = uuid.exec(uid);
  if (parts === null) return undefined;
  const traceId = parts.slice(1).join('');
  // The first digits of a random UUID are random, those in the middle are not.
  const share = Number.parseInt(traceId.slice(0, 8), 16) / 2 ** 32;
  const traceFlags = share < samplingRatio(env) ? TraceFlags.SAMPLED : TraceFlags.NONE;
  const derived = {traceId, spanId: traceId.slice(-16), traceFlags, isRemote: true};
  return isSpanContextValid(derived) ? derived : undefined;
}

/** The share of traces without a parent that OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG ask for; 1 unless they say so. */
export function samplingRatio({OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG}: NodeJS.ProcessEnv): number {
  const name = OTEL_TRACES_SAMPLER?.replace(/^parentbased_/, '');
  if (name === 'always_off') return 0;
  if (name !== 'traceidratio') return 1;
  const ratio = Number(OTEL_TRACES_SAMPLER_ARG?.trim() || '1');
  return ratio >= 0 && ratio <= 1 ? ratio : 1;
}

/** A context whose spans are children of `parent`; without one, roots. */
export function contextBelow(parent: SpanContext | undefined): Context {
  return parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
}
