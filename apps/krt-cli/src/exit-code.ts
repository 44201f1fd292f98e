import {constants} from 'node:os';
import type {Run} from '@kruntimes/api-types';

/**
 * The exit codes of `krt` that do not come from a Run's program. A program may use the same numbers itself: every ending
 * named here (but `ok`) is therefore also said in one line on stderr that starts with `krt:` or `error:`.
 */
export const exitCodes = {
  ok: 0,
  /** `krt wait --for`: the Run ended in another phase than the one asked for. `krt doctor`: there is a problem. */
  conditionNotMet: 1,
  /** Wrong flags or arguments; nothing was sent to the cluster. */
  usage: 2,
  /** krt stopped waiting (`--wait-timeout`, `krt wait --timeout`); the Run goes on. */
  waitTimedOut: 122,
  /** The Run ended in phase Cancelled. */
  cancelled: 123,
  /** The Run ended in phase Timeout (as timeout(1)). */
  timeout: 124,
  /** krt or the cluster failed: unreachable, forbidden, not found, rejected (as docker run). */
  failure: 125,
  /** The Run Failed, but not by an exit code of its program: source error, start failure, too many disruptions. */
  notExecuted: 126,
  /** Ctrl-C while krt waited. */
  interrupted: 130,
  /** stdout was closed by its reader, as in `krt logs hello | head -1`. */
  brokenPipe: 141,
  /** SIGTERM while krt waited. */
  terminated: 143,
} as const;

export type ExitCode = number;

/** One row for `--help`, the README and docs/cli.md. */
export interface ExitCodeRow {
  code: string;
  meaning: string;
}

export const exitCodeRows: readonly ExitCodeRow[] = [
  {code: '0', meaning: 'done; with --wait, --follow and krt wait: the Run Succeeded'},
  {
    code: '1-255',
    meaning: "the program's own exit code, when the Run Failed because its program did (128+n for signal n)",
  },
  {
    code: '1',
    meaning: 'krt wait --for: the Run ended without reaching what was asked for; krt doctor: there is a problem',
  },
  {code: '2', meaning: 'wrong flags or arguments; nothing was done'},
  {code: '122', meaning: 'krt stopped waiting (--wait-timeout, krt wait --timeout); the Run goes on'},
  {code: '123', meaning: 'the Run was Cancelled'},
  {code: '124', meaning: 'the Run ended in phase Timeout'},
  {code: '125', meaning: 'krt or the cluster failed: unreachable, forbidden, not found, rejected'},
  {
    code: '126',
    meaning: 'the Run Failed, but not by an exit code of its program: SourceError, StartFailed, TooManyDisruptions ...',
  },
  {code: '130', meaning: 'interrupted with Ctrl-C; the Run goes on unless --cancel-on-interrupt was given'},
];

/**
 * The exit code with which krt hands on the end of a Run.
 * @param run a Run in a terminal phase; any other phase gives `failure`
 */
export function exitCodeOfRun(run: Pick<Run, 'status'>): ExitCode {
  const status = run.status;
  switch (status?.phase) {
    case 'Succeeded':
      return exitCodes.ok;
    case 'Timeout':
      return exitCodes.timeout;
    case 'Cancelled':
      return exitCodes.cancelled;
    case 'Failed':
      return exitCodeOfProgram(status.exitCode, status.signal) ?? exitCodes.notExecuted;
    case 'Pending':
    case 'Scheduled':
    case 'Running':
    case undefined:
      break;
  }
  return exitCodes.failure;
}

function exitCodeOfProgram(exitCode: number | undefined, signal: string | undefined): ExitCode | undefined {
  if (signal) {
    const number = (constants.signals as Record<string, number | undefined>)[signal];
    if (number !== undefined) return 128 + number;
  }
  // A Run can fail although its program did not: then 0 must not be handed on.
  if (exitCode === undefined || exitCode === 0) return undefined;
  const byte = exitCode & 0xff;
  return byte === 0 ? undefined : byte;
}
