import {ArtifactStoreError, type ArtifactStoreErrorCode} from './errors.ts';
import {errorCode, errorMessage} from './failure.ts';

const codes: Readonly<Record<string, ArtifactStoreErrorCode>> = {
  ENOENT: 'NOT_FOUND',
  ENOSPC: 'STORE_FULL',
  EDQUOT: 'STORE_FULL',
  EFBIG: 'TOO_LARGE',
  EACCES: 'ACCESS_DENIED',
  EPERM: 'ACCESS_DENIED',
  EROFS: 'ACCESS_DENIED',
  ENAMETOOLONG: 'KEY_INVALID',
  // The key is the directory of another, or another key is a directory of this one.
  ENOTDIR: 'KEY_INVALID',
  EISDIR: 'KEY_INVALID',
  ENOTEMPTY: 'KEY_INVALID',
  EEXIST: 'KEY_INVALID',
  // Of network filesystems whose server is away, and of a process or machine that is short of something.
  EAGAIN: 'UNAVAILABLE',
  EBUSY: 'UNAVAILABLE',
  EMFILE: 'UNAVAILABLE',
  ENFILE: 'UNAVAILABLE',
  ENOMEM: 'UNAVAILABLE',
  EHOSTDOWN: 'UNAVAILABLE',
  EHOSTUNREACH: 'UNAVAILABLE',
  ENOTCONN: 'UNAVAILABLE',
  ESTALE: 'UNAVAILABLE',
  ETIMEDOUT: 'UNAVAILABLE',
};

/** What a call of a store rejects with when an operation on its files failed. */
export function filesystemError(error: unknown, what: string): ArtifactStoreError {
  if (error instanceof ArtifactStoreError) return error;
  const code = codes[errorCode(error) ?? ''] ?? 'STORE_FAILED';
  return new ArtifactStoreError(code, `${what}: ${errorMessage(error)}`, {cause: error});
}
