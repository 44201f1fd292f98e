import {type DeepReadonly, entrypointOf, RUN_ENV, type Run, TRACEPARENT_ENV} from '@kruntimes/api-types';
import type {ExecuteRequest} from '@kruntimes/runtime-protocol';
import type {Attempt} from './attempt.ts';
import {splitRelativePath} from './relative-path.ts';
import type {WorkspacePaths} from './workspace.ts';

/**
 * What the Runtime server is asked to execute.
 *
 * @param workingDir absolute path
 * @param traceparent of the span of this attempt, if there is a trace
 * @throws RuntimedError `PATH_INVALID` for an entrypoint that leads out of the working directory
 */
export function executeRequest(
  attempt: Attempt,
  paths: WorkspacePaths,
  workingDir = paths.work,
  traceparent?: string,
): ExecuteRequest {
  const {spec} = attempt.run;
  const entrypoint = entrypointOf(spec);
  if (entrypoint !== undefined) splitRelativePath(entrypoint);
  return {
    id: attempt.executionId,
    args: [...(spec.args ?? [])],
    env: programEnvironment(attempt, spec, paths, traceparent),
    timeoutSeconds: BigInt(spec.timeoutSeconds ?? 0),
    workingDir,
    entrypoint: entrypoint ?? '',
    handler: '',
  };
}

/** The Run's own variables win over HOME, TMPDIR and TRACEPARENT, and never over those of kruntimes. */
function programEnvironment(
  {namespace, name, fence}: Attempt,
  spec: DeepReadonly<Run['spec']>,
  paths: WorkspacePaths,
  traceparent: string | undefined,
): Record<string, string> {
  return {
    HOME: paths.home,
    TMPDIR: paths.tmp,
    ...(traceparent === undefined ? {} : {[TRACEPARENT_ENV]: traceparent}),
    ...spec.env,
    [RUN_ENV.outputs]: paths.outputs,
    [RUN_ENV.artifactsDirectory]: paths.artifacts,
    [RUN_ENV.name]: name,
    [RUN_ENV.namespace]: namespace,
    [RUN_ENV.uid]: fence.uid,
    [RUN_ENV.attempt]: String(fence.attempt),
  };
}
