import {throwIfAborted} from './aborted.ts';
import {ArtifactStoreError} from './errors.ts';
import type {ExactBody} from './exact-body.ts';
import {errorMessage} from './failure.ts';
import type {S3Connection} from './s3-connection.ts';
import {isRefusal, s3Error} from './s3-error.ts';
import {abortUpload, abortUploadsOf, sending} from './s3-uploads.ts';
import {Settling} from './settling.ts';

/** What is not larger goes in one request. At least 5 MiB: S3 takes no smaller parts. */
export const PART_BYTES = 8 * 1024 * 1024;
/** Parts are kept in memory, so that the SDK can repeat them: at most three of them, two on their way and one that is being filled. */
const PARTS_IN_FLIGHT = 2;
const MAX_PARTS = 10_000;
const MAX_PART_BYTES = 64 * 1024 * 1024;
const COMPLETE_TIMEOUT_MS = 1_800_000;
/** For removing what is left of an upload that failed. */
const CLEAN_UP_TIMEOUT_MS = 60_000;

/** An object as S3 is to store it. */
export interface S3Object {
  Bucket: string;
  Key: string;
  ContentType?: string;
  Metadata: Record<string, string>;
}

/** @throws ArtifactStoreError `TOO_LARGE` */
export function partSizeOf(sizeBytes: number): number {
  const needed = Math.ceil(sizeBytes / MAX_PARTS);
  if (needed > MAX_PART_BYTES) {
    throw new ArtifactStoreError('TOO_LARGE', `an object of S3 can have ${MAX_PARTS * MAX_PART_BYTES} bytes here`);
  }
  return Math.max(PART_BYTES, needed);
}

/**
 * Uploads a stream part by part. When it fails, the upload is aborted, once the requests that are under way have settled.
 *
 * @param isStored whether the object is there after all, asked when the answer to the last request is lost
 */
export async function uploadInParts(
  connection: S3Connection,
  object: S3Object,
  source: ExactBody,
  signal: AbortSignal | undefined,
  isStored: () => Promise<boolean>,
): Promise<void> {
  using settling = new Settling(signal);
  const upload = new MultipartUpload(connection, object, settling.signal);
  try {
    await upload.create();
    for await (const part of partsOf(source.chunks(signal), partSizeOf(source.sizeBytes), upload)) {
      await upload.send(part);
    }
    await upload.settled();
    throwIfAborted(signal);
    await upload.complete();
  } catch (error) {
    settling.begin();
    await upload.settled().catch(() => {});
    const leftover = await upload.remove().then(
      () => undefined,
      (failure: unknown) => failure,
    );
    if (upload.completing && (await isStored())) return;
    throwIfAborted(signal);
    const failure = s3Error(error, `cannot store ${object.Key}`, connection.where);
    if (leftover === undefined) throw failure;
    const text = `${failure.message}; the unfinished upload could not be removed: ${errorMessage(leftover)}`;
    throw new ArtifactStoreError(failure.code, text, {cause: error});
  }
}

class MultipartUpload {
  readonly #connection: S3Connection;
  readonly #object: S3Object;
  readonly #signal: AbortSignal;
  readonly #parts: {PartNumber: number; ETag: string}[] = [];
  readonly #underWay = new Set<Promise<void>>();
  readonly #free: Buffer[] = [];
  #uploadId: string | undefined;
  #mayExist = false;
  #sent = 0;
  /** Whether the object may exist. */
  completing = false;

  constructor(connection: S3Connection, object: S3Object, signal: AbortSignal) {
    this.#connection = connection;
    this.#object = object;
    this.#signal = signal;
  }

  async create(): Promise<void> {
    const {sdk, requests} = await this.#connection.load();
    this.#mayExist = true;
    const created = await requests
      .send(new sdk.CreateMultipartUploadCommand(this.#object), sending(this.#signal))
      .catch((error: unknown) => {
        if (isRefusal(error)) this.#mayExist = false;
        throw error;
      });
    if (created.UploadId === undefined) throw new Error('S3 began an upload without telling its id');
    this.#uploadId = created.UploadId;
    // Of those that were asked for before, the answer is lost and the upload may be there.
    if ((created.$metadata.attempts ?? 1) > 1) {
      await abortUploadsOf(this.#connection, this.#object.Key, this.#uploadId, this.#signal);
    }
  }

  /** A buffer that nobody uses. */
  takeBuffer(sizeBytes: number): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(sizeBytes);
  }

  /** Begins to send the next part, as soon as there is room for one more. */
  async send({buffer, length}: Part): Promise<void> {
    const {sdk, requests} = await this.#connection.load();
    const partNumber = ++this.#sent;
    const command = new sdk.UploadPartCommand({
      Bucket: this.#object.Bucket,
      Key: this.#object.Key,
      UploadId: this.#uploadId,
      PartNumber: partNumber,
      Body: buffer.subarray(0, length),
      ContentLength: length,
    });
    const sent = requests.send(command, sending(this.#signal)).then(({ETag}) => {
      if (ETag === undefined) throw new Error(`S3 took part ${partNumber} without telling its ETag`);
      this.#parts.push({PartNumber: partNumber, ETag});
      // After a failure nothing is sent any more, so a buffer that a broken request still holds is never filled again.
      this.#free.push(buffer);
      this.#underWay.delete(sent);
    });
    this.#underWay.add(sent);
    sent.catch(() => {});
    while (this.#underWay.size >= PARTS_IN_FLIGHT) await Promise.race(this.#underWay);
  }

  /** Waits for every part that is under way; rejects if one failed. */
  async settled(): Promise<void> {
    const parts = [...this.#underWay];
    await Promise.allSettled(parts);
    await Promise.all(parts);
  }

  async complete(): Promise<void> {
    // Some servers now copy the parts together, and say nothing meanwhile.
    const {sdk, downloads} = await this.#connection.load();
    const {Bucket, Key} = this.#object;
    const Parts = this.#parts.toSorted((a, b) => a.PartNumber - b.PartNumber);
    this.completing = true;
    await downloads.send(
      new sdk.CompleteMultipartUploadCommand({Bucket, Key, UploadId: this.#uploadId, MultipartUpload: {Parts}}),
      {...sending(this.#signal), requestTimeout: COMPLETE_TIMEOUT_MS},
    );
  }

  /** Leaves no upload behind. */
  async remove(): Promise<void> {
    if (!this.#mayExist) return;
    const signal = AbortSignal.timeout(CLEAN_UP_TIMEOUT_MS);
    const key = this.#object.Key;
    if (this.#uploadId === undefined) await abortUploadsOf(this.#connection, key, undefined, signal);
    else await abortUpload(this.#connection, {key, uploadId: this.#uploadId}, signal);
  }
}

interface Part {
  buffer: Buffer;
  length: number;
}

/** Fills buffers one after the other; a part's buffer is its consumer's from then on. */
async function* partsOf(
  chunks: AsyncIterable<Buffer>,
  sizeBytes: number,
  buffers: {takeBuffer(sizeBytes: number): Buffer},
): AsyncGenerator<Part, void, undefined> {
  let buffer: Buffer | undefined;
  let length = 0;
  for await (const chunk of chunks) {
    for (let offset = 0; offset < chunk.length; ) {
      buffer ??= buffers.takeBuffer(sizeBytes);
      const copied = chunk.copy(buffer, length, offset);
      offset += copied;
      length += copied;
      if (length < sizeBytes) continue;
      yield {buffer, length};
      buffer = undefined;
      length = 0;
    }
  }
  if (buffer !== undefined && length > 0) yield {buffer, length};
}
