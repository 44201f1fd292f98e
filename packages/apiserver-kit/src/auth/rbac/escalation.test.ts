import {beforeEach, describe, expect, test} from '@jest/globals';
import {admissionAttributes} from '../../admission/admission.fixture.ts';
import type {AdmissionPlugin, Operation} from '../../admission/admission.ts';
import type {KubeObject} from '../../kube-object.ts';
import {FixtureStores} from '../stores.fixture.ts';
import {escalationCheck} from './escalation.ts';
import type {PolicyRule} from './policy-rule.ts';
import {binding, role} from './rbac.fixture.ts';
import {createRbacAuthorizer} from './rbac-authorizer.ts';

const RBAC = 'rbac.authorization.k8s.io';
const readPods: PolicyRule = {verbs: ['get', 'list'], apiGroups: [''], resources: ['pods']};
const readSecrets: PolicyRule = {verbs: ['get'], apiGroups: [''], resources: ['secrets']};

let stores: FixtureStores;
let plugin: AdmissionPlugin;

beforeEach(() => {
  stores = new FixtureStores();
  const rbac = createRbacAuthorizer(stores);
  plugin = escalationCheck(rbac, rbac.authorize);
  stores.put('roles', role('reader', [readPods], 'ns'));
  stores.put('rolebindings', binding('alice', 'Role/reader', ['User/alice'], 'ns'));
});

const plurals: Readonly<Record<string, string>> = {
  Role: 'roles',
  ClusterRole: 'clusterroles',
  RoleBinding: 'rolebindings',
  ClusterRoleBinding: 'clusterrolebindings',
};
const write = async (object: KubeObject, old?: KubeObject, groups: string[] = ['g']): Promise<void> => {
  const operation: Operation = old ? 'UPDATE' : 'CREATE';
  const attributes = admissionAttributes({
    operation,
    resource: {group: RBAC, plural: plurals[object.kind]!, kind: object.kind},
    object,
    oldObject: old,
    user: {username: 'alice', groups},
  });
  await plugin.admit?.(attributes);
};

describe('who writes a role', () => {
  test('must have its rules', async () => {
    await expect(write(role('new', [{...readPods, verbs: ['get']}], 'ns'))).resolves.toBeUndefined();
    await expect(write(role('new', [readPods, readSecrets], 'ns'))).rejects.toMatchObject({
      code: 403,
      message: `roles.${RBAC} "new" is forbidden: user "alice" (groups=["g"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}`,
    });
    await expect(write(role('new', [readPods], 'other'))).rejects.toMatchObject({code: 403});
  });

  test('or the verb escalate', async () => {
    const escalate = {verbs: ['escalate'], apiGroups: [RBAC], resources: ['roles']};
    stores.put('roles', role('reader', [readPods, escalate], 'ns'));
    await expect(write(role('new', [readSecrets], 'ns'))).resolves.toBeUndefined();
  });

  test('or be of system:masters', async () => {
    await expect(write(role('new', [readSecrets], 'ns'), undefined, ['system:masters'])).resolves.toBeUndefined();
  });

  test('gathers others only with all rights there are', async () => {
    stores.put('clusterrolebindings', binding('alice', 'ClusterRole/all', ['User/alice']));
    stores.put('clusterroles', role('all', [{verbs: ['create', 'get'], apiGroups: ['*'], resources: ['*']}]));
    const gathering = {...role('new', []), aggregationRule: {clusterRoleSelectors: [{}]}};
    const why = 'must have cluster-admin privileges to use the aggregationRule';
    await expect(write(gathering)).rejects.toThrow(why);
    await expect(write(role('new', []), gathering)).rejects.toThrow(why);
    stores.put(
      'clusterroles',
      role('all', [
        {verbs: ['*'], apiGroups: ['*'], resources: ['*']},
        {verbs: ['*'], nonResourceURLs: ['*']},
      ]),
    );
    await expect(write(gathering)).resolves.toBeUndefined();
  });

  test('as the garbage collector does grants nothing', async () => {
    const old = role('new', [readSecrets], 'ns');
    const next = {...old, metadata: {...old.metadata, finalizers: ['example.com/a']}};
    await expect(write(next, old)).resolves.toBeUndefined();
    const labelled = {...old, metadata: {...old.metadata, labels: {a: 'b'}}};
    await expect(write(labelled, old)).rejects.toMatchObject({code: 403});
  });
});

describe('who writes a binding', () => {
  test('must have the rules of its role, or the verb bind', async () => {
    stores.put('clusterroles', role('pods', [readPods]), role('secrets', [readSecrets]));
    await expect(write(binding('new', 'ClusterRole/pods', [], 'ns'))).resolves.toBeUndefined();
    await expect(write(binding('new', 'ClusterRole/secrets', [], 'ns'))).rejects.toMatchObject({code: 403});
    await expect(write(binding('new', 'ClusterRole/pods', []))).rejects.toMatchObject({code: 403});
    const bind = {verbs: ['bind'], apiGroups: [RBAC], resources: ['clusterroles'], resourceNames: ['secrets']};
    stores.put('roles', role('reader', [readPods, bind], 'ns'));
    await expect(write(binding('new', 'ClusterRole/secrets', [], 'ns'))).resolves.toBeUndefined();
  });

  test('of a role that is not there is told so', async () => {
    await expect(write(binding('new', 'Role/none', [], 'ns'))).rejects.toMatchObject({
      code: 404,
      message: `rolebindings.${RBAC} "none" not found`,
    });
    await expect(write(binding('new', 'User/none', [], 'ns'))).rejects.toMatchObject({
      code: 500,
      message: 'unsupported role reference kind: "User"',
    });
  });
});
