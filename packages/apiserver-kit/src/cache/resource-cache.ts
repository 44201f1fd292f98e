import type {KubeObject} from '../kube-object.ts';

/** An object in the cache: shared by all who read it, never changed. */
export interface CachedObject {
  key: string;
  revision: number;
  /** With `metadata.resourceVersion`, in the storage version, with defaults of the schema filled in. */
  object: KubeObject;
  /** {@link object} as JSON; encoded once. */
  readonly json: string;
}

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';

/** For one watcher. A DELETED has the last state of the object, with the revision of the event that took it away. */
export interface WatchEvent {
  type: WatchEventType;
  revision: number;
  /** Undefined of a BOOKMARK. */
  object: CachedObject | undefined;
  /** Of the BOOKMARK that ends the initial events. */
  initialEventsEnd?: boolean;
}
