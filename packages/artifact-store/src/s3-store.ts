import type {ArtifactStore} from './artifact-store.ts';
import {ArtifactStoreError} from './errors.ts';

export interface S3StoreOptions {
  bucket: string;
  /** Put before every key; a `/` is added where it does not end with one. Default: none. */
  prefix?: string | undefined;
  /** URL of an S3-compatible server. Default: AWS. */
  endpoint?: string | undefined;
  /** Default: `AWS_REGION`, else `us-east-1`. */
  region?: string | undefined;
  /** Bucket in the path instead of the host name. Default: whether `endpoint` is set. */
  forcePathStyle?: boolean | undefined;
  /** Called for every request, so that new credentials are used at once. Default: the AWS provider chain. */
  credentials?: (() => Promise<S3Credentials>) | undefined;
}

export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
}

/** Keeps objects in a bucket of S3, or of a server that speaks its protocol. The SDK is loaded with the first request. */
export function createS3Store(options: S3StoreOptions): ArtifactStore {
  throw new ArtifactStoreError('STORE_FAILED', `not there yet: ${options.bucket}`);
}
