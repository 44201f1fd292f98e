import type {DeepReadonly} from './deep-readonly.ts';
import type {KubernetesObject} from './kind.ts';

/** The kind of an owner; a {@link Kind} fits. */
export interface OwnerKind {
  group: string;
  kind: string;
  /** Default true. False leaves the namespace out of the owner's key. */
  namespaced?: boolean;
}

/** The key of the controller owner of `object` if it is of `ownerKind`, in a list of at most one. The version is not compared. */
export function controllerOwnerKeys(object: DeepReadonly<KubernetesObject>, ownerKind: OwnerKind): string[] {
  const owner = object.metadata?.ownerReferences?.find((reference) => reference.controller);
  if (!owner || owner.kind !== ownerKind.kind || groupOf(owner.apiVersion) !== ownerKind.group) return [];
  const namespace = object.metadata?.namespace;
  return [ownerKind.namespaced === false || !namespace ? owner.name : `${namespace}/${owner.name}`];
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}
