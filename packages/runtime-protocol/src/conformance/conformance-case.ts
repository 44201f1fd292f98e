import type {RuntimeClient, RuntimeEventsClient, StatusResponse} from '../index.ts';

/** `required`: every Runtime server. `optional`: servers that offer `kruntimes.runtime.v1.RuntimeEvents`. */
export type ConformanceLevel = 'required' | 'optional';

/** One thing the contract says, and how to see from outside whether a server does it. */
export interface ConformanceCase {
  /** Stable name, such as `cancel-ends-group`. */
  readonly id: string;
  readonly level: ConformanceLevel;
  /** What a passing server does. */
  readonly title: string;
  /** The sentence of the contract that this case checks. */
  readonly source: string;
  /** Rejects where the server does something else; the message says what. */
  readonly run: (client: RuntimeClient, context: CaseContext) => Promise<void>;
}

/** A shell program to execute. */
export interface ProgramRequest {
  /** Text of a POSIX shell script. */
  readonly program: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Default: none. */
  readonly timeoutSeconds?: number;
}

/** A program that was asked for. */
export interface StartedProgram {
  readonly id: string;
  /** Working directory, which the suite can read and write. */
  readonly directory: string;
  /** Sends the same request again. */
  repeat(): Promise<void>;
}

/** What a case works with. It ends with the case: executions are cancelled and forgotten, directories removed. */
export interface CaseContext {
  /** Aborts when the time of the case is over. All calls of the client end with it. */
  readonly signal: AbortSignal;
  readonly events: RuntimeEventsClient;
  /** An id that no execution has. */
  unusedId(): string;
  start(request: ProgramRequest): Promise<StartedProgram>;
  /** Polls Status until the execution is SUCCEEDED or FAILED. */
  ended(id: string): Promise<StatusResponse>;
  /** The bytes of a Status answer, as they came. */
  statusBytes(id: string): Promise<Uint8Array>;
  /** Resolves when a file of the working directory exists and is not empty; its text. */
  written(program: StartedProgram, file: string): Promise<string>;
  /** Text of a file of the working directory; empty where there is none. */
  read(program: StartedProgram, file: string): Promise<string>;
  /** Makes a file in the working directory, for a program that waits for it. */
  write(program: StartedProgram, file: string): Promise<void>;
  /** Waits for something that must not happen: 400 ms. */
  settle(): Promise<void>;
}
