import {type FieldError, fieldErrors} from '../errors/field-error.ts';
import {type GroupName, statusErrors} from '../errors/status-error.ts';
import {isJsonObject, type JsonObject} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import type {RequestContext} from '../registry/request-context.ts';
import type {Subresource} from '../registry/resource.ts';
import type {ObjectName, ServiceAccountTokens} from './service-account-tokens.ts';
import {findObject, type Stores} from './stores.ts';

export interface TokenRequestSubresourceOptions {
  stores: Stores;
  tokens: ServiceAccountTokens;
  /** Names of this server: what a token is for that is asked for without. */
  audiences: readonly string[];
  /** Milliseconds since 1970. Default: the clock of the machine. */
  now?: () => number;
}

const GROUP = 'authentication.k8s.io';
const KIND: GroupName = {group: GROUP, name: 'TokenRequest'};
const DEFAULT_SECONDS = 3600;
const LEAST_SECONDS = 600;
const MOST_SECONDS = 2 ** 32;

/** `serviceaccounts/token`. @see https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/ */
export function tokenRequestSubresource(options: TokenRequestSubresourceOptions): Subresource {
  const now = options.now ?? Date.now;
  return {
    name: 'token',
    group: GROUP,
    version: 'v1',
    kind: 'TokenRequest',
    verbs: ['create'],
    async handle(context, body) {
      const {namespace, name} = context;
      const request: KubeObject = body ?? {apiVersion: `${GROUP}/v1`, kind: 'TokenRequest', metadata: {}};
      const {metadata} = request;
      checkMetadata(metadata, namespace, name);
      const account = requireObject(options.stores, 'serviceaccounts', `${namespace}/${name}`, name);
      if (metadata.uid !== undefined && metadata.uid !== account.uid) {
        const why = `the UID in the token request (${metadata.uid}) does not match the UID of the service account (${account.uid})`;
        throw statusErrors.conflict(KIND, name, why);
      }
      const spec = isJsonObject(request['spec']) ? request['spec'] : {};
      const given = strings(spec['audiences']);
      const audiences = given.length > 0 ? given : [...options.audiences];
      const expirationSeconds = Number(spec['expirationSeconds'] ?? DEFAULT_SECONDS);
      const errors = checkExpiration(expirationSeconds);
      if (errors.length > 0) throw statusErrors.invalid(KIND, '', errors);
      const reference = isJsonObject(spec['boundObjectRef']) ? spec['boundObjectRef'] : undefined;
      const bound = reference ? bind(options.stores, context, reference) : {};
      const at = now();
      const {token, id} = options.tokens.sign({
        namespace,
        serviceAccount: {name, uid: account.uid},
        ...bound,
        audiences,
        expirationSeconds,
      });
      context.annotate?.('authentication.kubernetes.io/issued-credential-id', `JTI=${id}`);
      return {
        kind: 'TokenRequest',
        apiVersion: `${GROUP}/v1`,
        metadata: {
          ...metadata,
          name,
          namespace,
          uid: account.uid,
          creationTimestamp: seconds(at),
        },
        spec: {audiences, expirationSeconds, boundObjectRef: reference ?? null},
        status: {token, expirationTimestamp: seconds(at + expirationSeconds * 1000)},
      };
    },
  };
}

function seconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

function checkMetadata(metadata: KubeObject['metadata'], namespace: string, name: string): void {
  const wrong = (field: 'name' | 'namespace', value: string): never => {
    const detail = `must match the service account ${field} if specified`;
    throw statusErrors.invalid(KIND, name, [fieldErrors.invalid(`metadata.${field}`, value, detail)]);
  };
  if (metadata.name && metadata.name !== name) wrong('name', metadata.name);
  if (metadata.namespace && metadata.namespace !== namespace) wrong('namespace', metadata.namespace);
}

function checkExpiration(asked: number): FieldError[] {
  const field = 'spec.expirationSeconds';
  if (asked < LEAST_SECONDS)
    return [fieldErrors.invalid(field, asked, 'may not specify a duration less than 10 minutes')];
  if (asked > MOST_SECONDS)
    return [fieldErrors.invalid(field, asked, 'may not specify a duration larger than 2^32 seconds')];
  return [];
}

interface Bound {
  pod?: ObjectName;
  secret?: ObjectName;
  node?: {name: string; uid?: string};
}

/** @throws StatusError 400 for kinds that no token is bound to, 404, 409 */
function bind(stores: Stores, {namespace, name}: RequestContext, reference: JsonObject): Bound {
  const [apiVersion, kind, target, uid] = ['apiVersion', 'kind', 'name', 'uid'].map((key) => text(reference[key])) as [
    string,
    string,
    string,
    string,
  ];
  const plural = {Pod: 'pods', Secret: 'secrets', Node: 'nodes'}[kind];
  const slash = apiVersion.lastIndexOf('/');
  if (slash >= 0 || plural === undefined) {
    const [group, version] = slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
    const type = `${group}/${version}, Kind=${kind}`;
    throw statusErrors.badRequest(`cannot bind token to object of type ${type}`);
  }
  if (target === '') throw statusErrors.badRequest('Name parameter required.');
  const found = requireObject(stores, plural, plural === 'nodes' ? target : `${namespace}/${target}`, target);
  const spec = isJsonObject(found.object['spec']) ? found.object['spec'] : {};
  if (kind === 'Pod' && text(spec['serviceAccountName']) !== name) {
    const what = `cannot bind token for serviceaccount ${JSON.stringify(name)}`;
    throw statusErrors.badRequest(`${what} to pod running with different serviceaccount name.`);
  }
  if (uid !== '' && uid !== found.uid) {
    const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw statusErrors.conflict({group: '', name: kind}, target, why);
  }
  const named = {name: target, uid: found.uid};
  if (kind === 'Secret') return {secret: named};
  if (kind === 'Node') return {node: named};
  const nodeName = text(spec['nodeName']);
  if (nodeName === '') return {pod: named};
  const nodeUid = findObject(stores, '', 'nodes', nodeName)?.object.metadata.uid;
  return {pod: named, node: {name: nodeName, ...(nodeUid === undefined ? {} : {uid: nodeUid})}};
}

/** @throws StatusError 404 */
function requireObject(stores: Stores, plural: string, key: string, name: string): {uid: string; object: KubeObject} {
  const object = findObject(stores, '', plural, key)?.object;
  if (!object) throw statusErrors.notFound({group: '', name: plural}, name);
  return {uid: object.metadata.uid ?? '', object};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
