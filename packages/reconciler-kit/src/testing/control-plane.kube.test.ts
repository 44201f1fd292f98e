import {existsSync} from 'node:fs';
import {request} from 'node:https';
import {describe, expect, test} from '@jest/globals';
import type {ClusterConfig} from '../config.ts';
import {sharedControlPlane, startControlPlane} from './index.ts';

async function get(config: ClusterConfig, path: string): Promise<{status: number | undefined; body: unknown}> {
  const authorization = await config.authorization?.({refresh: false});
  const headers = authorization === undefined ? {} : {authorization};
  const {ca, cert, key} = config;
  return await new Promise((resolve, reject) => {
    const sent = request(new URL(path, config.server), {ca, cert, key, headers, agent: false}, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({status: response.statusCode, body: JSON.parse(text)}));
    });
    sent.on('error', reject).end();
  });
}

describe('the shared control plane', () => {
  test('is a Kubernetes API server of the pinned version', async () => {
    const controlPlane = await sharedControlPlane();
    const version = await controlPlane.adminRequest('GET', '/version');
    // What is behind the + says who built it.
    expect(version).toMatchObject({major: '1', minor: '36', gitVersion: expect.stringMatching(/^v1\.36\.3(\+|$)/)});
  });

  test('knows any user by a client certificate, and allows what RBAC allows', async () => {
    const controlPlane = await sharedControlPlane();
    const namespace = await controlPlane.createNamespace();
    const bob = controlPlane.userConfig({user: 'bob', groups: ['builders']});
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    expect(await get(bob, path)).toMatchObject({status: 403});

    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    await controlPlane.adminRequest('POST', `${rbac}/roles`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: {name: 'reader'},
      rules: [{apiGroups: [''], resources: ['serviceaccounts'], verbs: ['list']}],
    });
    await controlPlane.adminRequest('POST', `${rbac}/rolebindings`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: {name: 'builders'},
      roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader'},
      subjects: [{apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'builders'}],
    });
    const mark = await controlPlane.auditMark();
    expect(await get(bob, path)).toMatchObject({status: 200, body: {items: [{metadata: {name: 'default'}}]}});
    const events = await controlPlane.auditEvents(mark);
    const mine = events.filter(({user}) => user.username === 'bob');
    expect(mine).toMatchObject([
      {verb: 'list', objectRef: {resource: 'serviceaccounts', namespace}, responseStatus: {code: 200}},
    ]);
  });

  test('issues ServiceAccount tokens that it accepts', async () => {
    const controlPlane = await sharedControlPlane();
    const namespace = await controlPlane.createNamespace();
    const {status} = await controlPlane.adminRequest<{status: {token: string}}>(
      'POST',
      `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`,
      {apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {}},
    );
    const path = `/api/v1/namespaces/${namespace}/pods`;
    expect(await get(controlPlane.tokenConfig(status.token), path)).toMatchObject({
      status: 403,
      body: {message: expect.stringContaining(`system:serviceaccount:${namespace}:default`)},
    });
  });
});

describe('startControlPlane', () => {
  test('keeps its data over kill -9, takes users and flags, and leaves nothing', async () => {
    const controlPlane = await startControlPlane({
      users: [{user: 'ci', token: 'ci-token', groups: ['system:masters']}],
      apiServerFlags: ['--anonymous-auth=false'],
    });
    const namespace = await controlPlane.createNamespace();
    const pid = controlPlane.apiServerPid;
    await controlPlane.killApiServer();
    expect(await controlPlane.isReady()).toBe(false);
    await controlPlane.restartApiServer();
    expect(controlPlane.apiServerPid).not.toBe(pid);
    const path = `/api/v1/namespaces/${namespace}`;
    expect(await get(controlPlane.tokenConfig('ci-token'), path)).toMatchObject({status: 200});
    const {server, ca} = controlPlane;
    expect(await get({server, ca, namespace: 'default'}, '/readyz')).toMatchObject({status: 401});
    const {apiServerPid} = controlPlane;
    await controlPlane.stop();
    expect(existsSync(controlPlane.directory)).toBe(false);
    expect(() => process.kill(apiServerPid!, 0)).toThrow('ESRCH');
  }, 60_000);

  test('says why a server did not start', async () => {
    const started = startControlPlane({apiServerFlags: ['--no-such-flag']});
    await expect(started).rejects.toMatchObject({
      code: 'CONTROL_PLANE_FAILED',
      message: expect.stringMatching(/apiserver ended.*\n.*no-such-flag/s),
    });
  }, 60_000);
});
