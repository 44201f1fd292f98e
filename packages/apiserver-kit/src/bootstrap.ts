import {aggregateClusterRoles} from './auth/rbac/aggregation.ts';
import {bootstrapClusterRoleBindings, bootstrapClusterRoles} from './auth/rbac/bootstrap-policy.ts';
import {missingRules} from './auth/rbac/policy-rule.ts';
import {RBAC_GROUP, rulesOf} from './auth/rbac/rbac-index.ts';
import {StatusError} from './errors/status-error.ts';
import {cloneJson} from './json/json-value.ts';
import type {KubeObject} from './kube-object.ts';
import type {Registry} from './registry/registry.ts';
import {systemContext} from './registry/system-context.ts';

const namespaces = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];
const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate';

/** Keeps what a cluster is to have from its start on; ends with {@link close}. */
export interface Bootstrap {
  close(): void;
}

/**
 * Makes the objects that every cluster begins with, as far as they are not there: namespaces, PriorityClasses, ClusterRoles and
 * their bindings. From then on, aggregated ClusterRoles follow those that they gather.
 *
 * @param onError of the aggregation
 * @throws StatusError
 */
export async function bootstrap(registry: Registry, onError: (error: unknown) => void): Promise<Bootstrap> {
  await Promise.all([
    ...namespaces.map((name) => ensure(registry, '', 'namespaces', namespace(name))),
    ...priorityClasses().map((each) => ensure(registry, 'scheduling.k8s.io', 'priorityclasses', each)),
    ...bootstrapClusterRoles().map((role) => ensureRole(registry, role)),
    ...bootstrapClusterRoleBindings().map((each) => ensure(registry, RBAC_GROUP, 'clusterrolebindings', each)),
  ]);
  const write = async (name: string, rules: (role: KubeObject) => ReturnType<typeof rulesOf>): Promise<void> =>
    await writeRole(registry, name, rules);
  const aggregation = aggregateClusterRoles(registry, write, onError);
  await aggregation.settled();
  return aggregation;
}

/** Nothing where the resource is not served, or the object is there. */
async function ensure(registry: Registry, group: string, plural: string, object: KubeObject): Promise<void> {
  const store = registry.get(group, plural);
  const {name = ''} = object.metadata;
  if (!store || store.cache.get(name)) return;
  await store.create(systemContext(store.resource, {verb: 'create', name}), object).catch((error: unknown) => {
    if (!(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error;
  });
}

/** A role that is there gets the rules that it lacks, unless its annotation declines them. */
async function ensureRole(registry: Registry, role: KubeObject): Promise<void> {
  const name = role.metadata.name ?? '';
  const present = registry.get(RBAC_GROUP, 'clusterroles')?.cache.get(name)?.object;
  if (!present) return await ensure(registry, RBAC_GROUP, 'clusterroles', role);
  const isAggregated = role['aggregationRule'] !== undefined;
  if (isAggregated || present.metadata.annotations?.[AUTOUPDATE] === 'false') return;
  if (missingRules(rulesOf(present), rulesOf(role)).length === 0) return;
  await writeRole(registry, name, (current) => [...rulesOf(current), ...missingRules(rulesOf(current), rulesOf(role))]);
}

async function writeRole(
  registry: Registry,
  name: string,
  rules: (role: KubeObject) => ReturnType<typeof rulesOf>,
): Promise<void> {
  const store = registry.get(RBAC_GROUP, 'clusterroles');
  if (!store?.cache.get(name)) return;
  const context = systemContext(store.resource, {
    verb: 'update',
    name,
    fieldManager: 'clusterrole-aggregation-controller',
  });
  await store.update(context, name, (current) => ({...cloneJson(current), rules: cloneJson([...rules(current)])}));
}

function namespace(name: string): KubeObject {
  return {apiVersion: 'v1', kind: 'Namespace', metadata: {name}};
}

function priorityClasses(): KubeObject[] {
  const of = (name: string, value: number): KubeObject => ({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: {name},
    value,
    description: `For Pods that the ${name.split('-')[1]} cannot do without.`,
    preemptionPolicy: 'PreemptLowerPriority',
  });
  return [of('system-cluster-critical', 2_000_000_000), of('system-node-critical', 2_000_001_000)];
}
