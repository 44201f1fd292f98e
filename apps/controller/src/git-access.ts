import {
  type DeepReadonly,
  GIT_CACHE_DIRECTORY,
  GIT_CACHE_VOLUME,
  GIT_CREDENTIALS_DIRECTORY,
  GIT_CREDENTIALS_KEYS,
  GIT_CREDENTIALS_VOLUME,
  type RuntimeSpec,
} from '@kruntimes/api-types';
import type {Volume, VolumeMount} from 'kubernetes-types/core/v1.d.ts';

/** More than what runtimed keeps (2 GiB) and what it fetches and copies at the same time (four times 1 GiB and its copy). */
const CACHE_SIZE_LIMIT = '10Gi';

/** What runtimed, and no other container, gets to fetch sources of kind git. */
export interface GitAccess {
  args: string[];
  mounts: VolumeMount[];
  volumes: Volume[];
}

/**
 * The volumes of a cache and of the Secrets of `spec.gitCredentials`, and the flags that name them.
 *
 * @param runAsUser of runtimed. Files of a Secret belong to root, so any other user reads them as one of the others.
 */
export function gitAccess(gitCredentials: DeepReadonly<RuntimeSpec['gitCredentials']>, runAsUser: number): GitAccess {
  const access: GitAccess = {
    args: [`--git-cache=${GIT_CACHE_DIRECTORY}`],
    mounts: [{name: GIT_CACHE_VOLUME, mountPath: GIT_CACHE_DIRECTORY}],
    volumes: [{name: GIT_CACHE_VOLUME, emptyDir: {sizeLimit: CACHE_SIZE_LIMIT}}],
  };
  if (gitCredentials === undefined || gitCredentials.length === 0) return access;
  const entries = gitCredentials.map(({secretName, hosts}) => ({secretName, hosts}));
  access.args.push(
    `--git-credentials=${JSON.stringify(entries)}`,
    `--git-credentials-directory=${GIT_CREDENTIALS_DIRECTORY}`,
  );
  access.mounts.push({name: GIT_CREDENTIALS_VOLUME, mountPath: GIT_CREDENTIALS_DIRECTORY, readOnly: true});
  const sources = gitCredentials.map(({secretName}) => ({
    secret: {
      name: secretName,
      // A Pod starts without it, and a Run that needs it says so.
      optional: true,
      items: GIT_CREDENTIALS_KEYS.map((key) => ({key, path: `${secretName}/${key}`})),
    },
  }));
  access.volumes.push({
    name: GIT_CREDENTIALS_VOLUME,
    projected: {defaultMode: runAsUser === 0 ? 0o400 : 0o444, sources},
  });
  return access;
}
