import {compareVersions} from '../crd/version-order.ts';
import type {Resource} from '../registry/resource.ts';

/** A group of resources, and which are served in which version. */
export interface ApiGroup {
  name: string;
  /** The preferred one first. Each has at least one resource. */
  versions: readonly {name: string; resources: readonly Resource[]}[];
}

/** In the order in which kube-apiserver has them; others come behind, by name. */
const ORDER = [
  '',
  'apiregistration.k8s.io',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
];

/** Sorts resources into groups and versions; within one they are in the order of their names. */
export function groupsOf(resources: Iterable<Resource>): ApiGroup[] {
  const groups = new Map<string, Map<string, Resource[]>>();
  for (const resource of resources) {
    for (const {name, served} of resource.versions) {
      if (!served) continue;
      const versions = groups.get(resource.group) ?? new Map<string, Resource[]>();
      groups.set(resource.group, versions.set(name, [...(versions.get(name) ?? []), resource]));
    }
  }
  return [...groups]
    .sort(([a], [b]) => rank(a) - rank(b) || compareText(a, b))
    .map(([name, versions]) => ({
      name,
      versions: [...versions]
        .sort(([a], [b]) => compareVersions(a, b))
        .map(([version, served]) => ({
          name: version,
          resources: served.sort((a, b) => compareText(a.plural, b.plural)),
        })),
    }));
}

function rank(group: string): number {
  const place = ORDER.indexOf(group);
  return place === -1 ? ORDER.length : place;
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
