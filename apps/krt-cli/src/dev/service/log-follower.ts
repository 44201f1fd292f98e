import {open} from 'node:fs/promises';
import {setTimeout as delay} from 'node:timers/promises';

export interface LogFollowerOptions {
  /** How many of the lines that are there already. Default: all. */
  tail?: number | undefined;
  pollMs?: number;
}

const CHUNK_BYTES = 65_536;

/** Reads a log that is being written. */
export class LogFollower {
  readonly #path: string;
  readonly #tail: number | undefined;
  readonly #pollMs: number;

  constructor(path: string, {tail, pollMs = 200}: LogFollowerOptions = {}) {
    this.#path = path;
    this.#tail = tail;
    this.#pollMs = pollMs;
  }

  /** The lines that are there, then those that come, until the signal aborts. A last line without an end counts at the end only. */
  async *lines(signal: AbortSignal): AsyncGenerator<string[]> {
    await using file = await open(this.#path);
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(CHUNK_BYTES);
    let position = 0;
    let rest = '';
    let held: string[] | undefined = this.#tail === undefined ? undefined : [];
    for (;;) {
      // A log that became shorter was begun anew.
      if ((await file.stat()).size < position) position = 0;
      const {bytesRead} = await file.read(buffer, 0, CHUNK_BYTES, position);
      position += bytesRead;
      const parts = (rest + decoder.decode(buffer.subarray(0, bytesRead), {stream: true})).split('\n');
      rest = parts.pop() ?? '';
      if (held !== undefined) {
        held.push(...parts);
        if (this.#tail !== undefined && held.length > this.#tail) held.splice(0, held.length - this.#tail);
      } else if (parts.length > 0) {
        yield parts;
      }
      if (bytesRead > 0) continue;
      if (held !== undefined && held.length > 0) yield held;
      held = undefined;
      if (signal.aborted) break;
      await delay(this.#pollMs, undefined, {signal}).catch(() => {});
    }
    if (rest !== '') yield [rest];
  }
}
