import {ARTIFACTS_FINALIZER, type Run} from '@kruntimes/api-types';
import {type Clock, isApiError, isConflict, isNotFound, type KindClient, type Logger} from '@kruntimes/reconciler-kit';
import type {Attempt} from './attempt.ts';
import {BackOff} from './back-off.ts';
import {describeError, RuntimedError} from './errors.ts';

export interface RunFinalizerOptions {
  runs: Pick<KindClient<Run>, 'get' | 'patch'>;
  clock: Clock;
  random: () => number;
  logger: Logger;
}

const retry = {initialMs: 100, maxMs: 5_000};

/** Writes the finalizer of artifacts to Runs: the only change of a Run's metadata that runtimed makes. */
export class RunFinalizer {
  readonly #options: RunFinalizerOptions;

  constructor(options: RunFinalizerOptions) {
    this.#options = options;
  }

  /**
   * Makes sure that the Run has the finalizer, however long the API server is away.
   *
   * @param signal ends the trying; its reason is thrown
   * @throws RuntimedError `FINALIZER_REFUSED` when the API server does not allow it
   */
  async ensure(attempt: Attempt, signal: AbortSignal): Promise<void> {
    const {runs, clock, random, logger} = this.#options;
    const {name, namespace} = attempt;
    const backOff = new BackOff({...retry, random});
    let stale = false;
    while (attempt.run.metadata?.finalizers?.includes(ARTIFACTS_FINALIZER) !== true) {
      signal.throwIfAborted();
      try {
        attempt.observe(stale ? await runs.get(name, {namespace}) : await this.#add(attempt));
        stale = false;
      } catch (error) {
        // The state is fresh after the next look, so there is nothing to wait for.
        if (isConflict(error)) stale = true;
        else if (isNotFound(error)) attempt.stop({kind: 'abandoned'});
        else if (isApiError(error) && !error.retryable) throw refused(error);
        else {
          logger.warn('finalizer not written, will be tried again', {run: name, namespace, error});
          await clock.sleep(backOff.next(), signal);
        }
      }
    }
  }

  #add({run, name, namespace, fence}: Attempt): Promise<Run> {
    const {finalizers = [], resourceVersion} = run.metadata ?? {};
    // Uid and resourceVersion are preconditions: a Run that was changed meanwhile is looked at anew.
    const metadata = {uid: fence.uid, resourceVersion, finalizers: [...finalizers, ARTIFACTS_FINALIZER]};
    return this.#options.runs.patch({name, namespace}, {type: 'merge', body: {metadata}});
  }
}

function refused(error: unknown): RuntimedError {
  return new RuntimedError('FINALIZER_REFUSED', `the finalizer of artifacts was refused: ${describeError(error)}`, {
    cause: error,
  });
}
