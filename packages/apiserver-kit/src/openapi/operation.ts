import type {JsonObject} from '../json/json-value.ts';

/** How a parameter or a body is named and typed. */
export interface Operation {
  id: string;
  /** `x-kubernetes-action`: get, list, post, put, patch, delete, deletecollection, connect. */
  action: string;
  groupVersionKind: {group: string; version: string; kind: string};
  tag: string;
  /** What comes back. */
  response: JsonObject;
  /** Media types of answers. */
  mediaTypes: readonly string[];
  /** Query parameters. */
  parameters: readonly string[];
  /** By media type. */
  body?: {schema: JsonObject; mediaTypes: readonly string[]; isRequired: boolean};
  /** Codes beside 200 with the same answer. */
  otherCodes?: readonly string[];
}

export const LIST_PARAMETERS = [
  'allowWatchBookmarks',
  'continue',
  'fieldSelector',
  'labelSelector',
  'limit',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'timeoutSeconds',
  'watch',
];
export const WRITE_PARAMETERS = ['dryRun', 'fieldManager', 'fieldValidation'];
export const DELETE_PARAMETERS = ['dryRun', 'gracePeriodSeconds', 'orphanDependents', 'propagationPolicy'];

const INTEGERS = new Set(['gracePeriodSeconds', 'limit', 'timeoutSeconds']);
const BOOLEANS = new Set(['allowWatchBookmarks', 'force', 'orphanDependents', 'sendInitialEvents', 'watch']);
const REASONS: Readonly<Record<string, string>> = {'200': 'OK', '201': 'Created', '202': 'Accepted'};

export function operationJson(operation: Operation): JsonObject {
  const {id, action, groupVersionKind, tag, response, mediaTypes, parameters, body, otherCodes = []} = operation;
  const responses: JsonObject = {};
  for (const code of ['200', ...otherCodes]) {
    responses[code] = {description: REASONS[code], content: contentOf(response, mediaTypes)};
  }
  responses['401'] = {description: 'Unauthorized'};
  return {
    tags: [tag],
    operationId: id,
    parameters: parameters.map(queryParameter),
    ...(body && {
      requestBody: {content: contentOf(body.schema, body.mediaTypes), ...(body.isRequired && {required: true})},
    }),
    responses,
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': {...groupVersionKind},
  };
}

function contentOf(schema: JsonObject, mediaTypes: readonly string[]): JsonObject {
  return Object.fromEntries(mediaTypes.map((type) => [type, {schema}]));
}

export function queryParameter(name: string): JsonObject {
  let type = 'string';
  if (INTEGERS.has(name)) type = 'integer';
  else if (BOOLEANS.has(name)) type = 'boolean';
  return {name, in: 'query', schema: {type, uniqueItems: true}};
}

export function pathParameter(name: string): JsonObject {
  return {name, in: 'path', required: true, schema: {type: 'string', uniqueItems: true}};
}
