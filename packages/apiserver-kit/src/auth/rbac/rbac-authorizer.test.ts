import {beforeEach, describe, expect, test} from '@jest/globals';
import type {KubeObject} from '../../kube-object.ts';
import {access} from '../access.fixture.ts';
import type {AccessAttributes} from '../authorization.ts';
import {FixtureStores} from '../stores.fixture.ts';
import type {UserInfo} from '../user-info.ts';
import {aggregateClusterRoles, aggregatedRules} from './aggregation.ts';
import {bootstrapClusterRoleBindings, bootstrapClusterRoles} from './bootstrap-policy.ts';
import type {PolicyRule} from './policy-rule.ts';
import {binding, role} from './rbac.fixture.ts';
import {createRbacAuthorizer, type RbacAuthorizer} from './rbac-authorizer.ts';
import {rulesOf} from './rbac-index.ts';

const readPods: PolicyRule = {verbs: ['get'], apiGroups: [''], resources: ['pods']};
const alice: UserInfo = {username: 'alice', groups: ['devs', 'system:authenticated']};

let stores: FixtureStores;
let rbac: RbacAuthorizer;
const decide = async (wish: Partial<AccessAttributes>, user = alice) => await rbac.authorize(access(user, wish));

beforeEach(() => {
  stores = new FixtureStores();
  rbac = createRbacAuthorizer(stores);
});

describe('the RBAC authorizer', () => {
  test('allows what a ClusterRoleBinding gives, everywhere', async () => {
    stores.put('clusterroles', role('reader', [readPods]));
    stores.put('clusterrolebindings', binding('readers', 'ClusterRole/reader', ['Group/devs']));
    const allowed = {
      allowed: true,
      reason: 'RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to Group "devs"',
    };
    expect(await decide({})).toEqual(allowed);
    expect(await decide({namespace: 'ns'})).toEqual(allowed);
    expect(await decide({verb: 'list'})).toEqual({allowed: false, reason: ''});
  });

  test('allows what a RoleBinding gives, in its namespace', async () => {
    stores.put('roles', role('reader', [readPods], 'ns'), role('reader', [], 'other'));
    stores.put('rolebindings', binding('b', 'Role/reader', ['User/alice'], 'ns'));
    expect(await decide({namespace: 'ns'})).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "b/ns" of Role "reader" to User "alice"',
    });
    expect(await decide({namespace: 'other'})).toMatchObject({allowed: false});
    expect(await decide({})).toMatchObject({allowed: false});
  });

  test('a ServiceAccount without namespace is that of the binding', async () => {
    stores.put('clusterroles', role('reader', [readPods]));
    stores.put('rolebindings', binding('b', 'ClusterRole/reader', ['ServiceAccount/:sa'], 'ns'));
    stores.put('clusterrolebindings', binding('c', 'ClusterRole/reader', ['ServiceAccount/:sa']));
    const account = {username: 'system:serviceaccount:ns:sa', groups: []};
    expect(await decide({namespace: 'ns'}, account)).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "b/ns" of ClusterRole "reader" to ServiceAccount "sa/ns"',
    });
    expect(await decide({}, account)).toMatchObject({allowed: false});
  });

  test('follows every change in the same turn', async () => {
    stores.put('clusterrolebindings', binding('b', 'ClusterRole/reader', ['User/alice']));
    const missing = {allowed: false, reason: 'RBAC: clusterrole.rbac.authorization.k8s.io "reader" not found'};
    expect(await decide({})).toEqual(missing);
    stores.put('clusterroles', role('reader', [readPods]));
    expect(await decide({})).toMatchObject({allowed: true});
    stores.put('clusterroles', role('reader', []));
    expect(await decide({})).toMatchObject({allowed: false});
    stores.put('clusterroles', role('reader', [readPods]));
    stores.put('clusterrolebindings', binding('b', 'ClusterRole/reader', ['User/bob']));
    expect(await decide({})).toEqual({allowed: false, reason: ''});
    expect(await decide({}, {username: 'bob', groups: []})).toMatchObject({allowed: true});
    stores.delete('rbac.authorization.k8s.io', 'clusterrolebindings', 'b');
    expect(await decide({}, {username: 'bob', groups: []})).toMatchObject({allowed: false});
    stores.put('clusterrolebindings', binding('b', 'ClusterRole/reader', ['User/alice']));
    stores.remove('rbac.authorization.k8s.io', 'clusterroles');
    expect(await decide({})).toEqual(missing);
  });

  test('tells all rules of somebody, and what is wrong', async () => {
    stores.put('clusterroles', role('reader', [readPods]));
    stores.put(
      'rolebindings',
      binding('a', 'ClusterRole/reader', ['User/alice'], 'ns'),
      binding('b', 'Role/none', ['Group/devs'], 'ns'),
    );
    expect(rbac.rules(alice, 'ns')).toEqual({
      rules: [readPods],
      errors: ['role.rbac.authorization.k8s.io "none" not found'],
    });
    expect(rbac.rules(alice, 'other')).toEqual({rules: [], errors: []});
  });

  test('system:masters may do everything', async () => {
    expect(await decide({verb: 'any'}, {username: 'x', groups: ['system:masters']})).toEqual({
      allowed: true,
      reason: '',
    });
  });
});

describe('the policy that every cluster begins with', () => {
  beforeEach(() => {
    stores.put('clusterroles', ...bootstrapClusterRoles());
    stores.put('clusterrolebindings', ...bootstrapClusterRoleBindings());
  });

  test('lets everybody discover and ask about themselves, and nobody else more than versions and health', async () => {
    const nobody = {username: 'system:anonymous', groups: ['system:unauthenticated']};
    expect(await decide({path: '/apis/apps/v1'})).toMatchObject({allowed: true});
    expect(await decide({path: '/metrics'})).toMatchObject({allowed: false});
    const review = {group: 'authorization.k8s.io', resource: 'selfsubjectaccessreviews', verb: 'create'};
    expect(await decide(review)).toMatchObject({allowed: true});
    expect(await decide({path: '/version'}, nobody)).toMatchObject({allowed: true});
    expect(await decide({path: '/apis'}, nobody)).toMatchObject({allowed: false});
    expect(await decide(review, nobody)).toMatchObject({allowed: false});
  });

  test('edit gathers view, and admin gathers edit', async () => {
    const gathered = new Map(bootstrapClusterRoles().map((each) => [each.metadata.name, each]));
    for (const name of ['view', 'edit', 'admin']) {
      const present = gathered.get(name)!;
      gathered.set(name, {...present, rules: [...aggregatedRules(present, gathered.values())]});
    }
    const gives = (name: string, verb: string, resource: string): boolean =>
      rulesOf(gathered.get(name)!).some((each) => each.verbs.includes(verb) && each.resources?.includes(resource));
    expect([gives('view', 'get', 'pods'), gives('view', 'get', 'secrets')]).toEqual([true, false]);
    expect([gives('edit', 'get', 'pods'), gives('edit', 'get', 'secrets'), gives('edit', 'create', 'roles')]).toEqual([
      true,
      true,
      false,
    ]);
    expect([gives('admin', 'get', 'pods'), gives('admin', 'create', 'roles')]).toEqual([true, true]);
  });
});

describe('aggregation of ClusterRoles', () => {
  const gathering = (): KubeObject => ({
    ...role('all', []),
    aggregationRule: {clusterRoleSelectors: [{matchLabels: {gather: 'true'}}]},
  });
  const labelled = (name: string, rules: PolicyRule[]): KubeObject => {
    const made = role(name, rules);
    return {...made, metadata: {...made.metadata, labels: {gather: 'true'}}};
  };

  test('writes what has changed, in one write for a burst', async () => {
    const written: (readonly PolicyRule[])[] = [];
    let wrote = Promise.withResolvers<void>();
    const aggregation = aggregateClusterRoles(
      stores,
      async (name, rules) => {
        const present = stores.get('rbac.authorization.k8s.io', 'clusterroles')!.cache.get(name)!.object;
        const next = {...present, rules: [...rules(present)]};
        written.push(next.rules);
        stores.put('clusterroles', next);
        wrote.resolve();
      },
      (error) => wrote.reject(error),
    );
    const watch: PolicyRule = {...readPods, verbs: ['watch']};
    stores.put('clusterroles', gathering(), labelled('b', [watch]), labelled('a', [readPods]), role('c', [watch]));
    await wrote.promise;
    expect(written).toEqual([[readPods, watch]]);
    wrote = Promise.withResolvers();
    stores.delete('rbac.authorization.k8s.io', 'clusterroles', 'a');
    await wrote.promise;
    expect(written.at(-1)).toEqual([watch]);
    aggregation.close();
  });
});
