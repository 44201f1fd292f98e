import {Buffer} from 'node:buffer';
import {createHash} from 'node:crypto';
import type {ArtifactStoreSpec} from './artifact-store-spec.ts';
import {LOGS_ARTIFACT} from './constants.ts';
import {limits} from './limits.ts';
import type {DeepReadonly} from './read-only.ts';
import type {Run} from './run.ts';
import {fenceOf} from './run-fence.ts';

/** The Run that artifacts belong to. */
export interface ArtifactOwner {
  namespace: string;
  /** UID of the Run: a name may come again. */
  uid: string;
}

/** What the keys of all artifacts of a Run begin with, ending in `/`; with `attempt`, those of that attempt. */
export function artifactPrefix({namespace, uid}: ArtifactOwner, attempt?: number): string {
  return `${namespace}/${uid}/${attempt === undefined ? '' : `${attempt}/`}`;
}

/** Key of an artifact in its store; a store puts its own path or prefix before it. */
export function artifactKey(owner: ArtifactOwner, attempt: number, name: string): string {
  return `${artifactPrefix(owner, attempt)}${name}`;
}

/**
 * Why a program's file can't be an artifact under this name; undefined if it can. 1 to 255 bytes of UTF-8 without control characters and
 * slashes that do not begin with a dot; `logs` is taken.
 */
export function describeArtifactNameProblem(name: string): string | undefined {
  if (name === '') return 'the name is empty';
  if (!name.isWellFormed() || name.includes('\uFFFD')) return 'the name is not UTF-8';
  if (Buffer.byteLength(name, 'utf8') > limits.artifactNameBytes) {
    return `the name is longer than ${limits.artifactNameBytes} bytes`;
  }
  if (name.startsWith('.')) return 'the name begins with a dot';
  if (/[/\p{Cc}]/u.test(name)) return 'the name contains a slash or a control character';
  if (name === LOGS_ARTIFACT) return `the name ${LOGS_ARTIFACT} is reserved for the log`;
  return undefined;
}

/** Whether two stores keep a Run's artifacts in the same place; credentials and limits may differ. */
export function isSameArtifactStore(a: DeepReadonly<ArtifactStoreSpec>, b: DeepReadonly<ArtifactStoreSpec>): boolean {
  return JSON.stringify(placeOf(a)) === JSON.stringify(placeOf(b));
}

/** Names a store: 10 hexadecimal digits of what its snapshot says, in whatever order. Part of the name of its maintainer, and its label. */
export function artifactStoreHash(store: DeepReadonly<ArtifactStoreSpec>): string {
  return createHash('sha256').update(canonicalJson(store)).digest('hex').slice(0, 10);
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

/** In a fixed order, with absent and empty alike. */
function placeOf({filesystem, s3}: DeepReadonly<ArtifactStoreSpec>): readonly string[] {
  if (filesystem !== undefined) return ['filesystem', filesystem.claimName, filesystem.path ?? ''];
  return ['s3', s3?.bucket ?? '', s3?.prefix ?? '', s3?.endpoint ?? '', s3?.region ?? ''];
}

/**
 * Whether nobody can be storing artifacts of this Run any more. Only then may those of a deleted Run be removed for good: before, the daemon
 * of its Pod may be in the middle of an upload. That daemon ends a deleted Run by a terminal write; whoever takes a Run from a Pod that is
 * gone writes that it is not bound any more.
 */
export function artifactsSettled(run: DeepReadonly<Run>): boolean {
  return fenceOf(run) === undefined;
}
