export interface BackOffOptions {
  /** Wait before the second restart; the first one is immediate. */
  initialMs: number;
  maxMs: number;
  /** A container that ran this long starts from the beginning again. */
  resetAfterMs: number;
}

/** Shorter than a kubelet's (10 s to 5 min): whoever sits in front of a development cluster is waiting. */
export const defaultBackOff: BackOffOptions = {initialMs: 1_000, maxMs: 60_000, resetAfterMs: 60_000};

/** How long a container that keeps ending waits before it is started again. */
export class BackOff {
  readonly #options: BackOffOptions;
  #nextMs = 0;

  constructor(options: BackOffOptions = defaultBackOff) {
    this.#options = options;
  }

  /** The wait after a run that lasted `ranMs`. */
  next(ranMs: number): number {
    const {initialMs, maxMs, resetAfterMs} = this.#options;
    const waitMs = ranMs >= resetAfterMs ? 0 : this.#nextMs;
    this.#nextMs = waitMs === 0 ? initialMs : Math.min(waitMs * 2, maxMs);
    return waitMs;
  }
}
