/** Most bytes of a tail in `status.output.tail`. */
export const tailBytes = 4 * 1024;

/** Keeps the last bytes of what a program wrote, both streams together in order of arrival. */
export class OutputTail {
  #chunks: Uint8Array[] = [];
  #size = 0;

  append(data: Uint8Array): void {
    // A view would keep the whole received message alive.
    this.#chunks.push(data.slice(-tailBytes));
    this.#size += Math.min(data.length, tailBytes);
    if (this.#size < 4 * tailBytes && this.#chunks.length < 64) return;
    const kept = this.#bytes();
    this.#chunks = [kept];
    this.#size = kept.length;
  }

  /** The tail as text; see {@link tailText}. */
  text(): string {
    return tailText(this.#bytes());
  }

  #bytes(): Uint8Array {
    return Buffer.concat(this.#chunks).subarray(-tailBytes);
  }
}

/**
 * The end of some bytes as valid text of at most {@link tailBytes} bytes of UTF-8. Bytes that are not UTF-8 become
 * U+FFFD; a character that the cut went through is left out.
 */
export function tailText(bytes: Uint8Array): string {
  let end = bytes.subarray(-tailBytes);
  if (end.length === tailBytes) end = end.subarray(continuationBytes(end, 0));
  // Replacement can triple the length, so the limit is applied once more.
  const text = Buffer.from(Buffer.from(end).toString('utf8'));
  const start = Math.max(0, text.length - tailBytes);
  return text.toString('utf8', start + continuationBytes(text, start));
}

/** How many bytes from `start` on cannot begin a character; of UTF-8 at most 3. */
function continuationBytes(bytes: Uint8Array, start: number): number {
  let count = 0;
  while (count < 3 && ((bytes[start + count] ?? 0) & 0xc0) === 0x80) count++;
  return count;
}
