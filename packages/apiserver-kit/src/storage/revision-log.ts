import {type Clock, systemClock} from '../clock.ts';

export interface RevisionLogOptions {
  /** Entries older than this are let go, but never the last {@link keepEntries}. Default: 300,000 (5 minutes). */
  keepMs?: number;
  /** Default: 1,000. */
  keepEntries?: number;
  /** No more than this, however young they are. Default: 20,000. */
  maxEntries?: number;
  /** No more than these bytes, but always the last entry. Default: 8 MiB. */
  maxBytes?: number;
  clock?: Clock;
}

/** The last revisions of one resource: without gaps, bounded in number, age and bytes. */
export class RevisionLog<T extends {readonly revision: number}> {
  readonly #keepMs: number;
  readonly #keepEntries: number;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #clock: Clock;
  /** From {@link #start}; what lies before is let go. */
  #entries: (T | undefined)[] = [];
  #bytes: number[] = [];
  #times: number[] = [];
  #start = 0;
  #total = 0;
  #head: number;

  /** @param head revision of what is before the first entry */
  constructor(head: number, options: RevisionLogOptions = {}) {
    this.#head = head;
    this.#keepMs = options.keepMs ?? 300_000;
    this.#keepEntries = options.keepEntries ?? 1_000;
    this.#maxEntries = options.maxEntries ?? 20_000;
    this.#maxBytes = options.maxBytes ?? 8 * 2 ** 20;
    this.#clock = options.clock ?? systemClock;
  }

  /** Revision of the newest entry. */
  get head(): number {
    return this.#head;
  }

  /** All entries after this revision are here. */
  get oldest(): number {
    return this.#head - this.size;
  }

  get size(): number {
    return this.#entries.length - this.#start;
  }

  /** @param bytes what it holds in memory that nothing else does */
  append(entry: T, bytes: number): void {
    if (entry.revision !== this.#head + 1)
      throw new RangeError(`revision ${entry.revision} cannot follow ${this.#head}: there must be no gap`);
    const now = this.#clock.monotonic();
    this.#head = entry.revision;
    this.#entries.push(entry);
    this.#bytes.push(bytes);
    this.#times.push(now);
    this.#total += bytes;
    while (this.#isTooMuch(now)) this.#dropFirst();
  }

  /** Lets go what has become too old since the last entry came. */
  trim(): void {
    const now = this.#clock.monotonic();
    while (this.#isTooMuch(now)) this.#dropFirst();
  }

  /** The entry of a revision; undefined where it is gone or not there yet. */
  get(revision: number): T | undefined {
    const index = this.#start + revision - this.oldest - 1;
    return index < this.#start ? undefined : this.#entries[index];
  }

  /** Entries after a revision, oldest first. */
  after(revision: number, limit = Number.POSITIVE_INFINITY): T[] {
    const from = Math.max(this.#start, this.#start + revision - this.oldest);
    return this.#entries.slice(from, Math.min(this.#entries.length, from + limit)) as T[];
  }

  /** Lets everything go and counts on from a revision. */
  reset(head: number): void {
    this.#entries = [];
    this.#bytes = [];
    this.#times = [];
    this.#start = 0;
    this.#total = 0;
    this.#head = head;
  }

  #isTooMuch(now: number): boolean {
    const {size} = this;
    if (size <= 1) return false;
    if (this.#total > this.#maxBytes || size > this.#maxEntries) return true;
    return size > this.#keepEntries && now - this.#times[this.#start]! > this.#keepMs;
  }

  #dropFirst(): void {
    this.#total -= this.#bytes[this.#start]!;
    this.#entries[this.#start] = undefined;
    this.#start += 1;
    if (this.#start >= 1_024 && this.#start * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#start);
      this.#bytes = this.#bytes.slice(this.#start);
      this.#times = this.#times.slice(this.#start);
      this.#start = 0;
    }
  }
}
