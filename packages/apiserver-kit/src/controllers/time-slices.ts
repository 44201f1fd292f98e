import type {Clock} from '../clock.ts';

/** How long controllers may work before requests have their turn. */
const SLICE_MS = 5;

/** Cuts long work of many into slices, between which the event loop does what else there is to do. */
export class TimeSlices {
  readonly #clock: Clock;
  #began: number | undefined;
  #next: Promise<void> | undefined;
  #ended = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Resolves at once while the present slice lasts, else in the next one.
   *
   * @throws Error after {@link end}
   */
  async turn(): Promise<void> {
    for (;;) {
      if (this.#ended) throw new Error('the controllers are closed');
      const now = this.#clock.monotonic();
      this.#began ??= now;
      this.#next ??= new Promise((resolve) => {
        setImmediate(() => {
          this.#began = undefined;
          this.#next = undefined;
          resolve();
        });
      });
      if (now - this.#began < SLICE_MS) return;
      await this.#next;
    }
  }

  /** There are no more slices: work that is cut into them ends with an error. */
  end(): void {
    this.#ended = true;
  }

  /** Does something for each of many, some of them at a time. Rejects with the first error, when all have ended. */
  async forEach<T>(items: Iterable<T>, concurrency: number, work: (item: T) => Promise<void>): Promise<void> {
    const iterator = items[Symbol.iterator]();
    const worker = async (): Promise<void> => {
      for (;;) {
        await this.turn();
        const next = iterator.next();
        if (next.done === true) return;
        await work(next.value);
      }
    };
    const ended = await Promise.allSettled(Array.from({length: concurrency}, worker));
    for (const each of ended) if (each.status === 'rejected') throw each.reason;
  }
}
