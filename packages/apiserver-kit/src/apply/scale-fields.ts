import type {ManagedFieldsEntry} from '../kube-object.ts';
import {difference, type FieldSet, fieldPathSet, hasPath, isEmptySet} from './field-set.ts';
import {decodeManagers, encodeManagers, type Managers} from './managed-fields.ts';

const SCALE_VERSION = 'autoscaling/v1';
const replicas = ['f:spec', 'f:replicas'];

/** Where replicas stand in the versions of a kind (`.spec.replicas` of `apps/v1`); undefined for a version without scale. */
export type ReplicasPaths = ReadonlyMap<string, string | undefined>;

/** Managers of an object who own its replicas, as managers of its scale. */
export function scaleManagedFields(
  entries: readonly ManagedFieldsEntry[] | undefined,
  paths: ReplicasPaths,
): ManagedFieldsEntry[] | undefined {
  const managers: Managers = new Map();
  for (const [id, {entry: _, ...manager}] of decodeManagers(entries)) {
    const path = elementsOf(paths.get(manager.apiVersion));
    if (path === undefined || !hasPath(manager.set, path)) continue;
    managers.set(id, {...manager, apiVersion: SCALE_VERSION, set: fieldPathSet('spec.replicas')});
  }
  return encodeManagers(managers);
}

/**
 * Managers of an object after its scale was written. As in Kubernetes, who updated replicas is a manager of its own from then on, and new
 * managers have no time.
 *
 * @param change.apiVersion of the object
 */
export function parentManagedFields(change: {
  parent: readonly ManagedFieldsEntry[] | undefined;
  scale: readonly ManagedFieldsEntry[] | undefined;
  apiVersion: string;
  paths: ReplicasPaths;
}): ManagedFieldsEntry[] | undefined {
  const {paths, apiVersion} = change;
  const ofScale = decodeManagers(change.scale);
  const before = decodeManagers(change.parent);
  const managers: Managers = new Map();
  for (const [id, manager] of before) {
    if (!paths.has(manager.apiVersion)) continue;
    const path = elementsOf(paths.get(manager.apiVersion));
    if (path === undefined || !hasPath(manager.set, path) || ofScale.delete(id)) {
      managers.set(id, manager);
      continue;
    }
    const set = difference(manager.set, setOf(path));
    if (!isEmptySet(set)) managers.set(id, {...manager, set});
  }
  const path = elementsOf(paths.get(apiVersion));
  for (const [id, {entry: _, ...manager}] of ofScale) {
    if (path === undefined || !hasPath(manager.set, replicas)) continue;
    managers.set(id, {...manager, apiVersion, time: before.get(id)?.time, set: setOf(path)});
  }
  return encodeManagers(managers);
}

function elementsOf(path: string | undefined): string[] | undefined {
  return path
    ?.replace(/^\./, '')
    .split('.')
    .map((name) => `f:${name}`);
}

function setOf(path: readonly string[]): FieldSet {
  return fieldPathSet(path.map((element) => element.slice(2)).join('.'));
}
