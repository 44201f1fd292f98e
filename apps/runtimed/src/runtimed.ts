import {join} from 'node:path';
import {runKind, terminalPhases} from '@kruntimes/api-types';
import {openStore} from '@kruntimes/artifact-store';
import {
  Cache,
  type Client,
  type Clock,
  type DeepReadonly,
  kinds,
  type Logger,
  type Metrics,
} from '@kruntimes/reconciler-kit';
import type {Tracer} from '@opentelemetry/api';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {ArtifactStorage, type OpenedArtifactStore} from './artifact-storage.ts';
import {Drain} from './drain.ts';
import {DrainServer} from './drain-server.ts';
import {aborted, ExecutionControl} from './execution-control.ts';
import {GitSources} from './git/git-sources.ts';
import {LeaseRecord} from './lease-record.ts';
import {LeaseRenewal} from './lease-renewal.ts';
import {LineWriter} from './line-writer.ts';
import {sweepOrphans} from './orphans.ts';
import type {PodIdentity} from './pod-identity.ts';
import {Readiness, type ReadinessState} from './readiness.ts';
import {RunExecutor} from './run-executor.ts';
import {RunFinalizer} from './run-finalizer.ts';
import {RunRegistry} from './run-registry.ts';
import {RuntimeConnection} from './runtime-connection.ts';
import {createRuntimedMetrics} from './runtimed-metrics.ts';
import {leaseExpiryMs, type RuntimedOptions} from './runtimed-options.ts';
import {Slots} from './slots.ts';
import {SpoolDirectory} from './spool-directory.ts';
import {StatusWriter} from './status-writer.ts';
import {WorkspaceRoot} from './workspace.ts';
import {WorkspaceCleaner} from './workspace-cleaner.ts';

export interface RuntimedContext {
  options: RuntimedOptions;
  pod: PodIdentity;
  client: Client;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  tracer: Tracer;
  /** See RunExecutorOptions. */
  traceEnv?: NodeJS.ProcessEnv | undefined;
  random?: () => number;
  /** Where the logs of Runs go. Default 1, the standard output. */
  logFd?: number;
}

/** How long a stop may take that no drain came before: within the grace of a Pod, 30 s as a rule, with some to spare. */
const stopLimitMs = 25_000;
/** A restart that is over sooner does not show in the Pod condition. */
const startingMs = 3_000;
/** As many fetches at the same time; each may take memory, disk and CPU of the sidecar. */
const gitConcurrency = 4;
const leaseRecordName = '.lease-renewed';

/**
 * The daemon of one Runtime Pod. It executes the Runs that are bound to the Pod, as long as the signal of
 * {@link Runtimed.start} allows.
 */
export class Runtimed {
  readonly #context: RuntimedContext;
  #state: ReadinessState = {ready: false, reason: 'Starting', message: 'the Runs of this Pod are not known yet'};
  #connection: RuntimeConnection | undefined;
  #drainServer: DrainServer | undefined;

  constructor(context: RuntimedContext) {
    this.#context = context;
  }

  /** Whether this Pod takes Runs at the moment, and why not. */
  get state(): ReadinessState {
    const connection = this.#connection;
    if (!this.#state.ready || connection === undefined || connection.runtime !== undefined) return this.#state;
    return {ready: false, reason: 'RuntimeUnavailable', message: connection.problem};
  }

  /** The port of `/drain`; `undefined` while nothing listens. */
  get drainPort(): number | undefined {
    return this.#drainServer?.port;
  }

  /** Runs until the signal is aborted and all Runs are finished or given back. */
  async start(signal: AbortSignal): Promise<void> {
    const {
      options,
      pod,
      client,
      clock,
      logger,
      metrics: registry,
      tracer,
      random = Math.random,
      logFd = 1,
    } = this.#context;
    const metrics = createRuntimedMetrics(registry, {namespace: pod.namespace, runtime: options.runtimeName});
    const parts = {clock, random, logger, metrics};
    const lostAfterMs = options.unreachableSeconds * 1000;
    /** Aborted when even what is left of a stop must end. */
    const end = new AbortController();

    using workspaces = await WorkspaceRoot.open(options.workspaceRoot, clock);
    const begun = new Set(await workspaces.names());
    const runsKnown = Promise.withResolvers<void>();

    const connection = new RuntimeConnection({...parts, endpoints: options.runtimeEndpoint, lostAfterMs});
    const control = new ExecutionControl({...parts, connection, lostAfterMs});
    const slots = new Slots(options.capacity);
    const cleaner = new WorkspaceCleaner({...parts, workspaces});
    const log = new LineWriter({fd: logFd, clock, logger});
    // An earlier process may have died in the middle of a line, and the next one must not be glued to it.
    if (begun.size > 0) void log.write(['']);
    const writer = new StatusWriter({...parts, runs: client.kind(runKind)});
    const opened = artifactStoreOf(options, logger);
    const finalizer = new RunFinalizer({...parts, runs: client.kind(runKind)});
    const artifacts = new ArtifactStorage({...parts, opened, finalizer, writer});
    const git = gitSources(options, clock, logger);
    const executor = new RunExecutor({
      ...parts,
      workspaces,
      cleaner,
      git,
      slots,
      connection,
      control,
      writer,
      artifacts,
      log,
      lostAfterMs,
      runningStatusDelayMs: options.runningStatusDelayMs,
      tracer,
      traceEnv: this.#context.traceEnv,
    });
    const registryOfRuns = new RunRegistry({podUID: pod.uid, executor, begun, logger, signal: end.signal});
    const runs = new Cache(client.kind(runKind), {
      namespace: pod.namespace,
      fieldSelector: ownRuns(pod),
      transform: withoutManagedFields,
      ...parts,
      metrics: registry,
    });
    const pods = new Cache(client.kind(kinds.Pod), {
      namespace: pod.namespace,
      fieldSelector: `metadata.name=${pod.name}`,
      transform: withoutManagedFields,
      ...parts,
      metrics: registry,
    });
    let starting = true;
    const state = (): ReadinessState | undefined =>
      starting && !this.state.ready && !signal.aborted && !drain.begun ? undefined : this.state;
    const readiness = new Readiness({...parts, pods: client.kind(kinds.Pod), pod, state});
    // A flag and not the time: a timer may be early by a fraction of a millisecond, and nobody would look again.
    const started = clock.setTimeout(() => {
      starting = false;
      readiness.check();
    }, startingMs);
    const lease = new LeaseRenewal({
      ...parts,
      leases: client.kind(kinds.Lease),
      pod,
      runtimeName: options.runtimeName,
      renewMs: options.leaseRenewSeconds * 1000,
      expiryMs: leaseExpiryMs(options.unreachableSeconds),
      onExpired: () => registryOfRuns.endAll('PodUnreachable', 'the API server could not be reached for too long'),
      record: new LeaseRecord(join(workspaces.path, leaseRecordName)),
    });

    const drain = new Drain({
      ...parts,
      pods: client.kind(kinds.Pod),
      pod,
      runs: registryOfRuns,
      runsKnown: runsKnown.promise,
      onBegun: () => {
        this.#state = {ready: false, reason: 'PodTerminating', message: 'the Pod is terminating'};
        readiness.check();
      },
    });
    await using drainServer = await DrainServer.start({
      bindAddress: options.drainBindAddress,
      requested: (asking) => drain.requested(asking),
      logger,
    });
    this.#drainServer = drainServer;
    const observePod = (object: DeepReadonly<Pod>): void => {
      drain.observe(object);
      readiness.observe(object);
    };

    this.#connection = connection;
    connection.onChange(() => readiness.check());
    pods.subscribe({
      add: observePod,
      update: (_, object) => observePod(object),
      delete: ({metadata}) => {
        if (metadata?.uid === pod.uid) drain.podGone();
      },
    });
    runs.subscribe(registryOfRuns);
    const working = [lease.run(() => readiness.check(), end.signal), pods.start(end.signal), runs.start(end.signal)];
    const failed = Promise.all(working);
    failed.catch(() => {});

    const serve = async (): Promise<void> => {
      await runs.synced(signal);
      runsKnown.resolve();
      // Not sooner: a server sends what happened in the absence of its daemon once, to those who listen then.
      working.push(connection.run(end.signal));
      const isActive = (key: string): boolean => registryOfRuns.has(key);
      if (opened !== undefined) working.push(opened.spool.sweep(isActive));
      const orphans = {workspaces: begun, isActive, connection, control, cleaner, slots, logger};
      working.push(sweepOrphans(orphans, end.signal));
      if (!drain.begun) this.#state = {ready: true, reason: 'Serving', message: ''};
      readiness.check();
      await aborted(signal);
    };
    try {
      await Promise.race([serve(), failed]);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await this.#stop(registryOfRuns, readiness);
      end.abort();
      drain.close();
      started.cancel();
      readiness.close();
      await Promise.allSettled(working);
      await git.close();
      await opened?.store.close();
    }
  }

  /** Gives back what has not ended: nothing may be left Running by a Pod that goes away. After a drain there is nothing left. */
  async #stop(runs: RunRegistry, readiness: Readiness): Promise<void> {
    const {clock, logger} = this.#context;
    const message = 'the Pod is stopping';
    this.#state = {ready: false, reason: 'PodTerminating', message};
    readiness.check();
    logger.info('stopping', {attempts: runs.size});
    runs.refuse('PodTerminating', message);
    const limit = new AbortController();
    const timer = clock.setTimeout(() => limit.abort(), stopLimitMs);
    await Promise.race([Promise.all([runs.finished(), readiness.written()]), aborted(limit.signal)]);
    timer.cancel();
    if (runs.size > 0) logger.error('attempts not ended in time', {attempts: runs.size});
  }
}

/** The store of the Runtime and where what goes there is put down before. */
function artifactStoreOf(options: RuntimedOptions, logger: Logger): OpenedArtifactStore | undefined {
  const {artifactStore: spec, artifactsDirectory, artifactsCredentials, spoolDirectory} = options;
  if (spec === undefined) return undefined;
  const store = openStore(spec, {directory: artifactsDirectory, credentialsDirectory: artifactsCredentials});
  const spool = SpoolDirectory.open({path: spoolDirectory, maxBytesPerRun: spec.maxBytesPerRun, logger});
  return {store, spec, spool};
}

function gitSources(options: RuntimedOptions, clock: Clock, logger: Logger): GitSources {
  return new GitSources({
    cacheDirectory: options.gitCache,
    cacheMaxBytes: options.gitCacheMaxBytes,
    credentials: options.gitCredentials,
    credentialsDirectory: options.gitCredentialsDirectory,
    maxBytes: options.gitMaxBytes,
    maxFiles: options.gitMaxFiles,
    timeoutSeconds: options.gitTimeoutSeconds,
    concurrency: gitConcurrency,
    clock,
    logger,
  });
}

/** The Runs of a Pod that have not ended: with the finished ones, memory would grow for ever. */
function ownRuns(pod: PodIdentity): string {
  return [`status.assignedPod=${pod.name}`, ...terminalPhases.map((phase) => `status.phase!=${phase}`)].join(',');
}

function withoutManagedFields<T extends {metadata?: {managedFields?: unknown}}>(object: T): T {
  delete object.metadata?.managedFields;
  return object;
}
