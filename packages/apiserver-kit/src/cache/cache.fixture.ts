import type {KubeObject} from '../kube-object.ts';
import type {Storage} from '../storage/storage.ts';
import {type CachedObject, ResourceCache, type ResourceCacheOptions} from './resource-cache.ts';
import type {Watch} from './watch.ts';
import type {WatchEvent} from './watch-event.ts';

/** A small object. @param key `ns/name` */
export function objectOf(key: string, color: string, more: KubeObject['metadata'] = {}): KubeObject {
  const [namespace, name] = key.split('/') as [string, string];
  return {apiVersion: 'v1', kind: 'Pod', metadata: {name, namespace, labels: {color}, ...more}};
}

export function openCache(storage: Storage, options: Partial<ResourceCacheOptions> = {}): Promise<ResourceCache> {
  return ResourceCache.open({
    storage: storage.resource('pods'),
    decode: ({json}) => JSON.parse(json) as KubeObject,
    ...options,
  });
}

/** Creates an object, changes it, or (`undefined`) deletes it, whatever is there. */
export async function put(cache: ResourceCache, key: string, color: string | undefined): Promise<CachedObject> {
  const expected = cache.get(key)?.revision ?? 0;
  const object = color === undefined ? undefined : objectOf(key, color);
  return (await cache.write({key, expected, object}))!;
}

export function colorOf({object}: CachedObject): string | undefined {
  return object.metadata.labels?.['color'];
}

/** `ADDED a/one red @2`. */
export function describeEvent({type, revision, object, initialEventsEnd}: WatchEvent): string {
  if (object === undefined) return `BOOKMARK${initialEventsEnd === true ? ' (initial)' : ''} @${revision}`;
  return `${type} ${object.key} ${colorOf(object)} @${object.object.metadata.resourceVersion}`;
}

/** Reads so many events. */
export async function take(watch: Watch, count: number): Promise<string[]> {
  const events: string[] = [];
  while (events.length < count) {
    const batch = await watch.next();
    if (batch.length === 0) throw new Error(`the watch was closed after ${events.join(', ')}`);
    events.push(...batch.map(describeEvent));
  }
  return events;
}

/** A signal that nobody aborts. */
export const forever: AbortSignal = new AbortController().signal;
