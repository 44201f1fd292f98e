import type {Status} from 'kubernetes-types/meta/v1.d.ts';

/** Every code of {@link ReconcilerKitError}. Codes are stable; messages are not. */
export type ReconcilerKitErrorCode =
  | 'CONFIG_INVALID'
  | 'NOT_IN_CLUSTER'
  | 'CONNECTION_FAILED'
  | 'TIMEOUT'
  | 'RESPONSE_INVALID'
  | 'RESPONSE_TOO_LARGE'
  | 'TRANSPORT_CLOSED'
  | 'INVALID_ARGUMENT'
  | 'ALREADY_STARTED'
  | 'CACHE_SYNC_TIMEOUT'
  | 'LEADERSHIP_LOST'
  | 'LEASE_MISSING'
  | 'SCOPE_REFUSED'
  | 'RECONCILE_TIMEOUT'
  | 'LISTEN_FAILED'
  | 'SHUTDOWN_TIMEOUT'
  | 'CONTROL_PLANE_FAILED'
  | 'KUBE_BINARIES_MISSING';

export interface ReconcilerKitErrorOptions {
  cause?: unknown;
  /** Whether the same call may succeed when it is made again. Default false. */
  retryable?: boolean;
}

/** A failure of the kit itself, or of the way to the API server. What the API server answers is an {@link ApiError}. */
export class ReconcilerKitError extends Error {
  override readonly name = 'ReconcilerKitError';
  readonly code: ReconcilerKitErrorCode;
  /** Whether the same call may succeed when it is made again. */
  readonly retryable: boolean;

  constructor(code: ReconcilerKitErrorCode, message: string, options: ReconcilerKitErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : {cause: options.cause});
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** Thrown by a reconciler that knows that trying again is useless: counted, logged, not requeued. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
  readonly code = 'TERMINAL';
  readonly retryable = false;
}

/** Every code of {@link ApiError}. */
export type ApiErrorCode =
  | 'API_BAD_REQUEST'
  | 'API_UNAUTHORIZED'
  | 'API_FORBIDDEN'
  | 'API_NOT_FOUND'
  | 'API_CONFLICT'
  | 'API_ALREADY_EXISTS'
  | 'API_GONE'
  | 'API_INVALID'
  | 'API_TOO_MANY_REQUESTS'
  | 'API_TIMEOUT'
  | 'API_SERVER_ERROR'
  | 'API_REQUEST_FAILED';

function codeOf(status: number, reason: string): ApiErrorCode {
  switch (status) {
    case 400:
      return 'API_BAD_REQUEST';
    case 401:
      return 'API_UNAUTHORIZED';
    case 403:
      return 'API_FORBIDDEN';
    case 404:
      return 'API_NOT_FOUND';
    case 409:
      return reason === 'AlreadyExists' ? 'API_ALREADY_EXISTS' : 'API_CONFLICT';
    case 410:
      return 'API_GONE';
    case 422:
      return 'API_INVALID';
    case 429:
      return 'API_TOO_MANY_REQUESTS';
    case 504:
      return 'API_TIMEOUT';
    default:
      return status >= 500 ? 'API_SERVER_ERROR' : 'API_REQUEST_FAILED';
  }
}

export interface ApiErrorOptions {
  /** HTTP status of the answer, or `code` of the Status of an ERROR event. */
  status: number;
  /** The Status object of the body, where there was one. */
  body?: Partial<Status> | undefined;
  /** Used when the body has no message. */
  message?: string;
  /** Used when the body has no reason. */
  reason?: string;
  /** From the Retry-After header. The body's `details.retryAfterSeconds` is used without it. */
  retryAfterSeconds?: number | undefined;
  /** For the message: what was asked, e.g. `GET /api/v1/nodes`. */
  request?: string;
}

/**
 * The API server answered with something else than success.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
 */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status, 400–599. */
  readonly status: number;
  /** Machine-readable reason of the Status object, e.g. `NotFound`; empty when the answer was no Status object. */
  readonly reason: string;
  /** Which object and which fields the answer is about. */
  readonly details: Status['details'];
  /** How long the server asks to wait. */
  readonly retryAfterSeconds: number | undefined;
  /** True for 429 and 5xx: the same request may succeed later. A 409 needs a new read first and is not retryable. */
  readonly retryable: boolean;
  /** Stable code, derived from status and reason. */
  readonly code: ApiErrorCode;

  constructor(options: ApiErrorOptions) {
    const {status, body} = options;
    const message = body?.message ?? options.message ?? `the API server answered ${status}`;
    super(options.request === undefined ? message : `${options.request}: ${message}`);
    this.status = status;
    this.reason = body?.reason ?? options.reason ?? '';
    this.details = body?.details;
    this.retryAfterSeconds = options.retryAfterSeconds ?? body?.details?.retryAfterSeconds;
    this.retryable = status === 429 || status >= 500;
    this.code = codeOf(status, this.reason);
  }
}

/** Whether `error` is an answer of the API server. */
export function isApiError(error: unknown): error is ApiError {
  return error instanceof ApiError;
}

/** 404: the object, its namespace or its kind does not exist. */
export function isNotFound(error: unknown): error is ApiError {
  return isApiError(error) && error.status === 404;
}

/** 409 because somebody else changed the object first: read again, decide again. */
export function isConflict(error: unknown): error is ApiError {
  return isApiError(error) && error.status === 409 && error.reason !== 'AlreadyExists';
}

/** 409 because an object of that name is already there. */
export function isAlreadyExists(error: unknown): error is ApiError {
  return isApiError(error) && error.status === 409 && error.reason === 'AlreadyExists';
}

/** 410: the resourceVersion or continue token is too old. */
export function isGone(error: unknown): error is ApiError {
  return isApiError(error) && error.status === 410;
}

/** 403: RBAC or admission says no. */
export function isForbidden(error: unknown): error is ApiError {
  return isApiError(error) && error.status === 403;
}

/** 422: the object does not pass validation. */
export function isInvalid(error: unknown): error is ApiError {
  return isApiError(error) && error.status === 422;
}

/** 429: priority and fairness, or an eviction that would break a disruption budget. */
export function isTooManyRequests(error: unknown): error is ApiError {
  return isApiError(error) && error.status === 429;
}
