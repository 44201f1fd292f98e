import {type FieldError, fieldErrors} from '../errors/field-error.ts';
import {StatusError, statusErrors} from '../errors/status-error.ts';
import {isJsonObject, type JsonObject} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import type {RequestContext} from '../registry/request-context.ts';
import type {Resource, ResourceVersion} from '../registry/resource.ts';
import {authenticated} from './authenticators.ts';
import type {AccessAttributes, Authorizer} from './authorization.ts';
import type {TokenAuthenticator} from './bearer-token.ts';
import type {RbacAuthorizer} from './rbac/rbac-authorizer.ts';
import type {UserInfo} from './user-info.ts';
import {userJson} from './user-json.ts';

export interface ReviewResourcesOptions {
  authorizer: Authorizer;
  /** All rules that somebody has in a namespace. */
  rules: RbacAuthorizer['rules'];
  authenticateToken: TokenAuthenticator;
  /** Names of this server: what a token must be for where a TokenReview names nobody. */
  audiences: readonly string[];
  /** How the objects of a kind are read: see {@link ResourceVersion}. */
  version(group: string, kind: string): Pick<ResourceVersion, 'schema'> & Partial<ResourceVersion>;
  /** Milliseconds since 1970. Default: the clock of the machine. */
  now?: () => number;
}

type Review = NonNullable<Resource['review']>;

const AUTHORIZATION = 'authorization.k8s.io';
const AUTHENTICATION = 'authentication.k8s.io';

/** The kinds that are questions: what somebody may do, and who somebody is. */
export function reviewResources(options: ReviewResourcesOptions): Resource[] {
  const resource = (group: string, kind: string, namespaced: boolean, review: Review): Resource => ({
    group,
    plural: `${kind.toLowerCase()}s`,
    singular: kind.toLowerCase(),
    kind,
    listKind: `${kind}List`,
    shortNames: [],
    categories: [],
    namespaced,
    versions: [{name: 'v1', served: true, subresources: {}, ...options.version(group, kind)}],
    storageVersion: 'v1',
    strategy: {},
    custom: false,
    verbs: ['create'],
    review,
  });
  const access = (kind: string, namespaced: boolean, check: AccessCheck): Resource =>
    resource(
      AUTHORIZATION,
      kind,
      namespaced,
      async (object, context) => await reviewAccess(object, context, check, options),
    );
  return [
    access('LocalSubjectAccessReview', true, {subject: specifiedSubject, errors: localErrors}),
    access('SelfSubjectAccessReview', false, {subject: (_, {user}) => user, errors: selfErrors}),
    resource(AUTHORIZATION, 'SelfSubjectRulesReview', false, async (object, context) =>
      reviewRules(object, context, options),
    ),
    access('SubjectAccessReview', false, {subject: specifiedSubject, errors: subjectErrors}),
    resource(AUTHENTICATION, 'SelfSubjectReview', false, async (object, {user}) => ({
      kind: object.kind,
      apiVersion: object.apiVersion,
      metadata: {creationTimestamp: `${new Date(options.now?.() ?? Date.now()).toISOString().slice(0, 19)}Z`},
      status: {userInfo: userJson(user)},
    })),
    resource(AUTHENTICATION, 'TokenReview', false, async (object) => await reviewToken(object, options)),
  ];
}

/** Whose access a review is about, and what is wrong with it. */
interface AccessCheck {
  subject(spec: JsonObject, context: RequestContext): UserInfo;
  errors(spec: JsonObject, namespace: string): FieldError[];
}

async function reviewAccess(
  object: KubeObject,
  context: RequestContext,
  check: AccessCheck,
  {authorizer}: ReviewResourcesOptions,
): Promise<KubeObject> {
  const spec = memberObject(object, 'spec') ?? {};
  const errors = [...check.errors(spec, context.namespace), ...metadataErrors(object, context.namespace)];
  if (errors.length > 0) throw statusErrors.invalid({group: AUTHORIZATION, name: ''}, '', errors);
  const {allowed, reason} = await authorizer(accessOf(spec, check.subject(spec, context)));
  const metadata = context.namespace === '' ? object.metadata : {...object.metadata, namespace: context.namespace};
  return {...object, metadata, status: {allowed, ...(reason === '' ? {} : {reason})}};
}

function accessOf(spec: JsonObject, user: UserInfo): AccessAttributes {
  const path = memberObject(spec, 'nonResourceAttributes');
  const resource = memberObject(spec, 'resourceAttributes') ?? {};
  const common = {
    user,
    verb: text((path ?? resource)['verb']),
    group: text(resource['group']),
    version: text(resource['version']) || '*',
    resource: text(resource['resource']),
    subresource: text(resource['subresource']),
    namespace: text(resource['namespace']),
    name: text(resource['name']),
  };
  return path ? {...common, path: text(path['path'])} : common;
}

function specifiedSubject(spec: JsonObject): UserInfo {
  const extra = memberObject(spec, 'extra');
  return {
    username: text(spec['user']),
    groups: strings(spec['groups']),
    ...(text(spec['uid']) === '' ? {} : {uid: text(spec['uid'])}),
    ...(extra && {extra: Object.fromEntries(Object.keys(extra).map((key) => [key, strings(extra[key])]))}),
  };
}

function selfErrors(spec: JsonObject): FieldError[] {
  const resource = memberObject(spec, 'resourceAttributes');
  const path = memberObject(spec, 'nonResourceAttributes');
  if (resource && path) {
    const shown = {Path: text(path['path']), Verb: text(path['verb'])};
    const detail = 'cannot be specified in combination with resourceAttributes';
    return [fieldErrors.invalid('spec.nonResourceAttributes', shown, detail)];
  }
  if (resource || path) return [];
  const detail = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
  return [fieldErrors.invalid('spec.resourceAttributes', null, detail)];
}

function subjectErrors(spec: JsonObject): FieldError[] {
  const errors = selfErrors(spec);
  if (text(spec['user']) === '' && strings(spec['groups']).length === 0) {
    errors.push(fieldErrors.invalid('spec.user', '', 'at least one of user or group must be specified'));
  }
  return errors;
}

function localErrors(spec: JsonObject, namespace: string): FieldError[] {
  const errors = subjectErrors(spec);
  const resource = memberObject(spec, 'resourceAttributes');
  const path = memberObject(spec, 'nonResourceAttributes');
  const asked = text(resource?.['namespace']);
  if (resource && asked !== namespace) {
    errors.push(fieldErrors.invalid('spec.resourceAttributes.namespace', asked, 'must match metadata.namespace'));
  }
  if (path) {
    const shown = {Path: text(path['path']), Verb: text(path['verb'])};
    errors.push(fieldErrors.invalid('spec.nonResourceAttributes', shown, 'disallowed on this kind of request'));
  }
  return errors;
}

/** A review has no name and no labels: it is not kept. */
function metadataErrors({metadata}: KubeObject, namespace: string): FieldError[] {
  const rest = {...metadata};
  delete rest.managedFields;
  if (rest.namespace === namespace || rest.namespace === '') delete rest.namespace;
  if (Object.keys(rest).length === 0) return [];
  const detail = namespace === '' ? 'must be empty' : 'must be empty except for namespace';
  return [fieldErrors.invalid('metadata', metadata, detail)];
}

function reviewRules(object: KubeObject, {user}: RequestContext, {rules}: ReviewResourcesOptions): KubeObject {
  const namespace = text(memberObject(object, 'spec')?.['namespace']);
  if (namespace === '') throw statusErrors.badRequest('no namespace on request');
  const found = rules(user, namespace);
  const resourceRules: JsonObject[] = [];
  const nonResourceRules: JsonObject[] = [];
  for (const {verbs, apiGroups, resources, resourceNames, nonResourceURLs} of found.rules) {
    if (resources && resources.length > 0) {
      resourceRules.push({verbs, ...(apiGroups && {apiGroups}), resources, ...(resourceNames && {resourceNames})});
    }
    if (nonResourceURLs && nonResourceURLs.length > 0) nonResourceRules.push({verbs, nonResourceURLs});
  }
  const problems = [...new Set(found.errors)];
  const evaluationError = problems.length > 1 ? `[${problems.join(', ')}]` : problems[0];
  return {
    kind: object.kind,
    apiVersion: object.apiVersion,
    metadata: {},
    spec: {},
    status: {
      resourceRules,
      nonResourceRules,
      incomplete: false,
      ...(evaluationError === undefined ? {} : {evaluationError}),
    },
  };
}

async function reviewToken(
  object: KubeObject,
  {authenticateToken, audiences}: ReviewResourcesOptions,
): Promise<KubeObject> {
  const spec = memberObject(object, 'spec') ?? {};
  const token = text(spec['token']);
  if (token === '') throw statusErrors.badRequest('token is required for TokenReview in authentication');
  const asked = strings(spec['audiences']);
  const wanted = asked.length > 0 ? asked : audiences;
  try {
    const identity = await authenticateToken(token, wanted);
    if (!identity) return {...object, status: {user: {}, error: 'invalid bearer token'}};
    const user = userJson(authenticated(identity.user));
    return {...object, status: {authenticated: true, user, audiences: [...identity.audiences]}};
  } catch (error) {
    if (error instanceof StatusError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    return {...object, status: {user: {}, error: `[invalid bearer token, ${reason}]`}};
  }
}

function memberObject(object: JsonObject, key: string): JsonObject | undefined {
  const value = object[key];
  return isJsonObject(value) ? value : undefined;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
