import {describe, expect, test} from '@jest/globals';
import {
  ApiError,
  isAlreadyExists,
  isApiError,
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isNotFound,
  isTooManyRequests,
  ReconcilerKitError,
  TerminalError,
} from './errors.ts';

describe('ApiError', () => {
  test.each([
    [400, 'BadRequest', 'API_BAD_REQUEST', false],
    [401, 'Unauthorized', 'API_UNAUTHORIZED', false],
    [403, 'Forbidden', 'API_FORBIDDEN', false],
    [404, 'NotFound', 'API_NOT_FOUND', false],
    [409, 'Conflict', 'API_CONFLICT', false],
    [409, 'AlreadyExists', 'API_ALREADY_EXISTS', false],
    [410, 'Expired', 'API_GONE', false],
    [415, 'UnsupportedMediaType', 'API_REQUEST_FAILED', false],
    [422, 'Invalid', 'API_INVALID', false],
    [429, 'TooManyRequests', 'API_TOO_MANY_REQUESTS', true],
    [500, 'InternalError', 'API_SERVER_ERROR', true],
    [503, 'ServiceUnavailable', 'API_SERVER_ERROR', true],
    [504, 'Timeout', 'API_TIMEOUT', true],
  ])('%i %s has code %s', (status, reason, code, retryable) => {
    const error = new ApiError({status, body: {reason, message: 'because'}, request: 'GET /api/v1/pods'});
    expect(error).toMatchObject({status, reason, code, retryable, message: 'GET /api/v1/pods: because'});
  });

  test('takes the pause from the header before that of the body', () => {
    expect(new ApiError({status: 429, body: {details: {retryAfterSeconds: 3}}}).retryAfterSeconds).toBe(3);
    expect(
      new ApiError({status: 429, body: {details: {retryAfterSeconds: 3}}, retryAfterSeconds: 5}).retryAfterSeconds,
    ).toBe(5);
  });
});

test('each question is answered for its own status only', () => {
  const byName = {
    notFound: [isNotFound, new ApiError({status: 404})],
    conflict: [isConflict, new ApiError({status: 409, reason: 'Conflict'})],
    alreadyExists: [isAlreadyExists, new ApiError({status: 409, reason: 'AlreadyExists'})],
    gone: [isGone, new ApiError({status: 410})],
    forbidden: [isForbidden, new ApiError({status: 403})],
    invalid: [isInvalid, new ApiError({status: 422})],
    tooMany: [isTooManyRequests, new ApiError({status: 429})],
  } as const;
  for (const [name, [question]] of Object.entries(byName)) {
    for (const [otherName, [, error]] of Object.entries(byName)) {
      expect([name, otherName, question(error)]).toEqual([name, otherName, name === otherName]);
    }
    expect(question(new Error('no answer'))).toBe(false);
  }
  expect(isApiError(new ReconcilerKitError('TIMEOUT', 'late'))).toBe(false);
});

test('the other errors carry code, cause and whether to try again', () => {
  const cause = new Error('below');
  expect(new ReconcilerKitError('TIMEOUT', 'late', {cause, retryable: true})).toMatchObject({
    code: 'TIMEOUT',
    retryable: true,
    cause,
  });
  expect(new TerminalError('never', {cause})).toMatchObject({code: 'TERMINAL', retryable: false, cause});
});
