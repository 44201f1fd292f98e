import {createReadStream} from 'node:fs';
import {stat} from 'node:fs/promises';
import {createInterface} from 'node:readline';

/** @see https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ */
export interface AuditEvent {
  auditID: string;
  level: 'Metadata' | 'Request' | 'RequestResponse';
  stage: 'ResponseStarted' | 'ResponseComplete' | 'Panic';
  requestURI: string;
  /** get, list, watch, create, update, patch, delete, deletecollection; or the HTTP method in lower case. */
  verb: string;
  user: {username?: string; uid?: string; groups?: string[]; extra?: Record<string, string[]>};
  impersonatedUser?: {username?: string};
  userAgent?: string;
  objectRef?: {
    apiGroup?: string;
    apiVersion?: string;
    resource?: string;
    subresource?: string;
    namespace?: string;
    name?: string;
    uid?: string;
    resourceVersion?: string;
  };
  responseStatus?: {code?: number; reason?: string; message?: string};
  requestReceivedTimestamp: string;
  stageTimestamp: string;
  annotations?: Record<string, string>;
}

/** A place in the audit log: what was logged before it is not interesting any more. */
export type AuditMark = number & {readonly brand?: unique symbol};

/** Metadata of every request; the stage RequestReceived would only double the log. */
export const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{level: 'Metadata'}],
};

export async function auditLogEnd(path: string): Promise<AuditMark> {
  return await stat(path).then(
    (stats) => stats.size,
    () => 0,
  );
}

/** The events of the log after `mark`, oldest first. A line that is still being written is left for the next call. */
export async function readAuditLog(path: string, mark: AuditMark = 0): Promise<AuditEvent[]> {
  const end = await auditLogEnd(path);
  if (end <= mark) return [];
  const events: AuditEvent[] = [];
  const lines = createInterface({input: createReadStream(path, {start: mark, end: end - 1})});
  for await (const line of lines) {
    if (line.startsWith('{') && line.endsWith('}')) events.push(parseEvent(line));
  }
  return events.filter((event) => event !== undefined);
}

function parseEvent(line: string): AuditEvent {
  try {
    return JSON.parse(line) as AuditEvent;
  } catch {
    // Only a last line can be torn.
    return undefined as never;
  }
}
