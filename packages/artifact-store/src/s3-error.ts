import {ArtifactStoreError, type ArtifactStoreErrorCode} from './errors.ts';
import {errorCode, errorMessage, errorName} from './failure.ts';

/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const names: Readonly<Record<string, ArtifactStoreErrorCode>> = {
  NoSuchBucket: 'NOT_FOUND',
  NoSuchKey: 'NOT_FOUND',
  NotFound: 'NOT_FOUND',
  AccessDenied: 'ACCESS_DENIED',
  AccountProblem: 'ACCESS_DENIED',
  AllAccessDisabled: 'ACCESS_DENIED',
  ExpiredToken: 'ACCESS_DENIED',
  InvalidAccessKeyId: 'ACCESS_DENIED',
  InvalidToken: 'ACCESS_DENIED',
  SignatureDoesNotMatch: 'ACCESS_DENIED',
  XAdminUserNotFound: 'ACCESS_DENIED',
  EntityTooLarge: 'TOO_LARGE',
  InsufficientStorage: 'STORE_FULL',
  QuotaExceeded: 'STORE_FULL',
  XMinioAdminBucketQuotaExceeded: 'STORE_FULL',
  XMinioStorageFull: 'STORE_FULL',
  InvalidBucketName: 'OPTIONS_INVALID',
  CredentialsProviderError: 'CREDENTIALS_MISSING',
  TimeoutError: 'UNAVAILABLE',
  RequestTimeout: 'UNAVAILABLE',
  SlowDown: 'UNAVAILABLE',
};

const statuses: Readonly<Record<number, ArtifactStoreErrorCode>> = {
  401: 'ACCESS_DENIED',
  403: 'ACCESS_DENIED',
  408: 'UNAVAILABLE',
  413: 'TOO_LARGE',
  429: 'UNAVAILABLE',
  501: 'STORE_FAILED',
  507: 'STORE_FULL',
};

/** Of sockets and of name resolution. */
const unreachable = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ETIMEDOUT',
]);

/** What a call of a store rejects with when a request to S3 failed. */
export function s3Error(error: unknown, what: string, where: string): ArtifactStoreError {
  if (error instanceof ArtifactStoreError) return error;
  const code = codeOf(error);
  const message = code === 'UNAVAILABLE' ? `${what}: ${where} does not answer properly` : `${what} in ${where}`;
  return new ArtifactStoreError(code, `${message}: ${describe(error)}`, {cause: error});
}

function codeOf(error: unknown): ArtifactStoreErrorCode {
  const byName = names[errorName(error) ?? ''];
  if (byName !== undefined) return byName;
  const status = httpStatusOf(error);
  if (status === undefined) return unreachable.has(errorCode(error) ?? '') ? 'UNAVAILABLE' : 'STORE_FAILED';
  return statuses[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'STORE_FAILED');
}

function describe(error: unknown): string {
  const message = errorMessage(error);
  const name = errorName(error);
  // A redirect without a word more is what another region answers.
  if (name === 'PermanentRedirect' || httpStatusOf(error) === 301)
    return `the bucket is in another region (${message})`;
  return name === undefined || name === 'Error' || message.includes(name) ? message : `${name}: ${message}`;
}

/** Status of the answer; undefined where there was none. */
function httpStatusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const metadata: unknown = Reflect.get(error, '$metadata');
  if (typeof metadata !== 'object' || metadata === null) return undefined;
  const status: unknown = Reflect.get(metadata, 'httpStatusCode');
  return typeof status === 'number' ? status : undefined;
}

/** Whether the server said no, so that nothing has happened; false of answers that are lost and of errors of the server. */
export function isRefusal(error: unknown): boolean {
  const status = httpStatusOf(error);
  return status !== undefined && status >= 400 && status < 500;
}

/** Whether the answer of S3 has one of these error codes. */
export function isS3Error(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(errorName(error) ?? '');
}
