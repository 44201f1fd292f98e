export interface BackOffOptions {
  /** Longest first wait. */
  initialMs: number;
  /** Longest wait of all. */
  maxMs: number;
  /** Growth from one wait to the next. Default 2. */
  factor?: number;
  random: () => number;
}

/** Waits that grow exponentially to a bound; each is between half and all of its length, so that many Pods spread out. */
export class BackOff {
  readonly #options: BackOffOptions;
  #nextMs: number;

  constructor(options: BackOffOptions) {
    this.#options = options;
    this.#nextMs = options.initialMs;
  }

  /** Milliseconds to wait now. */
  next(): number {
    const {maxMs, factor = 2, random} = this.#options;
    const ms = this.#nextMs;
    this.#nextMs = Math.min(maxMs, ms * factor);
    return ms * (0.5 + 0.5 * random());
  }

  /** Starts anew after a success. */
  reset(): void {
    this.#nextMs = this.#options.initialMs;
  }
}
