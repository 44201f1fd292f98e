import type {CachedObject} from '../cache/resource-cache.ts';
import type {JsonObject} from '../json/json-value.ts';
import type {StoredAnswer} from '../registry/stored-answer.ts';

/** Metadata of a list. */
export interface ListMeta {
  resourceVersion: string;
  continue?: string;
  remainingItemCount?: number;
}

/** What a request is answered with. */
export type RestAnswer =
  | {$case: 'stored'; code: number; object: StoredAnswer}
  | {$case: 'list'; items: readonly CachedObject[]; metadata: ListMeta}
  /** Of another kind than the resource: a Status, a Scale. */
  | {$case: 'object'; code: number; object: JsonObject}
  /** A watch has sent its events. */
  | {$case: 'done'}
  /** A subresource took the connection over, which is at its end now. */
  | {$case: 'connected'};
