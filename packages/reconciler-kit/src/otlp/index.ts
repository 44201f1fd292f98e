/**
 * Traces to a collector, over OTLP/HTTP, as the standard OTEL_* environment variables say. An entry of its own, to be imported only
 * where {@link tracingWanted} says so: whoever does not trace loads no SDK.
 *
 * ```ts
 * import {tracingWanted} from '@kruntimes/reconciler-kit';
 *
 * if (tracingWanted(process.env)) {
 *   const {startTracing} = await import('@kruntimes/reconciler-kit/otlp');
 *   const tracing = startTracing({serviceName: 'example', serviceVersion: '1.0.0', env: process.env});
 *   tracing.tracer.startSpan('work').end();
 *   await tracing.shutdown();
 * }
 * ```
 *
 * @module
 */
import {type DiagLogger, DiagLogLevel, diag, type Tracer} from '@opentelemetry/api';
import {OTLPTraceExporter} from '@opentelemetry/exporter-trace-otlp-proto';
import {defaultResource, detectResources, envDetector, resourceFromAttributes} from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import {type Logger, silentLogger} from '../silent-logger.ts';
import {samplingRatio} from '../tracing.ts';

export interface TracingOptions {
  /** Attribute `service.name` of all spans, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES says another. */
  serviceName: string;
  serviceVersion: string;
  env: NodeJS.ProcessEnv;
  /** Told what could not be exported. */
  logger?: Logger;
  /** Longest time that {@link Tracing.shutdown} waits for a collector. Default 3,000. */
  shutdownTimeoutMs?: number;
}

export interface Tracing {
  tracer: Tracer;
  /** Exports what is left, and ends. Never rejects. */
  shutdown(): Promise<void>;
}

/**
 * Starts exporting spans to where OTEL_EXPORTER_OTLP_(TRACES_)ENDPOINT says. Spans are kept in a bounded queue (2,048 unless
 * OTEL_BSP_MAX_QUEUE_SIZE says another); what does not fit is dropped. A collector that is away delays nothing.
 */
export function startTracing(options: TracingOptions): Tracing {
  const {serviceName, serviceVersion, env, logger = silentLogger, shutdownTimeoutMs = 3_000} = options;
  diag.setLogger(diagLogger(logger), {logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true});
  const exporter = new OTLPTraceExporter();
  const processor = new BatchSpanProcessor({
    exporter,
    ...numberOption('scheduledDelayMillis', env.OTEL_BSP_SCHEDULE_DELAY),
    ...numberOption('exportTimeoutMillis', env.OTEL_BSP_EXPORT_TIMEOUT),
    ...numberOption('maxQueueSize', env.OTEL_BSP_MAX_QUEUE_SIZE),
    ...numberOption('maxExportBatchSize', env.OTEL_BSP_MAX_EXPORT_BATCH_SIZE),
  });
  const own = resourceFromAttributes({'service.name': serviceName, 'service.version': serviceVersion});
  const resource = defaultResource()
    .merge(own)
    .merge(detectResources({detectors: [envDetector]}));
  const provider = new TracerProvider({resource, spanProcessors: [processor], sampler: samplerOf(env)});
  return {
    tracer: provider.getTracer(serviceName, serviceVersion),
    shutdown: async () => {
      // A timer that does not keep the process: nothing but a collector that hangs is waited for here.
      const limit = Promise.withResolvers<void>();
      const timer = setTimeout(limit.resolve, shutdownTimeoutMs);
      const done = provider.shutdown().catch((error: unknown) => logger.warn('traces not exported', {error}));
      await Promise.race([done, limit.promise]);
      clearTimeout(timer);
    },
  };
}

function samplerOf(env: NodeJS.ProcessEnv): Sampler {
  const ratio = samplingRatio(env);
  const root =
    ratio >= 1 ? new AlwaysOnSampler() : ratio <= 0 ? new AlwaysOffSampler() : new TraceIdRatioBasedSampler(ratio);
  const followsParent = (env.OTEL_TRACES_SAMPLER ?? 'parentbased_always_on').startsWith('parentbased_');
  return followsParent ? new ParentBasedSampler({root}) : root;
}

function numberOption<K extends string>(key: K, text: string | undefined): {[each in K]?: number} {
  const value = Number(text);
  return text === undefined || text.trim() === '' || !(value >= 0) ? {} : ({[key]: value} as {[each in K]: number});
}

/** What the SDK has to say goes where everything else goes. */
function diagLogger(logger: Logger): DiagLogger {
  const warn = (message: string): void => logger.warn('tracing', {detail: message});
  return {error: warn, warn, info: () => {}, debug: () => {}, verbose: () => {}};
}
