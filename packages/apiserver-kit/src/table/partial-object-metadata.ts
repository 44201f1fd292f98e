import type {WatchEvent} from '../cache/resource-cache.ts';
import {encodeJson} from '../json/encode-json.ts';
import type {JsonObject} from '../json/json-value.ts';
import type {KubeObject, ObjectMeta} from '../kube-object.ts';

/**
 * Nothing but the metadata of an object.
 *
 * @param apiVersion `meta.k8s.io/v1` or `meta.k8s.io/v1beta1`
 */
export function toPartialObjectMetadata({metadata}: KubeObject, apiVersion: string): JsonObject {
  return {kind: 'PartialObjectMetadata', apiVersion, metadata};
}

/** @param metadata of the list */
export function toPartialObjectMetadataList(
  objects: readonly KubeObject[],
  metadata: JsonObject,
  apiVersion: string,
): JsonObject {
  const items = objects.map((object) => toPartialObjectMetadata(object, apiVersion));
  return {kind: 'PartialObjectMetadataList', apiVersion, metadata, items};
}

/** A line of a watch. @param object of the event; undefined of a bookmark */
export function partialObjectMetadataLine(
  event: WatchEvent,
  object: KubeObject | undefined,
  apiVersion: string,
): string {
  const shown = object ?? {apiVersion: '', kind: '', metadata: bookmarkMetadata(event)};
  return `${encodeJson({type: event.type, object: toPartialObjectMetadata(shown, apiVersion)})}\n`;
}

/** What a bookmark says. */
export function bookmarkMetadata({revision, initialEventsEnd}: WatchEvent): ObjectMeta {
  return {
    resourceVersion: String(revision),
    ...(initialEventsEnd === true && {annotations: {'k8s.io/initial-events-end': 'true'}}),
  };
}
