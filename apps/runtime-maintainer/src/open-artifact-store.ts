import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {ARTIFACTS_CREDENTIALS_KEYS, type ArtifactStoreSpec} from '@kruntimes/api-types';
import {type ArtifactStore, createFilesystemStore, createS3Store, type S3Credentials} from '@kruntimes/artifact-store';
import {MaintainerError} from './errors.ts';

export interface ArtifactStoreDirectories {
  /** Where the volume of a filesystem store is mounted; its path is a subPath of the mount. */
  artifacts: string;
  /** Where the Secret of an S3 store is mounted. */
  credentials: string;
}

/**
 * The store that the snapshot in the status of Runs describes. Nothing is connected or read before it is used.
 *
 * @throws MaintainerError `OPTION_INVALID`
 */
export function openArtifactStore(
  {filesystem, s3}: ArtifactStoreSpec,
  {artifacts, credentials}: ArtifactStoreDirectories,
): ArtifactStore {
  if (filesystem !== undefined) return createFilesystemStore({directory: artifacts});
  if (s3 === undefined) throw new MaintainerError('OPTION_INVALID', 'the artifact store is neither filesystem nor s3');
  const {secretName, ...options} = s3;
  return createS3Store({
    ...options,
    ...(secretName === undefined ? {} : {credentials: () => readCredentials(credentials)}),
  });
}

/** As they are now: a Secret may appear, or change, at any time. */
async function readCredentials(directory: string): Promise<S3Credentials> {
  const read = async (key: string): Promise<string> => (await readFile(join(directory, key), 'utf8')).trim();
  const [accessKeyId, secretAccessKey] = await Promise.all([
    read(ARTIFACTS_CREDENTIALS_KEYS.accessKeyId),
    read(ARTIFACTS_CREDENTIALS_KEYS.secretAccessKey),
  ]);
  return {accessKeyId, secretAccessKey};
}
