import {describe, expect, test} from '@jest/globals';
import {connectionError, errorCodeOf, isBrokenConnection} from './connection-error.ts';
import {ReconcilerKitError} from './errors.ts';

function failure(code: string, message = 'low-level words'): Error {
  return Object.assign(new Error(message), {code});
}

describe('connectionError', () => {
  test.each([
    ['ENOTFOUND', 'host name is not known', true],
    ['EHOSTUNREACH', 'cannot be reached', true],
    ['UND_ERR_CONNECT_TIMEOUT', 'no answer to the attempt', true],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'not signed by a known authority', false],
    ['CERT_HAS_EXPIRED', 'has expired', false],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls-server-name', false],
    ['HPE_INVALID_CONSTANT', 'does not speak HTTP/1.1', false],
  ])('%s: says what it means', (code, words, retryable) => {
    const error = connectionError(failure(code), 'GET /x', 'https://h');
    expect(error).toMatchObject({code: 'CONNECTION_FAILED', retryable});
    expect(error.message).toContain('GET /x: no answer from https://h: ');
    expect(error.message).toContain(words);
    expect(error.message).toContain(`(${code})`);
  });

  test('an unknown code keeps its own words', () => {
    expect(connectionError(failure('EWHAT'), 'GET /x', 'h').message).toBe(
      'GET /x: no answer from h: low-level words (EWHAT)',
    );
    expect(connectionError('odd', 'GET /x', 'h').message).toBe('GET /x: no answer from h: odd');
  });

  test('an error of the kit stays what it is', () => {
    const error = new ReconcilerKitError('TIMEOUT', 'late');
    expect(connectionError(error, 'GET /x', 'h')).toBe(error);
  });
});

test('the code is found in causes and in parts', () => {
  const refused = failure('ECONNREFUSED');
  expect(errorCodeOf(new AggregateError([refused, refused]))).toBe('ECONNREFUSED');
  expect(errorCodeOf(new Error('outer', {cause: new Error('inner', {cause: refused})}))).toBe('ECONNREFUSED');
  const circular = new Error('self');
  circular.cause = circular;
  expect(errorCodeOf(circular)).toBeUndefined();
  expect(errorCodeOf(undefined)).toBeUndefined();
});

test('only an established connection can break', () => {
  const broken = (code: string) => isBrokenConnection(connectionError(failure(code), 'GET /x', 'h'));
  expect(broken('ECONNRESET')).toBe(true);
  expect(broken('UND_ERR_SOCKET')).toBe(true);
  expect(broken('ECONNREFUSED')).toBe(false);
  expect(isBrokenConnection(failure('ECONNRESET'))).toBe(false);
});
