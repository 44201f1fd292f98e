import {describe, expect, test} from '@jest/globals';
import {ExecuteRequest} from '@kruntimes/runtime-protocol';
import {Status} from 'nice-grpc-common';
import {executionSpec} from './execution-spec.ts';

function spec(request: Parameters<typeof ExecuteRequest.fromPartial>[0]) {
  return executionSpec(ExecuteRequest.fromPartial({id: 'a', ...request}), ['/workspace', '/real/workspace']);
}

describe('executionSpec', () => {
  test('the working directory defaults to the id under the workspace root', () => {
    expect(spec({}).execution).toEqual({
      id: 'a',
      args: [],
      env: {},
      workingDir: '/workspace/a',
      entrypoint: '',
      handler: '',
      timeoutSeconds: 0,
    });
  });

  test('is frozen', () => {
    const {execution} = spec({args: ['x'], env: {A: '1'}});
    for (const part of [execution, execution.args, execution.env]) expect(Object.isFrozen(part)).toBe(true);
  });

  test('an absurd timeout is a long one', () => {
    expect(spec({timeoutSeconds: 2n ** 63n - 1n}).execution.timeoutSeconds).toBe(3_155_760_000);
  });

  test.each([
    ['id', {id: ''}],
    ['id', {id: '../x'}],
    ['id', {id: '-x'}],
    ['id', {id: 'x'.repeat(254)}],
    ['timeout_seconds', {timeoutSeconds: -1n}],
    ['args', {args: ['a\0b']}],
    ['env', {env: {'': 'x'}}],
    ['env', {env: {'A=B': 'x'}}],
    ['env', {env: {A: 'x\0'}}],
    ['entrypoint', {entrypoint: '/bin/sh'}],
    ['entrypoint', {entrypoint: 'a/../../b'}],
    ['working_dir', {workingDir: 'relative'}],
    ['working_dir', {workingDir: '/etc'}],
    ['working_dir', {workingDir: '/workspace/../etc'}],
    ['working_dir', {workingDir: '/workspace2'}],
  ])('refuses a wrong %s: %j', (field, request) => {
    expect(() => spec(request)).toThrow(
      expect.objectContaining({code: Status.INVALID_ARGUMENT, details: expect.stringMatching(`^${field}: `)}),
    );
  });

  test.each(['/workspace', '/workspace/a/work/', '/real/workspace/x', '/workspace/..data'])(
    'takes %s',
    (workingDir) => {
      expect(spec({workingDir}).execution.workingDir).toBe(workingDir.replace(/\/$/, ''));
    },
  );

  test('digests tell requests apart, and only them', () => {
    const digest = spec({env: {A: '1', B: '2'}, args: ['x']}).digest;
    expect(spec({env: {B: '2', A: '1'}, args: ['x']}).digest).toBe(digest);
    expect(spec({env: {A: '1', B: '2'}, args: ['x', '']}).digest).not.toBe(digest);
    expect(spec({env: {A: '1', B: '3'}, args: ['x']}).digest).not.toBe(digest);
  });
});
