import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {runKind} from '@kruntimes/api-types';
import {type Client, isForbidden, kinds} from '@kruntimes/reconciler-kit';
import type {ControlPlaneAccess} from '@kruntimes/reconciler-kit/testing';
import type {PolicyRule} from 'kubernetes-types/rbac/v1.d.ts';
import {parse} from 'yaml';
import {User} from './user.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Rules of a ClusterRole of the chart kruntimes-crds: its own, and those of the roles before it. */
export async function chartRoleRules(name: string): Promise<PolicyRule[]> {
  const text = await readFile(join(root, 'charts', 'kruntimes-crds', 'files', 'roles.yaml'), 'utf8');
  const roles = parse(text) as {name: string; rules: PolicyRule[]}[];
  const last = roles.findIndex((role) => role.name === name);
  if (last === -1) throw new Error(`the chart has no role ${name}`);
  return roles.slice(0, last + 1).flatMap(({rules}) => rules);
}

export interface RestrictedUserOptions {
  controlPlane: ControlPlaneAccess;
  /** An administrator's. */
  client: Client;
  user: string;
  /** A role of the chart kruntimes-crds, bound in this namespace and nowhere else. */
  role: string;
  namespace: string;
  /** For the kubeconfig. */
  directory: string;
}

/** Somebody who has one role in one namespace, and nothing else. */
export async function restrictedUser(options: RestrictedUserOptions): Promise<User> {
  const {controlPlane, client, user: name, role, namespace, directory} = options;
  const rules = await chartRoleRules(role);
  await client.kind(kinds.ClusterRole).apply({metadata: {name: role}, rules}, {fieldManager: 'test'});
  await client.kind(kinds.RoleBinding).create({
    metadata: {name, namespace},
    roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role},
    subjects: [{apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name}],
  });
  const user = await User.login(name, controlPlane.userConfig({user: name}), namespace, directory);
  await untilAllowed(user.client, namespace);
  return user;
}

/** Nothing tells when the authorizer has heard of a binding. */
async function untilAllowed(client: Client, namespace: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.kind(runKind).list({namespace, limit: 1});
      return;
    } catch (error) {
      if (!isForbidden(error) || attempt === 1_200) throw error;
      await delay(50);
    }
  }
}
