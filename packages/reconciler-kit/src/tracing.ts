import {isNativeError} from 'node:util/types';
import {type Attributes, type Span, SpanStatusCode, type Tracer, trace} from '@opentelemetry/api';

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
