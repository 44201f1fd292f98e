import {GROUP} from '@kruntimes/api-types';
import {type Client, type ClusterConfig, isAlreadyExists, kinds} from '@kruntimes/reconciler-kit';
import {RELAY_GROUP} from './relay-kind.ts';

/** Namespace of the identities. */
export const BENCH_NAMESPACE = 'kruntimes-bench';

const ROLE = 'kruntimes-bench';
const everything = ['*'];
const rules = [
  // `bind` and `use` among them: the policies ask for these.
  {apiGroups: [GROUP, RELAY_GROUP], resources: everything, verbs: everything},
  {
    apiGroups: ['', 'coordination.k8s.io'],
    resources: ['pods', 'pods/status', 'pods/log', 'leases', 'configmaps'],
    verbs: everything,
  },
  {nonResourceURLs: ['/metrics'], verbs: ['get']},
];

/**
 * ServiceAccounts to measure with: kube-apiserver exempts administrators from its flow control, so theirs would be the
 * figures of nobody. One for each client, as flow control shares its seats among users.
 */
export async function benchIdentities(
  admin: Client,
  config: ClusterConfig,
  names: readonly string[],
): Promise<ClusterConfig[]> {
  const apply = {fieldManager: 'kruntimes-bench', force: true};
  await admin
    .kind(kinds.Namespace)
    .create({metadata: {name: BENCH_NAMESPACE}})
    .catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
  await admin.kind(kinds.ClusterRole).apply({metadata: {name: ROLE}, rules}, apply);
  await admin.kind(kinds.ClusterRoleBinding).apply(
    {
      metadata: {name: ROLE},
      roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: ROLE},
      subjects: names.map((name) => ({kind: 'ServiceAccount', name, namespace: BENCH_NAMESPACE})),
    },
    apply,
  );
  return await Promise.all(
    names.map(async (name) => {
      await admin.kind(kinds.ServiceAccount).apply({metadata: {name, namespace: BENCH_NAMESPACE}}, apply);
      const {status} = await admin.createToken(
        {name, namespace: BENCH_NAMESPACE},
        {audiences: [], expirationSeconds: 12 * 3600},
      );
      const {cert: _, key: __, ...rest} = config;
      const token = `Bearer ${status?.token ?? ''}`;
      return {...rest, authorization: () => Promise.resolve(token)};
    }),
  );
}

/** Undoes {@link benchIdentities}. */
export async function removeBenchIdentities(admin: Client): Promise<void> {
  await admin.kind(kinds.ClusterRoleBinding).delete({name: ROLE});
  await admin.kind(kinds.ClusterRole).delete({name: ROLE});
  await admin.kind(kinds.Namespace).delete({name: BENCH_NAMESPACE});
}

/** What another process needs to be the same client; JSON. */
export interface ClientAccess {
  server: string;
  ca?: string | undefined;
  authorization?: string | undefined;
  cert?: string | undefined;
  key?: string | undefined;
}

export async function accessOf(config: ClusterConfig): Promise<ClientAccess> {
  const {server, ca, cert, key} = config;
  return {server, ca, cert, key, authorization: await config.authorization?.({refresh: false})};
}

export function configOf({server, ca, authorization, cert, key}: ClientAccess): ClusterConfig {
  return {
    server,
    namespace: 'default',
    ...(ca !== undefined && {ca}),
    ...(cert !== undefined && {cert}),
    ...(key !== undefined && {key}),
    ...(authorization !== undefined && {authorization: () => Promise.resolve(authorization)}),
  };
}
