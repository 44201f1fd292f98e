import type {IncomingHttpHeaders} from 'node:http';
import {StatusError, statusErrors} from '../errors/status-error.ts';
import type {AccessAttributes, Authorizer} from './authorization.ts';
import {forbidden} from './forbidden.ts';
import {parseServiceAccountUsername, serviceAccountGroups} from './service-account-names.ts';
import {AUTHENTICATED, anonymousUser, MASTERS, UNAUTHENTICATED, type UserInfo} from './user-info.ts';

const EXTRA_PREFIX = 'impersonate-extra-';
const NODE_PREFIX = 'system:node:';
const NODE_NAME = 'authentication.kubernetes.io/node-name';
const AUTHENTICATION_GROUP = 'authentication.k8s.io';

export interface Impersonation {
  user: UserInfo;
  /** The verb that allowed it, for the audit log; empty: the verb `impersonate`. */
  constraint: string;
}

interface Wanted {
  username: string;
  uid: string;
  groups: string[];
  extra: Record<string, string[]>;
}

/** One set of rights that is enough. */
interface Mode {
  name: string;
  applies(wanted: Wanted, requestor: UserInfo): boolean;
}

const onlyUsername = ({uid, groups, extra}: Wanted): boolean =>
  uid === '' && groups.length === 0 && Object.keys(extra).length === 0;

const modes: readonly Mode[] = [
  {
    name: 'associated-node',
    applies: (wanted, requestor) =>
      onlyUsername(wanted) &&
      parseServiceAccountUsername(requestor.username) !== undefined &&
      nodeName(wanted.username) !== undefined &&
      requestor.extra?.[NODE_NAME]?.length === 1 &&
      requestor.extra[NODE_NAME][0] === nodeName(wanted.username),
  },
  {
    name: 'arbitrary-node',
    applies: (wanted) => onlyUsername(wanted) && nodeName(wanted.username) !== undefined,
  },
  {
    name: 'serviceaccount',
    applies: (wanted) => onlyUsername(wanted) && parseServiceAccountUsername(wanted.username) !== undefined,
  },
  {
    name: 'user-info',
    applies: ({username}) => nodeName(username) === undefined && parseServiceAccountUsername(username) === undefined,
  },
];

/**
 * Who a request is to be treated as, where it has `Impersonate-*` headers. It takes the right to impersonate in one of the ways
 * of constrained impersonation, each of which also needs the right to do this request on behalf of others; or the verb
 * `impersonate`.
 *
 * @param attributes of the request, with the user who sends it
 * @throws StatusError 400 for headers without a user name, 403
 * @see https://github.com/kubernetes/enhancements/tree/master/keps/sig-auth/5284-constrained-impersonation
 */
export async function impersonate(
  attributes: AccessAttributes,
  headers: IncomingHttpHeaders,
  authorizer: Authorizer,
): Promise<Impersonation | undefined> {
  const wanted = wantedUser(headers);
  if (!wanted) return undefined;
  let refusal: StatusError | undefined;
  for (const mode of modes.filter((each) => each.applies(wanted, attributes.user))) {
    const access = mode.name === 'associated-node' ? withoutExtra(attributes) : attributes;
    const found = await onBehalf(access, wanted, mode.name, authorizer);
    if (!(found instanceof StatusError)) return {user: found, constraint: `impersonate:${mode.name}`};
    refusal ??= found;
  }
  const found = await checkIdentity(attributes.user, wanted, 'impersonate', authorizer);
  if (!(found instanceof StatusError)) return {user: found, constraint: ''};
  throw refusal ?? found;
}

async function onBehalf(
  attributes: AccessAttributes,
  wanted: Wanted,
  mode: string,
  authorizer: Authorizer,
): Promise<UserInfo | StatusError> {
  const action = {...attributes, verb: `impersonate-on:${mode}:${attributes.verb}`};
  const {allowed, reason} = await authorizer(action);
  if (!allowed) return forbidden(action, reason);
  return await checkIdentity(attributes.user, wanted, `impersonate:${mode}`, authorizer);
}

/** Whether each part of an identity may be taken on: name, UID, groups, and what else there is. */
async function checkIdentity(
  user: UserInfo,
  wanted: Wanted,
  verb: string,
  authorizer: Authorizer,
): Promise<UserInfo | StatusError> {
  const constrained = verb !== 'impersonate';
  const group = constrained ? AUTHENTICATION_GROUP : '';
  const base = {user, verb, group, version: 'v1', subresource: '', namespace: ''};
  const checks: AccessAttributes[] = [];
  const account = parseServiceAccountUsername(wanted.username);
  const node = constrained ? nodeName(wanted.username) : undefined;
  if (account) checks.push({...base, resource: 'serviceaccounts', namespace: account.namespace, name: account.name});
  else if (node === undefined) checks.push({...base, resource: 'users', name: wanted.username});
  else checks.push({...base, resource: 'nodes', name: verb.endsWith(':associated-node') ? '*' : node});
  if (wanted.uid !== '') checks.push({...base, group: AUTHENTICATION_GROUP, resource: 'uids', name: wanted.uid});
  for (const name of wanted.groups) {
    const check = {...base, resource: 'groups', name};
    if (constrained && name === '') return forbidden(check, 'impersonating the empty string group is not allowed');
    if (constrained && name === MASTERS) {
      return forbidden(check, 'impersonating the system:masters group is not allowed');
    }
    checks.push(check);
  }
  for (const [key, values] of Object.entries(wanted.extra)) {
    const check = {...base, group: AUTHENTICATION_GROUP, resource: 'userextras', subresource: key};
    if (constrained && !isDomainPrefixed(key)) {
      const rule = 'must be a domain-prefixed path (such as "acme.io/foo")';
      const why = `extra.key: Invalid value: ${JSON.stringify(key)}: ${rule}`;
      const nameless = {...check, subresource: '', name: ''};
      return forbidden(nameless, `impersonating an invalid key in extra is not allowed: ${why}`);
    }
    for (const name of values) checks.push({...check, name});
  }
  for (const check of checks) {
    const {allowed, reason} = await authorizer(check);
    if (!allowed) return forbidden(check, reason);
  }
  return identity(wanted, account?.namespace, node !== undefined);
}

function identity(wanted: Wanted, namespace: string | undefined, isNode: boolean): UserInfo {
  const {username, uid, extra} = wanted;
  let groups = wanted.groups;
  if (isNode) groups = ['system:nodes'];
  else if (namespace !== undefined && groups.length === 0) groups = serviceAccountGroups(namespace);
  const everyone = username === anonymousUser.username ? UNAUTHENTICATED : AUTHENTICATED;
  if (!groups.includes(everyone) && !groups.includes(UNAUTHENTICATED)) groups = [...groups, everyone];
  return {
    username,
    ...(uid === '' ? {} : {uid}),
    groups,
    ...(Object.keys(extra).length === 0 ? {} : {extra}),
  };
}

/** @throws StatusError 400 */
function wantedUser(headers: IncomingHttpHeaders): Wanted | undefined {
  const username = first(headers['impersonate-user']);
  const uid = first(headers['impersonate-uid']);
  const groups = list(headers['impersonate-group']);
  const extra: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(EXTRA_PREFIX)) extra[unescapeKey(name.slice(EXTRA_PREFIX.length))] = list(value);
  }
  const wanted = {username, uid, groups, extra};
  if (username !== '') return wanted;
  if (onlyUsername(wanted)) return undefined;
  throw statusErrors.badRequest(`requested ${goSyntax(wanted)} without impersonating a user name`);
}

function first(value: string | string[] | undefined): string {
  return list(value)[0] ?? '';
}

/** Node joins the values of a header that comes several times, except where it is told not to: see {@link impersonationHeaders}. */
function list(value: string | string[] | undefined): string[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

/** Names of keys have characters that no header may have: these come percent-encoded. */
function unescapeKey(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

function isDomainPrefixed(key: string): boolean {
  return /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[^/?#[\]@]+$/.test(key);
}

function nodeName(username: string): string | undefined {
  const name = username.startsWith(NODE_PREFIX) ? username.slice(NODE_PREFIX.length) : '';
  return name === '' ? undefined : name;
}

function withoutExtra(attributes: AccessAttributes): AccessAttributes {
  const keys = Object.keys(attributes.user.extra ?? {}).toSorted();
  const extra = {'authentication.kubernetes.io/associated-node-keys': keys};
  return {...attributes, user: {...attributes.user, extra}};
}

/** The identity as kube-apiserver prints it in this one message: in the syntax of Go. */
function goSyntax({uid, groups, extra}: Wanted): string {
  const strings = (values: readonly string[]): string => `{${values.map((each) => JSON.stringify(each)).join(', ')}}`;
  const entries = Object.keys(extra)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:[]string${strings(extra[key]!)}`);
  const shown = {
    groups: groups.length === 0 ? '[]string(nil)' : `[]string${strings(groups)}`,
    extra: entries.length === 0 ? 'map[string][]string(nil)' : `map[string][]string{${entries.join(', ')}}`,
  };
  return `&user.DefaultInfo{Name:"", UID:${JSON.stringify(uid)}, Groups:${shown.groups}, Extra:${shown.extra}}`;
}

/**
 * The headers of a request in which a name that comes several times keeps all its values apart: Node joins them by commas, which
 * the name of a group may have.
 *
 * @param raw names and values by turns, as `IncomingMessage.rawHeaders` has them
 */
export function impersonationHeaders(headers: IncomingHttpHeaders, raw: readonly string[]): IncomingHttpHeaders {
  if (!Object.keys(headers).some((name) => name.startsWith('impersonate-'))) return headers;
  const lists: Record<string, string[]> = {};
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index]!.toLowerCase();
    if (name.startsWith('impersonate-')) (lists[name] ??= []).push(raw[index + 1]!);
  }
  return {...headers, ...lists};
}
