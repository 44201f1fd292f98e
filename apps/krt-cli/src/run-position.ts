import type {Run} from '@kruntimes/api-types';
import {isTerminal} from '@kruntimes/api-types';
import {formatDuration} from './duration.ts';
import {escapeControls} from './table.ts';

/**
 * Where a Run is, in a few words for the line that is shown while krt waits:
 * `Pending (NoReadyPods: no Pod of Runtime bash is ready)`, `Scheduled on bash-runtime-7d9-x2x`, `Running on …, attempt 2`.
 */
export function describePosition(run: Run, nowMs: number): string {
  const status = run.status;
  const phase = status?.phase ?? 'Pending';
  if (isTerminal(phase)) return describeEnd(run);
  const cancelling = run.spec.cancelRequested ? ', cancelling' : '';
  const attempt = status?.attempt && status.attempt > 1 ? `, attempt ${status.attempt}` : '';
  if (phase !== 'Pending') return `${phase} on ${status?.assignedPod ?? 'a Pod'}${attempt}${cancelling}`;
  const next = status?.nextAttemptTime ? Date.parse(status.nextAttemptTime) - nowMs : 0;
  if (next > 0)
    return `Pending (attempt ${(status?.attempt ?? 0) + 1} in ${formatDuration(Math.ceil(next / 1000) * 1000)})${cancelling}`;
  const reason = pendingReason(run);
  return `Pending${reason ? ` (${reason})` : ''}${cancelling}`;
}

/** Why nobody has placed the Run yet: reason and message of its condition `Scheduled`. */
export function pendingReason(run: Run): string | undefined {
  const condition = run.status?.conditions?.find((each) => each.type === 'Scheduled' && each.status === 'False');
  if (!condition) return undefined;
  return escapeControls(condition.message ? `${condition.reason}: ${condition.message}` : condition.reason);
}

/** How a Run ended: `Succeeded`, `Failed (exit code 3)`, `Failed (StartFailed: no such file)`, `Timeout (after 30s)`. */
export function describeEnd(run: Run): string {
  const status = run.status;
  const phase = status?.phase ?? 'Pending';
  if (phase === 'Succeeded' || phase === 'Cancelled') return phase;
  if (phase === 'Timeout') return run.spec.timeoutSeconds ? `Timeout (after ${run.spec.timeoutSeconds}s)` : 'Timeout';
  if (status?.signal) return `${phase} (signal ${status.signal})`;
  if (status?.exitCode) return `${phase} (exit code ${status.exitCode})`;
  const why = [status?.reason, status?.message].filter(Boolean).join(': ');
  return why ? `${phase} (${escapeControls(why)})` : phase;
}

/** How long the last attempt ran, in ms; undefined while that is not known. */
export function runDurationMs(run: Run): number | undefined {
  const {startTime, completionTime} = run.status ?? {};
  if (!startTime || !completionTime) return undefined;
  return Math.max(0, Date.parse(completionTime) - Date.parse(startTime));
}
