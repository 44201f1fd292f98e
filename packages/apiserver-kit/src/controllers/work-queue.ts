import type {Clock, Timer} from '../clock.ts';
import type {TimeSlices} from './time-slices.ts';

export interface WorkQueueOptions {
  /** Brings about what should be for one key; is asked again after an error. */
  work: (key: string) => Promise<void>;
  /** How many keys are worked on at the same time. */
  concurrency: number;
  clock: Clock;
  slices: TimeSlices;
  /** Told of each error of `work`. */
  onError: (error: unknown, key: string) => void;
}

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 60_000;

/** Keys to be worked on: each is there once however often it is added, and never in work twice at a time. */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** In order, from `#head` on. */
  #order: string[] = [];
  #head = 0;
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  /** Added while they were in work. */
  readonly #again = new Set<string>();
  readonly #later = new Map<string, {at: number; timer: Timer}>();
  readonly #failures = new Map<string, number>();
  readonly #workers = new Set<Promise<void>>();
  #active = 0;
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  add(key: string): void {
    if (this.#closed) return;
    this.#later.get(key)?.timer.cancel();
    this.#later.delete(key);
    if (this.#running.has(key)) {
      this.#again.add(key);
      return;
    }
    if (this.#waiting.has(key)) return;
    this.#waiting.add(key);
    this.#order.push(key);
    if (this.#active >= this.#options.concurrency) return;
    this.#active++;
    const worker = this.#work().finally(() => this.#workers.delete(worker));
    this.#workers.add(worker);
  }

  /** Adds it after some time, unless it is to come sooner. */
  addAfter(key: string, ms: number): void {
    if (this.#closed || this.#waiting.has(key)) return;
    const at = this.#options.clock.monotonic() + ms;
    const present = this.#later.get(key);
    if (present !== undefined && present.at <= at) return;
    present?.timer.cancel();
    this.#later.set(key, {at, timer: this.#options.clock.setTimeout(() => this.add(key), ms)});
  }

  /** Begins nothing more, and resolves when what is in work has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const {timer} of this.#later.values()) timer.cancel();
    this.#later.clear();
    await Promise.all(this.#workers);
  }

  async #work(): Promise<void> {
    for (;;) {
      const key = await this.#options.slices.turn().then(
        () => this.#take(),
        () => undefined,
      );
      if (key === undefined) {
        this.#active--;
        return;
      }
      this.#running.add(key);
      try {
        await this.#options.work(key);
        this.#failures.delete(key);
      } catch (error) {
        this.#retry(key, error);
      }
      this.#running.delete(key);
      if (this.#again.delete(key)) this.add(key);
    }
  }

  #take(): string | undefined {
    const key = this.#closed ? undefined : this.#order[this.#head];
    if (key === undefined) return undefined;
    this.#head++;
    if (this.#head >= 1_024 && this.#head * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#head);
      this.#head = 0;
    }
    this.#waiting.delete(key);
    return key;
  }

  #retry(key: string, error: unknown): void {
    // Whoever closes the server takes its storage away.
    if (this.#closed) return;
    this.#options.onError(error, key);
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.addAfter(key, Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 20)));
  }
}
