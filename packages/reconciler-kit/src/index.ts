/**
 * Controllers for Kubernetes in TypeScript: a fast client, watches that never lose their place, shared caches, work
 * queues, controllers and managers, with the semantics of client-go and controller-runtime.
 *
 * A complete program: it follows every Pod of a namespace from one watch, and labels those that run on a spot node.
 *
 * ```ts
 * import {Cache, Client, inClusterConfig, isNotFound, kinds, Transport} from '@kruntimes/reconciler-kit';
 * import {loadKubeconfig} from '@kruntimes/reconciler-kit/client-node';
 *
 * const inCluster = process.env.KUBERNETES_SERVICE_HOST !== undefined;
 * const config = inCluster ? await inClusterConfig() : await loadKubeconfig();
 * await using transport = new Transport(config, {userAgent: 'spot-labeller'});
 * const pods = new Client(transport).kind(kinds.Pod);
 *
 * const stop = new AbortController();
 * process.once('SIGINT', () => stop.abort());
 * const cache = new Cache(pods, {
 *   namespace: config.namespace,
 *   indexers: {node: (pod) => (pod.spec?.nodeName === undefined ? [] : [pod.spec.nodeName])},
 * });
 * cache.subscribe({
 *   add: (pod, {initial}) => console.log(initial ? 'there' : 'new', pod.metadata?.name),
 *   delete: (pod) => console.log('gone', pod.metadata?.name),
 * });
 * const running = cache.start(stop.signal);
 * await cache.synced(stop.signal);
 *
 * for (const {metadata} of cache.byIndex('node', 'spot-1')) {
 *   const ref = {name: metadata?.name ?? '', namespace: metadata?.namespace};
 *   await pods
 *     .patch(ref, {type: 'merge', body: {metadata: {labels: {spot: 'true'}}}}, {fieldManager: 'spot-labeller'})
 *     .catch((error: unknown) => {
 *       if (!isNotFound(error)) throw error;
 *     });
 * }
 * await running;
 * ```
 *
 * @module
 */
export {type BindAddress, parseBindAddress} from './bind-address.ts';
export {
  Cache,
  type CacheHandler,
  type CacheOptions,
  objectKey,
} from './cache.ts';
export {
  type ApplyOptions,
  Client,
  type DeleteCollectionOptions,
  type DeleteOptions,
  type GetOptions,
  KindClient,
  type ListOptions,
  type ObjectList,
  type ObjectRef,
  type Patch,
  type PodLogOptions,
  type Scale,
  type SelectorOptions,
  type WatchEvent,
  type WatchOptions,
  type WriteOptions,
} from './client.ts';
export {type ClientMetrics, type ClientMetricsSource, createClientMetrics} from './client-metrics.ts';
export {type Clock, sleepOn, systemClock, type Timer} from './clock.ts';
export {type Condition, type ConditionUpdate, findCondition, isConditionTrue, setCondition} from './conditions.ts';
export {type ClusterConfig, cachedAuthorization, type InClusterOptions, inClusterConfig} from './config.ts';
export {
  type CacheSource,
  Controller,
  type ControllerOptions,
  type ReconcileContext,
  type ReconcileRequest,
  type ReconcileResult,
  type Reconciler,
} from './controller.ts';
export {cloneForEdit, type DeepReadonly} from './deep-readonly.ts';
export {
  ApiError,
  type ApiErrorCode,
  isAlreadyExists,
  isApiError,
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isNotFound,
  isTooManyRequests,
  ReconcilerKitError,
  type ReconcilerKitErrorCode,
  TerminalError,
} from './errors.ts';
export {type EventDetails, EventRecorder, type EventRecorderOptions, type EventSink} from './event-recorder.ts';
export {type HealthCheck, HealthServer, type HealthServerOptions} from './health-server.ts';
export {IndexedHeap} from './indexed-heap.ts';
export {apiVersionOf, defineKind, type Kind, type KubernetesObject, kinds} from './kind.ts';
export {LabelLimit} from './label-limit.ts';
export {
  type LeaderCallbacks,
  type LeaderElectionOptions,
  LeaderElector,
  type LeaderElectorOptions,
  type LeaseSource,
} from './leader-election.ts';
export {LeaseObserver, type LeaseObserverOptions} from './lease-observer.ts';
export {createLogger, type LogFormat, type Logger, type LoggerOptions, type LogLevel, silentLogger} from './logger.ts';
export {Manager, type ManagerOptions} from './manager.ts';
export {type HistogramOptions, type MetricOptions, Metrics, type MetricsOptions} from './metrics.ts';
export {MetricsServer, type MetricsServerOptions} from './metrics-server.ts';
export type {OwnerKind} from './owner.ts';
export {
  and,
  annotationsChanged,
  generationChanged,
  labelsChanged,
  matching,
  not,
  or,
  type Predicate,
  resourceVersionChanged,
} from './predicates.ts';
export {projectedMetadata} from './projected-metadata.ts';
export {ExponentialRateLimiter, type ExponentialRateLimiterOptions, type RateLimiter} from './rate-limiter.ts';
export type {Runnable} from './runnable-group.ts';
export {microTime, rfc3339} from './time.ts';
export {
  contextBelow,
  formatTraceparent,
  parseTraceparent,
  samplingRatio,
  traceOfUid,
  tracingWanted,
} from './tracing.ts';
export {type ApiRequest, type ApiStream, Transport, type TransportOptions} from './transport.ts';
export {Watcher, type WatcherOptions, type WatchHandler} from './watcher.ts';
export {type AddOptions, LOW_PRIORITY, type WorkItem, WorkQueue, type WorkQueueOptions} from './work-queue.ts';
