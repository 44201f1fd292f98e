import {
  API_VERSION,
  ApiTypesError,
  type DeepReadonly,
  holdsFence,
  RUN_KIND,
  type Run,
  type RunStatus,
} from '@kruntimes/api-types';
import {
  type Clock,
  isApiError,
  isConflict,
  isInvalid,
  isNotFound,
  type KindClient,
  type Logger,
} from '@kruntimes/reconciler-kit';
import type {Attempt} from './attempt.ts';
import {BackOff} from './back-off.ts';
import type {RuntimedMetrics} from './runtimed-metrics.ts';

export interface StatusWriterOptions {
  runs: Pick<KindClient<Run>, 'get' | 'updateStatus'>;
  clock: Clock;
  random: () => number;
  logger: Logger;
  metrics: RuntimedMetrics;
}

/** How a status write went. `abandoned`: the Run is not this execution any more, and nothing was or will be written. */
export type WriteResult = {readonly kind: 'written'; readonly status: RunStatus} | {readonly kind: 'abandoned'};

const retry = {initialMs: 100, maxMs: 5_000};

/** Writes the status of Runs: each write is conditional on the state that it was computed from. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /**
   * Writes once.
   *
   * @throws ApiError, ReconcilerKitError when the write did not succeed; after a conflict the attempt knows the new state
   */
  async write(attempt: Attempt, compute: (run: DeepReadonly<Run>) => RunStatus): Promise<WriteResult> {
    const {runs, metrics} = this.#options;
    if (attempt.abandoned.aborted) return {kind: 'abandoned'};
    const status = statusUnlessAbandoned(attempt, compute);
    if (status === undefined) return {kind: 'abandoned'};
    const {namespace, name, uid, resourceVersion} = attempt.run.metadata ?? {};
    try {
      // The server takes nothing but status from this object, so spec stays at home.
      const object = {
        apiVersion: API_VERSION,
        kind: RUN_KIND,
        metadata: {namespace, name, uid, resourceVersion},
        status,
      };
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a Run but for its spec
      const written = await runs.updateStatus(object as unknown as Run);
      metrics.statusWritesTotal.inc({result: 'written'});
      if (holdsFence(written, attempt.fence)) attempt.observe(written);
      return {kind: 'written', status};
    } catch (error) {
      metrics.statusWritesTotal.inc({result: isConflict(error) ? 'conflict' : 'failed'});
      if (isNotFound(error)) {
        attempt.stop({kind: 'abandoned'});
        return {kind: 'abandoned'};
      }
      if (isConflict(error)) await this.#reread(attempt);
      throw error;
    }
  }

  /**
   * Writes until it has succeeded or the Run is not this execution any more, however long the API server is away.
   *
   * @param reduce a smaller status for an API server that refuses the full one as invalid
   * @param signal ends the trying; its reason is thrown
   */
  async writeUntilDone(
    attempt: Attempt,
    compute: (run: DeepReadonly<Run>) => RunStatus,
    reduce: (run: DeepReadonly<Run>, refusal: string) => RunStatus,
    signal: AbortSignal,
  ): Promise<WriteResult> {
    const {clock, random, logger} = this.#options;
    const backOff = new BackOff({...retry, random});
    let next = compute;
    for (;;) {
      try {
        return await this.write(attempt, next);
      } catch (error) {
        if (isInvalid(error) && next === compute) {
          logger.error('status refused as invalid', {run: attempt.name, namespace: attempt.namespace, error});
          next = (run) => reduce(run, error.message);
          continue;
        }
        // The state is fresh, so there is nothing to wait for.
        if (isConflict(error)) continue;
        logger.warn('status write failed, will be tried again', {
          run: attempt.name,
          namespace: attempt.namespace,
          error,
        });
        await clock.sleep(backOff.next(), signal);
      }
    }
  }

  /**
   * Writes until it has succeeded or the Run is not this execution any more; a refusal is final.
   *
   * @param signal ends the trying; its reason is thrown
   * @throws ApiError what the API server answers to a write that it will never take
   */
  async writeUnlessRefused(
    attempt: Attempt,
    compute: (run: DeepReadonly<Run>) => RunStatus,
    signal: AbortSignal,
  ): Promise<WriteResult> {
    const {clock, random, logger} = this.#options;
    const backOff = new BackOff({...retry, random});
    for (;;) {
      signal.throwIfAborted();
      try {
        return await this.write(attempt, compute);
      } catch (error) {
        if (isConflict(error)) continue;
        if (error instanceof ApiTypesError || (isApiError(error) && !error.retryable)) throw error;
        const {name, namespace} = attempt;
        logger.warn('status write failed, will be tried again', {run: name, namespace, error});
        await clock.sleep(backOff.next(), signal);
      }
    }
  }

  async #reread(attempt: Attempt): Promise<void> {
    try {
      attempt.observe(await this.#options.runs.get(attempt.name, {namespace: attempt.namespace}));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      attempt.stop({kind: 'abandoned'});
    }
  }
}

function statusUnlessAbandoned(
  attempt: Attempt,
  compute: (run: DeepReadonly<Run>) => RunStatus,
): RunStatus | undefined {
  try {
    return compute(attempt.run);
  } catch (error) {
    if (!(error instanceof ApiTypesError) || error.code !== 'FENCE_LOST') throw error;
    attempt.stop({kind: 'abandoned'});
    return undefined;
  }
}
