import {ARTIFACTS_FINALIZER, type ArtifactStoreSpec, artifactStoreHash, type Run} from '@kruntimes/api-types';
import type {CacheOptions} from '@kruntimes/reconciler-kit';

/** Index of {@link storedRuns} by UID. */
export const BY_UID = 'uid';

/** The Runs of a namespace that may have artifacts in one store; of each only what says whether they may be deleted. */
export function storedRuns(namespace: string, store: ArtifactStoreSpec): CacheOptions<Run> {
  const hash = artifactStoreHash(store);
  return {
    namespace,
    select: ({metadata, status}) =>
      metadata?.finalizers?.includes(ARTIFACTS_FINALIZER) === true &&
      status?.artifactStore !== undefined &&
      artifactStoreHash(status.artifactStore) === hash,
    transform: projectRun,
    indexers: {[BY_UID]: ({metadata}) => [metadata?.uid ?? '']},
  };
}

function projectRun({metadata, spec, status}: Run): Run {
  const {
    name = '',
    namespace = '',
    uid = '',
    resourceVersion = '',
    finalizers = [],
    deletionTimestamp,
  } = metadata ?? {};
  const {phase = 'Pending', attempt, assignedPodUID} = status ?? {};
  return {
    metadata: {name, namespace, uid, resourceVersion, finalizers, ...(deletionTimestamp && {deletionTimestamp})},
    spec: {runtime: spec.runtime},
    status: {
      phase,
      ...(attempt !== undefined && {attempt}),
      ...(assignedPodUID !== undefined && {assignedPodUID}),
    },
  };
}
