import {Counter, Gauge, Histogram, type Registry} from 'prom-client';

/** What Transport, Watcher and Cache tell about their work. */
export interface ClientMetrics {
  /** One HTTP exchange ended. `code` is the status, or `<error>` when there was no answer. */
  requestDone(request: {method: string; verb: string; host: string; code: string; seconds: number}): void;
  /** A request is about to be repeated. */
  requestRetried(request: {verb: string; host: string; code: string}): void;
  /** A list or watch of a Watcher ended. */
  watchEnded(watch: {resource: string; result: 'eof' | 'error' | 'expired' | 'idle'}): void;
  listDone(list: {resource: string}): void;
  watchEvents(events: {resource: string; count: number}): void;
  cacheSize(cache: {resource: string; delta: number}): void;
  /** A handler, indexer or transform threw. */
  handlerFailed(failure: {resource: string}): void;
}

/** What takes the metrics of Transport, Watcher and Cache, such as the kit's `Metrics`. */
export interface ClientMetricsSource {
  readonly client: ClientMetrics;
}

function existingOr<M>(registry: Registry, name: string, create: () => M): M {
  return (registry.getSingleMetric(name) as M | undefined) ?? create();
}

/** Client metrics on a prom-client registry, with client-go's names where it has them. */
export function createClientMetrics(registry: Registry): ClientMetrics {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> =>
    existingOr(registry, name, () => new Counter({name, help, labelNames, registers}));
  const requests = counter(
    'rest_client_requests_total',
    'Requests to the API server, by status code, method and host',
    ['code', 'method', 'host'],
  );
  const duration = existingOr(
    registry,
    'rest_client_request_duration_seconds',
    () =>
      new Histogram({
        name: 'rest_client_request_duration_seconds',
        help: 'Time of one request to the API server, by verb and host; watches count until their first answer',
        labelNames: ['verb', 'host'],
        buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60],
        registers,
      }),
  );
  const retries = counter(
    'rest_client_request_retries_total',
    'Requests to the API server that were repeated, by status code, verb and host',
    ['code', 'verb', 'host'],
  );
  const watches = counter('reconciler_kit_watches_total', 'Watches that ended, by resource and result', [
    'resource',
    'result',
  ]);
  const lists = counter('reconciler_kit_lists_total', 'Complete lists taken, by resource', ['resource']);
  const events = counter('reconciler_kit_watch_events_total', 'Watch events received, by resource', ['resource']);
  const failures = counter(
    'reconciler_kit_cache_handler_errors_total',
    'Errors thrown by handlers, indexers and transforms of a cache, by resource',
    ['resource'],
  );
  const objects = existingOr(
    registry,
    'reconciler_kit_cache_objects',
    () =>
      new Gauge({
        name: 'reconciler_kit_cache_objects',
        help: 'Objects held in caches, by resource',
        labelNames: ['resource'],
        registers,
      }),
  );
  return {
    requestDone({method, verb, host, code, seconds}) {
      requests.inc({code, method, host});
      duration.observe({verb, host}, seconds);
    },
    requestRetried: (labels) => retries.inc(labels),
    watchEnded: (labels) => watches.inc(labels),
    listDone: (labels) => lists.inc(labels),
    watchEvents: ({resource, count}) => events.inc({resource}, count),
    cacheSize: ({resource, delta}) => objects.inc({resource}, delta),
    handlerFailed: (labels) => failures.inc(labels),
  };
}
