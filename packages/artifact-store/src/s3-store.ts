import {randomUUID} from 'node:crypto';
import {Readable} from 'node:stream';
import type {GetObjectCommandOutput, ListObjectsV2CommandOutput} from '@aws-sdk/client-s3';
import {destroyOnAbort, throwIfAborted} from './aborted.ts';
import type {
  ArtifactStore,
  GetOptions,
  ListedObject,
  OpenedObject,
  PutOptions,
  StoredObject,
} from './artifact-store.ts';
import {ArtifactStoreError} from './errors.ts';
import {discard, ExactBody} from './exact-body.ts';
import {segmentsOfDeletedPrefix, segmentsOfKey, segmentsOfPrefix} from './keys.ts';
import {assertOffset, assertSize, offsetBehindEnd} from './range.ts';
import {S3Connection, type S3StoreOptions, SILENCE_TIMEOUT_MS} from './s3-connection.ts';
import {isRefusal, isS3Error, s3Error} from './s3-error.ts';
import {PART_BYTES, partSizeOf, type S3Object, uploadInParts} from './s3-multipart.ts';
import {abortUpload, listUploads, sending} from './s3-uploads.ts';
import {Settling} from './settling.ts';

/** Names the call that stored an object, in its metadata. */
const PUT_ID = 'put-id';
const DELETES_IN_FLIGHT = 8;
/** How often there may be something new after everything was deleted. */
const MAX_DELETE_ROUNDS = 100;

/**
 * Keeps objects in a bucket of S3, or of a server that speaks its protocol. What is larger than 8 MiB is uploaded in parts, with at most 24
 * MiB in memory below 80 GB. The SDK is loaded with the first request.
 */
export function createS3Store(options: S3StoreOptions): ArtifactStore {
  return new S3Store(options);
}

/** See {@link createS3Store}. */
export class S3Store implements ArtifactStore {
  readonly #connection: S3Connection;
  readonly #prefix: string;

  /** @param pageSize for tests: how much is asked for by one request of a list */
  constructor(options: S3StoreOptions, {pageSize = 1000}: {pageSize?: number} = {}) {
    const {bucket, prefix = '', endpoint} = options;
    if (bucket === '') throw new ArtifactStoreError('OPTIONS_INVALID', 'bucket must not be empty');
    if (endpoint && !/^https?:$/.test(URL.parse(endpoint)?.protocol ?? '')) {
      throw new ArtifactStoreError('OPTIONS_INVALID', `endpoint must be an http or https URL, not ${endpoint}`);
    }
    this.#prefix = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
    this.#connection = new S3Connection(options, pageSize);
  }

  async put(key: string, body: Readable, {sizeBytes, contentType, signal}: PutOptions): Promise<StoredObject> {
    try {
      segmentsOfKey(key);
      assertSize(sizeBytes);
      partSizeOf(sizeBytes);
      throwIfAborted(signal);
      const source = new ExactBody(body, sizeBytes);
      const id = randomUUID();
      const object: S3Object = {
        Bucket: this.#connection.bucket,
        Key: this.#prefix + key,
        Metadata: {[PUT_ID]: id},
        ...(contentType === undefined ? {} : {ContentType: contentType}),
      };
      const isStored = (): Promise<boolean> => this.#isStored(object.Key, id);
      if (sizeBytes > PART_BYTES) await uploadInParts(this.#connection, object, source, signal, isStored);
      else await this.#putAtOnce(object, source, signal, isStored);
      return {key, sizeBytes, digest: source.digest()};
    } catch (error) {
      throw this.#error(error, `cannot store ${key}`, signal);
    } finally {
      discard(body);
    }
  }

  async get(key: string, {offset = 0, signal}: GetOptions = {}): Promise<OpenedObject> {
    try {
      segmentsOfKey(key);
      assertOffset(offset);
      throwIfAborted(signal);
      const {sdk, downloads} = await this.#connection.load();
      const object = {Bucket: this.#connection.bucket, Key: this.#prefix + key};
      const range = offset === 0 ? {} : {Range: `bytes=${offset}-`};
      const answer = await downloads
        .send(new sdk.GetObjectCommand({...object, ...range}), sending(signal))
        .catch((error: unknown) => {
          if (isS3Error(error, 'InvalidRange')) return undefined;
          throw error;
        });
      if (answer === undefined) return await this.#openEnd(key, offset, signal);
      const sizeBytes = sizeOf(answer, offset);
      const body = this.#guard(answer.Body as Readable, key, signal);
      return {body, sizeBytes, contentType: answer.ContentType};
    } catch (error) {
      throw this.#error(error, `cannot open ${key}`, signal);
    }
  }

  async deletePrefix(prefix: string, {signal}: {signal?: AbortSignal | undefined} = {}): Promise<number> {
    let deleted = 0;
    try {
      segmentsOfDeletedPrefix(prefix);
      // An upload may end, and become an object, while uploads and objects are deleted: it is over when there is nothing to delete.
      for (let round = 0; round < MAX_DELETE_ROUNDS; round++) {
        throwIfAborted(signal);
        const uploads = await this.#abortUploads(this.#prefix + prefix, signal);
        const {objects, complete} = await this.#deleteObjects(this.#prefix + prefix, signal);
        deleted += objects;
        if (complete && uploads + objects === 0) return deleted;
      }
      throw new ArtifactStoreError('UNAVAILABLE', `objects come into ${prefix} while it is deleted`);
    } catch (error) {
      if (isS3Error(error, 'NoSuchBucket')) return deleted;
      throw this.#error(error, `cannot delete what is below ${prefix}`, signal);
    }
  }

  async *list(prefix: string, {signal}: {signal?: AbortSignal | undefined} = {}): AsyncGenerator<ListedObject> {
    try {
      segmentsOfPrefix(prefix);
      throwIfAborted(signal);
      for await (const {key, sizeBytes} of this.#objects(this.#prefix + prefix, signal)) {
        // Consoles show folders by empty objects of such a name.
        if (!key.endsWith('/')) yield {key: key.slice(this.#prefix.length), sizeBytes};
      }
    } catch (error) {
      throw this.#error(error, `cannot list what is below ${prefix}`, signal);
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #putAtOnce(
    object: S3Object,
    source: ExactBody,
    signal: AbortSignal | undefined,
    isStored: () => Promise<boolean>,
  ): Promise<void> {
    const {sdk, requests} = await this.#connection.load();
    const content = Buffer.allocUnsafeSlow(source.sizeBytes);
    let length = 0;
    for await (const chunk of source.chunks(signal)) length += chunk.copy(content, length);
    using settling = new Settling(signal);
    const command = new sdk.PutObjectCommand({...object, Body: content, ContentLength: content.length});
    try {
      await requests.send(command, sending(settling.signal));
    } catch (error) {
      if (isRefusal(error) || !(await isStored())) throw error;
    }
  }

  /** Whether the object is there and was put by this call; false when that cannot be found out. */
  async #isStored(key: string, id: string): Promise<boolean> {
    const {sdk, requests} = await this.#connection.load();
    const command = new sdk.HeadObjectCommand({Bucket: this.#connection.bucket, Key: key});
    const answer = await requests.send(command).catch(() => undefined);
    return answer?.Metadata?.[PUT_ID] === id;
  }

  /** What is behind the last byte: nothing, if that is where the offset is. */
  async #openEnd(key: string, offset: number, signal: AbortSignal | undefined): Promise<OpenedObject> {
    const {sdk, requests} = await this.#connection.load();
    const head = new sdk.HeadObjectCommand({Bucket: this.#connection.bucket, Key: this.#prefix + key});
    const {ContentLength: sizeBytes = 0, ContentType: contentType} = await requests.send(head, sending(signal));
    if (offset !== sizeBytes) throw offsetBehindEnd(key, offset, sizeBytes);
    return {body: Readable.from([]), sizeBytes, contentType};
  }

  /** A body whose errors are ours, and that ends with one when the server is silent while somebody waits for it. */
  #guard(body: Readable, key: string, signal: AbortSignal | undefined): Readable {
    const what = `cannot read ${key}`;
    const silence = (): void => {
      body.destroy(new ArtifactStoreError('UNAVAILABLE', `${what}: ${this.#connection.where} is silent`));
    };
    const toOurs = (error: unknown): ArtifactStoreError => this.#error(error, what, signal);
    const guarded = Readable.from(chunksOf(body, silence, toOurs), {objectMode: false});
    // A stream that was never read does not end its generator.
    guarded.once('close', () => discard(body));
    // An abort may come before the caller listens.
    guarded.on('error', () => {});
    return destroyOnAbort(guarded, signal);
  }

  async #abortUploads(prefix: string, signal: AbortSignal | undefined): Promise<number> {
    const uploads = await listUploads(this.#connection, prefix, signal).catch((error: unknown) => {
      // A server without multipart uploads has none that are unfinished.
      if (isS3Error(error, 'NotImplemented')) return [];
      throw error;
    });
    for (const upload of uploads) await abortUpload(this.#connection, upload, signal);
    return uploads.length;
  }

  /** `complete` is false when the listing broke off. */
  async #deleteObjects(prefix: string, signal: AbortSignal | undefined): Promise<{objects: number; complete: boolean}> {
    const {sdk, requests} = await this.#connection.load();
    const underWay = new Set<Promise<void>>();
    let objects = 0;
    let complete = true;
    // One by one: DeleteObjects needs a checksum that not all servers take.
    const remove = async (key: string): Promise<void> => {
      const command = new sdk.DeleteObjectCommand({Bucket: this.#connection.bucket, Key: key});
      await requests.send(command, sending(signal)).catch(exceptNoSuchKey);
      objects += 1;
    };
    try {
      for await (const {key} of this.#objects(prefix, signal)) {
        const deletion: Promise<void> = remove(key).then(() => {
          underWay.delete(deletion);
        });
        deletion.catch(() => {});
        underWay.add(deletion);
        while (underWay.size >= DELETES_IN_FLIGHT) await Promise.race(underWay);
      }
    } catch (error) {
      // A server that lists a file system answers so when an object goes while it looks at it.
      exceptNoSuchKey(error);
      complete = false;
    }
    await Promise.all(underWay);
    return {objects, complete};
  }

  /** @param prefix with that of the store; so are the keys */
  async *#objects(prefix: string, signal: AbortSignal | undefined): AsyncGenerator<ListedObject> {
    const {sdk, requests} = await this.#connection.load();
    let token: string | undefined;
    do {
      const request = {
        Bucket: this.#connection.bucket,
        Prefix: prefix,
        MaxKeys: this.#connection.pageSize,
        ContinuationToken: token,
      };
      const page: ListObjectsV2CommandOutput = await requests.send(
        new sdk.ListObjectsV2Command(request),
        sending(signal),
      );
      for (const {Key, Size = 0} of page.Contents ?? []) {
        if (Key?.startsWith(prefix)) yield {key: Key, sizeBytes: Size};
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  #error(error: unknown, what: string, signal: AbortSignal | undefined): ArtifactStoreError {
    if (signal?.aborted && !(error instanceof ArtifactStoreError)) {
      return new ArtifactStoreError('ABORTED', 'the operation was aborted', {cause: error});
    }
    return s3Error(error, what, this.#connection.where);
  }
}

/** Somebody else deleted it first. Amazon's S3 does not tell; others do. */
function exceptNoSuchKey(error: unknown): void {
  if (!isS3Error(error, 'NoSuchKey')) throw error;
}

/** The chunks of a stream; calls `onSilence` when none has come for a while although one is wanted. */
async function* chunksOf(
  body: Readable,
  onSilence: () => void,
  toOurs: (error: unknown) => Error,
): AsyncGenerator<Buffer> {
  const chunks: AsyncIterator<Buffer> = body[Symbol.asyncIterator]();
  for (;;) {
    const timer = setTimeout(onSilence, SILENCE_TIMEOUT_MS);
    let next: IteratorResult<Buffer>;
    try {
      next = await chunks.next();
    } catch (error) {
      throw toOurs(error);
    } finally {
      clearTimeout(timer);
    }
    if (next.done) return;
    yield next.value;
  }
}

/** Size of the whole object. */
function sizeOf({ContentLength, ContentRange}: GetObjectCommandOutput, offset: number): number {
  if (offset === 0 && ContentLength !== undefined) return ContentLength;
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(ContentRange ?? '') ?? [];
  if (Number(first) === offset) return Number(total);
  throw new ArtifactStoreError('STORE_FAILED', 'the server answers a request for a part of an object by another');
}
