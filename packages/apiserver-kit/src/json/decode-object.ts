import {Buffer} from 'node:buffer';
import {definitionName} from '../builtin/definitions.ts';
import {type StatusError, statusErrors} from '../errors/status-error.ts';
import {apiVersionOf} from '../kube-object.ts';
import {DecodeError} from './decode-error.ts';
import {type Decoded, decodeJson} from './decode-json.ts';
import {decodeYaml} from './decode-yaml.ts';
import {isJsonObject, type JsonObject, type JsonValue} from './json-value.ts';
import {decodeUtf8} from './utf8.ts';

/** What a request is for. */
export interface ExpectedObject {
  group: string;
  version: string;
  kind: string;
  /** Kinds of a CustomResourceDefinition must be named in the body; others are taken from the path where it does not name them. */
  custom: boolean;
}

export interface DecodedObject extends Decoded {
  /** With the expected `apiVersion` and `kind`; the kind of a custom one may be another. */
  value: JsonObject;
}

/**
 * Decodes the body of a request that brings an object.
 *
 * @throws StatusError 400, in kube-apiserver's words, if it is broken or of another version or kind
 */
export function decodeObject(body: Uint8Array, format: 'json' | 'yaml', expected: ExpectedObject): DecodedObject {
  const unrecognized = (why: string): StatusError =>
    statusErrors.badRequest(
      `the object provided is unrecognized (must be of type ${expected.kind}): ${why} (${summarizeBody(body)})`,
    );
  let decoded: Decoded;
  try {
    decoded = format === 'json' ? decodeJson(body) : decodeYaml(body);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    if (format === 'yaml') throw unrecognized(error.message);
    if (error.code === 'SYNTAX') throw unrecognized(`couldn't get version/kind; json parse error: ${error.message}`);
    throw cannotBeHandled(expected.kind, expected.version, expected, error.message);
  }
  const object = decoded.value ?? {};
  const problem = typeProblem(object);
  if (problem !== '') throw unrecognized(`couldn't get version/kind; json parse error: ${problem}`);
  const fields = object as JsonObject;
  const apiVersion = textOf(fields['apiVersion']);
  const kind = textOf(fields['kind']);
  if (apiVersion.split('/').length > 2) throw unrecognized(`unexpected GroupVersion string: ${apiVersion}`);
  if (expected.custom && kind === '') throw unrecognized(`Object 'Kind' is missing in '${decodeUtf8(body)}'`);
  return {...decoded, value: withType(fields, apiVersion, kind, expected)};
}

function withType(object: JsonObject, apiVersion: string, kind: string, expected: ExpectedObject): JsonObject {
  const expectedVersion = apiVersionOf(expected.group, expected.version);
  if (expected.custom) {
    if (apiVersion === expectedVersion) return object;
  } else {
    const named = {apiVersion: apiVersion || expectedVersion, kind: kind || expected.kind};
    // It belongs to nobody else yet, and a copy of very many members takes long.
    if (named.kind === expected.kind && named.apiVersion === expectedVersion) return Object.assign(object, named);
    // The same kind in another group is the same to kube-apiserver (Event), but not asked for here.
    if (named.kind !== expected.kind || definitionName(named.apiVersion, named.kind) === undefined) {
      throw otherKind(named.apiVersion, named.kind, expected);
    }
  }
  throw statusErrors.badRequest(
    `the API version in the data (${apiVersion}) does not match the expected API version (${expectedVersion})`,
  );
}

function otherKind(apiVersion: string, kind: string, expected: ExpectedObject): StatusError {
  const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
  const why =
    definitionName(apiVersion, kind) === undefined
      ? `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "pkg/runtime/scheme.go:111"`
      : `converting (${version}.${kind}) to (${expected.group.split('.')[0] || 'core'}.${expected.kind}): unknown conversion`;
  return cannotBeHandled(kind, version, expected, why);
}

function cannotBeHandled(kind: string, version: string, expected: ExpectedObject, why: string): StatusError {
  return statusErrors.badRequest(
    `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${expected.kind}: ${why}`,
  );
}

/** What is wrong with the shape of the value that must say of what type it is. */
function typeProblem(value: JsonValue): string {
  if (!isJsonObject(value)) {
    return `json: cannot unmarshal ${typeName(value)} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`;
  }
  for (const field of ['apiVersion', 'kind']) {
    const member = value[field];
    if (member !== undefined && member !== null && typeof member !== 'string') {
      return `json: cannot unmarshal ${typeName(member)} into Go struct field .${field} of type string`;
    }
  }
  return '';
}

function typeName(value: JsonValue): string {
  if (Array.isArray(value)) return 'array';
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
    case 'number':
      return 'number';
    case 'string':
      return 'string';
    default:
      return 'object';
  }
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

const SHOWN = 30;

/** The beginning of a body for a message: the text of a JSON object, else bytes in hexadecimal. */
export function summarizeBody(body: Uint8Array): string {
  if (body.length === 0) return '<empty>';
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const start = buffer.subarray(0, SHOWN);
  const shown = start[0] === 0x7b ? decodeUtf8(start) : start.toString('hex');
  return body.length > SHOWN ? `${shown} ...` : shown;
}
