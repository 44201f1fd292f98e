import type {OutputStream} from './output-cursor.ts';

export interface TimedBytes {
  stream: OutputStream;
  bytes: Uint8Array;
  /** RFC 3339, as the log line has it. */
  time: string;
}

/** Of a line longer than this only the end is kept. */
const longestLineBytes = 1024 * 1024;

interface Line {
  stream: OutputStream;
  parts: TimedBytes[];
  bytes: number;
}

/** Keeps the last lines of both streams together, in the order in which they ended. */
export class TailBuffer {
  readonly #limit: number;
  readonly #complete: Line[] = [];
  readonly #open: Record<OutputStream, Line>;

  constructor(lines: number) {
    this.#limit = lines;
    this.#open = {stdout: emptyLine('stdout'), stderr: emptyLine('stderr')};
  }

  push(piece: TimedBytes): void {
    let start = 0;
    for (let end = piece.bytes.indexOf(0x0a); end >= 0; end = piece.bytes.indexOf(0x0a, start)) {
      this.#append({...piece, bytes: piece.bytes.subarray(start, end + 1)});
      this.#complete.push(this.#open[piece.stream]);
      this.#open[piece.stream] = emptyLine(piece.stream);
      if (this.#complete.length > this.#limit) this.#complete.shift();
      start = end + 1;
    }
    if (start < piece.bytes.length) this.#append({...piece, bytes: piece.bytes.subarray(start)});
  }

  /** The last lines, unfinished ones at the end; empties the buffer. */
  drain(): TimedBytes[] {
    const open = Object.values(this.#open).filter((line) => line.bytes > 0);
    const lines = [...this.#complete.splice(0), ...open].slice(
      this.#limit === 0 ? Number.POSITIVE_INFINITY : -this.#limit,
    );
    this.#open.stdout = emptyLine('stdout');
    this.#open.stderr = emptyLine('stderr');
    return lines.flatMap((line) => line.parts);
  }

  #append(part: TimedBytes): void {
    const line = this.#open[part.stream];
    line.parts.push(part);
    line.bytes += part.bytes.length;
    while (line.bytes > longestLineBytes && line.parts.length > 1) line.bytes -= line.parts.shift()?.bytes.length ?? 0;
  }
}

function emptyLine(stream: OutputStream): Line {
  return {stream, parts: [], bytes: 0};
}
