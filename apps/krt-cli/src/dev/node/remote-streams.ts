import type {Readable} from 'node:stream';

/** Which streams of a command the client wants. */
export interface WantedStreams {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  /** A terminal, which has no stderr of its own. */
  tty: boolean;
}

export interface TerminalSize {
  columns: number;
  rows: number;
}

/** Of a terminal whose client has told none. */
export const defaultTerminalSize: TerminalSize = {columns: 80, rows: 24};

/** The end of a Kubernetes `Status` that tells how a command ended. */
export interface CommandStatus {
  status: 'Success' | 'Failure';
  reason?: string;
  message?: string;
  code?: number;
  details?: {causes: {reason: string; message: string}[]};
}

/** The client's end of a command, in whatever protocol. */
export interface RemoteStreams {
  /** What the client gives to read. It ends when the client says so, or goes. */
  readonly stdin: Readable | undefined;
  /** The client has a terminal, and so no stderr. */
  readonly tty: boolean;
  /** Aborted when the client is gone. */
  readonly gone: AbortSignal;
  /** Told of the size of the client's terminal: the last one at once, and each new one. */
  onResize(listener: (size: TerminalSize) => void): void;
  /** Resolves when there is room for more. What the client did not ask for is dropped. */
  write(to: 'stdout' | 'stderr', bytes: Buffer): Promise<void>;
  /** The last word. Resolves when the connection has ended. */
  finish(status: CommandStatus): Promise<void>;
}

/** The query of `exec` and `attach` as the API server asks a kubelet; undefined where no stream is wanted. */
export function wantedStreams(query: URLSearchParams): WantedStreams | undefined {
  const wants = (name: string): boolean => ['1', 'true'].includes(query.get(name) ?? '');
  const [stdin, stdout, stderr, tty] = [wants('input'), wants('output'), wants('error'), wants('tty')];
  if (!stdin && !stdout && !stderr) return undefined;
  return {stdin, stdout, stderr: stderr && !tty, tty};
}

/** The size in a message of a resize channel; undefined where it is none. */
export function terminalSize(text: string): TerminalSize | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const {Width: columns, Height: rows} = Object(value) as {Width?: unknown; Height?: unknown};
  const isLength = (length: unknown): length is number =>
    Number.isInteger(length) && Number(length) > 0 && Number(length) < 65_536;
  return isLength(columns) && isLength(rows) ? {columns, rows} : undefined;
}

/** How a command ended, in the words of a kubelet. @param exitCode 128 and its number after a signal */
export function exitStatus(exitCode: number): CommandStatus {
  if (exitCode === 0) return {status: 'Success'};
  return {
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    details: {causes: [{reason: 'ExitCode', message: String(exitCode)}]},
  };
}

/** A command that could not be run, in the words of a kubelet. */
export function failureStatus(message: string): CommandStatus {
  return {status: 'Failure', reason: 'InternalError', message: `Internal error occurred: ${message}`, code: 500};
}

/** As it goes over the wire. */
export function encodeStatus(status: CommandStatus): Buffer {
  return Buffer.from(JSON.stringify({metadata: {}, ...status}));
}
