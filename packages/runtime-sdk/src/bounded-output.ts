import {Buffer} from 'node:buffer';
import {TRUNCATION_MARKER} from '@kruntimes/runtime-protocol';

/**
 * The head and the tail of one output stream, in memory that is bounded whatever is written. What was between them is
 * counted.
 */
export class BoundedOutput {
  readonly #half: number;
  readonly #head: GrowingBuffer;
  readonly #tail: RingBuffer;
  #total = 0;

  /** @param maxBytes most bytes kept, half of them head and half tail; also the bound of {@link text} without its marker */
  constructor(maxBytes: number) {
    this.#half = Math.floor(maxBytes / 2);
    this.#head = new GrowingBuffer(this.#half);
    this.#tail = new RingBuffer(this.#half);
  }

  /** Bytes written so far, kept or not. */
  get totalBytes(): number {
    return this.#total;
  }

  /** Takes a copy of what it keeps of `chunk`. */
  write(chunk: Uint8Array): void {
    this.#total += chunk.length;
    const taken = this.#head.write(chunk);
    if (taken < chunk.length) this.#tail.write(chunk.subarray(taken));
  }

  /** A copy of the last bytes written: as many as are asked for, written and kept. */
  last(bytes: number): Buffer {
    const tail = this.#tail.contents();
    const missing = bytes - tail.length;
    const whole = missing > 0 && !this.#hasGap() ? Buffer.concat([this.#head.contents(), tail]) : tail;
    return Buffer.from(whole.subarray(Math.max(0, whole.length - bytes)));
  }

  /**
   * The output as valid UTF-8 of at most `maxBytes` bytes, not counting the marker that stands where bytes were left
   * out. What is not UTF-8 becomes U+FFFD.
   */
  text(): string {
    let head = this.#head.contents();
    let tail = this.#tail.contents();
    if (!this.#hasGap()) {
      const whole = Buffer.concat([head, tail]);
      const text = whole.toString();
      // Replacement characters are longer than what they replace.
      if (Buffer.byteLength(text) <= 2 * this.#half) return text;
      head = whole.subarray(0, this.#half);
      tail = whole.subarray(this.#half);
    }
    const start = head.subarray(0, prefixLength(head, this.#half));
    const end = tail.subarray(suffixOffset(tail, this.#half));
    const left = this.#total - start.length - end.length;
    return start.toString() + TRUNCATION_MARKER.replace('%d', String(left)) + end.toString();
  }

  #hasGap(): boolean {
    return this.#total > this.#head.length + this.#tail.length;
  }
}

/** Keeps the first `limit` bytes. */
class GrowingBuffer {
  readonly #limit: number;
  #bytes: Buffer = Buffer.alloc(0);
  length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Returns how many bytes of `chunk` were taken. */
  write(chunk: Uint8Array): number {
    const taken = Math.min(chunk.length, this.#limit - this.length);
    if (taken === 0) return 0;
    this.#bytes = grown(this.#bytes, this.length, this.length + taken, this.#limit);
    this.#bytes.set(chunk.subarray(0, taken), this.length);
    this.length += taken;
    return taken;
  }

  contents(): Buffer {
    return this.#bytes.subarray(0, this.length);
  }
}

/** Keeps the last `limit` bytes. */
class RingBuffer {
  readonly #limit: number;
  #bytes: Buffer = Buffer.alloc(0);
  /** Where the next byte goes once the ring is full. */
  #next = 0;
  length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  write(chunk: Uint8Array): void {
    let rest = chunk.length > this.#limit ? chunk.subarray(chunk.length - this.#limit) : chunk;
    const free = Math.min(rest.length, this.#limit - this.length);
    if (free > 0) {
      this.#bytes = grown(this.#bytes, this.length, this.length + free, this.#limit);
      this.#bytes.set(rest.subarray(0, free), this.length);
      this.length += free;
      rest = rest.subarray(free);
    }
    while (rest.length > 0) {
      const part = rest.subarray(0, this.#limit - this.#next);
      this.#bytes.set(part, this.#next);
      this.#next = (this.#next + part.length) % this.#limit;
      rest = rest.subarray(part.length);
    }
  }

  contents(): Buffer {
    const bytes = this.#bytes.subarray(0, this.length);
    return this.#next === 0 ? bytes : Buffer.concat([bytes.subarray(this.#next), bytes.subarray(0, this.#next)]);
  }
}

function grown(bytes: Buffer, used: number, needed: number, limit: number): Buffer {
  if (needed <= bytes.length) return bytes;
  const larger = Buffer.allocUnsafeSlow(Math.min(limit, Math.max(needed, 2 * bytes.length)));
  larger.set(bytes.subarray(0, used));
  return larger;
}

/** Length of the longest prefix whose text has at most `max` bytes and ends between two characters. */
function prefixLength(bytes: Buffer, max: number): number {
  const whole = (length: number): number => length - incompleteBytes(bytes.subarray(0, length));
  const length = largest(bytes.length, (tried) => Buffer.byteLength(bytes.toString('utf8', 0, whole(tried))) <= max);
  return whole(length);
}

/** Offset of the longest suffix whose text has at most `max` bytes and begins between two characters. */
function suffixOffset(bytes: Buffer, max: number): number {
  const whole = (length: number): number => {
    let offset = bytes.length - length;
    for (let skipped = 0; skipped < 3 && isContinuation(bytes[offset]); skipped++) offset++;
    return offset;
  };
  const length = largest(bytes.length, (tried) => Buffer.byteLength(bytes.toString('utf8', whole(tried))) <= max);
  return whole(length);
}

/** The largest number from 0 to `max` for which `holds`, which holds for all below it. */
function largest(max: number, holds: (candidate: number) => boolean): number {
  if (holds(max)) return max;
  let low = 0;
  let high = max;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return low;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/** How many bytes at the end begin a character that is not complete. */
function incompleteBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (isContinuation(byte)) continue;
    const expected = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return expected > back ? back : 0;
  }
  return 0;
}
