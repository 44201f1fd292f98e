import {type CommandContext, withConnection} from '../command-context.ts';
import type {ConnectionFlags} from '../connection.ts';
import {type Check, type CheckStatus, diagnose} from '../doctor/checks.ts';
import {examine} from '../doctor/examine.ts';
import {type ExitCode, exitCodes} from '../exit-code.ts';
import {KrtError} from '../krt-error.ts';
import {formatObject, parseOutputFormat} from '../output-format.ts';
import {escapeControls, formatColumns} from '../table.ts';
import {type Paint, painter, type Style, write} from '../terminal.ts';

export interface DoctorFlags extends ConnectionFlags {
  output?: string | undefined;
  systemNamespace?: string | undefined;
}

export interface DoctorReport {
  /** No check found a problem. */
  healthy: boolean;
  checks: Check[];
}

const styles: Readonly<Record<CheckStatus, Style>> = {ok: 'green', warning: 'yellow', problem: 'red', unknown: 'dim'};

/** `krt doctor`; exit code 1 when there is a problem. */
export async function checkInstallation(context: CommandContext, flags: DoctorFlags): Promise<ExitCode> {
  const format = parseOutputFormat(flags.output, ['table', 'json', 'yaml']);
  const checks = await runChecks(context, flags);
  const report: DoctorReport = {healthy: checks.every(({status}) => status !== 'problem'), checks};
  const {stdout, env} = context.terminal;
  await write(
    stdout,
    format.kind === 'table' ? formatChecks(checks, painter(stdout, env)) : await formatObject(format, report),
  );
  return report.healthy ? exitCodes.ok : exitCodes.conditionNotMet;
}

async function runChecks(context: CommandContext, flags: DoctorFlags): Promise<Check[]> {
  const {clock} = context;
  const systemNamespace = flags.systemNamespace ?? 'kube-system';
  try {
    return await withConnection(context, flags, async (connection) =>
      diagnose(await examine(connection, {clock, systemNamespace})),
    );
  } catch (error) {
    // That it can't be reached, or lets nobody in, is what was to be found out.
    if (!(error instanceof KrtError) || !['UNREACHABLE', 'UNAUTHORIZED', 'API'].includes(error.code)) throw error;
    const {message, hint = 'try again'} = error;
    return [{check: 'api-server', status: 'problem', message, advice: hint}];
  }
}

/** One line for each check. */
export function formatChecks(checks: readonly Check[], paint: Paint): string {
  return formatColumns(
    checks.map(({check, status, message, advice}) => [
      paint(styles[status], status),
      check,
      escapeControls(message) + (advice === undefined ? '' : paint('dim', `; ${escapeControls(advice)}`)),
    ]),
  );
}
