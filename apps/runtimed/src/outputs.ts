import {isUtf8} from 'node:buffer';

/** What is taken from an outputs file. Sizes are bytes of UTF-8. */
export const outputsLimits = {
  keys: 64,
  keyBytes: 128,
  valueBytes: 8 * 1024,
  /** Of all keys and values together. */
  totalBytes: 64 * 1024,
  /** Of the file: room for delimiters, and for keys that are set more than once. */
  fileBytes: 256 * 1024,
} as const;

/** Entries of an outputs file, and what could not be taken. */
export interface Outputs {
  /** Has no prototype's keys: every property was written by the program. */
  readonly values: Readonly<Record<string, string>>;
  /** One sentence about the first entry that was left out, and the number of others; `undefined` when all were taken. */
  readonly problem?: string;
}

const keyPattern = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
const newline = 0x0a;

/**
 * Reads the format of `$KRUNTIME_OUTPUTS`:
 *
 * ```
 * KEY=VALUE
 * OTHER<<END
 * several
 * lines
 * END
 * ```
 *
 * A key begins with a letter or `_`, and goes on with these, digits, `.` and `-`. Everything after the first `=` is the
 * value; nothing is quoted, trimmed or expanded. In the second form the value is the lines between, without the last
 * newline, and the delimiter is any non-empty text. Of several entries with one key the last counts; empty lines mean
 * nothing.
 *
 * An entry that is malformed, not UTF-8 or beyond {@link outputsLimits} is left out and the others count: a program that
 * did its work does not fail by a line of its results.
 */
export function parseOutputs(file: Uint8Array): Outputs {
  const collector = new OutputsCollector();
  const lines = new LineReader(file);
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    if (line.length === 0) continue;
    const lineNumber = lines.lineNumber;
    if (!isUtf8(line)) {
      collector.refuse(lineNumber, 'is not UTF-8');
      continue;
    }
    const entry = parseLine(decoder.decode(line));
    if (entry === undefined) {
      collector.refuse(lineNumber, 'is not KEY=VALUE or KEY<<DELIMITER');
    } else if ('value' in entry) {
      collector.add(lineNumber, entry.key, entry.value);
    } else {
      const value = lines.until(Buffer.from(entry.delimiter));
      if (value === undefined) collector.refuse(lineNumber, 'is not closed by its delimiter');
      else if (!isUtf8(value)) collector.refuse(lineNumber, 'has a value that is not UTF-8');
      else collector.add(lineNumber, entry.key, decoder.decode(value));
    }
  }
  return collector.outputs();
}

// ignoreBOM: a byte order mark is content like any other.
const decoder = new TextDecoder('utf-8', {ignoreBOM: true});

type Entry = {key: string; value: string} | {key: string; delimiter: string};

function parseLine(line: string): Entry | undefined {
  const equals = line.indexOf('=');
  const heredoc = line.indexOf('<<');
  if (heredoc >= 0 && (equals < 0 || heredoc < equals)) {
    const key = line.slice(0, heredoc);
    const delimiter = line.slice(heredoc + 2);
    return keyPattern.test(key) && delimiter !== '' ? {key, delimiter} : undefined;
  }
  if (equals < 0) return undefined;
  const key = line.slice(0, equals);
  return keyPattern.test(key) ? {key, value: line.slice(equals + 1)} : undefined;
}

class LineReader {
  /** Number of the line that was read last, from 1. */
  lineNumber = 0;
  readonly #file: Uint8Array;
  #position = 0;

  constructor(file: Uint8Array) {
    this.#file = file;
  }

  next(): Uint8Array | undefined {
    if (this.#position >= this.#file.length) return undefined;
    const found = this.#file.indexOf(newline, this.#position);
    const end = found < 0 ? this.#file.length : found;
    const line = this.#file.subarray(this.#position, end);
    this.#position = end + 1;
    this.lineNumber++;
    return line;
  }

  /** The lines up to one that is `delimiter`; `undefined`, with everything read, when there is none. */
  until(delimiter: Uint8Array): Uint8Array | undefined {
    const start = this.#position;
    for (let line = this.next(); line !== undefined; line = this.next()) {
      if (Buffer.compare(line, delimiter) !== 0) continue;
      const end = this.#position - 1 - line.length;
      return this.#file.subarray(start, Math.max(start, Math.min(end, this.#file.length) - 1));
    }
    return undefined;
  }
}

class OutputsCollector {
  readonly #values = new Map<string, string>();
  #totalBytes = 0;
  #firstProblem: string | undefined;
  #refused = 0;

  refuse(lineNumber: number, problem: string): void {
    this.#firstProblem ??= `line ${lineNumber} ${problem}`;
    this.#refused++;
  }

  add(lineNumber: number, key: string, value: string): void {
    const keyBytes = Buffer.byteLength(key);
    const valueBytes = Buffer.byteLength(value);
    if (keyBytes > outputsLimits.keyBytes) {
      return this.refuse(lineNumber, `has a key longer than ${outputsLimits.keyBytes} bytes`);
    }
    if (valueBytes > outputsLimits.valueBytes) {
      return this.refuse(lineNumber, `has a value longer than ${outputsLimits.valueBytes} bytes`);
    }
    const previous = this.#values.get(key);
    if (previous === undefined && this.#values.size >= outputsLimits.keys) {
      return this.refuse(lineNumber, `has more than the allowed ${outputsLimits.keys} keys before it`);
    }
    const growth = previous === undefined ? keyBytes + valueBytes : valueBytes - Buffer.byteLength(previous);
    if (this.#totalBytes + growth > outputsLimits.totalBytes) {
      return this.refuse(lineNumber, `goes beyond ${outputsLimits.totalBytes} bytes in all`);
    }
    this.#totalBytes += growth;
    this.#values.set(key, value);
  }

  outputs(): Outputs {
    const values: Record<string, string> = Object.create(null);
    for (const [key, value] of this.#values) values[key] = value;
    if (this.#firstProblem === undefined) return {values};
    const others = this.#refused - 1;
    return {values, problem: others === 0 ? this.#firstProblem : `${this.#firstProblem}, and ${others} more like it`};
  }
}
