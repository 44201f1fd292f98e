import {request} from 'node:https';
import {text} from 'node:stream/consumers';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {CertificateAuthority} from './auth/certificate-authority.ts';
import type {JsonObject} from './json/json-value.ts';
import {type RunningServer, startServer} from './start-server.ts';
import {createMemoryStorage} from './storage/memory-storage.ts';

const authority = CertificateAuthority.create();
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const AUTHORIZATION = '/apis/authorization.k8s.io/v1';
const AUTHENTICATION = '/apis/authentication.k8s.io/v1';

let server: RunningServer;

interface Answer {
  code: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are compared, not used.
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
}

interface Caller {
  token?: string;
  certificate?: {cert: string; key: string};
  headers?: Record<string, string | string[]>;
}

async function send(
  method: string,
  path: string,
  body?: JsonObject,
  caller: Caller = {token: 'secret'},
): Promise<Answer> {
  const {promise, resolve, reject} = Promise.withResolvers<Answer>();
  const sent = request(
    new URL(path, server.url),
    {
      method,
      ca: authority.certificate,
      agent: false,
      ...caller.certificate,
      headers: {
        accept: 'application/json',
        ...(body && {'content-type': 'application/json'}),
        ...(caller.token !== undefined && {authorization: `Bearer ${caller.token}`}),
        ...caller.headers,
      },
    },
    (response) => {
      text(response).then((answer) => resolve({code: response.statusCode ?? 0, body: JSON.parse(answer)}), reject);
    },
  );
  sent.once('error', reject);
  sent.end(body && JSON.stringify(body));
  return await promise;
}

beforeAll(async () => {
  const {cert, key} = authority.issue({commonName: 'kube-apiserver', hosts: ['127.0.0.1']});
  server = await startServer({
    storage: createMemoryStorage(),
    port: 0,
    tls: {cert, key, clientCa: authority.certificate},
    tokens: 'secret,admin,u1,system:masters\ntoken,alice,u2,devs\n',
  });
  await send('POST', '/api/v1/namespaces', {metadata: {name: 'ns'}});
  await send('POST', '/api/v1/namespaces/ns/serviceaccounts', {metadata: {name: 'sa'}});
});
afterAll(() => server?.close());

const whoAmI = async (caller: Caller): Promise<unknown> => {
  const {code, body} = await send('POST', `${AUTHENTICATION}/selfsubjectreviews`, {}, caller);
  return code === 201 ? body.status.userInfo : code;
};
const mayGetPods = async (user: string, namespace = 'ns'): Promise<unknown> => {
  const spec = {user, resourceAttributes: {verb: 'get', resource: 'pods', namespace}};
  return (await send('POST', `${AUTHORIZATION}/subjectaccessreviews`, {spec})).body.status;
};

describe('who sends a request', () => {
  test('is told by tokens, certificates and headers', async () => {
    expect(await whoAmI({token: 'token'})).toEqual({
      username: 'alice',
      uid: 'u2',
      groups: ['devs', 'system:authenticated'],
    });
    const certificate = authority.issue({commonName: 'bob', organizations: ['ops']});
    expect(await whoAmI({certificate})).toMatchObject({username: 'bob', groups: ['ops', 'system:authenticated']});
    const headers = {'impersonate-user': 'carol', 'impersonate-group': ['a', 'b']};
    expect(await whoAmI({token: 'secret', headers})).toEqual({
      username: 'carol',
      groups: ['a', 'b', 'system:authenticated'],
    });
    expect(await whoAmI({token: 'wrong'})).toBe(401);
    expect(await whoAmI({})).toBe(403);
  });

  test('is not known by a certificate of another authority', async () => {
    const certificate = CertificateAuthority.create().issue({commonName: 'admin', organizations: ['system:masters']});
    expect(await whoAmI({certificate})).toBe(401);
    expect(await whoAmI({certificate, token: 'token'})).toMatchObject({username: 'alice'});
  });

  test('does not impersonate without the right to', async () => {
    const headers = {'impersonate-user': 'carol'};
    expect(await send('GET', '/api/v1/pods', undefined, {token: 'token', headers})).toMatchObject({
      code: 403,
      body: {
        message:
          'pods is forbidden: User "alice" cannot impersonate-on:user-info:list resource "pods" in API group "" at the cluster scope',
      },
    });
  });
});

describe('tokens of ServiceAccounts', () => {
  const path = '/api/v1/namespaces/ns/serviceaccounts/sa/token';

  test('are made, tell who it is, and die with their Pod', async () => {
    const spec = {serviceAccountName: 'sa', containers: [{name: 'c', image: 'i'}]};
    const pod = await send('POST', '/api/v1/namespaces/ns/pods', {metadata: {name: 'p'}, spec});
    expect(pod.body.spec.volumes[0].projected.sources).toHaveLength(3);
    const boundObjectRef = {apiVersion: 'v1', kind: 'Pod', name: 'p', uid: pod.body.metadata.uid};
    const {code, body} = await send('POST', path, {spec: {boundObjectRef, expirationSeconds: 700}});
    expect([code, body.spec.expirationSeconds]).toEqual([201, 700]);
    const caller = {token: body.status.token};
    expect(await whoAmI(caller)).toMatchObject({
      username: 'system:serviceaccount:ns:sa',
      extra: {'authentication.kubernetes.io/pod-uid': [pod.body.metadata.uid]},
    });
    await send('DELETE', '/api/v1/namespaces/ns/pods/p?gracePeriodSeconds=0');
    expect(await whoAmI(caller)).toBe(401);
  });

  test('are reviewed', async () => {
    const {body} = await send('POST', path, {spec: {audiences: ['vault']}});
    const review = async (spec: JsonObject): Promise<unknown> =>
      (await send('POST', `${AUTHENTICATION}/tokenreviews`, {spec})).body.status;
    expect(await review({token: body.status.token, audiences: ['vault', 'other']})).toMatchObject({
      authenticated: true,
      audiences: ['vault'],
      user: {username: 'system:serviceaccount:ns:sa'},
    });
    expect(await review({token: body.status.token})).toEqual({
      user: {},
      error:
        '[invalid bearer token, token audiences ["vault"] is invalid for the target audiences ["https://kubernetes.default.svc"]]',
    });
    expect(await review({token: 'nope'})).toEqual({user: {}, error: 'invalid bearer token'});
  });

  test.each<[JsonObject, number, string]>([
    [
      {spec: {expirationSeconds: 5}},
      422,
      'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes',
    ],
    [{spec: {boundObjectRef: {kind: 'Pod', apiVersion: 'v1', name: 'none'}}}, 404, 'pods "none" not found'],
    [{spec: {boundObjectRef: {kind: 'Pod', apiVersion: 'v1'}}}, 400, 'Name parameter required.'],
    [
      {spec: {boundObjectRef: {kind: 'Job', apiVersion: 'batch/v1', name: 'x'}}},
      400,
      'cannot bind token to object of type batch/v1, Kind=Job',
    ],
    [
      {metadata: {name: 'other'}},
      422,
      'TokenRequest.authentication.k8s.io "sa" is invalid: metadata.name: Invalid value: "other": must match the service account name if specified',
    ],
  ])('are not made of %j', async (body, code, message) => {
    expect(await send('POST', path, body)).toMatchObject({code, body: {message}});
  });
});

describe('who may do what', () => {
  test('follows roles and bindings at once', async () => {
    expect(await mayGetPods('dave')).toEqual({allowed: false});
    await send('POST', `${RBAC}/namespaces/ns/rolebindings`, {
      metadata: {name: 'dave'},
      roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view'},
      subjects: [{apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'dave'}],
    });
    expect(await mayGetPods('dave')).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "dave/ns" of ClusterRole "view" to User "dave"',
    });
    expect(await mayGetPods('dave', 'default')).toEqual({allowed: false});
    await send('DELETE', `${RBAC}/namespaces/ns/rolebindings/dave`);
    expect(await mayGetPods('dave')).toEqual({allowed: false});
  });

  test('the role admin gathers what edit and view gather', async () => {
    const {body} = await send('GET', `${RBAC}/clusterroles/admin`);
    const rules = JSON.stringify(body.rules);
    for (const resource of ['rolebindings', 'secrets', 'pods/log']) expect(rules).toContain(`"${resource}"`);
  });

  test('nobody grants more than they have', async () => {
    await send('POST', `${RBAC}/clusterroles`, {
      metadata: {name: 'granter'},
      rules: [{apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles'], verbs: ['create']}],
    });
    await send('POST', `${RBAC}/clusterrolebindings`, {
      metadata: {name: 'granter'},
      roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'granter'},
      subjects: [{apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'devs'}],
    });
    const role = {metadata: {name: 'r'}, rules: [{apiGroups: [''], resources: ['secrets'], verbs: ['get']}]};
    expect(await send('POST', `${RBAC}/namespaces/ns/roles`, role, {token: 'token'})).toMatchObject({
      code: 403,
      body: {
        message:
          'roles.rbac.authorization.k8s.io "r" is forbidden: user "alice" (groups=["devs" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
      },
    });
  });

  test.each<[string, JsonObject, number, string]>([
    [
      'selfsubjectaccessreviews',
      {},
      422,
      '.authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
    ],
    [
      'subjectaccessreviews',
      {spec: {resourceAttributes: {verb: 'get', resource: 'pods'}}},
      422,
      '.authorization.k8s.io "" is invalid: spec.user: Invalid value: "": at least one of user or group must be specified',
    ],
    [
      'namespaces/ns/localsubjectaccessreviews',
      {spec: {user: 'bob', resourceAttributes: {namespace: 'default', verb: 'get', resource: 'pods'}}},
      422,
      '.authorization.k8s.io "" is invalid: spec.resourceAttributes.namespace: Invalid value: "default": must match metadata.namespace',
    ],
    ['selfsubjectrulesreviews', {spec: {}}, 400, 'no namespace on request'],
  ])('%s of %j is refused', async (path, body, code, message) => {
    expect(await send('POST', `${AUTHORIZATION}/${path}`, body)).toMatchObject({code, body: {message}});
  });

  test('all rules of oneself', async () => {
    const {body} = await send(
      'POST',
      `${AUTHORIZATION}/selfsubjectrulesreviews`,
      {spec: {namespace: 'ns'}},
      {token: 'token'},
    );
    expect(body.status).toMatchObject({incomplete: false});
    expect(body.status.resourceRules).toContainEqual({
      verbs: ['create'],
      apiGroups: ['authentication.k8s.io'],
      resources: ['selfsubjectreviews'],
    });
  });
});

test('a policy is enforced from the answer to its creation on', async () => {
  const base = '/apis/admissionregistration.k8s.io/v1';
  await send('POST', `${base}/validatingadmissionpolicies`, {
    metadata: {name: 'no-secrets'},
    spec: {
      matchConstraints: {
        resourceRules: [{apiGroups: [''], apiVersions: ['v1'], resources: ['secrets'], operations: ['CREATE']}],
      },
      validations: [{expression: "object.metadata.name != 'x'", reason: 'Forbidden'}],
    },
  });
  const secret = {metadata: {name: 'x'}};
  expect((await send('POST', '/api/v1/namespaces/ns/secrets', secret)).code).toBe(201);
  await send('DELETE', '/api/v1/namespaces/ns/secrets/x');
  await send('POST', `${base}/validatingadmissionpolicybindings`, {
    metadata: {name: 'no-secrets'},
    spec: {policyName: 'no-secrets', validationActions: ['Deny']},
  });
  expect(await send('POST', '/api/v1/namespaces/ns/secrets', secret)).toMatchObject({
    code: 403,
    body: {
      message:
        "secrets \"x\" is forbidden: ValidatingAdmissionPolicy 'no-secrets' with binding 'no-secrets' denied request: failed expression: object.metadata.name != 'x'",
    },
  });
});
