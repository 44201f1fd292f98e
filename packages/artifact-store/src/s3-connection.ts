import type {S3Client} from '@aws-sdk/client-s3';
import {ArtifactStoreError} from './errors.ts';
import {errorCode, errorMessage, errorName} from './failure.ts';
import type * as Sdk from './s3-sdk.ts';

export interface S3StoreOptions {
  bucket: string;
  /** Put before every key; a `/` is added where it does not end with one. Default: none. */
  prefix?: string | undefined;
  /** URL of an S3-compatible server. Absent or empty: AWS. */
  endpoint?: string | undefined;
  /** Absent or empty: `AWS_REGION`, else `us-east-1`. */
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

/** The SDK, once it is loaded. */
export type S3Sdk = typeof Sdk;

const CONNECT_TIMEOUT_MS = 10_000;
/** How long a server may be silent. */
export const SILENCE_TIMEOUT_MS = 60_000;

/** Clients of one bucket. The SDK takes a while to load, so that happens with the first request. */
export class S3Connection {
  readonly bucket: string;
  /** How much is asked for by one request of a list. */
  readonly pageSize: number;
  /** For messages. */
  readonly where: string;
  readonly #options: S3StoreOptions;
  #loaded: Promise<{sdk: S3Sdk; requests: S3Client; downloads: S3Client}> | undefined;

  constructor(options: S3StoreOptions, pageSize: number) {
    this.bucket = options.bucket;
    this.pageSize = pageSize;
    this.where = `bucket ${options.bucket}${options.endpoint ? ` at ${options.endpoint}` : ''}`;
    this.#options = options;
  }

  /**
   * @returns `requests` gives up when a connection is silent; `downloads` only when the answer does not come, since whoever reads its body
   *   may pause
   */
  load(): Promise<{sdk: S3Sdk; requests: S3Client; downloads: S3Client}> {
    this.#loaded ??= import('./s3-sdk.ts').then((sdk) => ({
      sdk,
      requests: this.#client(sdk, {socketTimeout: SILENCE_TIMEOUT_MS}),
      downloads: this.#client(sdk, {requestTimeout: SILENCE_TIMEOUT_MS, throwOnRequestTimeout: true}),
    }));
    return this.#loaded;
  }

  async close(): Promise<void> {
    const loaded = await this.#loaded;
    loaded?.requests.destroy();
    loaded?.downloads.destroy();
  }

  #client(sdk: S3Sdk, timeouts: object): S3Client {
    const {endpoint, region, forcePathStyle, credentials} = this.#options;
    const client = new sdk.S3Client({
      region: region || process.env['AWS_REGION'] || 'us-east-1',
      ...(endpoint ? {endpoint} : {}),
      forcePathStyle: forcePathStyle ?? Boolean(endpoint),
      ...(credentials === undefined ? {} : {credentials: async () => await readCredentials(credentials)}),
      requestHandler: {connectionTimeout: CONNECT_TIMEOUT_MS, ...timeouts},
      // Servers that are not AWS know neither trailing checksums nor those of bodies; SigV4 signs a digest of what is sent anyway.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // It costs a connection per request, and seconds where a proxy does not answer it.
      expectContinueHeader: false,
    });
    // The SDK asks errors for their class, and loses those of sockets where they have another `Error`: in a test runner.
    client.middlewareStack.add(
      (next) => async (args) => {
        try {
          return await next(args);
        } catch (error) {
          throw error instanceof Error ? error : copyOf(error);
        }
      },
      {step: 'deserialize', priority: 'low', name: 'ownErrors'},
    );
    return client;
  }
}

function copyOf(error: unknown): Error {
  return Object.assign(new Error(errorMessage(error), {cause: error}), {
    name: errorName(error) ?? 'Error',
    code: errorCode(error),
  });
}

async function readCredentials(read: () => Promise<S3Credentials>) {
  let credentials: S3Credentials;
  try {
    credentials = await read();
  } catch (error) {
    throw new ArtifactStoreError('CREDENTIALS_MISSING', `there are no S3 credentials: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  const {accessKeyId, secretAccessKey, sessionToken} = credentials;
  if (!accessKeyId || !secretAccessKey) {
    throw new ArtifactStoreError('CREDENTIALS_MISSING', 'the S3 credentials are empty');
  }
  // What has expired is asked for again with the next request.
  const expiration = new Date(0);
  return {accessKeyId, secretAccessKey, expiration, ...(sessionToken === undefined ? {} : {sessionToken})};
}
