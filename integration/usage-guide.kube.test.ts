import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {type ApiRequest, isApiError} from '@kruntimes/reconciler-kit';
import {blocksOf} from './support/guide.ts';
import {kubectlDescribe} from './support/kubectl.ts';
import {restrictedUser} from './support/restricted-user.ts';
import {System} from './support/system.ts';
import {usageGuideTests} from './support/usage-guide.ts';
import type {User} from './support/user.ts';

let system: System;
/** With the role kruntimes-edit in one namespace, and nothing else. */
let ann: User;
/** Of somebody else. */
let other: string;

beforeAll(async () => {
  system = await System.start();
  const {controlPlane, directory, cluster} = system;
  const namespace = await system.createNamespace();
  other = await system.createNamespace();
  const role = 'kruntimes-edit';
  ann = await restrictedUser({controlPlane, client: cluster.client, user: 'ann', role, namespace, directory});
}, 120_000);
afterAll(async () => {
  await ann?.close();
  await system?.stop();
});

test('the usage guide gives the same examples in both languages', async () => {
  const blocks = await blocksOf('docs/usage-guide.md');
  expect(await blocksOf('docs/usage-guide.zh.md')).toEqual(blocks);
  expect(blocks).toHaveLength(10);
});

kubectlDescribe('the usage guide, with the role kruntimes-edit in one namespace', () => {
  usageGuideTests(() => ann);
});

describe('the role kruntimes-edit in one namespace', () => {
  const status = async (method: ApiRequest['method'], path: string, body?: object): Promise<number> => {
    try {
      await ann.client.transport.request({
        method,
        path,
        query: method === 'GET' ? {} : {dryRun: 'All'},
        ...(body && {body}),
      });
      return 200;
    } catch (error) {
      if (isApiError(error)) return error.status;
      throw error;
    }
  };
  const ours = '/apis/kruntimes.io/v1alpha1';
  const run = {
    apiVersion: 'kruntimes.io/v1alpha1',
    kind: 'Run',
    metadata: {name: 'x'},
    spec: {runtime: 'bash', args: ['true']},
  };
  const secret = {apiVersion: 'v1', kind: 'Secret', metadata: {name: 'x'}};

  test('reads and writes nothing of another namespace', async () => {
    for (const [method, path, body] of [
      ['GET', `${ours}/namespaces/${other}/runs`],
      ['GET', `${ours}/namespaces/${other}/runtimes`],
      ['GET', `${ours}/runs`],
      ['GET', `${ours}/runtimes`],
      ['POST', `${ours}/namespaces/${other}/runs`, run],
      ['GET', `/api/v1/namespaces/${other}/pods`],
      ['GET', `/api/v1/namespaces/${other}/events`],
      ['POST', `/api/v1/namespaces/${other}/secrets`, secret],
    ] as const)
      expect([method, path, await status(method, path, body)]).toEqual([method, path, 403]);
  });

  test('is not the right to more than Runs, Runtimes and what these need', async () => {
    const own = `/api/v1/namespaces/${ann.namespace}`;
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${ann.namespace}`;
    expect(await status('POST', `${ours}/namespaces/${ann.namespace}/runs`, run)).toBe(200);
    for (const [method, path, body] of [
      ['GET', `${own}/secrets`],
      ['GET', `${own}/secrets/github`],
      ['GET', `${own}/configmaps`],
      ['POST', `${own}/pods`, {apiVersion: 'v1', kind: 'Pod', metadata: {name: 'x'}}],
      [
        'POST',
        `${own}/serviceaccounts/kruntimes-runtimed/token`,
        {apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {}},
      ],
      ['GET', `/apis/apps/v1/namespaces/${ann.namespace}/deployments`],
      ['GET', `${rbac}/roles`],
      [
        'POST',
        `${rbac}/rolebindings`,
        {apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: {name: 'x'}},
      ],
      ['GET', '/api/v1/namespaces'],
      ['GET', '/api/v1/nodes'],
      ['GET', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'],
      ['GET', '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies'],
    ] as const)
      expect([method, path, await status(method, path, body)]).toEqual([method, path, 403]);
  });

  test('writes the status of no Run', async () => {
    const path = `${ours}/namespaces/${ann.namespace}/runs`;
    const body = {...run, spec: {...run.spec, runtime: 'nobody'}};
    const created = await ann.client.transport.request<object>({method: 'POST', path, body});
    expect(await status('PUT', `${path}/x/status`, created)).toBe(403);
  });
});
