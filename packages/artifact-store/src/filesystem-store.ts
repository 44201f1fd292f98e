import type {ArtifactStore} from './artifact-store.ts';
import {ArtifactStoreError} from './errors.ts';

export interface FilesystemStoreOptions {
  /** Absolute path of a directory that exists and that nobody else writes to. */
  directory: string;
}

/**
 * Keeps objects as files of a directory. Directories get mode 2770 and files 0660, so that processes of one group (`fsGroup` of a Pod) can
 * share it.
 */
export function createFilesystemStore(options: FilesystemStoreOptions): ArtifactStore {
  throw new ArtifactStoreError('STORE_FAILED', `not there yet: ${options.directory}`);
}
