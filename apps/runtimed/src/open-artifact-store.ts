import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {ARTIFACTS_CREDENTIALS_KEYS, type ArtifactStoreSpec} from '@kruntimes/api-types';
import {type ArtifactStore, createFilesystemStore, createS3Store, type S3Credentials} from '@kruntimes/artifact-store';

export interface ArtifactStoreDirectories {
  /** Where the volume of a filesystem store is mounted; its path is a subPath of the mount. */
  artifacts: string;
  /** Where the Secret of an S3 store is mounted. */
  credentials: string;
}

/** The store that `spec.artifactStore` of the Runtime describes. Nothing is connected or read before it is used. */
export function openArtifactStore(
  {filesystem, s3}: ArtifactStoreSpec,
  {artifacts, credentials}: ArtifactStoreDirectories,
): ArtifactStore | undefined {
  if (filesystem !== undefined) return createFilesystemStore({directory: artifacts});
  if (s3 === undefined) return undefined;
  const {secretName, ...options} = s3;
  return createS3Store({
    ...options,
    ...(secretName === undefined ? {} : {credentials: () => readCredentials(credentials)}),
  });
}

/** As they are now: a Secret may appear, or change, at any time. */
async function readCredentials(directory: string): Promise<S3Credentials> {
  const [accessKeyId, secretAccessKey] = await Promise.all(
    [ARTIFACTS_CREDENTIALS_KEYS.accessKeyId, ARTIFACTS_CREDENTIALS_KEYS.secretAccessKey].map(async (key) =>
      (await readFile(join(directory, key), 'utf8')).trim(),
    ),
  );
  return {accessKeyId: accessKeyId ?? '', secretAccessKey: secretAccessKey ?? ''};
}
