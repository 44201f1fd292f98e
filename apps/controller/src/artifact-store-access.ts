import {
  ARTIFACTS_CREDENTIALS_DIRECTORY,
  ARTIFACTS_CREDENTIALS_VOLUME,
  ARTIFACTS_DIRECTORY,
  ARTIFACTS_VOLUME,
  type ArtifactStoreSpec,
  type DeepReadonly,
} from '@kruntimes/api-types';
import type {Volume, VolumeMount} from 'kubernetes-types/core/v1.d.ts';

/** What a Pod needs so that one of its containers reaches an artifact store. */
export interface ArtifactStoreAccess {
  args: string[];
  volumes: Volume[];
  mounts: VolumeMount[];
}

/** Group of the files in a volume, so that Pods with different users share them. */
export const ARTIFACTS_GROUP = 65_532;

/** For runtimed and for the maintainer alike; no other container gets the mounts. */
export function artifactStoreAccess(store: DeepReadonly<ArtifactStoreSpec>): ArtifactStoreAccess {
  // What looks like a reference to a variable would be replaced.
  const args = [`--artifact-store=${JSON.stringify(store).replaceAll('$', '$$$$')}`];
  if (store.filesystem !== undefined) {
    const {claimName, path = ''} = store.filesystem;
    // A subPath is relative; one that leads out of the volume is refused by the API server.
    const subPath = path.replaceAll(/^\/+|\/+$/g, '');
    return {
      args: [...args, `--artifacts-directory=${ARTIFACTS_DIRECTORY}`],
      volumes: [{name: ARTIFACTS_VOLUME, persistentVolumeClaim: {claimName}}],
      mounts: [{name: ARTIFACTS_VOLUME, mountPath: ARTIFACTS_DIRECTORY, ...(subPath !== '' && {subPath})}],
    };
  }
  const secretName = store.s3?.secretName;
  if (secretName === undefined) return {args, volumes: [], mounts: []};
  return {
    args: [...args, `--artifacts-credentials=${ARTIFACTS_CREDENTIALS_DIRECTORY}`],
    // Optional: a Pod starts without it, and says that it is missing.
    volumes: [{name: ARTIFACTS_CREDENTIALS_VOLUME, secret: {secretName, optional: true}}],
    mounts: [{name: ARTIFACTS_CREDENTIALS_VOLUME, mountPath: ARTIFACTS_CREDENTIALS_DIRECTORY, readOnly: true}],
  };
}
