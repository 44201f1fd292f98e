import type {ClusterRole} from 'kubernetes-types/rbac/v1.d.ts';
import type {Client} from '../client.ts';
import {kinds} from '../kind.ts';

/** Lets a user do, cluster-wide, what a ClusterRole says, for programs under test that shall have their own rights and no more. */
export async function grantClusterRole(client: Client, role: ClusterRole, user: string): Promise<void> {
  const options = {fieldManager: 'tests', force: true};
  const name = role.metadata?.name ?? '';
  await client.kind(kinds.ClusterRole).apply(role, options);
  await client.kind(kinds.ClusterRoleBinding).apply(
    {
      metadata: {name: `${name}-${user}`},
      roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name},
      subjects: [{apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user}],
    },
    options,
  );
}
