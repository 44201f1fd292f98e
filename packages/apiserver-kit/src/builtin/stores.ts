import type {KubeObject} from '../kube-object.ts';
import {resourceName} from '../registry/resource.ts';
import type {ResourceStore} from '../registry/resource-store.ts';

/** Where the objects of resources are, once these are installed: the Registry. */
export interface BuiltinStores {
  get(group: string, plural: string): ResourceStore | undefined;
}

/** @throws Error where a resource is not installed that every server has */
export function storeOf(stores: BuiltinStores, group: string, plural: string): ResourceStore {
  const store = stores.get(group, plural);
  if (store === undefined) throw new Error(`${resourceName({group, plural})} is not installed`);
  return store;
}

/** What a subresource answers with that has nothing to show. */
export function success(code: number): KubeObject {
  return {kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code};
}
