import type {Readable} from 'node:stream';
import {
  type ArtifactRef,
  type ArtifactStoreSpec,
  type ArtifactsStored,
  artifactKey,
  artifactPrefix,
  artifactStoreStatus,
  type DeepReadonly,
  LOGS_ARTIFACT,
  limits,
  type Run,
} from '@kruntimes/api-types';
import {
  type ArtifactStore,
  ArtifactStoreError,
  type CollectedArtifacts,
  collectArtifacts,
  type Rejection,
} from '@kruntimes/artifact-store';
import type {Clock, Logger} from '@kruntimes/reconciler-kit';
import type {Attempt} from './attempt.ts';
import {BackOff} from './back-off.ts';
import {describeError, RuntimedError} from './errors.ts';
import type {LogSpool} from './log-spool.ts';
import type {RunFinalizer} from './run-finalizer.ts';
import type {RuntimedMetrics} from './runtimed-metrics.ts';
import type {SpoolDirectory} from './spool-directory.ts';
import type {StatusWriter} from './status-writer.ts';
import {UploadSlots} from './upload-slots.ts';
import type {Workspace} from './workspace.ts';

/** A store as the Runtime describes it, and what it takes to put something there. */
export interface OpenedArtifactStore {
  readonly store: ArtifactStore;
  readonly spec: ArtifactStoreSpec;
  readonly spool: SpoolDirectory;
}

export interface ArtifactStorageOptions {
  /** Absent: the Runtime has no store. */
  opened?: OpenedArtifactStore | undefined;
  finalizer: RunFinalizer;
  writer: StatusWriter;
  /** Default `collectArtifacts`. */
  collect?: typeof collectArtifacts;
  clock: Clock;
  random: () => number;
  logger: Logger;
  metrics: RuntimedMetrics;
}

/** An attempt whose program has ended. */
export interface EndedAttempt {
  readonly attempt: Attempt;
  readonly workspace: Workspace | undefined;
  /** The log, if the program wrote anything. */
  readonly log: LogSpool | undefined;
  readonly succeeded: boolean;
  readonly startTime: Date;
}

/** What became of what an attempt left. */
export interface StoredArtifacts {
  readonly refs?: ArtifactRef[];
  /** The condition of the Run; absent when there was nothing to store. */
  readonly artifacts?: ArtifactsStored;
  /** Why artifacts of the program are lost: a Run that succeeded without them has failed. */
  readonly failure?: string;
}

/** Something to store. */
interface Item {
  readonly name: string;
  readonly sizeBytes: number;
  readonly contentType: string;
  open(): Readable;
}

const retry = {initialMs: 200, maxMs: 5_000};
/** How long a store that does not answer is tried: artifacts are worth waiting for, a copy of a log that was printed is not. */
const retryLimitMs = {artifacts: 60_000, logs: 10_000, removal: 20_000};
const uploadsPerAttempt = 2;
/** Of all attempts together; each large one holds some megabytes of memory. */
const largeUploads = 8;
const largeBytes = 1024 * 1024;
/** As many as the status has room for, but for the log. */
const maxArtifacts = limits.artifactRefs - 1;
const namedRejections = 5;

/** These say that not everything fits; what is left out for any other reason is left out alone. */
const limitCodes: ReadonlySet<Rejection['code']> = new Set(['TOO_LARGE', 'TOO_MANY']);

/**
 * Stores what attempts leave: the files of `$KRUNTIME_ARTIFACTS_DIR` and the log. In this order, so that whatever dies in
 * between leaves nothing that nobody removes: the finalizer, the store in the Run's status, the first byte, the end.
 */
export class ArtifactStorage {
  readonly #options: ArtifactStorageOptions;
  readonly #largeUploads = new UploadSlots(largeUploads);

  constructor(options: ArtifactStorageOptions) {
    this.#options = options;
  }

  /** Where an attempt's log is spooled; `undefined` without a store. */
  logSpool(attempt: Attempt): LogSpool | undefined {
    return this.#options.opened?.spool.log(attempt.key);
  }

  /**
   * Stores what the attempt left, all of it or nothing. Costs nothing when it left nothing.
   *
   * @param signal aborted when this process must end; its reason is thrown
   */
  async store(ended: EndedAttempt, signal: AbortSignal): Promise<StoredArtifacts> {
    const {opened} = this.#options;
    const {attempt, workspace, log, succeeded} = ended;
    const wanted = succeeded || attempt.run.spec.artifacts?.when !== 'OnSuccess';
    const left = wanted && workspace !== undefined ? workspace.artifactsLeft() : 'nothing';
    if (left === 'nothing' && (opened === undefined || log === undefined)) return {};
    if (opened === undefined) return {artifacts: noStore};
    if (attempt.discarded.aborted) return left === 'nothing' ? {} : discarded;
    if (left !== 'directory' || workspace === undefined) {
      const rejected = left === 'no directory' ? [replacedDirectory] : [];
      return this.#storeItems(opened, ended, [], rejected, signal);
    }
    return this.#collectAndStore(opened, ended, workspace, signal);
  }

  /** Removes what an attempt has in the store after all. Never throws: what is left then is removed with the Run. */
  async remove(attempt: Attempt, signal: AbortSignal): Promise<void> {
    const {opened, logger} = this.#options;
    if (opened === undefined) return;
    const prefix = artifactPrefix({namespace: attempt.namespace, uid: attempt.fence.uid}, attempt.fence.attempt);
    try {
      await this.#retry(retryLimitMs.removal, signal, () => opened.store.deletePrefix(prefix, {signal}));
    } catch (error) {
      if (!signal.aborted) logger.warn('artifacts are left to the removal of their run', {prefix, error});
    }
  }

  async #collectAndStore(
    opened: OpenedArtifactStore,
    ended: EndedAttempt,
    workspace: Workspace,
    signal: AbortSignal,
  ): Promise<StoredArtifacts> {
    const {collect = collectArtifacts} = this.#options;
    const {spec, spool} = opened;
    let collected: CollectedArtifacts;
    try {
      collected = await collect({
        directory: workspace.artifactsPath(),
        spoolDirectory: spool.path,
        reservedNames: [LOGS_ARTIFACT],
        signal: AbortSignal.any([signal, ended.attempt.discarded]),
        ...(spec.maxBytesPerRun === undefined ? {} : {maxBytes: spec.maxBytesPerRun}),
      });
    } catch (error) {
      signal.throwIfAborted();
      if (ended.attempt.discarded.aborted) return discarded;
      const code = error instanceof ArtifactStoreError ? error.code : undefined;
      // A survivor of the program removed the directory since it was looked at.
      if (code === 'NOT_FOUND') return this.#storeItems(opened, ended, [], [], signal);
      return failed(code === 'TOO_LARGE' ? 'LimitExceeded' : 'ArtifactError', describeError(error));
    }
    try {
      const {items, rejected} = collected;
      const misfit = rejected.find(({code}) => limitCodes.has(code));
      if (misfit !== undefined) {
        return failed('LimitExceeded', `${JSON.stringify(misfit.name)} cannot be stored: ${misfit.reason}`);
      }
      const unspooled = rejected.find(({code}) => code === 'SPOOL_FAILED');
      if (unspooled !== undefined) {
        return failed('ArtifactError', `${JSON.stringify(unspooled.name)} cannot be stored: ${unspooled.reason}`);
      }
      if (items.length > maxArtifacts) {
        return failed('LimitExceeded', `the program left ${items.length} artifacts, more than ${maxArtifacts}`);
      }
      return await this.#storeItems(opened, ended, items, rejected, signal);
    } finally {
      await collected[Symbol.asyncDispose]();
    }
  }

  async #storeItems(
    opened: OpenedArtifactStore,
    ended: EndedAttempt,
    artifacts: readonly Item[],
    rejected: readonly Pick<Rejection, 'name' | 'reason'>[],
    signal: AbortSignal,
  ): Promise<StoredArtifacts> {
    const {attempt, log} = ended;
    const {maxBytesPerRun = Number.POSITIVE_INFINITY} = opened.spec;
    const usedBytes = artifacts.reduce((sum, {sizeBytes}) => sum + sizeBytes, 0);
    const logFits = log !== undefined && log.sizeBytes > 0 && usedBytes + log.sizeBytes <= maxBytesPerRun;
    const logProblem = log === undefined ? undefined : describeLogProblem(log, logFits);
    const items = logFits && log !== undefined ? [...artifacts, logItem(log)] : artifacts;
    if (items.length === 0) return verdict(rejected, logProblem);
    const limitMs = artifacts.length > 0 ? retryLimitMs.artifacts : retryLimitMs.logs;
    try {
      await this.#announce(opened.spec, ended, AbortSignal.any([signal, attempt.discarded]));
      const refs = await this.#upload(opened.store, attempt, items, limitMs, signal);
      return {refs, ...verdict(rejected, logProblem)};
    } catch (error) {
      signal.throwIfAborted();
      if (attempt.discarded.aborted) return artifacts.length > 0 ? discarded : {};
      this.#options.logger.warn('artifacts not stored', {run: attempt.name, namespace: attempt.namespace, error});
      const message = describeError(error);
      return artifacts.length > 0
        ? failed('ArtifactError', message)
        : {artifacts: {reason: 'ArtifactError', message: `the log is not stored: ${message}`}};
    }
  }

  /** Marks the Run and notes the store, before anything is stored. */
  async #announce(spec: ArtifactStoreSpec, {attempt, startTime}: EndedAttempt, signal: AbortSignal): Promise<void> {
    const {finalizer, writer} = this.#options;
    await finalizer.ensure(attempt, signal);
    if (JSON.stringify(attempt.run.status?.artifactStore) === JSON.stringify(spec)) return;
    const compute = (run: DeepReadonly<Run>) => artifactStoreStatus(run, attempt.fence, spec, startTime);
    try {
      await writer.writeUnlessRefused(attempt, compute, signal);
    } catch (error) {
      signal.throwIfAborted();
      const message = `the store could not be noted in the status of the Run: ${describeError(error)}`;
      throw new RuntimedError('SNAPSHOT_REFUSED', message, {cause: error});
    }
    signal.throwIfAborted();
  }

  /** Uploads everything, or leaves nothing. */
  async #upload(
    store: ArtifactStore,
    attempt: Attempt,
    items: readonly Item[],
    limitMs: number,
    signal: AbortSignal,
  ): Promise<ArtifactRef[]> {
    const owner = {namespace: attempt.namespace, uid: attempt.fence.uid};
    const failure = new AbortController();
    const stop = AbortSignal.any([signal, attempt.discarded, failure.signal]);
    // An earlier process may have stored what is not there any more.
    if (attempt.origin === 'begun') await this.remove(attempt, stop);
    const refs: ArtifactRef[] = [];
    const queue = items.values();
    const work = async (): Promise<void> => {
      for (const item of queue) {
        const key = artifactKey(owner, attempt.fence.attempt, item.name);
        refs.push(await this.#retry(limitMs, stop, () => this.#put(store, key, item, stop)));
      }
    };
    const workers = Array.from({length: uploadsPerAttempt}, async () => {
      try {
        await work();
      } catch (error) {
        failure.abort(error);
        throw error;
      }
    });
    // All of them, also when one fails: what is still being put must not come after its removal.
    const results = await Promise.allSettled(workers);
    if (results.every(({status}) => status === 'fulfilled')) {
      return refs.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    }
    await this.remove(attempt, signal);
    throw failure.signal.reason;
  }

  async #put(store: ArtifactStore, key: string, item: Item, signal: AbortSignal): Promise<ArtifactRef> {
    const {name, sizeBytes, contentType} = item;
    const put = async (): Promise<ArtifactRef> => {
      signal.throwIfAborted();
      const {digest} = await store.put(key, item.open(), {sizeBytes, contentType, signal});
      this.#options.metrics.artifactBytesTotal.inc({}, sizeBytes);
      return {name, key, sizeBytes, digest, mediaType: contentType};
    };
    return sizeBytes > largeBytes ? this.#largeUploads.run(put) : put();
  }

  /** Tries again what a store asks to try again. */
  async #retry<T>(limitMs: number, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    const {clock, random} = this.#options;
    const backOff = new BackOff({...retry, random});
    let deadline: number | undefined;
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (signal.aborted || !(error instanceof ArtifactStoreError) || !error.retryable) throw error;
        const waitMs = backOff.next();
        deadline ??= clock.monotonic() + limitMs;
        if (clock.monotonic() + waitMs > deadline) throw error;
        await clock.sleep(waitMs, signal);
      }
    }
  }
}

const noStore: ArtifactsStored = {
  reason: 'NoArtifactStore',
  message:
    'the program left files in $KRUNTIME_ARTIFACTS_DIR, and they are gone: the Runtime has no spec.artifactStore; set one, or write results to $KRUNTIME_OUTPUTS',
};

const discarded = failed('ArtifactError', 'the Run was deleted or given up before that');

const replacedDirectory = {name: '$KRUNTIME_ARTIFACTS_DIR', reason: 'the program put something else in its place'};

function failed(reason: 'ArtifactError' | 'LimitExceeded', why: string): StoredArtifacts {
  const message = `nothing is stored: ${why}`;
  return {artifacts: {reason, message}, failure: `the artifacts are not stored: ${why}`};
}

function logItem(log: LogSpool): Item {
  return {
    name: LOGS_ARTIFACT,
    sizeBytes: log.sizeBytes,
    contentType: 'application/x-ndjson',
    open: () => log.read(),
  };
}

function describeLogProblem(log: LogSpool, fits: boolean): string | undefined {
  if (log.problem !== undefined) return `the log is cut: ${log.problem}`;
  return fits ? undefined : 'the log is left out: with it, the Run would have more than maxBytesPerRun';
}

/** The condition of a Run whose artifacts are stored, as far as they could be. */
function verdict(
  rejected: readonly Pick<Rejection, 'name' | 'reason'>[],
  logProblem: string | undefined,
): StoredArtifacts {
  const parts = [...(rejected.length === 0 ? [] : [describeRejections(rejected)]), ...(logProblem ? [logProblem] : [])];
  const message = parts.join('; ');
  if (rejected.length > 0) return {artifacts: {reason: 'EntriesRejected', message}};
  return {artifacts: {reason: logProblem === undefined ? 'Stored' : 'LimitExceeded', message}};
}

function describeRejections(rejected: readonly Pick<Rejection, 'name' | 'reason'>[]): string {
  const named = rejected.slice(0, namedRejections).map(({name, reason}) => `${shorten(name)} (${reason})`);
  const more = rejected.length - named.length;
  return `left out: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function shorten(name: string): string {
  return name.length <= 64 ? name : `${name.slice(0, 60).toWellFormed()}...`;
}
