import {isNativeError} from 'node:util/types';

/**
 * Stable names of what can go wrong.
 *
 * - `RUNTIME_INVALID`: `defineRuntime` got options it cannot use.
 * - `OPTIONS_INVALID`: a server option is out of range; the message names it.
 * - `LISTEN_FAILED`: an address cannot be listened on; the message says why.
 * - `SOCKET_IN_USE`: another process answers on the Unix socket.
 * - `START_FAILED`: the operating system did not start a program. It ends one execution, never the server.
 * - `HARNESS_FAILED`: the test harness got no answer that it can use.
 */
export type RuntimeSdkErrorCode =
  | 'RUNTIME_INVALID'
  | 'OPTIONS_INVALID'
  | 'LISTEN_FAILED'
  | 'SOCKET_IN_USE'
  | 'START_FAILED'
  | 'HARNESS_FAILED';

/** What this package throws. Calls over the wire fail with gRPC statuses instead. */
export class RuntimeSdkError extends Error {
  override readonly name = 'RuntimeSdkError';
  readonly code: RuntimeSdkErrorCode;
  /** Whether the same call may succeed later without a change. */
  readonly retryable: boolean;

  constructor(code: RuntimeSdkErrorCode, message: string, options: ErrorOptions & {retryable?: boolean} = {}) {
    super(message, options);
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** Code of an error of the operating system, such as `ENOENT`; undefined for other errors. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!isNativeError(error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The message of anything that was thrown. */
export function errorMessage(error: unknown): string {
  return isNativeError(error) ? error.message : String(error);
}
