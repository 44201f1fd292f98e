import {createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify} from 'node:crypto';
import {isJsonObject, type JsonObject} from '../json/json-value.ts';

/** A key that signs tokens, with the name and the algorithm that tokens tell of it. */
export interface SigningKey {
  key: KeyObject;
  id: string;
  algorithm: Algorithm;
}

export type Algorithm = 'RS256' | 'ES256' | 'ES384' | 'ES512';

export type VerificationKey = SigningKey;

export interface ParsedToken {
  algorithm: string;
  keyId: string | undefined;
  claims: JsonObject;
  signed: string;
  signature: Buffer;
}

const MAX_TOKEN_LENGTH = 64 * 1024;

const curves: Readonly<Record<string, Algorithm>> = {prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512'};

/** @param pem private key, RSA or of a curve of NIST @throws Error for other keys */
export function signingKey(pem: string): SigningKey {
  const key = createPrivateKey(pem);
  return {key, id: keyId(createPublicKey(key)), algorithm: algorithmOf(key)};
}

/** @param pem public keys, or private ones whose public half is meant; several may follow one another @throws Error */
export function verificationKeys(pem: string): VerificationKey[] {
  const blocks = pem.match(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----/g) ?? [];
  const keys = blocks.filter((block) => !block.startsWith('-----BEGIN EC PARAMETERS-----'));
  if (keys.length === 0) throw new Error('there is no key in this PEM');
  return keys.map((block) => {
    const key = createPublicKey(block);
    return {key, id: keyId(key), algorithm: algorithmOf(key)};
  });
}

/** As Kubernetes names keys: the digest of the public key. */
function keyId(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({type: 'spki', format: 'der'}))
    .digest('base64url');
}

function algorithmOf(key: KeyObject): Algorithm {
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  const algorithm = curves[key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (!algorithm) throw new Error(`keys of type ${key.asymmetricKeyType} cannot sign tokens`);
  return algorithm;
}

function digestOf(algorithm: Algorithm): string {
  return `sha${algorithm.slice(2)}`;
}

/** A signed token in compact form. */
export function signToken(claims: JsonObject, {key, id, algorithm}: SigningKey): string {
  const encode = (part: JsonObject): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  const signed = `${encode({alg: algorithm, kid: id})}.${encode(claims)}`;
  const signature = sign(digestOf(algorithm), Buffer.from(signed), {key, dsaEncoding: 'ieee-p1363'});
  return `${signed}.${signature.toString('base64url')}`;
}

/** Takes a token apart, without trust in anything that it says; undefined where it is none. */
export function parseToken(token: string): ParsedToken | undefined {
  if (token.length > MAX_TOKEN_LENGTH) return undefined;
  const parts = token.split('.');
  if (parts.length !== 3) return undefined;
  const [header, claims] = parts.slice(0, 2).map(decodePart);
  if (!header || !claims) return undefined;
  const {alg, kid} = header;
  if (typeof alg !== 'string') return undefined;
  return {
    algorithm: alg,
    keyId: typeof kid === 'string' ? kid : undefined,
    claims,
    signed: `${parts[0]}.${parts[1]}`,
    signature: Buffer.from(parts[2]!, 'base64url'),
  };
}

function decodePart(part: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether one of the keys has signed it. The key decides on the algorithm: what the token says of it must agree. */
export function isSignedBy(token: ParsedToken, keys: readonly VerificationKey[]): boolean {
  const named = keys.filter(({id}) => id === token.keyId);
  return (named.length > 0 ? named : keys).some(
    ({key, algorithm}) =>
      algorithm === token.algorithm &&
      verify(digestOf(algorithm), Buffer.from(token.signed), {key, dsaEncoding: 'ieee-p1363'}, token.signature),
  );
}
