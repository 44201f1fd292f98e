import {posix} from 'node:path';
import {goQuote} from '../errors/go-text.ts';
import {type StatusError, statusErrors} from '../errors/status-error.ts';
import {DecodeError} from '../json/decode-error.ts';
import {decodeJson} from '../json/decode-json.ts';
import {isJsonObject, type JsonValue} from '../json/json-value.ts';

/** Where a list goes on that was given in part. */
export interface ContinueToken {
  /** The list is of this revision; -1: of the present one. */
  revision: number;
  /** The list goes on behind this key. */
  key: string;
}

const version = 'meta.k8s.io/v1';

/**
 * Text of a token.
 *
 * @param prefix `ns/` of a list of one namespace: the token does not say it, so that it cannot lead into another one
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
 */
export function encodeContinueToken({revision, key}: ContinueToken, prefix = ''): string {
  const start = `${key.slice(prefix.length)}\0`;
  // Go writes these characters so, and a token is compared with what a real server gives.
  const json = JSON.stringify({v: version, rv: revision, start}).replaceAll(
    /[<>&]/g,
    (char) => `\\u00${char.charCodeAt(0).toString(16)}`,
  );
  return Buffer.from(json).toString('base64url');
}

/** @throws StatusError 400 */
export function decodeContinueToken(text: string, prefix = ''): ContinueToken {
  const {v, rv, start} = readFields(readDocument(readBase64(text)));
  if (v !== version) throw invalid(`server does not recognize this encoded version ${v}`);
  if (rv === 0) throw invalid(`incorrect encoded start resourceVersion (version ${version})`);
  if (start === '') throw invalid(`encoded start key empty (version ${version})`);
  const path = start.startsWith('/') ? start : `/${start}`;
  if (cleanPath(path) !== path) throw invalid(start);
  return {revision: rv, key: prefix + before(path.slice(1))};
}

/**
 * The error of a list that cannot go on: its revision is not kept any more. The token in it goes on with the present state instead.
 *
 * @param key behind which the list would have gone on
 */
export function continueExpired(key: string, prefix = ''): StatusError {
  return statusErrors.expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
      'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
      'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or ' +
      'deleted between the time the first chunk was returned and now may show up in the list.',
    {continue: encodeContinueToken({revision: -1, key}, prefix)},
  );
}

function invalid(why: string): StatusError {
  return statusErrors.badRequest(`invalid continue token: continue key is not valid: ${why}`);
}

/** URL-safe and without padding; line breaks do not count. */
function readBase64(text: string): Uint8Array {
  const illegal = /[^A-Za-z0-9_\-\r\n]/.exec(text)?.index;
  const length = text.replaceAll(/[\r\n]/g, '').length;
  const at = illegal ?? (length % 4 === 1 ? text.length - 1 : undefined);
  if (at !== undefined) throw invalid(`illegal base64 data at input byte ${at}`);
  return Buffer.from(text, 'base64url');
}

function readDocument(bytes: Uint8Array): JsonValue {
  try {
    return decodeJson(bytes).value;
  } catch (error) {
    // Garbage mostly begins with something that is no text: Go names the byte.
    if (error instanceof DecodeError && bytes[0]! >= 0x80)
      throw invalid(
        `invalid character '${goQuote(String.fromCharCode(bytes[0]!)).slice(1, -1)}' looking for beginning of value`,
      );
    if (error instanceof DecodeError) throw invalid(error.message);
    throw error;
  }
}

/** As Go reads a struct: names in any case, null and other members do not count. */
function readFields(document: JsonValue): {v: string; rv: number; start: string} {
  const fields = {v: '', rv: 0, start: ''};
  if (document === null) return fields;
  if (!isJsonObject(document))
    throw invalid(`json: cannot unmarshal ${goType(document)} into Go value of type storage.continueToken`);
  for (const [name, value] of Object.entries(document)) {
    const field = name.toLowerCase();
    if (value === null || value === undefined) continue;
    if (field === 'rv') fields.rv = readInteger(value);
    else if (field === 'v' || field === 'start') fields[field] = readString(field, value);
  }
  return fields;
}

function readInteger(value: JsonValue): number {
  if (typeof value === 'bigint' ? BigInt.asIntN(64, value) === value : Number.isInteger(value)) return Number(value);
  const shown = typeof value === 'number' || typeof value === 'bigint' ? `number ${value}` : goType(value);
  throw invalid(`json: cannot unmarshal ${shown} into Go struct field continueToken.rv of type int64`);
}

function readString(field: string, value: JsonValue): string {
  if (typeof value === 'string') return value;
  throw invalid(`json: cannot unmarshal ${goType(value)} into Go struct field continueToken.${field} of type string`);
}

function goType(value: JsonValue): string {
  if (Array.isArray(value)) return 'array';
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'number';
    default:
      return typeof value;
  }
}

/** Without `.`, `..`, doubled and trailing slashes. */
function cleanPath(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

/** The greatest key before a start. A start that we gave is a key and a zero; any other is a key that is itself still to be given. */
function before(start: string): string {
  if (start === '' || start.endsWith('\0')) return start.slice(0, -1);
  return `${start.slice(0, -1)}${String.fromCharCode(start.charCodeAt(start.length - 1) - 1)}\uFFFF`;
}
