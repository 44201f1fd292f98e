/**
 * The log of a Run as runtimed prints it: one JSON object per line, short enough that no container runtime splits it, so that `kubectl logs`,
 * log agents and `krt logs` all read the same. Text stays text; only what is not UTF-8 is base64.
 */
import {Buffer, isUtf8} from 'node:buffer';
import {microTime} from './time.ts';
import {unfinishedStart, validEnd} from './utf8.ts';

/** A line and its line feed are at most this long: containerd and Docker split after 16 KiB. */
export const RUN_LOG_LINE_BYTES = 16 * 1024;

export type RunLogStream = 'stdout' | 'stderr';

/** What every line carries. */
export interface RunLogHeader {
  run: {namespace: string; name: string; uid: string};
  attempt: number;
}

/** A piece of output as the Runtime server reports it. */
export interface RunLogChunk {
  stream: RunLogStream;
  /** Where the piece begins in its stream, in bytes from the start of the attempt. */
  offset: number;
  bytes: Uint8Array;
  time: Date;
}

/** How much the program wrote in all, and how much of that was not kept. */
export interface RunLogTotals {
  stdoutBytes: number;
  stderrBytes: number;
  truncatedBytes: number;
}

/** A piece of output as it is on the wire: `data` if the piece is valid UTF-8, `dataBase64` if it is not. */
export type RunLogOutput = RunLogHeader & {
  /** RFC 3339. */
  time: string;
  stream: RunLogStream;
  offset: number;
} & ({data: string} | {dataBase64: string});

/** The last line of an attempt. */
export type RunLogEnd = RunLogHeader & {time: string; end: RunLogTotals};

/** A line as it is on the wire; `'end' in line` tells the two apart. */
export type RunLogLine = RunLogOutput | RunLogEnd;

/** Bytes that JSON.stringify makes of each byte of valid UTF-8. */
const escapedSize = new Uint8Array(256).fill(1).fill(6, 0, 0x20);
for (const character of '\b\t\n\f\r"\\') {
  escapedSize[character.charCodeAt(0)] = 2;
}

/**
 * Formats one chunk that stands for itself: characters that it cuts at its ends are base64. {@link RunLogFormatter} joins them.
 *
 * @returns lines without line feed, each at most {@link RUN_LOG_LINE_BYTES} long with it
 */
export function formatRunLogLines(header: RunLogHeader, chunk: RunLogChunk): string[] {
  const {bytes, stream} = chunk;
  const prefix = `${JSON.stringify({...pickHeader(header), time: microTime(chunk.time), stream}).slice(0, -1)},"offset":`;
  // The offset of the last piece is the longest; 17 is `,"dataBase64":""}` and 1 the line feed.
  const last = chunk.offset + bytes.length;
  const budget = RUN_LOG_LINE_BYTES - Buffer.byteLength(prefix, 'utf8') - String(last).length - 17 - 1;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lines: string[] = [];
  let position = 0;
  while (position < bytes.length) {
    const start = `${prefix}${chunk.offset + position}`;
    const end = textEnd(bytes, position, budget);
    // Also where the piece ends in the middle of a character: that one goes into the next line.
    const valid = isUtf8(bytes.subarray(position, end)) ? end : validEnd(bytes, position, end);
    if (valid > position) {
      lines.push(`${start},"data":${JSON.stringify(buffer.toString('utf8', position, valid))}}`);
      position = valid;
    } else {
      const stop = Math.min(bytes.length, position + Math.floor(budget / 4) * 3);
      lines.push(`${start},"dataBase64":"${buffer.toString('base64', position, stop)}"}`);
      position = stop;
    }
  }
  return lines;
}

/** The end of the longest piece from `start` whose bytes, if they are text, fit into `budget` bytes of a JSON string. */
function textEnd(bytes: Uint8Array, start: number, budget: number): number {
  let end = start;
  let size = 0;
  while (end < bytes.length) {
    size += escapedSize[bytes[end] ?? 0] ?? 0;
    if (size > budget) {
      break;
    }
    end += 1;
  }
  return end;
}

/** Formats the last line of an attempt. */
export function formatRunLogEnd(header: RunLogHeader, totals: RunLogTotals, time: Date): string {
  const {stdoutBytes, stderrBytes, truncatedBytes} = totals;
  return JSON.stringify({
    ...pickHeader(header),
    time: microTime(time),
    end: {stdoutBytes, stderrBytes, truncatedBytes},
  });
}

function pickHeader({run: {namespace, name, uid}, attempt}: RunLogHeader): RunLogHeader {
  return {run: {namespace, name, uid}, attempt};
}

/**
 * Formats the output of one attempt and joins the characters that lie across two chunks of a stream. At most three bytes of each stream are
 * held back, until the next chunk, {@link RunLogFormatter.flush} or {@link RunLogFormatter.end}.
 */
export class RunLogFormatter {
  readonly #header: RunLogHeader;
  readonly #held = new Map<RunLogStream, RunLogChunk>();

  constructor(header: RunLogHeader) {
    this.#header = pickHeader(header);
  }

  /** The lines that `chunk` completes. It is not kept: the bytes held back are copied. */
  write(chunk: RunLogChunk): string[] {
    const held = this.#held.get(chunk.stream);
    let lines: string[] = [];
    let whole = chunk;
    if (held !== undefined && held.offset + held.bytes.length === chunk.offset) {
      whole = {...chunk, offset: held.offset, bytes: Buffer.concat([held.bytes, chunk.bytes])};
      this.#held.delete(chunk.stream);
    } else if (held !== undefined) {
      // Output is missing or comes again: what was held back has no other half here.
      lines = this.flush(chunk.stream);
    }
    const end = unfinishedStart(whole.bytes);
    if (end < whole.bytes.length) {
      this.#held.set(chunk.stream, {
        ...whole,
        offset: whole.offset + end,
        bytes: Uint8Array.from(whole.bytes.subarray(end)),
      });
    }
    return [...lines, ...formatRunLogLines(this.#header, {...whole, bytes: whole.bytes.subarray(0, end)})];
  }

  /** The bytes held back of a stream, which its program may never finish. */
  flush(stream: RunLogStream): string[] {
    const held = this.#held.get(stream);
    this.#held.delete(stream);
    return held === undefined ? [] : formatRunLogLines(this.#header, held);
  }

  /** How many bytes of a stream are held back, 0 to 3. */
  heldBytes(stream: RunLogStream): number {
    return this.#held.get(stream)?.bytes.length ?? 0;
  }

  /** What is held back, and the last line. */
  end(totals: RunLogTotals, time: Date): string[] {
    return [...this.flush('stdout'), ...this.flush('stderr'), formatRunLogEnd(this.#header, totals, time)];
  }
}

/** The bytes of a piece of output. */
export function runLogBytes(line: RunLogOutput): Uint8Array {
  return 'data' in line ? Buffer.from(line.data, 'utf8') : Buffer.from(line.dataBase64, 'base64');
}

/** Reads one line, with or without its line feed; undefined for anything that runtimed did not print as a line of a Run's log. */
export function parseRunLogLine(line: string): RunLogLine | undefined {
  if (!line.startsWith('{')) {
    return undefined;
  }
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || !isRecord(value['run']) || typeof value['time'] !== 'string') {
    return undefined;
  }
  const {namespace, name, uid} = value['run'];
  const {attempt, time, stream, offset, data, dataBase64} = value;
  if (typeof namespace !== 'string' || typeof name !== 'string' || typeof uid !== 'string' || !isCount(attempt)) {
    return undefined;
  }
  const header = {run: {namespace, name, uid}, attempt, time};
  if (isRecord(value['end'])) {
    const {stdoutBytes, stderrBytes, truncatedBytes} = value['end'];
    return isCount(stdoutBytes) && isCount(stderrBytes) && isCount(truncatedBytes)
      ? {...header, end: {stdoutBytes, stderrBytes, truncatedBytes}}
      : undefined;
  }
  if ((stream !== 'stdout' && stream !== 'stderr') || !isCount(offset)) {
    return undefined;
  }
  if (typeof data === 'string') {
    return {...header, stream, offset, data};
  }
  return typeof dataBase64 === 'string' ? {...header, stream, offset, dataBase64} : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
