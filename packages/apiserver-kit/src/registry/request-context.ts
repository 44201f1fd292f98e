import type {UserInfo} from '../auth/user-info.ts';

/** Who asks for what: goes with a request through authorization, admission and the registry. */
export interface RequestContext {
  user: UserInfo;
  /** get, list, watch, create, update, patch, delete, deletecollection. */
  verb: string;
  group: string;
  version: string;
  /** Plural. */
  resource: string;
  /** Empty: the resource itself. */
  subresource: string;
  /** Empty: all namespaces, or a kind without them. */
  namespace: string;
  /** Empty: a collection. */
  name: string;
  /** Query parameters, as they came. */
  query: URLSearchParams;
  dryRun: boolean;
  /** Of managedFields: the parameter, else the first part of the User-Agent. */
  fieldManager: string;
  fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  /** Sends a `Warning: 299` header with the answer; the same text once. */
  warn(text: string): void;
  /** Aborts when the client is gone, the time is over, or the server stops. */
  signal: AbortSignal;
  userAgent: string;
  /** Of the audit log. */
  auditId: string;
  /** Adds to the annotations of the audit log. */
  annotate?(key: string, value: string): void;
}
