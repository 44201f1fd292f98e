import type {PersistentVolumeClaimSpec} from 'kubernetes-types/core/v1.js';

/** What kube-apiserver fills into the spec of a claim. */
export function volumeClaimDefaults(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= 'Filesystem';
}
