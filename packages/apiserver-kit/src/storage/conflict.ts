import {StorageError, type StoredObject} from './storage.ts';

/** The error of a compare-and-swap that failed. */
export function conflict(key: string, expected: number, current: StoredObject | undefined): StorageError {
  const present = current === undefined ? 'there is none' : `it is at revision ${current.revision}`;
  const wanted = expected === 0 ? 'no object' : `revision ${expected}`;
  return new StorageError('CONFLICT', `write to ${key} expects ${wanted}: ${present}`, {current});
}
