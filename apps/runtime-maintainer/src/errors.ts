/**
 * Every code of {@link MaintainerError}. Codes are stable; messages are not. Those of the artifact store are passed on as they are.
 *
 * - `OPTION_INVALID`: a flag cannot be used.
 * - `LISTEN_FAILED`: the address for downloads cannot be listened on.
 * - `REQUEST_INVALID`: the URL of a download is none that is served.
 * - `METHOD_NOT_ALLOWED`: downloads know GET and HEAD.
 * - `RUN_UNKNOWN`: no Run of this UID has artifacts in this store.
 * - `ARTIFACT_UNKNOWN`: the Run has no artifact of this name.
 * - `RANGE_INVALID`: the artifact is shorter than the first byte that is asked for.
 * - `ARTIFACT_CHANGED`: the object has another size than the Run says.
 * - `API_UNAVAILABLE`: the API server did not say what the Run has stored.
 */
export type MaintainerErrorCode =
  | 'OPTION_INVALID'
  | 'LISTEN_FAILED'
  | 'REQUEST_INVALID'
  | 'METHOD_NOT_ALLOWED'
  | 'RUN_UNKNOWN'
  | 'ARTIFACT_UNKNOWN'
  | 'RANGE_INVALID'
  | 'ARTIFACT_CHANGED'
  | 'API_UNAVAILABLE';

/** What the maintainer throws, and what it answers to downloads. */
export class MaintainerError extends Error {
  override readonly name = 'MaintainerError';
  readonly code: MaintainerErrorCode;
  /** Whether the same request may succeed later: true of `API_UNAVAILABLE` only. */
  readonly retryable: boolean;

  constructor(code: MaintainerErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'API_UNAVAILABLE';
  }
}

/** The message of whatever was thrown. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
