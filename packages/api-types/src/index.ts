/**
 * The kinds of kruntimes.io and the pure rules of a Run's life: no API server, no clock, no I/O.
 *
 * A Run that fails once, from its creation to the wait for its second attempt:
 *
 * ```ts
 * import {bindStatus, endAttemptStatus, fenceOf, type Run} from '@kruntimes/api-types';
 *
 * // A Run as an API server gives it: its status is Pending without anybody having written so.
 * let run: Run = {
 *   apiVersion: 'kruntimes.io/v1alpha1',
 *   kind: 'Run',
 *   metadata: {name: 'hello', namespace: 'default', uid: '0b3d6f1a'},
 *   spec: {runtime: 'bash', source: {inline: 'echo hello'}, retryPolicy: {maxAttempts: 2, backoffSeconds: 10}},
 *   status: {phase: 'Pending'},
 * };
 *
 * // The scheduler binds it. Each function gives a whole new status, to be PUT with the resourceVersion of `run`.
 * run = {...run, status: bindStatus(run, {name: 'bash-runtime-x7k2p', uid: '5c1e'}, new Date())};
 * console.log(run.status?.phase, 'on', run.status?.assignedPod, 'attempt', run.status?.attempt);
 *
 * // The daemon of that Pod ends the attempt; the fence says which one. Exit code 1 is retried, as the policy asks.
 * const fence = fenceOf(run);
 * if (fence === undefined) throw new Error('the Run is not bound');
 * const clock = {now: new Date(), random: Math.random};
 * run = {...run, status: endAttemptStatus(run, fence, {outcome: {kind: 'exited', exitCode: 1}}, clock)};
 * console.log(run.status?.phase, 'because of', run.status?.reason);
 *
 * // Whoever still believes in the old attempt can not write.
 * try {
 *   endAttemptStatus(run, fence, {outcome: {kind: 'exited', exitCode: 0}}, clock);
 * } catch (error) {
 *   console.log(error instanceof Error && error.message);
 * }
 * ```
 *
 * This entry loads no schema library. The CustomResourceDefinitions are in `@kruntimes/api-types/crds`, and as YAML in `crds/`.
 *
 * @module
 */
export type {ArtifactStoreSpec} from './artifact-store-spec.ts';
export {
  type ArtifactOwner,
  artifactKey,
  artifactPrefix,
  artifactStoreHash,
  artifactsSettled,
  describeArtifactNameProblem,
  isSameArtifactStore,
} from './artifacts.ts';
export type {Condition} from './conditions.ts';
export {
  ACCEPTED_CONDITION,
  API_VERSION,
  ARTIFACT_STORE_LABEL,
  ARTIFACTS_CREDENTIALS_DIRECTORY,
  ARTIFACTS_CREDENTIALS_VOLUME,
  ARTIFACTS_DELETED_CONDITION,
  ARTIFACTS_DIRECTORY,
  ARTIFACTS_FINALIZER,
  ARTIFACTS_STORED_CONDITION,
  ARTIFACTS_VOLUME,
  AVAILABLE_CONDITION,
  DEFAULT_RUNTIME_PORT,
  DRAIN_PATH,
  deploymentName,
  FINISHED_CONDITION,
  FORCE_RELEASE_ANNOTATION,
  GIT_CACHE_DIRECTORY,
  GIT_CACHE_VOLUME,
  GIT_CREDENTIALS_DIRECTORY,
  GIT_CREDENTIALS_KEYS,
  GIT_CREDENTIALS_VOLUME,
  GROUP,
  INLINE_FILE,
  INSTALLATION_ANNOTATION,
  LOGS_ARTIFACT,
  leaseName,
  MAINTAINER_PORT,
  MAINTAINER_SERVICE_ACCOUNT,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  maintainerName,
  PROGRESSING_CONDITION,
  RESERVED_ENV_PREFIX,
  RESERVED_VOLUME_PREFIX,
  RUN_DIRECTORY,
  RUN_ENV,
  RUN_KIND,
  RUN_PLURAL,
  RUN_VOLUME,
  RUNS_RESOURCE,
  RUNTIME_CONTAINER,
  RUNTIME_KIND,
  RUNTIME_LABEL,
  RUNTIME_PLURAL,
  RUNTIME_SOCKET,
  RUNTIMED_CONTAINER,
  RUNTIMED_DRAIN_PORT,
  RUNTIMED_HEALTH_PORT,
  RUNTIMED_METRICS_PORT,
  RUNTIMED_READY_CONDITION,
  RUNTIMED_ROLE,
  RUNTIMED_SERVICE_ACCOUNT,
  runtimedRoleBindingName,
  SCHEDULED_CONDITION,
  SERVICE_ACCOUNT_DIRECTORY,
  SPOOL_DIRECTORY,
  SPOOL_VOLUME,
  TOKEN_VOLUME,
  TRACEPARENT_ANNOTATION,
  TRACEPARENT_ENV,
  VERSION,
  WORKSPACE_ROOT,
  WORKSPACE_VOLUME,
} from './constants.ts';
export {ApiTypesError, type ApiTypesErrorCode} from './errors.ts';
export {type ApiKind, runKind, runtimeKind} from './kinds.ts';
export {limits} from './limits.ts';
export {describeOutputsProblem} from './outputs.ts';
export type {DeepReadonly} from './read-only.ts';
export {
  type ArtifactsStoredReason,
  artifactsStoredReasons,
  BOUND_REASON,
  type DisruptionReason,
  type EndReason,
  type FailureReason,
  type ProgramReason,
  type RetryableReason,
  type RunReason,
  reasonDescriptions,
  retryableReasons,
  type UnschedulableReason,
} from './reasons.ts';
export {capacityOf, entrypointOf, fits, type Resources, requestsOf} from './resources.ts';
export type {Run} from './run.ts';
export {type Fence, fenceOf, holdsFence} from './run-fence.ts';
export {
  type ArtifactsStored,
  type AttemptEnd,
  artifactStoreStatus,
  bindStatus,
  cancelPendingStatus,
  endAttemptStatus,
  executionId,
  runningStatus,
  unschedulableStatus,
  workspaceName,
} from './run-lifecycle.ts';
export {
  formatRunLogEnd,
  formatRunLogLines,
  parseRunLogLine,
  RUN_LOG_LINE_BYTES,
  type RunLogChunk,
  type RunLogEnd,
  RunLogFormatter,
  type RunLogHeader,
  type RunLogLine,
  type RunLogOutput,
  type RunLogStream,
  type RunLogTotals,
  runLogBytes,
} from './run-log.ts';
export {isTerminal, phaseTransitions, terminalPhases} from './run-phase.ts';
export {
  decideRetry,
  disruptionBackoff,
  type Outcome,
  outcomeReason,
  type RetryDecision,
  retryDefaults,
} from './run-retry.ts';
export type {RetryPolicy, RunSource, RunSpec} from './run-spec.ts';
export type {ArtifactRef, RunAttempt, RunOutput, RunPhase, RunStatus} from './run-status.ts';
export type {Runtime, RuntimeSpec, RuntimeStatus} from './runtime.ts';
export {headBytes, outputTail, tailBytes} from './text.ts';
