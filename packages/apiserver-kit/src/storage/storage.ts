/** An object as it is stored: JSON without `metadata.resourceVersion`, which is its revision. */
export interface StoredObject {
  /** `namespace/name`, or `name` where there are no namespaces. */
  key: string;
  /** That of the write that made it what it is. */
  revision: number;
  json: string;
}

export interface StorageWrite {
  key: string;
  /** Revision that the object must have; 0: there must be none. */
  expected: number;
  /** What to store; undefined: delete. */
  json: string | undefined;
}

/** One write that was committed. */
export interface StorageChange {
  revision: number;
  key: string;
  /** Undefined: deleted. */
  json: string | undefined;
  /** What was there before. */
  previous: StoredObject | undefined;
}

/** All objects of a resource at one revision. */
export interface StorageSnapshot {
  revision: number;
  /** Ordered by key. */
  objects: StoredObject[];
  /** Changes after this revision are kept; default: none are. */
  oldest?: number;
}

/** The objects of one resource (`deployments.apps`), with a counter of their own: each write makes the next revision, without gaps. */
export interface ResourceStorage {
  /** Everything there is, ordered by key (by UTF-16 code units), at one revision. A resource that was never written to is at revision 1. */
  snapshot(): Promise<StorageSnapshot>;
  /**
   * Compare and swap. Durable when it resolves, as far as the storage is durable at all.
   *
   * @returns the revision of the write
   * @throws StorageError `CONFLICT` with the present state if the object does not have the expected revision; `CLOSED`, `FULL`, `FAILED`
   */
  write(write: StorageWrite): Promise<number>;
  /**
   * All changes after a revision, in order, each once, own ones and those of others, until the signal aborts. An own write is
   * delivered before {@link write} resolves.
   *
   * @throws StorageError `COMPACTED` where they are not kept any more
   */
  changes(after: number, signal: AbortSignal): AsyncIterable<readonly StorageChange[]>;
  /** The present revision: what a consistent read must not be older than. */
  revision(): Promise<number>;
}

/** Where an API server keeps its objects. */
export interface Storage {
  /** @param name plural and group: `pods`, `deployments.apps` */
  resource(name: string): ResourceStorage;
  /** Forgets a resource with all its objects and changes. Its counter stays: it never runs backwards. */
  drop(name: string): Promise<void>;
  /** Writes that were not acknowledged may be lost. */
  close(): Promise<void>;
}

export type StorageErrorCode = 'CONFLICT' | 'COMPACTED' | 'CLOSED' | 'FULL' | 'FAILED';

export class StorageError extends Error {
  readonly code: StorageErrorCode;
  /** Of `CONFLICT`: what is stored; undefined: nothing. */
  readonly current: StoredObject | undefined;

  constructor(
    code: StorageErrorCode,
    message: string,
    options: {cause?: unknown; current?: StoredObject | undefined} = {},
  ) {
    super(message, options.cause === undefined ? {} : {cause: options.cause});
    this.name = 'StorageError';
    this.code = code;
    this.current = options.current;
  }
}
