import type {IncomingHttpHeaders} from 'node:http';
import {describe, expect, test} from '@jest/globals';
import {access} from './access.fixture.ts';
import type {AccessAttributes} from './authorization.ts';
import {impersonate, impersonationHeaders} from './impersonation.ts';
import type {UserInfo} from './user-info.ts';

const alice: UserInfo = {username: 'alice', groups: ['system:authenticated']};

/** Allows what is listed: `verb resource[/subresource] name`. */
const allowing =
  (...rights: string[]) =>
  async ({verb, resource, subresource, name, namespace}: AccessAttributes) => {
    const what = subresource === '' ? resource : `${resource}/${subresource}`;
    const who = namespace === '' ? name : `${namespace}/${name}`;
    return {allowed: rights.includes(`${verb} ${what} ${who}`.trim()), reason: ''};
  };
const request = access(alice, {verb: 'list'});
const as = async (headers: IncomingHttpHeaders, ...rights: string[]) =>
  await impersonate(request, headers, allowing(...rights));

describe('impersonate', () => {
  test('nobody, where no header asks for it', async () => {
    expect(await as({accept: 'a'})).toBeUndefined();
  });

  test('by the verb impersonate, on each part of the identity', async () => {
    const headers = {
      'impersonate-user': 'bob',
      'impersonate-uid': '7',
      'impersonate-group': ['g1', 'g2'],
      'impersonate-extra-acme.com%2fscope': ['read'],
    } as unknown as IncomingHttpHeaders;
    const rights = ['users bob', 'uids 7', 'groups g1', 'groups g2', 'userextras/acme.com/scope read'];
    const all = rights.map((right) => `impersonate ${right}`);
    expect(await as(headers, ...all)).toEqual({
      user: {
        username: 'bob',
        uid: '7',
        groups: ['g1', 'g2', 'system:authenticated'],
        extra: {'acme.com/scope': ['read']},
      },
      constraint: '',
    });
    for (const missing of all) {
      const rest = all.filter((right) => right !== missing);
      await expect(as(headers, ...rest)).rejects.toMatchObject({code: 403});
    }
  });

  test('by the rights of constrained impersonation, which also take the right to do this on behalf of others', async () => {
    const headers = {'impersonate-user': 'bob'};
    const rights = ['impersonate-on:user-info:list pods', 'impersonate:user-info users bob'];
    expect(await as(headers, ...rights)).toEqual({
      user: {username: 'bob', groups: ['system:authenticated']},
      constraint: 'impersonate:user-info',
    });
    await expect(as(headers)).rejects.toThrow(
      'pods is forbidden: User "alice" cannot impersonate-on:user-info:list resource "pods" in API group "" at the cluster scope',
    );
    await expect(as(headers, rights[0]!)).rejects.toThrow(
      'users.authentication.k8s.io "bob" is forbidden: User "alice" cannot impersonate:user-info resource "users" in API group "authentication.k8s.io" at the cluster scope',
    );
  });

  test('a ServiceAccount has the groups of its namespace', async () => {
    const headers = {'impersonate-user': 'system:serviceaccount:ns:sa'};
    const found = await as(headers, 'impersonate serviceaccounts ns/sa');
    expect(found?.user.groups).toEqual(['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated']);
    const constrained = await as(
      headers,
      'impersonate-on:serviceaccount:list pods',
      'impersonate:serviceaccount serviceaccounts ns/sa',
    );
    expect(constrained?.constraint).toBe('impersonate:serviceaccount');
  });

  test('a node by name, or any node by the account of a Pod on it', async () => {
    const headers = {'impersonate-user': 'system:node:n1'};
    const rights = ['impersonate-on:arbitrary-node:list pods', 'impersonate:arbitrary-node nodes n1'];
    expect((await as(headers, ...rights))?.user.groups).toEqual(['system:nodes', 'system:authenticated']);
    const extra = {'authentication.kubernetes.io/node-name': ['n1']};
    const agent: UserInfo = {username: 'system:serviceaccount:ns:agent', groups: [], extra};
    const associated = allowing('impersonate-on:associated-node:list pods', 'impersonate:associated-node nodes *');
    const found = await impersonate(access(agent, {verb: 'list'}), headers, associated);
    expect(found).toMatchObject({constraint: 'impersonate:associated-node', user: {username: 'system:node:n1'}});
    const other = {'impersonate-user': 'system:node:n2'};
    await expect(impersonate(access(agent, {verb: 'list'}), other, associated)).rejects.toMatchObject({code: 403});
  });

  test('nobody becomes system:masters without the verb impersonate', async () => {
    const headers = {
      'impersonate-user': 'bob',
      'impersonate-group': ['system:masters'],
    } as unknown as IncomingHttpHeaders;
    const constrained = [
      'impersonate-on:user-info:list pods',
      'impersonate:user-info users bob',
      'impersonate:user-info groups system:masters',
    ];
    await expect(as(headers, ...constrained)).rejects.toThrow('impersonating the system:masters group is not allowed');
    const legacy = ['impersonate users bob', 'impersonate groups system:masters'];
    expect((await as(headers, ...legacy))?.user.groups).toContain('system:masters');
  });

  test('the anonymous user is not authenticated', async () => {
    const found = await as({'impersonate-user': 'system:anonymous'}, 'impersonate users system:anonymous');
    expect(found?.user.groups).toEqual(['system:unauthenticated']);
  });

  test('groups without a user are a mistake', async () => {
    await expect(as({'impersonate-group': ['g"1'], 'impersonate-extra-a': ['x']})).rejects.toMatchObject({
      code: 400,
      message:
        'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"g\\"1"}, Extra:map[string][]string{"a":[]string{"x"}}} without impersonating a user name',
    });
  });

  test('a header that comes several times keeps its values apart', () => {
    const raw = ['Impersonate-User', 'bob', 'Impersonate-Group', 'a, b', 'impersonate-group', 'c', 'Accept', 'x'];
    const joined = {'impersonate-user': 'bob', 'impersonate-group': 'a, b, c', accept: 'x'};
    expect(impersonationHeaders(joined, raw)).toEqual({
      'impersonate-user': ['bob'],
      'impersonate-group': ['a, b', 'c'],
      accept: 'x',
    });
  });
});
