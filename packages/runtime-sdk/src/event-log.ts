import {Buffer} from 'node:buffer';
import {MAX_OUTPUT_DATA_BYTES, type Output, type StateChanged, type Stream} from '@kruntimes/runtime-protocol';

/** An event as it goes over the wire. */
export type Event =
  | {readonly $case: 'state'; readonly value: StateChanged}
  | {readonly $case: 'output'; readonly value: Output};

/** What an event costs in memory beside its data, counted so that a program cannot fill memory with tiny writes. */
const eventOverheadBytes = 256;

/** Output that is not sent yet is put together to chunks of at least this many bytes. */
const mergeBelowBytes = 8 * 1024;

/** The events of one execution that its daemon has not acknowledged yet, in order. */
export class EventLog {
  readonly id: string;
  readonly #events: Event[] = [];
  /** Index of the first event that the present session has not sent. */
  #unsent = 0;
  #sequence = 0n;
  #unackedBytes = 0;

  constructor(id: string) {
    this.id = id;
  }

  /** What the unacknowledged events hold: data, and a little for each event. */
  get unackedBytes(): number {
    return this.#unackedBytes;
  }

  /** Whether nothing is left to acknowledge. */
  get acknowledged(): boolean {
    return this.#events.length === 0;
  }

  get hasUnsent(): boolean {
    return this.#unsent < this.#events.length;
  }

  appendState(change: Omit<StateChanged, 'id' | 'sequence'>): void {
    this.#push({$case: 'state', value: {id: this.id, sequence: ++this.#sequence, ...change}}, eventOverheadBytes);
  }

  /** Appends bytes of a stream; `offset` is where they begin in it. The log keeps `data`. */
  appendOutput(stream: Stream, offset: number, data: Uint8Array, timeUnixNano: bigint): void {
    if (this.#merge(stream, offset, data)) return;
    for (let start = 0; start < data.length; start += MAX_OUTPUT_DATA_BYTES) {
      const part = data.subarray(start, start + MAX_OUTPUT_DATA_BYTES);
      this.#push(
        {
          $case: 'output',
          value: {
            id: this.id,
            sequence: ++this.#sequence,
            stream,
            offset: BigInt(offset + start),
            data: part,
            timeUnixNano,
          },
        },
        part.length + eventOverheadBytes,
      );
    }
  }

  /** The next event that this session has not sent. */
  next(): Event | undefined {
    const event = this.#events[this.#unsent];
    if (event !== undefined) this.#unsent++;
    return event;
  }

  /** A new session begins: everything unacknowledged is to be sent again. */
  rewind(): void {
    this.#unsent = 0;
  }

  /** Drops every event up to `sequence` that was sent. */
  acknowledge(sequence: bigint): void {
    let done = 0;
    for (; done < this.#unsent; done++) {
      const event = this.#events[done];
      if (event === undefined || event.value.sequence > sequence) break;
      this.#unackedBytes -= eventOverheadBytes + (event.$case === 'output' ? event.value.data.length : 0);
    }
    this.#events.splice(0, done);
    this.#unsent -= done;
  }

  #push(event: Event, bytes: number): void {
    this.#events.push(event);
    this.#unackedBytes += bytes;
  }

  /** Joins small output to the event before it, when that was not sent yet and is of the same stream. */
  #merge(stream: Stream, offset: number, data: Uint8Array): boolean {
    const last = this.#events.at(-1);
    if (last?.$case !== 'output' || !this.hasUnsent) return false;
    const {value} = last;
    if (value.stream !== stream || value.data.length + data.length > mergeBelowBytes) return false;
    if (Number(value.offset) + value.data.length !== offset) return false;
    const joined: Event = {$case: 'output', value: {...value, data: Buffer.concat([value.data, data])}};
    this.#events[this.#events.length - 1] = joined;
    this.#unackedBytes += data.length;
    return true;
  }
}
