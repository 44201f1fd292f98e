import {closeSync, mkdirSync, openSync, renameSync, writeSync} from 'node:fs';
import {type FileHandle, open} from 'node:fs/promises';
import {dirname} from 'node:path';

export type LogStream = 'stdout' | 'stderr';

export interface ContainerLogOptions {
  /** The file is rotated at this size; one old file is kept. Default 10 MiB, as a kubelet's. */
  maxBytes?: number;
  /** Milliseconds since the epoch. */
  now?: () => number;
}

/** The options of `pods/log`. */
export interface LogReadOptions {
  follow?: boolean;
  tailLines?: number;
  /** Milliseconds since the epoch. */
  sinceMs?: number;
  timestamps?: boolean;
  limitBytes?: number;
  signal?: AbortSignal;
}

/** Longer lines are stored, and handed out, in parts. */
const MAX_LINE_BYTES = 16 * 1024;
const NEWLINE = 0x0a;

interface Position {
  generation: number;
  offset: number;
}

interface LogLine {
  time: string;
  text: Buffer;
  /** False: the line goes on in the next one of its stream. */
  complete: boolean;
}

/**
 * What one start of a container printed: a file in the format of the container runtime interface, so that any log agent
 * can read it, of bounded size. Memory does not grow with output, nor with slow readers.
 *
 * @see https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
 */
export class ContainerLog {
  readonly path: string;
  readonly #maxBytes: number;
  readonly #now: () => number;
  readonly #unfinished = new Map<LogStream, Buffer>();
  #file: number | undefined;
  #generation = 0;
  #size = 0;
  #changed = Promise.withResolvers<void>();

  constructor(path: string, options: ContainerLogOptions = {}) {
    this.path = path;
    this.#maxBytes = options.maxBytes ?? 10 * 1024 * 1024;
    this.#now = options.now ?? Date.now;
    mkdirSync(dirname(path), {recursive: true});
    this.#file = openSync(path, 'w', 0o600);
  }

  get closed(): boolean {
    return this.#file === undefined;
  }

  append(stream: LogStream, chunk: Buffer): void {
    if (this.#file === undefined) return;
    const time = new Date(this.#now()).toISOString();
    const previous = this.#unfinished.get(stream);
    const data = previous === undefined ? chunk : Buffer.concat([previous, chunk]);
    const parts: Buffer[] = [];
    let start = 0;
    for (let end = data.indexOf(NEWLINE); end !== -1; end = data.indexOf(NEWLINE, start)) {
      parts.push(...lineParts(time, stream, data.subarray(start, end), true));
      start = end + 1;
    }
    let rest = data.subarray(start);
    while (rest.length > MAX_LINE_BYTES) {
      parts.push(...lineParts(time, stream, rest.subarray(0, MAX_LINE_BYTES), false));
      rest = rest.subarray(MAX_LINE_BYTES);
    }
    // A copy: the chunk it came with may be large.
    if (rest.length === 0) this.#unfinished.delete(stream);
    else this.#unfinished.set(stream, Buffer.from(rest));
    if (parts.length > 0) this.#write(Buffer.concat(parts));
  }

  /** Nothing is appended any more; readers that follow come to their end. */
  close(): void {
    if (this.#file === undefined) return;
    const time = new Date(this.#now()).toISOString();
    for (const [stream, rest] of this.#unfinished) this.#write(Buffer.concat(lineParts(time, stream, rest, true)));
    this.#unfinished.clear();
    closeSync(this.#file);
    this.#file = undefined;
    this.#changed.resolve();
  }

  /** What was printed, as `kubectl logs` shows it. */
  async *read(options: LogReadOptions = {}): AsyncGenerator<Buffer> {
    let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
    for await (const line of this.#lines(options)) {
      const time = options.timestamps ? Buffer.from(`${line.time} `) : Buffer.alloc(0);
      const shown = Buffer.concat([time, line.text, Buffer.from(line.complete ? '\n' : '')]);
      yield shown.subarray(0, left);
      left -= shown.length;
      if (left <= 0) return;
    }
  }

  async *#lines(options: LogReadOptions): AsyncGenerator<LogLine> {
    const {follow = false, tailLines, sinceMs, signal} = options;
    const position: Position = {generation: Math.max(0, this.#generation - 1), offset: 0};
    const wanted = (line: LogLine): boolean => sinceMs === undefined || Date.parse(line.time) >= sinceMs;

    const tail: LogLine[] = [];
    for await (const line of this.#unread(position)) {
      if (!wanted(line)) continue;
      if (tailLines === undefined) {
        yield line;
        continue;
      }
      tail.push(line);
      if (tail.length > tailLines) tail.shift();
    }
    yield* tail;

    while (follow && signal?.aborted !== true) {
      const changed = this.#changed.promise;
      const ended = this.closed;
      for await (const line of this.#unread(position)) if (wanted(line)) yield line;
      if (ended) return;
      await unlessAborted(changed, signal);
    }
  }

  /** The complete lines from `position` to the present end; moves `position` on. */
  async *#unread(position: Position): AsyncGenerator<LogLine> {
    for (;;) {
      // Whoever is too far behind to find his place misses lines, like a reader of any rotated log.
      if (position.generation < this.#generation - 1)
        Object.assign(position, {generation: this.#generation - 1, offset: 0});
      const isCurrent = position.generation === this.#generation;
      const file = await open(isCurrent ? this.path : `${this.path}.1`).catch(() => undefined);
      if (file === undefined) return;
      try {
        // Rotated between the look and the opening: look again.
        if (isCurrent !== (position.generation === this.#generation)) continue;
        for await (const line of linesOf(file, position)) yield line;
      } finally {
        await file.close();
      }
      if (position.generation === this.#generation) return;
      // Only an older file that has been read to its end leads to the next one.
      if (!isCurrent) Object.assign(position, {generation: position.generation + 1, offset: 0});
    }
  }

  #write(data: Buffer): void {
    if (this.#size > 0 && this.#size + data.length > this.#maxBytes) {
      closeSync(this.#file!);
      renameSync(this.path, `${this.path}.1`);
      this.#file = openSync(this.path, 'w', 0o600);
      this.#generation++;
      this.#size = 0;
    }
    writeSync(this.#file!, data);
    this.#size += data.length;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

function lineParts(time: string, stream: LogStream, line: Buffer, complete: boolean): Buffer[] {
  const parts: Buffer[] = [];
  let rest = line;
  do {
    const last = rest.length <= MAX_LINE_BYTES;
    const tag = complete && last ? 'F' : 'P';
    parts.push(Buffer.from(`${time} ${stream} ${tag} `), rest.subarray(0, MAX_LINE_BYTES), Buffer.of(NEWLINE));
    rest = rest.subarray(MAX_LINE_BYTES);
  } while (rest.length > 0);
  return parts;
}

async function* linesOf(file: FileHandle, position: Position): AsyncGenerator<LogLine> {
  const buffer = Buffer.alloc(64 * 1024);
  for (;;) {
    const {bytesRead} = await file.read(buffer, 0, buffer.length, position.offset);
    const data = buffer.subarray(0, bytesRead);
    let start = 0;
    for (let end = data.indexOf(NEWLINE); end !== -1; end = data.indexOf(NEWLINE, start)) {
      const line = parseLine(Buffer.from(data.subarray(start, end)));
      start = end + 1;
      // Before the yield: the reader may not come back.
      position.offset += line.storedBytes;
      yield line;
    }
    if (start === 0) return;
  }
}

function parseLine(stored: Buffer): LogLine & {storedBytes: number} {
  const afterTime = stored.indexOf(' ');
  const afterStream = stored.indexOf(' ', afterTime + 1);
  return {
    time: stored.toString('latin1', 0, afterTime),
    complete: stored.toString('latin1', afterStream + 1, afterStream + 2) === 'F',
    text: stored.subarray(afterStream + 3),
    storedBytes: stored.length + 1,
  };
}

/** Resolves with `changed` or with the signal, and leaves no listener behind: a follower waits many times. */
async function unlessAborted(changed: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return await changed;
  await new Promise<void>((resolve) => {
    const finish = (): void => {
      signal.removeEventListener('abort', finish);
      resolve();
    };
    signal.addEventListener('abort', finish);
    void changed.then(finish);
    if (signal.aborted) finish();
  });
}
