import {API_VERSION, type DeepReadonly, RUN_KIND, type Run, type RunStatus} from '@kruntimes/api-types';
import type {KindClient} from '@kruntimes/reconciler-kit';
import {projectRun} from './projection.ts';

/** Long enough for a busy API server, short enough for a dead connection to be noticed. */
const WRITE_TIMEOUT_MS = 15_000;

/** Writes the status of a Run as it is known, and gives the Run as it is then. */
export type WriteRunStatus = (run: DeepReadonly<Run>, status: RunStatus) => Promise<Run>;

/**
 * A PUT to the status subresource with the resourceVersion that is known: whoever wrote in between makes it fail with 409. Only status
 * is sent, since the API server takes everything else of such a PUT from the stored object.
 */
export function runStatusWriter(runs: Pick<KindClient<Run>, 'updateStatus'>): WriteRunStatus {
  return async (run, status) => {
    const {name = '', namespace = '', uid = '', resourceVersion = ''} = run.metadata ?? {};
    const body: Run = {
      apiVersion: API_VERSION,
      kind: RUN_KIND,
      metadata: {name, namespace, uid, resourceVersion},
      spec: {runtime: run.spec.runtime},
      status,
    };
    return projectRun(await runs.updateStatus(body, {timeoutMs: WRITE_TIMEOUT_MS}));
  };
}
