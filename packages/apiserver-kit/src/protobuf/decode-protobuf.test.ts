import {Buffer} from 'node:buffer';
import {describe, expect, it} from '@jest/globals';
import fc from 'fast-check';
import {definitionName} from '../builtin/definitions.ts';
import {shapeOf} from '../builtin/go-shape.ts';
import {StatusError} from '../errors/status-error.ts';
import {decodeMessage} from './decode-message.ts';
import {decodeProtobuf} from './decode-protobuf.ts';
import {samples} from './samples.fixture.ts';

const field = (number: number, bytes: readonly number[]): number[] => [(number << 3) | 2, bytes.length, ...bytes];
const text = (value: string): number[] => [...Buffer.from(value)];
const envelope = (apiVersion: string, kind: string, raw: readonly number[]): Uint8Array =>
  Uint8Array.from([
    ...text('k8s\0'),
    ...field(1, [...field(1, text(apiVersion)), ...field(2, text(kind))]),
    ...field(2, raw),
    ...field(3, []),
    ...field(4, []),
  ]);
const configMap = {apiVersion: 'v1', kind: 'ConfigMap'};

describe('decodeProtobuf', () => {
  it.each(samples)('$name is what kube-apiserver writes in JSON, byte for byte', ({protobuf, json}) => {
    const object = decodeProtobuf(Buffer.from(protobuf, 'base64'));
    const shape = shapeOf(definitionName(object.apiVersion, object.kind)!);
    expect(JSON.stringify(shape(object))).toBe(json);
  });

  it('takes options of every group', () => {
    const raw = [0x08, 5, ...field(2, field(1, text('u'))), ...field(4, text('Background'))];
    expect(decodeProtobuf(envelope('apps/v1', 'DeleteOptions', raw))).toEqual({
      apiVersion: 'apps/v1',
      kind: 'DeleteOptions',
      gracePeriodSeconds: 5,
      preconditions: {uid: 'u'},
      propagationPolicy: 'Background',
    });
  });

  it('takes an object without a kind for what is expected', () => {
    const raw = field(1, field(1, text('x')));
    expect(decodeProtobuf(envelope('', '', raw), configMap)).toEqual({...configMap, metadata: {name: 'x'}});
  });

  // Each text was taken from kube-apiserver 1.36.3.
  it.each<[string, Uint8Array, string]>([
    [
      'nothing',
      Uint8Array.of(),
      'the object provided is unrecognized (must be of type ConfigMap): empty data (<empty>)',
    ],
    [
      'no envelope',
      Uint8Array.of(1, 2, 3),
      'the object provided is unrecognized (must be of type ConfigMap): provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] (010203)',
    ],
    [
      'an envelope alone',
      Buffer.from('k8s\0'),
      'the object provided is unrecognized (must be of type ConfigMap): empty body (6b387300)',
    ],
    [
      'a tag of zero',
      Buffer.from('k8s\0\x01'),
      'the object provided is unrecognized (must be of type ConfigMap): proto: Unknown: illegal tag 0 (wire type 1) (6b38730001)',
    ],
    [
      'half a number',
      Buffer.from([0x6b, 0x38, 0x73, 0, 0xff, 0xff]),
      'the object provided is unrecognized (must be of type ConfigMap): unexpected EOF (6b387300ffff)',
    ],
    [
      'half a field',
      envelope('v1', 'ConfigMap', [0x0a, 5, 1]),
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: unexpected EOF',
    ],
    [
      'another kind of value',
      envelope('v1', 'ConfigMap', [0x08, 1]),
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: proto: wrong wireType = 0 for field ObjectMeta',
    ],
    [
      'an unknown kind',
      envelope('v1', 'Foo', []),
      'Foo in version "v1" cannot be handled as a ConfigMap: no kind "Foo" is registered for version "v1" in scheme "pkg/runtime/scheme.go:111"',
    ],
  ])('refuses %s', (_, body, message) => {
    expect(() => decodeProtobuf(body, configMap)).toThrow(expect.objectContaining({code: 400, message}));
  });

  it('answers garbage with 400 and nothing else', () => {
    const pod = Buffer.from(samples[0]!.protobuf, 'base64');
    const broken = fc.array(fc.tuple(fc.nat(pod.length - 1), fc.nat(255)), {maxLength: 8}).chain((edits) =>
      fc.nat(pod.length).map((length) => {
        const copy = Uint8Array.from(pod.subarray(0, length));
        for (const [at, byte] of edits) if (at < copy.length) copy[at] = byte;
        return copy;
      }),
    );
    const random = fc.uint8Array({maxLength: 200}).map((raw) => envelope('v1', 'Pod', [...raw]));
    fc.assert(
      fc.property(fc.oneof(broken, random), (body) => {
        try {
          expect(decodeProtobuf(body, {apiVersion: 'v1', kind: 'Pod'}).kind).toEqual(expect.any(String));
        } catch (error) {
          expect(error).toBeInstanceOf(StatusError);
          expect((error as StatusError).code).toBe(400);
        }
      }),
    );
  });

  it('bounds how deep a message may be', () => {
    let schema: Uint8Array = Buffer.of();
    for (let depth = 0; depth < 2000; depth++) {
      const length = [schema.length & 127, schema.length >> 7].map((byte, index) => (index === 0 ? byte | 128 : byte));
      schema = Buffer.concat([Buffer.from([0xe2, 0x01, ...length]), schema]);
    }
    expect(() =>
      decodeMessage('io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps', schema),
    ).toThrow('exceeded max depth');
  });
});
