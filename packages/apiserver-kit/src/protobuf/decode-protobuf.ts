import {Buffer} from 'node:buffer';
import {definitionName} from '../builtin/definitions.ts';
import {ShapeError} from '../builtin/shape-error.ts';
import {wireType} from '../builtin/wire-types.ts';
import {statusErrors} from '../errors/status-error.ts';
import {DecodeError} from '../json/decode-error.ts';
import {decodeUtf8} from '../json/utf8.ts';
import type {KubeObject} from '../kube-object.ts';
import {decodeMessage} from './decode-message.ts';
import {WireReader} from './wire-reader.ts';

const prefix = Buffer.from('k8s\0');
/** How much of a body is shown. */
const SHOWN_BYTES = 30;

/** The media type of such bodies. */
export const PROTOBUF = 'application/vnd.kubernetes.protobuf';

/** Options of requests are of every group: their definitions belong to none. */
const options = new Set([
  'CreateOptions',
  'DeleteOptions',
  'GetOptions',
  'ListOptions',
  'PatchOptions',
  'UpdateOptions',
]);

/**
 * Decodes a body in Kubernetes' protobuf envelope: `k8s\0`, then a message with apiVersion, kind and the object.
 *
 * @param expected what the request is for: its kind stands in messages, and is taken for an object that does not name its own
 * @throws StatusError 400 in kube-apiserver's words
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
 */
export function decodeProtobuf(body: Uint8Array, expected: {apiVersion?: string; kind?: string} = {}): KubeObject {
  const {apiVersion: ownVersion, kind: ownKind, raw} = envelope(body, expected.kind ?? '');
  const apiVersion = ownVersion === '' ? (expected.apiVersion ?? '') : ownVersion;
  const kind = ownKind === '' ? (expected.kind ?? '') : ownKind;
  const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
  const cannot = (why: string): Error =>
    statusErrors.badRequest(
      `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${expected.kind ?? kind}: ${why}`,
    );
  const name = definitionOf(apiVersion, kind);
  if (name === undefined) {
    throw cannot(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "pkg/runtime/scheme.go:111"`,
    );
  }
  try {
    return {...decodeMessage(name, raw), apiVersion, kind} as KubeObject;
  } catch (error) {
    if (error instanceof ShapeError || error instanceof DecodeError) throw cannot(error.message);
    throw error;
  }
}

function definitionOf(apiVersion: string, kind: string): string | undefined {
  if (options.has(kind)) {
    const name = `io.k8s.apimachinery.pkg.apis.meta.v1.${kind}`;
    return wireType(name) === undefined ? undefined : name;
  }
  return definitionName(apiVersion, kind);
}

function envelope(body: Uint8Array, kind: string): {apiVersion: string; kind: string; raw: Uint8Array} {
  const unrecognized = (why: string): Error =>
    statusErrors.badRequest(`the object provided is unrecognized (must be of type ${kind}): ${why} (${summary(body)})`);
  if (body.length === 0) throw unrecognized('empty data');
  if (!prefix.equals(body.subarray(0, prefix.length)))
    throw unrecognized('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  if (body.length === prefix.length) throw unrecognized('empty body');
  try {
    let typeMeta: {apiVersion: string; kind: string} = {apiVersion: '', kind: ''};
    let raw: Uint8Array = new Uint8Array();
    const reader = new WireReader(body.subarray(prefix.length));
    while (!reader.done) {
      const {field, wireType: found} = reader.tag('Unknown');
      if (field === 1 && found === 2) typeMeta = readTypeMeta(reader.bytes());
      else if (field === 2 && found === 2) raw = reader.bytes();
      else reader.skip(found);
    }
    return {...typeMeta, raw};
  } catch (error) {
    if (error instanceof ShapeError) throw unrecognized(error.message);
    throw error;
  }
}

function readTypeMeta(bytes: Uint8Array): {apiVersion: string; kind: string} {
  const meta = {apiVersion: '', kind: ''};
  const reader = new WireReader(bytes);
  while (!reader.done) {
    const {field, wireType: found} = reader.tag('TypeMeta');
    if (field === 1 && found === 2) meta.apiVersion = decodeUtf8(reader.bytes());
    else if (field === 2 && found === 2) meta.kind = decodeUtf8(reader.bytes());
    else reader.skip(found);
  }
  return meta;
}

function summary(body: Uint8Array): string {
  if (body.length === 0) return '<empty>';
  const hex = Buffer.from(body.subarray(0, SHOWN_BYTES)).toString('hex');
  return body.length > SHOWN_BYTES ? `${hex} ...` : hex;
}
