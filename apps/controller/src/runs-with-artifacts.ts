import {
  ARTIFACT_STORE_LABEL,
  ARTIFACTS_FINALIZER,
  type ArtifactStoreSpec,
  artifactStoreHash,
  type DeepReadonly,
  FORCE_RELEASE_ANNOTATION,
  type Run,
} from '@kruntimes/api-types';
import type {CacheOptions} from '@kruntimes/reconciler-kit';

/** Index of {@link runsWithArtifacts}: `namespace/hash` of the store. */
export const BY_STORE = 'store';

/**
 * Of all Runs only those that may have artifacts in a store, so that others cost no memory; of each what decides about them. The hash of its
 * store, which is the work of a moment but not to be done again for each look, is in the label that a maintainer has.
 */
export function runsWithArtifacts(namespace: string | undefined): CacheOptions<Run> {
  // Many Runs, few stores.
  const stores = new Map<string, ArtifactStoreSpec>();
  return {
    namespace,
    select: ({metadata}) => metadata?.finalizers?.includes(ARTIFACTS_FINALIZER) === true,
    transform: (run) => projectRun(run, stores),
    indexers: {[BY_STORE]: (run) => storeKeysOf(run)},
  };
}

/** `namespace/hash` of the store that may have artifacts of the Run; none as long as there are none. */
export function storeKeysOf({metadata}: DeepReadonly<Run>): string[] {
  const hash = metadata?.labels?.[ARTIFACT_STORE_LABEL];
  return hash === undefined ? [] : [`${metadata?.namespace ?? ''}/${hash}`];
}

function projectRun({metadata, spec, status}: Run, stores: Map<string, ArtifactStoreSpec>): Run {
  const {
    name = '',
    namespace = '',
    uid = '',
    resourceVersion = '',
    finalizers = [],
    deletionTimestamp,
  } = metadata ?? {};
  const forced = metadata?.annotations?.[FORCE_RELEASE_ANNOTATION];
  const {phase = 'Pending', attempt, assignedPodUID, artifactStore} = status ?? {};
  const hash = artifactStore && artifactStoreHash(artifactStore);
  if (hash !== undefined && !stores.has(hash)) stores.set(hash, artifactStore as ArtifactStoreSpec);
  const store = hash === undefined ? undefined : stores.get(hash);
  return {
    metadata: {
      name,
      namespace,
      uid,
      resourceVersion,
      finalizers,
      ...(deletionTimestamp && {deletionTimestamp}),
      ...(hash !== undefined && {labels: {[ARTIFACT_STORE_LABEL]: hash}}),
      ...(forced !== undefined && {annotations: {[FORCE_RELEASE_ANNOTATION]: forced}}),
    },
    spec: {runtime: spec.runtime},
    status: {
      phase,
      ...(attempt !== undefined && {attempt}),
      ...(assignedPodUID !== undefined && {assignedPodUID}),
      ...(store && {artifactStore: store}),
    },
  };
}
