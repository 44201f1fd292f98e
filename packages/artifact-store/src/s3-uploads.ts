import {setTimeout as delay} from 'node:timers/promises';
import {ArtifactStoreError} from './errors.ts';
import type {S3Connection} from './s3-connection.ts';
import {isS3Error} from './s3-error.ts';

/** An unfinished multipart upload. */
export interface S3Upload {
  /** With the prefix of the store. */
  key: string;
  uploadId: string;
}

const MAX_ABORTS = 10;
const ABORT_DELAY_MS = 200;

/** Unfinished uploads of keys that begin with a string: one page of them, for they are aborted then, and the next page is the first. */
export async function listUploads(
  connection: S3Connection,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<S3Upload[]> {
  const {sdk, requests} = await connection.load();
  const request = {Bucket: connection.bucket, Prefix: prefix, MaxUploads: connection.pageSize};
  const {Uploads = []} = await requests.send(new sdk.ListMultipartUploadsCommand(request), sending(signal));
  return Uploads.flatMap(({Key, UploadId}) =>
    Key?.startsWith(prefix) && UploadId !== undefined ? [{key: Key, uploadId: UploadId}] : [],
  );
}

/**
 * Aborts an upload until the server does not know it any more: a part that was under way when it was aborted may come to rest after that.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
 */
export async function abortUpload(
  connection: S3Connection,
  {key, uploadId}: S3Upload,
  signal: AbortSignal | undefined,
): Promise<void> {
  const {sdk, requests} = await connection.load();
  const upload = {Bucket: connection.bucket, Key: key, UploadId: uploadId};
  for (let attempt = 1; attempt <= MAX_ABORTS; attempt++) {
    try {
      await requests.send(new sdk.AbortMultipartUploadCommand(upload), sending(signal));
      const {Parts = []} = await requests.send(new sdk.ListPartsCommand(upload), sending(signal));
      if (Parts.length === 0) return;
    } catch (error) {
      if (isS3Error(error, 'NoSuchUpload', 'NoSuchBucket')) return;
      throw error;
    }
    await delay(ABORT_DELAY_MS * attempt, undefined, signal === undefined ? {} : {signal});
  }
  throw new ArtifactStoreError('UNAVAILABLE', `the unfinished upload of ${key} does not go away, abort it as one may`);
}

/** Aborts every upload of one key, except one. */
export async function abortUploadsOf(
  connection: S3Connection,
  key: string,
  except: string | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const upload of await listUploads(connection, key, signal)) {
    if (upload.key === key && upload.uploadId !== except) await abortUpload(connection, upload, signal);
  }
}

/** Options of a request. */
export function sending(signal: AbortSignal | undefined): {abortSignal?: AbortSignal} {
  return signal === undefined ? {} : {abortSignal: signal};
}
