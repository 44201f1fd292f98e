import type {Resource} from '../registry/resource.ts';

/** A subresource as discovery shows it. */
export interface DiscoveredSubresource {
  name: string;
  /** Of what it takes and gives. */
  group: string;
  version: string;
  kind: string;
  verbs: readonly string[];
}

const BUILT_IN_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const CUSTOM_VERBS = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];
const VIEW_VERBS = ['get', 'patch', 'update'];

export function verbsOf(resource: Resource): readonly string[] {
  if (resource.verbs) return resource.verbs;
  if (resource.review) return ['create'];
  return resource.custom ? CUSTOM_VERBS : BUILT_IN_VERBS;
}

/** The subresources of a version, status and scale among them. */
export function subresourcesOf(resource: Resource, versionName: string): DiscoveredSubresource[] {
  const version = resource.versions.find(({name}) => name === versionName);
  const {group, kind} = resource;
  const views: DiscoveredSubresource[] = [];
  const parts = [...(version?.subresources.status ? ['status'] : []), ...(version?.subresources.parts ?? [])];
  for (const name of parts) views.push({name, group, version: versionName, kind, verbs: VIEW_VERBS});
  if (version?.subresources.scale) {
    views.push({name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: VIEW_VERBS});
  }
  // Those of built-in kinds are in the order of their names.
  if (resource.custom) return views;
  const others = (resource.subresources ?? []).filter(({name}) => !views.some((view) => view.name === name));
  return [...views, ...others].sort((a, b) => (a.name < b.name ? -1 : 1));
}
