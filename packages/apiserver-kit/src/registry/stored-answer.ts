import type {CachedObject} from '../cache/resource-cache.ts';
import {encodeJson} from '../json/encode-json.ts';
import type {KubeObject} from '../kube-object.ts';

/** An object that a read or a write gives: one in the cache, or what a dry run would have made. */
export type StoredAnswer = Pick<CachedObject, 'object' | 'jsonAs'>;

/** Of an object that is not stored. */
export function unstored(object: KubeObject): StoredAnswer {
  return {object, jsonAs: (apiVersion) => encodeJson({...object, apiVersion})};
}
