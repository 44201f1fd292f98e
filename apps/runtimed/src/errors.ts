/** Every code of {@link RuntimedError}. Codes are stable; messages are not. */
export type RuntimedErrorCode =
  /** A flag or an environment variable is missing or malformed. */
  | 'OPTION_INVALID'
  /** An address cannot be listened on. */
  | 'LISTEN_FAILED'
  /** A path of a source leads out of the workspace or cannot be a path. */
  | 'PATH_INVALID'
  /** A source cannot be put into the workspace as it is written. */
  | 'SOURCE_INVALID'
  /** A source is larger than this runtimed takes. */
  | 'SOURCE_TOO_LARGE'
  /** A source took too long to fetch. */
  | 'SOURCE_TIMEOUT'
  /** git could not fetch or read a repository. */
  | 'GIT_FAILED'
  /** The workspace of an attempt is there already: an earlier process began it. */
  | 'WORKSPACE_EXISTS'
  /** A workspace grows while it is being removed. */
  | 'WORKSPACE_BUSY'
  /** A Run requests more than this Pod has. */
  | 'REQUEST_TOO_LARGE'
  /** No Runtime server answers. */
  | 'RUNTIME_UNAVAILABLE'
  /** The Runtime server did not answer in time. */
  | 'RUNTIME_TIMEOUT'
  /** The Runtime server has no room for another execution at the moment. */
  | 'RUNTIME_BUSY'
  /** The Runtime server says that the execution is in another state than the call needs. */
  | 'RUNTIME_CONFLICT'
  /** The Runtime server takes the request for wrong. */
  | 'RUNTIME_REFUSED'
  /** The Runtime server does not know the call. */
  | 'RUNTIME_UNIMPLEMENTED'
  /** The Runtime server failed, or broke the protocol. */
  | 'RUNTIME_FAILED'
  /** The Runtime server does not know the execution. */
  | 'EXECUTION_UNKNOWN'
  /** The API server does not let runtimed mark a Run that is going to have artifacts. */
  | 'FINALIZER_REFUSED'
  /** The API server does not let runtimed note the artifact store in the status of a Run. */
  | 'SNAPSHOT_REFUSED';

const retryableCodes: ReadonlySet<RuntimedErrorCode> = new Set([
  'WORKSPACE_BUSY',
  'SOURCE_TIMEOUT',
  'GIT_FAILED',
  'RUNTIME_UNAVAILABLE',
  'RUNTIME_TIMEOUT',
  'RUNTIME_BUSY',
]);

/** What goes wrong in runtimed itself. Answers of the API server stay `ApiError` of reconciler-kit. */
export class RuntimedError extends Error {
  override readonly name = 'RuntimedError';
  readonly code: RuntimedErrorCode;
  /** Whether the same call may succeed later without anything being changed. */
  readonly retryable: boolean;

  constructor(code: RuntimedErrorCode, message: string, options?: {cause?: unknown}) {
    super(message, options);
    this.code = code;
    this.retryable = retryableCodes.has(code);
  }
}

/** Whether `error` is a {@link RuntimedError}, of the given code if one is given. */
export function isRuntimedError(error: unknown, code?: RuntimedErrorCode): error is RuntimedError {
  return error instanceof RuntimedError && (code === undefined || error.code === code);
}

/** The `code` of an error of Node.js, such as `ENOENT`. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** One line about an error, for a status message or a log field. */
export function describeError(error: unknown): string {
  const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : error;
  return String(message);
}
