import {ReconcilerKitError} from './errors.ts';

/** Something that runs as long as its Manager. */
export interface Runnable {
  readonly name?: string;
  /** Whether it runs on the leader only. Default false; a {@link Controller}: true. */
  readonly needsLeaderElection?: boolean;
  /** Runs until `signal` is aborted. A rejection stops the Manager. */
  start(signal: AbortSignal): Promise<void>;
}

/** Runnables that start and stop together. What is added later starts at once. */
export class RunnableGroup {
  readonly #onError: (error: unknown) => void;
  readonly #abort = new AbortController();
  readonly #waiting: Runnable[] = [];
  readonly #running = new Map<Runnable, Promise<void>>();
  #started = false;

  /** `onError` hears of each runnable that rejects. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Names of the runnables that have not ended. */
  get running(): string[] {
    return [...this.#running.keys()].map((runnable) => runnable.name ?? runnable.constructor.name);
  }

  add(runnable: Runnable): void {
    if (this.#abort.signal.aborted) {
      throw new ReconcilerKitError(
        'INVALID_ARGUMENT',
        `${runnable.name ?? 'a runnable'} was added to a Manager that stops`,
      );
    }
    if (this.#started) this.#run(runnable);
    else this.#waiting.push(runnable);
  }

  start(): void {
    if (this.#abort.signal.aborted) return;
    this.#started = true;
    for (const runnable of this.#waiting.splice(0)) this.#run(runnable);
  }

  /** Tells all to stop, without waiting. */
  abort(reason?: unknown): void {
    this.#abort.abort(reason);
  }

  /** Tells all to stop, and waits until they have. */
  async stop(reason?: unknown): Promise<void> {
    this.abort(reason);
    await Promise.all(this.#running.values());
  }

  #run(runnable: Runnable): void {
    const ended = (async () => {
      try {
        await runnable.start(this.#abort.signal);
      } catch (error) {
        // Being told to stop is no failure, even for those who say so by rejecting.
        if (!this.#abort.signal.aborted || error !== this.#abort.signal.reason) this.#onError(error);
      }
    })();
    this.#running.set(
      runnable,
      ended.finally(() => this.#running.delete(runnable)),
    );
  }
}
