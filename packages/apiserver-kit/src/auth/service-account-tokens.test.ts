import {createHmac, generateKeyPairSync} from 'node:crypto';
import {beforeEach, describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import type {KubeObject} from '../kube-object.ts';
import {isSignedBy, parseToken, signingKey, signToken, verificationKeys} from './json-web-token.ts';
import {ServiceAccountTokens} from './service-account-tokens.ts';
import {FixtureStores} from './stores.fixture.ts';

const ISSUER = 'https://kubernetes.default.svc';
const START = Date.parse('2026-01-01T00:00:00Z');

const pem = (type: 'ec' | 'rsa'): string => {
  const {privateKey} =
    type === 'ec'
      ? generateKeyPairSync('ec', {namedCurve: 'P-256'})
      : generateKeyPairSync('rsa', {modulusLength: 2048});
  return privateKey.export({type: 'pkcs8', format: 'pem'}).toString();
};
const ecKey = pem('ec');
const object = (kind: string, name: string, uid: string, more: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: {name, namespace: kind === 'Node' ? '' : 'ns', uid, ...more},
});

let stores: FixtureStores;
let now: number;
let tokens: ServiceAccountTokens;
const account = {namespace: 'ns', serviceAccount: {name: 'sa', uid: 'sa-uid'}, audiences: [ISSUER]};

beforeEach(() => {
  now = START;
  stores = new FixtureStores()
    .put('serviceaccounts', object('ServiceAccount', 'sa', 'sa-uid'))
    .put('pods', object('Pod', 'pod', 'pod-uid'))
    .put('secrets', object('Secret', 'secret', 'secret-uid'))
    .put('nodes', object('Node', 'node', 'node-uid'));
  tokens = new ServiceAccountTokens({stores, issuers: [ISSUER, 'old'], signingKey: ecKey, now: () => now});
});

describe('ServiceAccountTokens', () => {
  test('tells the account, its groups, and the Pod and Node of the token', async () => {
    const {token, id} = tokens.sign({
      ...account,
      pod: {name: 'pod', uid: 'pod-uid'},
      node: {name: 'node', uid: 'node-uid'},
      expirationSeconds: 600,
    });
    expect(await tokens.authenticate(token, [ISSUER, 'other'])).toEqual({
      user: {
        username: 'system:serviceaccount:ns:sa',
        uid: 'sa-uid',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:ns'],
        extra: {
          'authentication.kubernetes.io/credential-id': [`JTI=${id}`],
          'authentication.kubernetes.io/node-name': ['node'],
          'authentication.kubernetes.io/node-uid': ['node-uid'],
          'authentication.kubernetes.io/pod-name': ['pod'],
          'authentication.kubernetes.io/pod-uid': ['pod-uid'],
        },
      },
      audiences: [ISSUER],
    });
  });

  test('has the claims of Kubernetes, and none that say nothing', () => {
    const {token, id} = tokens.sign({...account, expirationSeconds: 600});
    const seconds = START / 1000;
    expect(parseToken(token)?.claims).toEqual({
      aud: [ISSUER],
      exp: seconds + 600,
      iat: seconds,
      iss: ISSUER,
      jti: id,
      'kubernetes.io': {namespace: 'ns', serviceaccount: {name: 'sa', uid: 'sa-uid'}},
      nbf: seconds,
      sub: 'system:serviceaccount:ns:sa',
    });
  });

  test('ends with its time', async () => {
    const {token} = tokens.sign({...account, expirationSeconds: 600});
    now += 600_000;
    expect(await tokens.authenticate(token, [ISSUER])).toBeDefined();
    now += 61_000;
    await expect(tokens.authenticate(token, [ISSUER])).rejects.toThrow('expired');
    now = START - 61_000;
    await expect(tokens.authenticate(token, [ISSUER])).rejects.toThrow('not valid yet');
  });

  test.each([
    ['serviceaccounts', 'ns/sa', {}],
    ['pods', 'ns/pod', {pod: {name: 'pod', uid: 'pod-uid'}}],
    ['secrets', 'ns/secret', {secret: {name: 'secret', uid: 'secret-uid'}}],
    ['nodes', 'node', {node: {name: 'node', uid: 'node-uid'}}],
  ])('ends with its object of %s', async (plural, key, bound) => {
    const {token} = tokens.sign({...account, ...bound, expirationSeconds: 600});
    expect(await tokens.authenticate(token, [ISSUER])).toBeDefined();
    const previous = stores.get('', plural)!.cache.get(key)!.object;
    stores.put(plural, {...previous, metadata: {...previous.metadata, uid: 'other'}});
    await expect(tokens.authenticate(token, [ISSUER])).rejects.toThrow('UID');
    const deletionTimestamp = new Date(START).toISOString();
    stores.put(plural, {...previous, metadata: {...previous.metadata, deletionTimestamp}});
    expect(await tokens.authenticate(token, [ISSUER])).toBeDefined();
    now += 61_000;
    await expect(tokens.authenticate(token, [ISSUER])).rejects.toThrow('invalidated');
    now = START;
    stores.delete('', plural, key);
    await expect(tokens.authenticate(token, [ISSUER])).rejects.toThrow(/not found|invalidated/);
  });

  test('a Node that is gone does not end the token of a Pod', async () => {
    const {token} = tokens.sign({
      ...account,
      pod: {name: 'pod', uid: 'pod-uid'},
      node: {name: 'node', uid: 'node-uid'},
      expirationSeconds: 600,
    });
    stores.delete('', 'nodes', 'node');
    expect(await tokens.authenticate(token, [ISSUER])).toBeDefined();
  });

  test('is good for its audiences only', async () => {
    const {token} = tokens.sign({...account, audiences: ['vault'], expirationSeconds: 600});
    await expect(tokens.authenticate(token, [ISSUER])).rejects.toThrow(
      `token audiences ["vault"] is invalid for the target audiences ["${ISSUER}"]`,
    );
    expect((await tokens.authenticate(token, ['vault', ISSUER]))?.audiences).toEqual(['vault']);
  });

  test('knows nothing of tokens of other issuers, and refuses those that say its name', async () => {
    const other = new ServiceAccountTokens({stores, issuers: ['other'], signingKey: pem('ec'), now: () => now});
    const {token} = other.sign({...account, expirationSeconds: 600});
    expect(await tokens.authenticate(token, [ISSUER])).toBeUndefined();
    const impostor = new ServiceAccountTokens({stores, issuers: [ISSUER], signingKey: pem('ec'), now: () => now});
    const forged = impostor.sign({...account, expirationSeconds: 600}).token;
    await expect(tokens.authenticate(forged, [ISSUER])).rejects.toThrow('signature');
    expect(await tokens.authenticate('a.b.c', [ISSUER])).toBeUndefined();
  });

  test('a changed token is refused', async () => {
    const {token} = tokens.sign({...account, expirationSeconds: 600});
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.constantFrom('A', 'z', '_', '.'), async (at, character) => {
        fc.pre(token[at] !== character);
        const changed = token.slice(0, at) + character + token.slice(at + 1);
        // The last character of the signature has bits that mean nothing.
        const signature = (text: string): Buffer => Buffer.from(text.slice(text.lastIndexOf('.')), 'base64url');
        fc.pre(at <= token.lastIndexOf('.') || !signature(changed).equals(signature(token)));
        const known = await tokens.authenticate(changed, [ISSUER]).catch(() => undefined);
        expect(known).toBeUndefined();
      }),
    );
  });
});

describe('tokens', () => {
  test.each(['ec', 'rsa'] as const)('are signed and verified with keys of type %s', (type) => {
    const key = pem(type);
    const parsed = parseToken(signToken({a: 1}, signingKey(key)))!;
    expect(isSignedBy(parsed, verificationKeys(key))).toBe(true);
    expect(isSignedBy(parsed, verificationKeys(pem(type)))).toBe(false);
  });

  test('the key decides on the algorithm, not the token', () => {
    const [key] = verificationKeys(ecKey);
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const algorithm of ['none', 'HS256']) {
      const signed = `${encode({alg: algorithm, kid: key!.id})}.${encode({iss: ISSUER})}`;
      const secret = key!.key.export({type: 'spki', format: 'pem'});
      const signature = algorithm === 'none' ? '' : createHmac('sha256', secret).update(signed).digest('base64url');
      expect(isSignedBy(parseToken(`${signed}.${signature}`)!, [key!])).toBe(false);
    }
  });

  test('whatever is no token is none', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseToken(text)).toBeUndefined();
      }),
    );
    expect(parseToken(`${'a'.repeat(70_000)}.b.c`)).toBeUndefined();
  });
});
