import {RuntimedError} from './errors.ts';

/** Logical units by resource name, such as `{runs: 1}`. */
export type Resources = Readonly<Record<string, number>>;

/** Resources that one attempt holds. Releasing twice does nothing. */
export interface Reservation {
  release(): void;
}

interface Waiting {
  readonly requests: Resources;
  grant(): void;
}

/**
 * The resources of this Pod, handed out in order of asking: a bind may arrive before the clean-up of an earlier Run has
 * freed what it needs, and then waits here. Nobody overtakes, so a large request is not starved by small ones.
 */
export class Slots {
  readonly #free: Map<string, number>;
  readonly #capacity: Resources;
  readonly #waiting: Waiting[] = [];

  constructor(capacity: Resources) {
    this.#capacity = capacity;
    this.#free = new Map(Object.entries(capacity));
  }

  /** How many are waiting. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether an empty Pod could satisfy the request. */
  fits(requests: Resources): boolean {
    return Object.entries(requests).every(([name, units]) => units <= (this.#capacity[name] ?? 0));
  }

  /**
   * Waits for the resources.
   *
   * @throws the signal's reason when it is aborted first; a RuntimedError for a request that can never be satisfied
   */
  async acquire(requests: Resources, signal: AbortSignal): Promise<Reservation> {
    signal.throwIfAborted();
    if (!this.fits(requests)) {
      throw new RuntimedError('REQUEST_TOO_LARGE', 'the Run requests more than the capacity of this Pod');
    }
    if (this.#waiting.length > 0 || !this.#available(requests)) await this.#wait(requests, signal);
    else this.#take(requests);
    return this.#reservation(requests);
  }

  /** Takes resources whether or not they are free: for attempts of an earlier process, which run already. */
  occupy(requests: Resources): Reservation {
    this.#take(requests);
    return this.#reservation(requests);
  }

  #reservation(requests: Resources): Reservation {
    let released = false;
    return {
      release: () => {
        if (released) return;
        released = true;
        this.#giveBack(requests);
      },
    };
  }

  #wait(requests: Resources, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        requests,
        grant: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason);
        this.#grantWaiting();
      };
      signal.addEventListener('abort', onAbort, {once: true});
      this.#waiting.push(waiting);
    });
  }

  #available(requests: Resources): boolean {
    return Object.entries(requests).every(([name, units]) => units <= (this.#free.get(name) ?? 0));
  }

  #take(requests: Resources): void {
    for (const [name, units] of Object.entries(requests)) this.#free.set(name, (this.#free.get(name) ?? 0) - units);
  }

  #giveBack(requests: Resources): void {
    for (const [name, units] of Object.entries(requests)) this.#free.set(name, (this.#free.get(name) ?? 0) + units);
    this.#grantWaiting();
  }

  #grantWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#available(next.requests); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#take(next.requests);
      next.grant();
    }
  }
}
