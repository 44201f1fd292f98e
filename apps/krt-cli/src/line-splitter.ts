/** A line longer than this is nobody's Run log line: it is dropped instead of kept in memory. */
const longestLineBytes = 1024 * 1024;

/** Cuts a stream of bytes into lines at `\n`; a multi-byte character may be split over chunks. */
export class LineSplitter {
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #dropping = false;

  /** @returns the lines that `chunk` completes, without their `\n` */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      const line = this.#complete(chunk.subarray(start, end));
      if (line !== undefined) lines.push(line);
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  #complete(last: Uint8Array): string | undefined {
    this.#keep(last);
    const line = this.#dropping ? undefined : Buffer.concat(this.#parts, this.#bytes).toString('utf8');
    this.#parts = [];
    this.#bytes = 0;
    this.#dropping = false;
    return line;
  }

  #keep(part: Uint8Array): void {
    if (this.#dropping || part.length === 0) return;
    if (this.#bytes + part.length > longestLineBytes) {
      this.#dropping = true;
      this.#parts = [];
      this.#bytes = 0;
      return;
    }
    // Copied: who reads the stream may use its buffer again.
    this.#parts.push(Buffer.from(part));
    this.#bytes += part.length;
  }
}
