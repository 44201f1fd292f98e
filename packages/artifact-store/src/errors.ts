/**
 * Every code of {@link ArtifactStoreError}. Codes are stable; messages are not.
 *
 * - `NOT_FOUND`: there is no such object, bucket or directory.
 * - `KEY_INVALID`: the key or prefix breaks the rules of {@link ArtifactStore}.
 * - `OPTIONS_INVALID`: an option cannot be used; the message names it. An offset behind the end of an object is one.
 * - `CREDENTIALS_MISSING`: there are no credentials, or they could not be read.
 * - `ACCESS_DENIED`: the store does not accept the credentials, or they lack a permission.
 * - `TOO_LARGE`: larger than the store or the limit allows.
 * - `STORE_FULL`: no space, or a quota is used up.
 * - `UNAVAILABLE`: the store does not answer, or asks to come back later.
 * - `SOURCE_FAILED`: what was to be stored could not be read, or is not as long as was said.
 * - `ABORTED`: the signal was aborted.
 * - `STORE_FAILED`: anything else that a store answers; see `cause`.
 * - `S3_SERVER_MISSING`: of `./testing`: there is no S3 server to run; the message says what to do.
 */
export type ArtifactStoreErrorCode =
  | 'NOT_FOUND'
  | 'KEY_INVALID'
  | 'OPTIONS_INVALID'
  | 'CREDENTIALS_MISSING'
  | 'ACCESS_DENIED'
  | 'TOO_LARGE'
  | 'STORE_FULL'
  | 'UNAVAILABLE'
  | 'SOURCE_FAILED'
  | 'ABORTED'
  | 'STORE_FAILED'
  | 'S3_SERVER_MISSING';

/** What this package throws, and what the streams that it hands out are destroyed with. */
export class ArtifactStoreError extends Error {
  override readonly name = 'ArtifactStoreError';
  readonly code: ArtifactStoreErrorCode;
  /** Whether the same call may succeed later without a change: true of `UNAVAILABLE` only. */
  readonly retryable: boolean;

  constructor(code: ArtifactStoreErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'UNAVAILABLE';
  }
}
