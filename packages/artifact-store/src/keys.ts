import {ArtifactStoreError} from './errors.ts';

/** Longest key, in bytes: the bound of S3. */
const MAX_KEY_BYTES = 1024;
/** Longest segment, in bytes: the bound of Linux filesystems. */
const MAX_SEGMENT_BYTES = 255;

/** @returns the segments of the key */
export function segmentsOfKey(key: string): string[] {
  const problem = keyProblem(key);
  if (problem !== undefined) throw new ArtifactStoreError('KEY_INVALID', `key ${JSON.stringify(key)}: ${problem}`);
  return key.split('/');
}

/**
 * @param prefix empty, or a key followed by `/`
 * @returns the segments, none for the empty prefix
 */
export function segmentsOfPrefix(prefix: string): string[] {
  if (prefix === '') return [];
  const problem = prefix.endsWith('/') ? keyProblem(prefix.slice(0, -1)) : 'it does not end with /';
  if (problem !== undefined) {
    throw new ArtifactStoreError('KEY_INVALID', `prefix ${JSON.stringify(prefix)}: ${problem}`);
  }
  return prefix.slice(0, -1).split('/');
}

/** As {@link segmentsOfPrefix}, for what deletes: nobody wants to delete everything by an empty variable. */
export function segmentsOfDeletedPrefix(prefix: string): string[] {
  if (prefix === '') throw new ArtifactStoreError('KEY_INVALID', 'an empty prefix would delete everything');
  return segmentsOfPrefix(prefix);
}

function keyProblem(key: string): string | undefined {
  if (!key.isWellFormed()) return 'it is not UTF-8';
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) return `it is longer than ${MAX_KEY_BYTES} bytes`;
  if (/\p{Cc}/u.test(key)) return 'it contains a control character';
  for (const segment of key.split('/')) {
    if (segment === '') return 'a segment is empty';
    if (segment.startsWith('.')) return 'a segment begins with a dot';
    if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES) return `a segment is longer than ${MAX_SEGMENT_BYTES} bytes`;
  }
  return undefined;
}
