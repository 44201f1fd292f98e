import type {RunLogHeader, RunLogStream} from '@kruntimes/api-types';
import type {LogSink} from './log-sink.ts';
import {OutputTail} from './output-tail.ts';
import {RunLog} from './run-log.ts';

/** How the Runtime server says that an execution ended. */
export type ExecutionEnd = ExecutionTotals & {
  /** When, in milliseconds since the epoch. */
  readonly time: number;
} & (
    | {
        readonly kind: 'exited';
        readonly exitCode: number;
        readonly signal?: string;
        /** Whether nobody ended it. A server that is polled does not say why a program ended. */
        readonly byItself: boolean;
      }
    | {readonly kind: 'timeout' | 'cancelled'}
    /** `start-failed`: no process. `terminated`: the server ended it for reasons of its own. `lost`: not known any more. */
    | {readonly kind: 'start-failed' | 'terminated' | 'lost'; readonly message: string}
  );

/** What the program wrote, as far as it is known. */
export interface ExecutionTotals {
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly truncatedBytes: number;
}

/** A piece of output as the Runtime server sends it. */
export interface ExecutionOutput {
  readonly stream: RunLogStream;
  /** Where the piece begins in its stream, in bytes. */
  readonly offset: number;
  readonly data: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

/**
 * What is known of one execution. Events come in order, from an event session or from polling; what came before, in an
 * earlier session, is ignored.
 */
export class Execution {
  readonly id: string;
  /** Resolves once. */
  readonly ended: Promise<ExecutionEnd>;
  /** Whether the server has taken the execution: from then on, not knowing it means that it is lost. */
  accepted = false;
  /** When the program began to run, in milliseconds since the epoch, as far as the server told. */
  startTime: number | undefined;
  readonly #log: RunLog;
  readonly #tail = new OutputTail();
  readonly #position: Record<RunLogStream, number | undefined> = {stdout: undefined, stderr: undefined};
  #truncatedBytes = 0;
  #sequence = 0n;
  #end: ExecutionEnd | undefined;
  #resolve!: (end: ExecutionEnd) => void;

  /** @param onDurable see {@link RunLog} */
  constructor(id: string, header: RunLogHeader, writer: LogSink, onDurable: (id: string, sequence: bigint) => void) {
    this.id = id;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#log = new RunLog(header, writer, (sequence) => onDurable(id, sequence));
  }

  /** Whether the end is known. */
  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Every event up to this one is done with. */
  get durable(): bigint {
    return this.#log.durable;
  }

  /** Number of the last event. */
  get sequence(): bigint {
    return this.#sequence;
  }

  /** The end of the output, for a status. */
  get tail(): string {
    return this.#tail.text();
  }

  /** What has been seen of the output so far. */
  get totals(): ExecutionTotals {
    return {
      stdoutBytes: this.#position.stdout ?? 0,
      stderrBytes: this.#position.stderr ?? 0,
      truncatedBytes: this.#truncatedBytes,
    };
  }

  /** Where the output of a stream goes on. */
  position(stream: RunLogStream): number {
    return this.#position[stream] ?? 0;
  }

  /** The program began to run. */
  running(time: number, sequence: bigint): void {
    if (!this.#isNew(sequence)) return;
    this.startTime ??= time;
    this.#log.skip(sequence);
  }

  /** The program wrote something. A repetition is dropped; a gap is counted. */
  output({stream, offset, data, time}: ExecutionOutput, sequence: bigint): void {
    if (!this.#isNew(sequence)) return;
    // After a restart of this process the first piece that comes says where its predecessor stopped.
    const position = this.#position[stream] ?? offset;
    const repeated = Math.max(0, position - offset);
    if (repeated >= data.length && data.length > 0) return this.#log.skip(sequence);
    this.#truncatedBytes += Math.max(0, offset - position);
    this.#position[stream] = offset + data.length;
    const fresh = data.subarray(repeated);
    this.#tail.append(fresh);
    this.#log.output({sequence, stream, offset: offset + repeated, data: fresh, time: new Date(time)});
  }

  /** The execution is over. Only the first end counts. */
  end(end: ExecutionEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#resolve(end);
  }

  /** Prints the last line of the log. @returns when the log is written */
  closeLog(end: ExecutionTotals, time: number): Promise<void> {
    return this.#log.end(end, new Date(time));
  }

  #isNew(sequence: bigint): boolean {
    if (this.#end !== undefined || sequence <= this.#sequence) return false;
    this.#sequence = sequence;
    return true;
  }
}
