import {isAlreadyExists, isNotFound, kinds, type Manager} from '@kruntimes/reconciler-kit';

interface ApiResourceList {
  resources: {name: string; namespaced: boolean; verbs: string[]}[];
}
interface ApiGroupList {
  groups: {preferredVersion: {groupVersion: string}}[];
}

/** How long to wait for what is still ending in a namespace that is being deleted. */
const LINGERING_MS = 500;

/**
 * What the controller-manager does for namespaces: makes the ServiceAccount `default` and the ConfigMap
 * `kube-root-ca.crt` in each, and empties and finalizes one that is deleted.
 */
export function addNamespaceLifecycle(manager: Manager, options: {clusterCa: string}): void {
  const namespaces = manager.cache(kinds.Namespace);
  manager
    .controller({
      name: 'namespace',
      async reconcile({key}) {
        const namespace = namespaces.get(key);
        if (namespace === undefined) return;
        if (namespace.metadata?.deletionTimestamp === undefined) {
          await ensureDefaults(key);
          return;
        }
        if (!namespace.spec?.finalizers?.length) return;
        if (!(await isEmptied(key))) return {requeueAfterMs: LINGERING_MS};
        await finalize(key);
      },
    })
    .for(namespaces);

  async function ensureDefaults(namespace: string): Promise<void> {
    const {client} = manager;
    const ignoreExisting = (error: unknown): void => {
      // Forbidden while the namespace goes away: there is nothing to do then.
      if (!isAlreadyExists(error) && !isNotFound(error)) throw error;
    };
    await client
      .kind(kinds.ServiceAccount)
      .create({metadata: {name: 'default', namespace}})
      .catch(ignoreExisting);
    const data = {'ca.crt': options.clusterCa};
    await client
      .kind(kinds.ConfigMap)
      .create({metadata: {name: 'kube-root-ca.crt', namespace}, data})
      .catch(ignoreExisting);
  }

  /** Deletes everything in a namespace; true when nothing was left. */
  async function isEmptied(namespace: string): Promise<boolean> {
    const {transport} = manager.client;
    const {groups} = await transport.request<ApiGroupList>({method: 'GET', path: '/apis'});
    const roots = ['/api/v1', ...groups.map(({preferredVersion}) => `/apis/${preferredVersion.groupVersion}`)];
    let left = 0;
    for (const root of roots) {
      const {resources} = await transport.request<ApiResourceList>({method: 'GET', path: root});
      const deletable = resources.filter(
        ({namespaced, verbs}) => namespaced && verbs.includes('deletecollection') && verbs.includes('list'),
      );
      for (const {name} of deletable) {
        const path = `${root}/namespaces/${namespace}/${name}`;
        const {items} = await transport.request<{items: unknown[]}>({method: 'GET', path});
        if (items.length === 0) continue;
        left += items.length;
        await transport.request({method: 'DELETE', path, query: {propagationPolicy: 'Background'}});
      }
    }
    return left === 0;
  }

  async function finalize(name: string): Promise<void> {
    const namespace = await manager.client.kind(kinds.Namespace).get(name);
    await manager.client.transport.request({
      method: 'PUT',
      path: `/api/v1/namespaces/${name}/finalize`,
      body: {...namespace, apiVersion: 'v1', kind: 'Namespace', spec: {...namespace.spec, finalizers: []}},
    });
  }
}
