import {statusErrors} from '../errors/status-error.ts';
import type {KubeObject, ObjectMeta} from '../kube-object.ts';
import type {Resource} from './resource.ts';

export type PropagationPolicy = 'Orphan' | 'Background' | 'Foreground';

/** @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/delete-options/ */
export interface DeleteOptions {
  gracePeriodSeconds?: number;
  preconditions?: {uid?: string; resourceVersion?: string};
  propagationPolicy?: PropagationPolicy;
  /** The old way to say `Orphan` or `Background`. */
  orphanDependents?: boolean;
}

/** Finalizer: it goes when its dependents have lost it as an owner. */
export const ORPHAN = 'orphan';
/** Finalizer: it goes when its dependents have gone. */
export const FOREGROUND = 'foregroundDeletion';

/** @throws StatusError 409 where the object is not the one that was meant */
export function checkPreconditions(
  {group, kind}: Pick<Resource, 'group' | 'kind'>,
  {metadata}: KubeObject,
  {uid, resourceVersion}: NonNullable<DeleteOptions['preconditions']>,
): void {
  const {name = '', uid: foundUid = '', resourceVersion: foundVersion = ''} = metadata;
  if (uid !== undefined && uid !== foundUid) {
    throw statusErrors.conflict(
      {group, name: kind},
      name,
      `the UID in the precondition (${uid}) does not match the UID in record (${foundUid}). The object might have been deleted and then recreated`,
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== foundVersion) {
    throw statusErrors.conflict(
      {group, name: kind},
      name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${foundVersion}). The object might have been modified`,
    );
  }
}

/** The finalizers that an object has once it is deleted in a certain way: those of the garbage collector come and go with the options. */
export function finalizersForDeletion(finalizers: readonly string[], options: DeleteOptions): string[] {
  const own = finalizers.filter((finalizer) => finalizer !== ORPHAN && finalizer !== FOREGROUND);
  const collector = collectorFinalizer(finalizers, options);
  return collector === undefined ? own : [...own, collector];
}

function collectorFinalizer(
  finalizers: readonly string[],
  {orphanDependents, propagationPolicy}: DeleteOptions,
): string | undefined {
  if (orphanDependents !== undefined) return orphanDependents ? ORPHAN : undefined;
  switch (propagationPolicy) {
    case 'Orphan':
      return ORPHAN;
    case 'Foreground':
      return FOREGROUND;
    case 'Background':
      return undefined;
    case undefined:
      return finalizers.find((finalizer) => finalizer === ORPHAN || finalizer === FOREGROUND);
  }
}

/** What a deletion does to an object. */
export type DeletionStep =
  | {$case: 'remove'}
  /** It stays with this metadata. */
  | {$case: 'mark'; metadata: ObjectMeta}
  /** It is on its way already. */
  | {$case: 'pending'};

/**
 * @param gracePeriodSeconds of the kind and the options; undefined: the kind knows none
 * @see https://kubernetes.io/docs/concepts/architecture/garbage-collection/
 */
export function deletionStep(
  metadata: ObjectMeta,
  options: DeleteOptions,
  gracePeriodSeconds: number | undefined,
  now: Date,
): DeletionStep {
  const graceful =
    gracePeriodSeconds === undefined ? undefined : gracefulStep(metadata, options, gracePeriodSeconds, now);
  if (graceful === 'pending') return {$case: 'pending'};
  const finalizers = finalizersForDeletion(metadata.finalizers ?? [], options);
  const marked: ObjectMeta = {...metadata, ...graceful};
  if (finalizers.length > 0) marked.finalizers = finalizers;
  else delete marked.finalizers;
  if (graceful === undefined && finalizers.length > 0) {
    if (metadata.deletionTimestamp === undefined) Object.assign(marked, deletionMark(metadata, 0, now));
    else marked.deletionGracePeriodSeconds = 0;
  }
  if (finalizers.length === 0 && (graceful?.deletionGracePeriodSeconds ?? 0) === 0) return {$case: 'remove'};
  return {$case: 'mark', metadata: marked};
}

function gracefulStep(
  metadata: ObjectMeta,
  options: DeleteOptions,
  gracePeriodSeconds: number,
  now: Date,
): ObjectMeta | 'pending' | undefined {
  const {deletionTimestamp, deletionGracePeriodSeconds} = metadata;
  if (deletionTimestamp === undefined) return deletionMark(metadata, gracePeriodSeconds, now);
  if (deletionGracePeriodSeconds === undefined) return undefined;
  const {gracePeriodSeconds: asked} = options;
  // A deletion that is under way can only be made shorter.
  if (asked === undefined || asked >= deletionGracePeriodSeconds) return 'pending';
  const asOf = Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1_000;
  return {
    deletionTimestamp: timestamp(new Date(asOf + asked * 1_000)),
    deletionGracePeriodSeconds: asked,
  };
}

function deletionMark(metadata: ObjectMeta, seconds: number, now: Date): ObjectMeta {
  return {
    deletionTimestamp: timestamp(new Date(now.getTime() + seconds * 1_000)),
    deletionGracePeriodSeconds: seconds,
    ...(metadata.generation !== undefined && metadata.generation > 0 && {generation: metadata.generation + 1}),
  };
}

/** As Kubernetes writes points in time: to the second. */
export function timestamp(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
