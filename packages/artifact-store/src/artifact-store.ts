import type {Readable} from 'node:stream';

/**
 * Where artifacts are kept: a flat space of keys.
 *
 * A key is 1 to 1024 bytes of UTF-8: segments of 1 to 255 bytes, separated by `/`, without control characters; none begins with a dot. A
 * prefix is empty or a key followed by `/`. One key has one writer at a time.
 *
 * All methods reject with {@link ArtifactStoreError}.
 */
export interface ArtifactStore {
  /**
   * Stores a stream, whole or not at all, and replaces an object of that key. `body` is read to its end or destroyed.
   *
   * When it fails, nothing of this call is left in the store, unless the store could not be reached any more: then {@link deletePrefix}
   * finds the rest. A failure in the very last step may have removed an earlier object of that key.
   */
  put(key: string, body: Readable, options: PutOptions): Promise<StoredObject>;

  /** Opens an object. Errors after that destroy `body`. Whoever does not read it to its end destroys it. */
  get(key: string, options?: GetOptions): Promise<OpenedObject>;

  /**
   * Deletes everything below a prefix, unfinished uploads included. What is not there counts as deleted, be it object, bucket or directory.
   *
   * @param prefix not empty
   * @returns how many objects were deleted
   */
  deletePrefix(prefix: string, options?: {signal?: AbortSignal | undefined}): Promise<number>;

  /** Objects below a prefix, in no order; what is being uploaded is not listed. */
  list(prefix: string, options?: {signal?: AbortSignal | undefined}): AsyncIterable<ListedObject>;

  /** Closes connections. To be called when nothing is under way any more. */
  close(): Promise<void>;
}

export interface PutOptions {
  /** Exact length of the body. */
  sizeBytes: number;
  /** Media type. A filesystem does not keep it. */
  contentType?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface StoredObject {
  key: string;
  sizeBytes: number;
  /** `sha256:` and 64 hexadecimal digits. */
  digest: string;
}

export interface GetOptions {
  /** First byte that is wanted, 0 to the size of the object. Default 0. */
  offset?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface OpenedObject {
  /** The bytes from the offset on. */
  body: Readable;
  /** Of the whole object, whatever the offset. */
  sizeBytes: number;
  /** Absent where the store keeps none. */
  contentType?: string | undefined;
}

export interface ListedObject {
  key: string;
  sizeBytes: number;
}
