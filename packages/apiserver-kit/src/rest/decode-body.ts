import {ShapeError} from '../builtin/shape-error.ts';
import {statusErrors} from '../errors/status-error.ts';
import {giveWay} from '../flow/give-way.ts';
import {decodeObject} from '../json/decode-object.ts';
import type {JsonObject} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import {decodeProtobuf, PROTOBUF} from '../protobuf/decode-protobuf.ts';
import type {RequestContext} from '../registry/request-context.ts';
import type {VersionRules} from '../registry/version-rules.ts';
import type {RestRequest} from './rest-request.ts';

export type BodyFormat = 'json' | 'yaml' | 'protobuf';

const bodyTypes = ['application/json', 'application/yaml', PROTOBUF];

/** @throws StatusError 415 */
export function bodyFormat({contentType, found}: Pick<RestRequest, 'contentType' | 'found'>): BodyFormat {
  switch (contentType?.name) {
    case undefined:
    case '':
    case 'application/json':
      return 'json';
    case 'application/yaml':
      return 'yaml';
    case PROTOBUF:
      if (!found.resource.custom) return 'protobuf';
  }
  throw statusErrors.unsupportedMediaType(bodyTypes);
}

/** Which kind the body of a request is of. */
export interface BodyKind {
  group: string;
  version: string;
  kind: string;
  custom: boolean;
}

/**
 * Decodes the object that a request brings, and leaves only what is known of it, as the request wants that.
 *
 * @param shape what becomes of the object: see {@link VersionRules.shape}
 * @throws StatusError 400, 415
 */
export async function decodeBody(
  request: RestRequest,
  kind: BodyKind,
  shape: VersionRules['shape'],
): Promise<KubeObject> {
  const format = bodyFormat(request);
  const body = await request.body();
  const {value, duplicates} =
    format === 'protobuf'
      ? {value: decodeProtobuf(body, {apiVersion: apiVersion(kind), kind: kind.kind}), duplicates: []}
      : decodeObject(body, format, kind);
  const refuse = (why: string): Error =>
    statusErrors.badRequest(
      `${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: ${why}`,
    );
  await giveWay(body.length);
  const object = shaped(request.context, value, duplicates, shape, refuse);
  await giveWay(body.length);
  return object;
}

/**
 * Shapes an object that a client has a hand in, and says what is wrong with it as the client wants that.
 *
 * @param refuse the error of an object that cannot be shaped
 */
export function shaped(
  {fieldValidation, warn}: Pick<RequestContext, 'fieldValidation' | 'warn'>,
  value: JsonObject,
  duplicates: readonly string[],
  shape: VersionRules['shape'],
  refuse: (why: string) => Error,
): KubeObject {
  const unknown: string[] = [];
  let object: KubeObject;
  try {
    object = shape(value, (sentence) => void unknown.push(sentence));
  } catch (error) {
    throw error instanceof ShapeError ? refuse(error.message) : error;
  }
  const problems = [...duplicates, ...unknown];
  if (problems.length === 0 || fieldValidation === 'Ignore') return object;
  if (fieldValidation === 'Strict') throw refuse(`strict decoding error: ${problems.join(', ')}`);
  for (const problem of problems) warn(problem);
  return object;
}

function apiVersion({group, version}: BodyKind): string {
  return group === '' ? version : `${group}/${version}`;
}
