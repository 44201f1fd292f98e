import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import type {ArtifactStore} from './artifact-store.ts';
import {ArtifactStoreError} from './errors.ts';
import {createFilesystemStore} from './filesystem-store.ts';
import type {S3Credentials, S3StoreOptions} from './s3-connection.ts';
import {createS3Store} from './s3-store.ts';

/** A store as a configuration names it: one of the two. */
export interface StoreLocation {
  readonly filesystem?: object | undefined;
  readonly s3?: (Omit<S3StoreOptions, 'credentials'> & {readonly secretName?: string | undefined}) | undefined;
}

/** Where what a location names is mounted. */
export interface StoreMounts {
  /** Directory of a filesystem store. */
  readonly directory: string;
  /** The Secret of an S3 store, a file for each of its keys `accessKeyID` and `secretAccessKey`. It is read for every request. */
  readonly credentialsDirectory: string;
}

/**
 * Opens the store of a configuration. Nothing is connected or read before it is used.
 *
 * @throws ArtifactStoreError `OPTIONS_INVALID`
 */
export function openStore({filesystem, s3}: StoreLocation, mounts: StoreMounts): ArtifactStore {
  if (filesystem !== undefined) return createFilesystemStore({directory: mounts.directory});
  if (s3 === undefined) {
    throw new ArtifactStoreError('OPTIONS_INVALID', 'the artifact store is neither filesystem nor s3');
  }
  const {secretName, ...options} = s3;
  const credentials = (): Promise<S3Credentials> => readCredentials(mounts.credentialsDirectory);
  return createS3Store({...options, ...(secretName === undefined ? {} : {credentials})});
}

async function readCredentials(directory: string): Promise<S3Credentials> {
  const read = async (key: string): Promise<string> => (await readFile(join(directory, key), 'utf8')).trim();
  const [accessKeyId, secretAccessKey] = await Promise.all([read('accessKeyID'), read('secretAccessKey')]);
  return {accessKeyId, secretAccessKey};
}
