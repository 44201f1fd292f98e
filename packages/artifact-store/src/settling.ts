/** How long what is under way may go on after an abort, so that nothing of it arrives later. */
const GRACE_MS = 5_000;

/** A signal for requests that have begun: aborted some seconds after another, for they had better end by themselves. */
export class Settling implements Disposable {
  readonly #controller = new AbortController();
  readonly #upstream: AbortSignal | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(upstream: AbortSignal | undefined) {
    this.#upstream = upstream;
    if (upstream?.aborted) this.begin();
    else upstream?.addEventListener('abort', this.begin);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Lets what is under way end, as an abort does. */
  readonly begin = (): void => {
    this.#timer ??= setTimeout(() => this.#controller.abort(), GRACE_MS);
  };

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#upstream?.removeEventListener('abort', this.begin);
  }
}
