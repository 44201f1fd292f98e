import {describe, expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import {continueExpired, decodeContinueToken, encodeContinueToken} from './continue-token.ts';

const encode = (text: string): string => Buffer.from(text).toString('base64url');

describe('continue tokens', () => {
  test('have the form of meta.k8s.io/v1', () => {
    const token = encodeContinueToken({revision: 7, key: 'a/one'});
    expect(Buffer.from(token, 'base64url').toString()).toBe('{"v":"meta.k8s.io/v1","rv":7,"start":"a/one\\u0000"}');
    expect(token).not.toContain('=');
  });

  test('of a namespace do not say which', () => {
    const token = encodeContinueToken({revision: 7, key: 'a/one'}, 'a/');
    expect(decodeContinueToken(token, 'b/')).toEqual({revision: 7, key: 'b/one'});
  });

  test('come back as they were', () => {
    const name = fc.stringMatching(/^[a-z0-9][-a-z0-9.:<>&]{0,20}$/).filter((text) => !/^\.+$/.test(text));
    fc.assert(
      fc.property(fc.integer({min: 1}), name, name, (revision, namespace, each) => {
        const token = {revision, key: `${namespace}/${each}`};
        expect(decodeContinueToken(encodeContinueToken(token))).toEqual(token);
        expect(decodeContinueToken(encodeContinueToken(token, `${namespace}/`), `${namespace}/`)).toEqual(token);
      }),
    );
  });

  test('that somebody made up begin with the key they name', () => {
    const {key} = decodeContinueToken(encode('{"v":"meta.k8s.io/v1","rv":5,"start":"a/one"}'));
    expect(key < 'a/one').toBe(true);
    expect(key > 'a/ond').toBe(true);
    expect(key > 'a/on').toBe(true);
  });

  // What kube-apiserver 1.36.3 answers.
  test.each([
    ['garbage', "invalid character '\\u0081' looking for beginning of value"],
    ['!!!', 'illegal base64 data at input byte 0'],
    ['e30=', 'illegal base64 data at input byte 3'],
    [encode('{}'), 'server does not recognize this encoded version '],
    [
      encode('{"v":"meta.k8s.io/v2","rv":1,"start":"x"}'),
      'server does not recognize this encoded version meta.k8s.io/v2',
    ],
    [
      encode('{"v":"meta.k8s.io/v1","rv":0,"start":"x"}'),
      'incorrect encoded start resourceVersion (version meta.k8s.io/v1)',
    ],
    [encode('{"v":"meta.k8s.io/v1","rv":5,"start":""}'), 'encoded start key empty (version meta.k8s.io/v1)'],
    [encode('{"v":"meta.k8s.io/v1","rv":5,"start":"../x"}'), '../x'],
    [encode('{"v":"meta.k8s.io/v1","rv":1,"start":"a/./x"}'), 'a/./x'],
    [
      encode('{"v":"meta.k8s.io/v1","rv":"5","start":"x"}'),
      'json: cannot unmarshal string into Go struct field continueToken.rv of type int64',
    ],
    [
      encode('{"v":"meta.k8s.io/v1","rv":1.5,"start":"x"}'),
      'json: cannot unmarshal number 1.5 into Go struct field continueToken.rv of type int64',
    ],
    [encode('{"v":5}'), 'json: cannot unmarshal number into Go struct field continueToken.v of type string'],
    [encode('[1]'), 'json: cannot unmarshal array into Go value of type storage.continueToken'],
    [encode('{"v":"meta.k8s.io/v1"'), 'unexpected end of JSON input'],
    [encode('{"V":"meta.k8s.io/v1","RV":1,"start":"a"} x'), "invalid character 'x' after top-level value"],
  ])('%s is refused', (token, message) => {
    expect(() => decodeContinueToken(token)).toThrow(
      expect.objectContaining({code: 400, message: `invalid continue token: continue key is not valid: ${message}`}),
    );
  });

  test('whatever comes is a token or refused', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json().map(encode), fc.base64String()), (text) => {
        try {
          decodeContinueToken(text, 'a/');
        } catch (error) {
          expect(error).toMatchObject({code: 400, reason: 'BadRequest'});
        }
      }),
      {numRuns: 300},
    );
  });

  test('that are too old are answered with one that goes on with the present state', () => {
    const error = continueExpired('a/one', 'a/');
    expect(error).toMatchObject({code: 410, reason: 'Expired'});
    expect(error.message).toMatch(/^The provided continue parameter is too old to display a consistent list result\./);
    expect(decodeContinueToken(error.metadata['continue'] as string, 'a/')).toEqual({revision: -1, key: 'a/one'});
  });
});
