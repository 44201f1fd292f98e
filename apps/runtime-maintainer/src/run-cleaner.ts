import {
  ARTIFACTS_DELETED_CONDITION,
  ARTIFACTS_FINALIZER,
  artifactPrefix,
  artifactsSettled,
  type DeepReadonly,
  headBytes,
  limits,
  type Run,
  type RunStatus,
} from '@kruntimes/api-types';
import {type ArtifactStore, ArtifactStoreError, type ArtifactStoreErrorCode} from '@kruntimes/artifact-store';
import {
  type Cache,
  type Clock,
  type ConditionUpdate,
  findCondition,
  isNotFound,
  type KindClient,
  type Metrics,
  type ReconcileContext,
  type ReconcileRequest,
  setCondition,
} from '@kruntimes/reconciler-kit';
import {describeError} from './errors.ts';

export interface RunCleanerOptions {
  /** Those with artifacts in this store. */
  runs: Pick<Cache<Run>, 'get'>;
  client: Pick<KindClient<Run>, 'get' | 'patch' | 'updateStatus'>;
  store: Pick<ArtifactStore, 'deletePrefix'>;
  clock: Clock;
  metrics: Metrics;
}

const reasons: Readonly<Partial<Record<ArtifactStoreErrorCode, string>>> = {
  CREDENTIALS_MISSING: 'CredentialsMissing',
  ACCESS_DENIED: 'AccessDenied',
  UNAVAILABLE: 'StoreUnavailable',
};

/** Deletes the artifacts of Runs that are being deleted, then lets the Run go. All of it may be done again. */
export class RunCleaner {
  readonly #options: RunCleanerOptions;
  readonly #runsCleaned;
  readonly #objectsDeleted;
  readonly #failures;

  constructor(options: RunCleanerOptions) {
    this.#options = options;
    const {metrics} = options;
    this.#runsCleaned = metrics.counter({
      name: 'kruntimes_maintainer_runs_cleaned_total',
      help: 'Deleted Runs whose artifacts are gone',
    });
    this.#objectsDeleted = metrics.counter({
      name: 'kruntimes_maintainer_objects_deleted_total',
      help: 'Objects that were deleted from the artifact store',
    });
    this.#failures = metrics.counter({
      name: 'kruntimes_maintainer_delete_failures_total',
      help: 'Tries to delete the artifacts of a Run that failed, by code of the artifact store',
      labelNames: ['code'],
    });
  }

  /** @throws what the store or the API server said, to be tried again */
  async reconcile({key}: ReconcileRequest, {signal, logger}: ReconcileContext): Promise<void> {
    const run = this.#options.runs.get(key);
    // Before it is settled, somebody may be uploading.
    if (run?.metadata?.deletionTimestamp === undefined || !artifactsSettled(run)) return;
    const {name = '', namespace = '', uid = ''} = run.metadata;
    let deleted: number;
    try {
      deleted = await this.#options.store.deletePrefix(artifactPrefix({namespace, uid}), {signal});
    } catch (error) {
      if (signal.aborted) throw error;
      this.#failures.inc({code: error instanceof ArtifactStoreError ? error.code : 'UNKNOWN'});
      await this.#report(run, failure(error), signal);
      throw error;
    }
    this.#objectsDeleted.inc(deleted);
    if (await this.#release(run, signal)) {
      this.#runsCleaned.inc();
      logger.info('artifacts deleted', {run: name, namespace, uid, objects: deleted});
    }
  }

  /** Takes the finalizer away; false if the Run is gone already. */
  async #release(run: DeepReadonly<Run>, signal: AbortSignal): Promise<boolean> {
    const {name = '', namespace, uid, resourceVersion, finalizers = []} = run.metadata ?? {};
    const others = finalizers.filter((finalizer) => finalizer !== ARTIFACTS_FINALIZER);
    // Somebody else keeps the Run: it goes on without a complaint of ours.
    if (others.length > 0 && (await this.#report(run, success, signal))) return false;
    try {
      // Uid and resourceVersion are preconditions: finalizers of others must not come back or get lost.
      const body = {metadata: {uid, resourceVersion, finalizers: others}};
      await this.#options.client.patch({name, namespace}, {type: 'merge', body}, {signal});
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** Writes the condition if it says something new; true if that was done, so that the Run has another resourceVersion. */
  async #report(known: DeepReadonly<Run>, update: ConditionUpdate, signal: AbortSignal): Promise<boolean> {
    const {client, clock} = this.#options;
    const {name = '', namespace, uid} = known.metadata ?? {};
    try {
      const run = await client.get(name, {namespace, signal});
      if (run.metadata?.uid !== uid) return false;
      const conditions = run.status?.conditions;
      const present = findCondition(conditions, update.type);
      // Messages may carry the number of a request: the reason decides what is new.
      if (update.status === 'True' ? present?.status !== 'False' : present?.reason === update.reason) return false;
      const next = setCondition(conditions, update, clock.now());
      if (next.length > limits.conditions) return false;
      const status: RunStatus = {phase: 'Pending', ...run.status, conditions: next};
      await client.updateStatus({...run, status}, {signal});
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }
}

const success: ConditionUpdate = {type: ARTIFACTS_DELETED_CONDITION, status: 'True', reason: 'Deleted', message: ''};

function failure(error: unknown): ConditionUpdate {
  const code = error instanceof ArtifactStoreError ? error.code : undefined;
  return {
    type: ARTIFACTS_DELETED_CONDITION,
    status: 'False',
    reason: (code && reasons[code]) ?? 'StoreFailed',
    message: headBytes(describeError(error), limits.artifactsMessageBytes),
  };
}
