import {Buffer} from 'node:buffer';
import {describe, expect, test} from '@jest/globals';
import {ExecuteRequest, Output, RuntimeDefinition, RuntimeEventsDefinition, StatusResponse, Stream} from './index.ts';

describe('generated code', () => {
  test('has the paths of the contract', () => {
    expect(RuntimeDefinition.fullName).toBe('executor.v1.Runtime');
    expect(RuntimeEventsDefinition.fullName).toBe('kruntimes.runtime.v1.RuntimeEvents');
  });

  test('writes the bytes of protobuf', () => {
    const request = ExecuteRequest.fromPartial({id: 'a', args: ['x'], env: {K: 'v'}, timeoutSeconds: 30n});
    expect(Buffer.from(ExecuteRequest.encode(request).finish()).toString('hex')).toBe(
      ['0a0161', '120178', '1a06', '0a014b', '120176', '201e'].join(''),
    );
  });

  test('gives bytes as a view of the frame, not as a copy', () => {
    const data = Uint8Array.of(0, 0xff, 1);
    const frame = Output.encode(Output.fromPartial({id: 'a', stream: Stream.STDERR, data})).finish();
    const output = Output.decode(frame);
    expect([...output.data]).toEqual([0, 0xff, 1]);
    expect(output.data.buffer).toBe(frame.buffer);
  });

  test('reads a message with fields of a later version', () => {
    const known = StatusResponse.encode(StatusResponse.fromPartial({id: 'a', exitCode: -1})).finish();
    const frame = Uint8Array.of(...known, 0xfa, 0x07, 0x01, 0x78); // field 127, bytes
    expect(StatusResponse.decode(frame)).toMatchObject({id: 'a', exitCode: -1});
  });
});
