import {GROUP} from '@kruntimes/api-types';
import {type Client, defineKind, type Kind, type KubernetesObject} from '@kruntimes/reconciler-kit';
import {waitForDeletion} from '@kruntimes/reconciler-kit/testing';
import type {Cluster} from '../cluster/cluster.ts';
import {patient} from './world.ts';

interface ApiResources {
  resources: {name: string; kind: string; namespaced: boolean; verbs: string[]}[];
}

interface ApiGroups {
  groups: {name: string; preferredVersion: {version: string}}[];
}

interface Found {
  kind: Kind;
  object: KubernetesObject;
}

/**
 * All objects of the cluster, of whatever kind, that have to do with kruntimes: of our kinds, or with our name anywhere in
 * their metadata (labels, annotations, finalizers and owners included) or in whom they give rights. Events are left out: they tell
 * what was.
 *
 * @returns `plural.group namespace/name`, sorted
 */
export async function findOurs(cluster: Cluster): Promise<string[]> {
  return (await find(cluster)).map(describe).toSorted();
}

/** Waits until the garbage collector and others have done what they do later; what `stays` is not waited for. */
export async function untilOursAreGone(
  cluster: Cluster,
  client: Client,
  stays: (description: string) => boolean,
): Promise<void> {
  const found = await find(cluster);
  await Promise.all(
    found
      .filter((each) => !stays(describe(each)))
      .map((each) => {
        const {name = '', namespace} = each.object.metadata ?? {};
        const ref = {name, ...(namespace !== undefined && {namespace})};
        return waitForDeletion(client.kind(each.kind), ref, {...patient, description: `end of ${describe(each)}`});
      }),
  );
}

async function find({access, layout}: Cluster): Promise<Found[]> {
  const found: Found[] = [];
  const {groups} = await access.adminRequest<ApiGroups>('GET', '/apis');
  const versions = groups.map(({name, preferredVersion: {version}}) => ({group: name, version}));
  for (const {group, version} of [{group: '', version: 'v1'}, ...versions]) {
    const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    const {resources} = (await unlessGone(access.adminRequest<ApiResources>('GET', path))) ?? {resources: []};
    const listed = resources.filter(({name, verbs}) => verbs.includes('list') && name !== 'events');
    for (const {name: plural, kind: kindName, namespaced} of listed) {
      const kind = defineKind({group, version, kind: kindName, plural, namespaced});
      const list = await unlessGone(access.adminRequest<{items: KubernetesObject[]}>('GET', `${path}/${plural}`));
      for (const object of list?.items ?? []) if (isOurs(kind, object, layout.name)) found.push({kind, object});
    }
  }
  return found;
}

/** A kind whose definition was deleted is announced for a moment longer than it is served. */
async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (String(error).includes('HTTP 404')) return undefined;
    throw error;
  }
}

/** The name of the node is ours, but says nothing. */
function isOurs({group}: Kind, object: KubernetesObject, node: string): boolean {
  if (group === GROUP) return true;
  const {managedFields: _, ...metadata} = object.metadata ?? {};
  const {roleRef, subjects} = object as {roleRef?: unknown; subjects?: unknown};
  return JSON.stringify({metadata, roleRef, subjects}).replaceAll(node, '').includes('kruntimes');
}

function describe({kind: {plural, group}, object}: Found): string {
  const {name, namespace} = object.metadata ?? {};
  return `${group === '' ? plural : `${plural}.${group}`} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}
