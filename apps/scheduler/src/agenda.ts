import {type Clock, IndexedHeap, type Timer} from '@kruntimes/reconciler-kit';

interface Appointment<T> {
  readonly item: T;
  dueMs: number;
}

/** Things to do at some time: any number of items, each due at most once, one timer for all. */
export class Agenda<T> {
  readonly #clock: Clock;
  readonly #onDue: (item: T) => void;
  readonly #heap = new IndexedHeap<Appointment<T>>((a, b) => a.dueMs - b.dueMs);
  readonly #appointments = new Map<T, Appointment<T>>();
  #timer: {readonly dueMs: number; readonly timer: Timer} | undefined;

  constructor(clock: Clock, onDue: (item: T) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#appointments.size;
  }

  has(item: T): boolean {
    return this.#appointments.has(item);
  }

  /** The item is due in `ms` milliseconds, whatever was set before. */
  in(ms: number, item: T): void {
    const dueMs = this.#clock.monotonic() + Math.max(0, ms);
    const appointment = this.#appointments.get(item) ?? {item, dueMs};
    appointment.dueMs = dueMs;
    this.#appointments.set(item, appointment);
    this.#heap.push(appointment);
    this.#arm();
  }

  delete(item: T): void {
    const appointment = this.#appointments.get(item);
    if (appointment === undefined) return;
    this.#appointments.delete(item);
    this.#heap.delete(appointment);
    if (this.#appointments.size === 0) this.#disarm();
  }

  clear(): void {
    this.#disarm();
    for (const item of [...this.#appointments.keys()]) this.delete(item);
  }

  #disarm(): void {
    this.#timer?.timer.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    const next = this.#heap.peek();
    if (next === undefined || (this.#timer !== undefined && this.#timer.dueMs <= next.dueMs)) return;
    this.#timer?.timer.cancel();
    const timer = this.#clock.setTimeout(() => this.#fire(), next.dueMs - this.#clock.monotonic());
    this.#timer = {dueMs: next.dueMs, timer};
  }

  #fire(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonic();
    // Items that are set while others are handled are due later, even those set with no delay.
    const due: T[] = [];
    for (let next = this.#heap.peek(); next !== undefined && next.dueMs <= now; next = this.#heap.peek()) {
      this.delete(next.item);
      due.push(next.item);
    }
    this.#arm();
    for (const item of due) this.#onDue(item);
  }
}
