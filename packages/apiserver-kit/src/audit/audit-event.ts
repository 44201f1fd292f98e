import type {UserInfo} from '../auth/user-info.ts';
import {userJson} from '../auth/user-json.ts';
import type {Status} from '../errors/status-error.ts';
import type {JsonObject} from '../json/json-value.ts';

export type AuditStage = 'ResponseStarted' | 'ResponseComplete' | 'Panic';

/** What a request is about, if it is about an object. */
export interface ObjectReference {
  group: string;
  version: string;
  /** Plural. */
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
}

/** A request, at one stage of its life. */
export interface AuditEntry {
  auditId: string;
  stage: AuditStage;
  requestUri: string;
  /** get, list, …; of a path that is no resource, the method in lower case. */
  verb: string;
  user: UserInfo;
  impersonated?: {user: UserInfo; constraint: string};
  sourceIps: readonly string[];
  userAgent: string;
  objectRef?: ObjectReference;
  /** The code of the answer, and its Status where it is one of failure. Undefined: nothing was answered. */
  response?: {code: number; status?: Status};
  /** Milliseconds since 1970, with fractions. */
  receivedMs: number;
  stageMs: number;
  annotations?: Readonly<Record<string, string>>;
}

/** The event of `audit.k8s.io/v1` at the level Metadata. @see https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ */
export function auditEvent(entry: AuditEntry): JsonObject {
  const {user, impersonated, objectRef, response, userAgent, annotations = {}} = entry;
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: entry.auditId,
    stage: entry.stage,
    requestURI: entry.requestUri,
    verb: entry.verb,
    user: userJson(user),
    ...(impersonated && {impersonatedUser: userJson(impersonated.user)}),
    ...(impersonated &&
      impersonated.constraint !== '' && {
        authenticationMetadata: {impersonationConstraint: impersonated.constraint},
      }),
    ...(entry.sourceIps.length === 0 ? {} : {sourceIPs: [...entry.sourceIps]}),
    ...(userAgent === '' ? {} : {userAgent}),
    ...(objectRef && {objectRef: objectReference(objectRef)}),
    ...(response && {responseStatus: responseStatus(response)}),
    requestReceivedTimestamp: microTime(entry.receivedMs),
    stageTimestamp: microTime(entry.stageMs),
    ...(Object.keys(annotations).length === 0 ? {} : {annotations: sorted(annotations)}),
  };
}

function objectReference({group, version, resource, subresource, namespace, name}: ObjectReference): JsonObject {
  return {
    resource,
    ...(namespace === '' ? {} : {namespace}),
    ...(name === '' ? {} : {name}),
    ...(group === '' ? {} : {apiGroup: group}),
    apiVersion: version,
    ...(subresource === '' ? {} : {subresource}),
  };
}

function responseStatus({code, status}: NonNullable<AuditEntry['response']>): JsonObject {
  if (!status) return {metadata: {}, code};
  return {
    metadata: {},
    status: status.status,
    ...(status.message === undefined ? {} : {message: status.message}),
    ...(status.reason === undefined ? {} : {reason: status.reason}),
    ...(status.details && {details: status.details}),
    code,
  };
}

function sorted(annotations: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(Object.entries(annotations).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function microTime(ms: number): string {
  const micros = Math.floor((ms % 1000) * 1000)
    .toString()
    .padStart(6, '0');
  return `${new Date(ms).toISOString().slice(0, 19)}.${micros}Z`;
}
