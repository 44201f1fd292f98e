import {ArtifactStoreError} from '../errors.ts';

export interface S3ServerOptions {
  /** Folder of a Go module whose `tool` directive names versitygw: built when there is no other. */
  goModule?: string | undefined;
}

/** A running S3 server, for tests. */
export interface S3Server extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: {accessKeyId: string; secretAccessKey: string};
  createBucket(name: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts an S3 server on a free port of the loopback, its data in a new temporary directory. */
export async function startS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  throw new ArtifactStoreError('STORE_FAILED', `not there yet: ${options.goModule}`);
}
