import {ArtifactStoreError} from './errors.ts';

/** @throws ArtifactStoreError `OPTIONS_INVALID` */
export function assertSize(sizeBytes: number): void {
  if (Number.isSafeInteger(sizeBytes) && sizeBytes >= 0) return;
  throw new ArtifactStoreError('OPTIONS_INVALID', `sizeBytes must be a whole number of bytes, not ${sizeBytes}`);
}

/** @throws ArtifactStoreError `OPTIONS_INVALID` */
export function assertOffset(offset: number): void {
  if (Number.isSafeInteger(offset) && offset >= 0) return;
  throw new ArtifactStoreError('OPTIONS_INVALID', `offset must be a whole number of bytes, not ${offset}`);
}

export function offsetBehindEnd(key: string, offset: number, sizeBytes: number): ArtifactStoreError {
  return new ArtifactStoreError('OPTIONS_INVALID', `offset ${offset} is behind the end of ${key}: ${sizeBytes} bytes`);
}
