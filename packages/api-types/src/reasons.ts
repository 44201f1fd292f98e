/**
 * The closed set of words that stand in `status.reason`, in `status.attempts[].reason` and as reasons of a Run's conditions.
 * The CRD does not repeat the set as an enum: a runtimed that is newer than the CRD must still be able to end a Run.
 */

/** A program, or the time it was given, ended the attempt. Counted against `retryPolicy.maxAttempts`. */
export const programReasons = {
  /** The program ended with exit code 0. */
  Completed: 'The program ended with exit code 0.',
  /** The program ended with another exit code; see `status.exitCode`. */
  NonZeroExit: 'The program ended with an exit code other than 0.',
  /** A signal that kruntimes did not send ended the program; see `status.signal`. */
  Signaled: 'The program was ended by a signal that kruntimes did not send.',
  /** `spec.timeoutSeconds` passed. */
  TimeoutExceeded: 'The attempt ran longer than spec.timeoutSeconds.',
} as const;

/** The attempt could not be started or its results could not be kept. Counted against `retryPolicy.maxAttempts`. */
export const failureReasons = {
  /** `spec.source` could not be prepared: clone failed, paths collide, size exceeded. */
  SourceError: 'spec.source could not be prepared in the workspace.',
  /** The workspace of the attempt could not be made. */
  WorkspaceError: 'The workspace of the attempt could not be made or written.',
  /** The Runtime server could not start the program: no such entrypoint, not executable. */
  StartFailed: 'The Runtime server could not start the program.',
  /** The Runtime server answered in a way the protocol does not allow, or refused the execution. */
  RuntimeError: 'The Runtime server refused the execution or broke the protocol.',
  /** Artifacts could not be stored. */
  ArtifactError: 'The artifacts could not be stored.',
} as const;

/** Infrastructure took the attempt away; the program is not to blame. Counted in `status.disruptions`. */
export const disruptionReasons = {
  /** The Runtime server does not know the execution any more. */
  ExecutionLost: 'The Runtime server lost the execution, for example by a restart.',
  /** The Runtime server was told to stop and ended the attempt. */
  RuntimeTerminated: 'The Runtime server was stopped and ended the attempt.',
  /** The Pod was drained. */
  PodTerminating: 'The Pod was deleted and handed the Run back.',
  /** The Pod is deleted, replaced, Failed or Succeeded. */
  PodGone: 'The Pod is gone.',
  /** The Pod was unreachable for `spec.unreachableSeconds` of its Runtime. */
  PodUnreachable: 'The Pod was unreachable for longer than unreachableSeconds.',
} as const;

/** Reasons of a terminal status that no single attempt has. */
const endReasons = {
  /** `spec.cancelRequested` was set and took effect. */
  CancelRequested: 'Cancellation was requested by spec.cancelRequested.',
  /** {@link limits.disruptions} attempts were lost to infrastructure. */
  TooManyDisruptions: 'Too many attempts were lost to infrastructure.',
} as const;

/** Why a Pending Run has no slot: reasons of the condition `Scheduled=False`, and `status.reason` meanwhile. */
export const unschedulableReasons = {
  /** No Runtime of that name in the Run's namespace. */
  RuntimeNotFound: 'No Runtime of that name exists in the namespace of the Run.',
  /** The Runtime is being deleted. */
  RuntimeTerminating: 'The Runtime is being deleted.',
  /** The Runtime's spec was refused; see its condition `Accepted`. */
  RuntimeNotAccepted: 'The Runtime was not accepted; its condition Accepted says why.',
  /** No Pod of the Runtime is ready. */
  NoReadyPods: 'No Pod of the Runtime is ready.',
  /** Every ready Pod is full; the Run is next in line when a slot is free. */
  InsufficientCapacity: 'All ready Pods of the Runtime are full.',
  /** Not even an empty Pod of this Runtime could hold the Run. */
  RequestTooLarge: 'The Run requests more than an empty Pod of the Runtime offers.',
} as const;

/** Reason of the condition `Scheduled=True` of a Run that had to wait. */
export const BOUND_REASON = 'Bound';

/** Reasons of the condition `ArtifactsStored`. */
export const artifactsStoredReasons = {
  /** Status True: everything that was to be stored is in the store. */
  Stored: 'Everything is in the store.',
  /** The program left artifacts and the Runtime has no store. */
  NoArtifactStore: 'The Runtime has no artifactStore; the artifacts are gone.',
  /** The store did not take them; the Run has nothing there. */
  ArtifactError: 'The store did not take them; nothing of the attempt is stored.',
  /** Larger than `maxBytesPerRun`, or too many: nothing is stored. Or only the log is: it is cut or left out. */
  LimitExceeded: 'They are larger than maxBytesPerRun or more than 100; or the log is, and the rest is stored.',
  /** The rest is stored, but not these. */
  EntriesRejected: 'The rest is stored without entries that are no files or have no valid name.',
} as const;

export type ArtifactsStoredReason = keyof typeof artifactsStoredReasons;
export type ProgramReason = keyof typeof programReasons;
export type FailureReason = keyof typeof failureReasons;
export type DisruptionReason = keyof typeof disruptionReasons;
export type EndReason = keyof typeof endReasons;
export type UnschedulableReason = keyof typeof unschedulableReasons;

/** Everything that may stand in `status.reason` of a Run. */
export type RunReason = ProgramReason | FailureReason | DisruptionReason | EndReason | UnschedulableReason;

/** What `retryPolicy.retryableReasons` may name. */
export type RetryableReason = Exclude<ProgramReason, 'Completed'> | FailureReason;

export const retryableReasons: readonly RetryableReason[] = [
  'NonZeroExit',
  'Signaled',
  'TimeoutExceeded',
  'SourceError',
  'WorkspaceError',
  'StartFailed',
  'RuntimeError',
  'ArtifactError',
];

/** One sentence for each reason, for messages and documentation. */
export const reasonDescriptions: Readonly<Record<RunReason, string>> = {
  ...programReasons,
  ...failureReasons,
  ...disruptionReasons,
  ...endReasons,
  ...unschedulableReasons,
};
