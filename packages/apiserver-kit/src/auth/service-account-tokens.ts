import {randomUUID} from 'node:crypto';
import {isJsonObject, type JsonObject} from '../json/json-value.ts';
import type {TokenAuthenticator, TokenIdentity} from './bearer-token.ts';
import {
  isSignedBy,
  parseToken,
  type SigningKey,
  signingKey,
  signToken,
  type VerificationKey,
  verificationKeys,
} from './json-web-token.ts';
import {serviceAccountGroups, serviceAccountUsername} from './service-account-names.ts';
import {findObject, type Stores} from './stores.ts';
import type {UserInfo} from './user-info.ts';

export interface ServiceAccountTokensOptions {
  /** Where accounts, Pods, Secrets and Nodes are, with which tokens live and die. */
  stores: Stores;
  /** Written into tokens. The first is that of new ones, tokens of all are good. */
  issuers: readonly [string, ...string[]];
  /** PEM of a private key. */
  signingKey: string;
  /** PEM; default: the public half of the signing key. */
  verificationKeys?: readonly string[];
  /** Milliseconds since 1970. Default: the clock of the machine. */
  now?: () => number;
}

/** An object that a token names. */
export interface ObjectName {
  name: string;
  uid: string;
}

export interface TokenRequestOptions {
  namespace: string;
  serviceAccount: ObjectName;
  pod?: ObjectName;
  secret?: ObjectName;
  /** Of the Pod, or by itself. */
  node?: {name: string; uid?: string};
  audiences: readonly string[];
  expirationSeconds: number;
}

interface Verified {
  namespace: string;
  serviceAccount: ObjectName;
  pod: ObjectName | undefined;
  secret: ObjectName | undefined;
  node: {name: string; uid?: string} | undefined;
  audiences: readonly string[];
  /** Seconds since 1970. */
  expires: number;
  notBefore: number;
  identity: UserInfo;
}

const CACHED_TOKENS = 4096;
/** How far clocks may be apart, and how long an object that is being deleted still counts. */
const LEEWAY_SECONDS = 60;

/** Signs and verifies the tokens of ServiceAccounts. A token is good for as long as its account and the object that it is bound to exist. */
export class ServiceAccountTokens {
  readonly #stores: Stores;
  readonly #issuers: readonly [string, ...string[]];
  readonly #signingKey: SigningKey;
  readonly #keys: readonly VerificationKey[];
  readonly #now: () => number;
  /** Tokens whose signature was good, least recently used first: a signature is dearer than all the rest of a request. */
  readonly #verified = new Map<string, Verified>();

  /** @throws Error for keys that are none */
  constructor(options: ServiceAccountTokensOptions) {
    this.#stores = options.stores;
    this.#issuers = options.issuers;
    this.#signingKey = signingKey(options.signingKey);
    this.#keys = (options.verificationKeys ?? [options.signingKey]).flatMap(verificationKeys);
    this.#now = options.now ?? Date.now;
  }

  /** @returns the token and its number, which the audit log names */
  sign(request: TokenRequestOptions): {token: string; id: string} {
    const {namespace, serviceAccount, pod, secret, node, audiences, expirationSeconds} = request;
    const now = Math.floor(this.#now() / 1000);
    const id = randomUUID();
    const kubernetes: JsonObject = {
      namespace,
      ...(node && {node: {name: node.name, ...(node.uid === undefined ? {} : {uid: node.uid})}}),
      ...(pod && {pod: {name: pod.name, uid: pod.uid}}),
      ...(secret && {secret: {name: secret.name, uid: secret.uid}}),
      serviceaccount: {name: serviceAccount.name, uid: serviceAccount.uid},
    };
    const claims: JsonObject = {
      aud: [...audiences],
      exp: now + expirationSeconds,
      iat: now,
      iss: this.#issuers[0],
      jti: id,
      'kubernetes.io': kubernetes,
      nbf: now,
      sub: serviceAccountUsername({namespace, name: serviceAccount.name}),
    };
    return {token: signToken(claims, this.#signingKey), id};
  }

  /** Undefined for a token of another issuer. @throws Error that says why it is no good */
  readonly authenticate: TokenAuthenticator = async (token, wanted): Promise<TokenIdentity | undefined> => {
    const verified = this.#verify(token);
    if (!verified) return undefined;
    const audiences = wanted.filter((each) => verified.audiences.includes(each));
    if (wanted.length > 0 && audiences.length === 0) {
      throw new Error(
        `token audiences ${goList(verified.audiences)} is invalid for the target audiences ${goList(wanted)}`,
      );
    }
    this.#check(verified);
    return {user: verified.identity, audiences};
  };

  /** What never changes: form, issuer, signature. */
  #verify(token: string): Verified | undefined {
    const known = this.#verified.get(token);
    if (known) {
      this.#verified.delete(token);
      this.#verified.set(token, known);
      return known;
    }
    const parsed = parseToken(token);
    const issuer = parsed?.claims['iss'];
    if (!parsed || typeof issuer !== 'string' || !this.#issuers.includes(issuer)) return undefined;
    if (!isSignedBy(parsed, this.#keys)) throw new Error('the signature of the token is not valid');
    const verified = readClaims(parsed.claims);
    this.#verified.set(token, verified);
    if (this.#verified.size > CACHED_TOKENS) {
      for (const oldest of this.#verified.keys()) {
        this.#verified.delete(oldest);
        break;
      }
    }
    return verified;
  }

  /** What holds at present: the time, and the objects that the token lives with. */
  #check({namespace, serviceAccount, pod, secret, node, expires, notBefore}: Verified): void {
    const now = this.#now() / 1000;
    if (now - LEEWAY_SECONDS > expires) throw new Error('service account token has expired');
    if (now + LEEWAY_SECONDS < notBefore) throw new Error('service account token is not valid yet');
    this.#checkObject('serviceaccounts', `${namespace}/${serviceAccount.name}`, serviceAccount.uid);
    if (pod) this.#checkObject('pods', `${namespace}/${pod.name}`, pod.uid);
    if (secret) this.#checkObject('secrets', `${namespace}/${secret.name}`, secret.uid);
    if (node && !pod) this.#checkObject('nodes', node.name, node.uid);
  }

  #checkObject(plural: string, key: string, uid: string | undefined): void {
    const metadata = findObject(this.#stores, '', plural, key)?.object.metadata;
    if (!metadata) {
      throw new Error(
        plural === 'serviceaccounts'
          ? `serviceaccounts ${JSON.stringify(key.slice(key.indexOf('/') + 1))} not found`
          : 'service account token has been invalidated',
      );
    }
    if (metadata.uid !== uid) {
      throw new Error(`the UID of ${plural} ${key} (${metadata.uid}) does not match that of the token (${uid})`);
    }
    const deleted = metadata.deletionTimestamp;
    if (deleted !== undefined && Date.parse(deleted) < this.#now() - LEEWAY_SECONDS * 1000) {
      throw new Error('service account token has been invalidated');
    }
  }
}

/** @throws Error where something is missing that every token of a ServiceAccount has */
function readClaims(claims: JsonObject): Verified {
  const {aud, exp, nbf, jti, sub} = claims;
  const kubernetes = claims['kubernetes.io'];
  if (!isJsonObject(kubernetes)) throw new Error('the token has no claims of Kubernetes');
  const namespace = kubernetes['namespace'];
  const serviceAccount = objectName(kubernetes['serviceaccount']);
  if (typeof namespace !== 'string' || !serviceAccount || typeof exp !== 'number') {
    throw new Error('the token lacks claims of a service account');
  }
  const username = serviceAccountUsername({namespace, name: serviceAccount.name});
  if (sub !== username) throw new Error('sub claim does not match the service account of the token');
  const pod = objectName(kubernetes['pod']);
  const secret = objectName(kubernetes['secret']);
  const node = nodeName(kubernetes['node']);
  const extra = {
    ...(typeof jti === 'string' && {'authentication.kubernetes.io/credential-id': [`JTI=${jti}`]}),
    ...(node && {'authentication.kubernetes.io/node-name': [node.name]}),
    ...(node?.uid !== undefined && {'authentication.kubernetes.io/node-uid': [node.uid]}),
    ...(pod && {
      'authentication.kubernetes.io/pod-name': [pod.name],
      'authentication.kubernetes.io/pod-uid': [pod.uid],
    }),
  };
  return {
    namespace,
    serviceAccount,
    pod,
    secret,
    node,
    audiences: (Array.isArray(aud) ? aud : [aud]).filter((each) => typeof each === 'string'),
    expires: exp,
    notBefore: typeof nbf === 'number' ? nbf : 0,
    identity: {username, uid: serviceAccount.uid, groups: serviceAccountGroups(namespace), extra},
  };
}

function objectName(value: unknown): ObjectName | undefined {
  if (!isJsonObject(value)) return undefined;
  const {name, uid} = value;
  return typeof name === 'string' && typeof uid === 'string' ? {name, uid} : undefined;
}

function nodeName(value: unknown): {name: string; uid?: string} | undefined {
  if (!isJsonObject(value) || typeof value['name'] !== 'string') return undefined;
  const uid = value['uid'];
  return {name: value['name'], ...(typeof uid === 'string' && uid !== '' ? {uid} : {})};
}

function goList(values: readonly string[]): string {
  return `[${values.map((each) => JSON.stringify(each)).join(' ')}]`;
}
