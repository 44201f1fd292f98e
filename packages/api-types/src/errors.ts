/** Codes of {@link ApiTypesError}; each is a row of docs/errors.md. */
export type ApiTypesErrorCode =
  /** A status was asked for that cannot follow the Run's present one. */
  | 'ILLEGAL_TRANSITION'
  /** The caller's fence is not the Run's: another attempt, Pod or object has taken its place. Write nothing, stop the process. */
  | 'FENCE_LOST'
  /** A schema uses a construct that a structural CRD schema cannot express. */
  | 'UNSUPPORTED_SCHEMA';

/** The one error class of this package. None of its errors goes away by trying again, so `retryable` is always false. */
export class ApiTypesError extends Error {
  readonly code: ApiTypesErrorCode;
  readonly retryable = false;

  constructor(code: ApiTypesErrorCode, message: string, options?: {cause?: unknown}) {
    super(message, options);
    this.name = 'ApiTypesError';
    this.code = code;
  }
}
