import type {JsonObject} from '../json/json-value.ts';
import {describeFieldErrors, type FieldError} from './field-error.ts';
import {goQuote} from './go-text.ts';

export interface StatusCause extends JsonObject {
  reason?: string;
  message?: string;
  field?: string;
}

export interface StatusDetails extends JsonObject {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

/** @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
export interface Status extends JsonObject {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: JsonObject;
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: StatusDetails;
  code: number;
}

/** Resource or kind of a group, as details of a Status name it. */
export interface GroupName {
  group: string;
  /** Plural of a resource (`pods`), or a kind where Kubernetes names that (`Pod`, of Invalid). */
  name: string;
}

/** What the API server answers with instead of a result. */
export class StatusError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;
  /** `metadata` of the Status: a continue token that still works, for one. */
  readonly metadata: JsonObject;

  constructor(
    code: number,
    reason: string,
    message: string,
    details?: StatusDetails,
    options: {metadata?: JsonObject; cause?: unknown} = {},
  ) {
    super(message, options.cause === undefined ? {} : {cause: options.cause});
    this.name = 'StatusError';
    this.code = code;
    this.reason = reason;
    this.details = details;
    this.metadata = options.metadata ?? {};
  }

  toStatus(): Status {
    const {code, reason, message, details, metadata} = this;
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata,
      status: 'Failure',
      ...(message === '' ? {} : {message}),
      ...(reason === '' ? {} : {reason}),
      ...(details && {details}),
      code,
    };
  }
}

/** `pods` or `deployments.apps`. */
export function qualifiedName({group, name}: GroupName): string {
  return group === '' ? name : `${name}.${group}`;
}

function detailsOf(resource: GroupName, name: string, more: StatusDetails = {}): StatusDetails {
  return {
    ...(name === '' ? {} : {name}),
    ...(resource.group === '' ? {} : {group: resource.group}),
    ...(resource.name === '' ? {} : {kind: resource.name}),
    ...more,
  };
}

/** Nobody reads more of them, and there may be as many as values in an object. */
const MOST_ERRORS = 1_000;

/**
 * The errors of Kubernetes, in its words.
 *
 * @see https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go
 */
export const statusErrors = {
  notFound(resource: GroupName, name: string): StatusError {
    return new StatusError(
      404,
      'NotFound',
      `${qualifiedName(resource)} ${quote(name)} not found`,
      detailsOf(resource, name),
    );
  },
  /** For a path that no resource is at. */
  unknownResource(): StatusError {
    return new StatusError(404, 'NotFound', 'the server could not find the requested resource', {});
  },
  alreadyExists(resource: GroupName, name: string): StatusError {
    return new StatusError(
      409,
      'AlreadyExists',
      `${qualifiedName(resource)} ${quote(name)} already exists`,
      detailsOf(resource, name),
    );
  },
  conflict(resource: GroupName, name: string, why: string): StatusError {
    return new StatusError(
      409,
      'Conflict',
      `Operation cannot be fulfilled on ${qualifiedName(resource)} ${quote(name)}: ${why}`,
      detailsOf(resource, name),
    );
  },
  /** The resourceVersion that came with a write is not the present one. */
  modified(resource: GroupName, name: string): StatusError {
    return statusErrors.conflict(
      resource,
      name,
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  },
  /** @param kind group and kind, not the resource */
  invalid(kind: GroupName, name: string, errors: readonly FieldError[]): StatusError {
    const told = errors.slice(0, MOST_ERRORS);
    const causes = told.map(({type, field, message}) => ({reason: type, message, field}));
    const what = `${qualifiedName(kind)} ${quote(name)} is invalid`;
    return new StatusError(
      422,
      'Invalid',
      errors.length === 0 ? what : `${what}: ${describeFieldErrors(told)}`,
      detailsOf(kind, name, {causes}),
    );
  },
  badRequest(message: string): StatusError {
    return new StatusError(400, 'BadRequest', message);
  },
  unauthorized(message = 'Unauthorized'): StatusError {
    return new StatusError(401, 'Unauthorized', message);
  },
  forbidden(resource: GroupName, name: string, why: string): StatusError {
    let what = 'forbidden';
    if (name !== '' && qualifiedName(resource) !== '') what = `${qualifiedName(resource)} ${quote(name)} is forbidden`;
    else if (qualifiedName(resource) !== '') what = `${qualifiedName(resource)} is forbidden`;
    return new StatusError(403, 'Forbidden', `${what}: ${why}`, detailsOf(resource, name));
  },
  methodNotSupported(resource: GroupName, verb: string): StatusError {
    return new StatusError(
      405,
      'MethodNotAllowed',
      `${verb} is not supported on resources of kind ${quote(qualifiedName(resource))}`,
      detailsOf(resource, ''),
    );
  },
  notAcceptable(accepted: readonly string[]): StatusError {
    return new StatusError(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);
  },
  unsupportedMediaType(accepted: readonly string[]): StatusError {
    return new StatusError(
      415,
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
    );
  },
  tooLarge(message: string): StatusError {
    return new StatusError(413, 'RequestEntityTooLarge', message);
  },
  /** 410, of a watch or a list that asks for what is not kept any more. */
  expired(message: string, options: {continue?: string} = {}): StatusError {
    return new StatusError(
      410,
      'Expired',
      message,
      undefined,
      options.continue === undefined ? {} : {metadata: {continue: options.continue}},
    );
  },
  tooManyRequests(message: string, retryAfterSeconds: number): StatusError {
    return new StatusError(429, 'TooManyRequests', message, {retryAfterSeconds});
  },
  timeout(message: string, retryAfterSeconds: number): StatusError {
    return new StatusError(504, 'Timeout', `Timeout: ${message}`, {retryAfterSeconds});
  },
  unavailable(message: string): StatusError {
    return new StatusError(503, 'ServiceUnavailable', message);
  },
  /** As Kubernetes passes on what etcd says, and what can be done here. */
  storageFull(cause: unknown): StatusError {
    const message =
      'etcdserver: mvcc: database space exceeded: the disk of the API server is full; writes go on as soon as there is room on it';
    return new StatusError(500, '', message, undefined, {cause});
  },
  internal(error: unknown): StatusError {
    const message = error instanceof Error ? error.message : String(error);
    return new StatusError(
      500,
      'InternalError',
      `Internal error occurred: ${message}`,
      {causes: [{message}]},
      {cause: error},
    );
  },
};

const quote = goQuote;
