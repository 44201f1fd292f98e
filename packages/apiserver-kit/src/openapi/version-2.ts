import {Buffer} from 'node:buffer';
import type {JsonObject} from '../json/json-value.ts';

/**
 * The OpenAPI v2 document: a valid one that describes nothing. kubectl insists on there being one before it takes a `List`, and then does
 * without what it does not find in it.
 *
 * @param serverVersion such as `1.36`
 */
export function emptyVersion2(serverVersion: string): JsonObject {
  return {swagger: '2.0', info: {title: 'Kubernetes', version: serverVersion}, paths: {}};
}

/**
 * {@link emptyVersion2} in protobuf, which is what kubectl asks for.
 *
 * @see https://github.com/google/gnostic-models/blob/main/openapiv2/OpenAPIv2.proto message Document
 */
export function emptyVersion2Protobuf(serverVersion: string): Buffer {
  const info = Buffer.concat([textField(1, 'Kubernetes'), textField(2, serverVersion)]);
  return Buffer.concat([textField(1, '2.0'), bytesField(2, info), bytesField(8, Buffer.alloc(0))]);
}

function textField(number: number, text: string): Buffer {
  return bytesField(number, Buffer.from(text));
}

/** @param bytes fewer than 128 */
function bytesField(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
}
