import type {Run} from '@kruntimes/api-types';
import {formatBytes} from '../byte-size.ts';
import {closestNames} from '../closest-names.ts';
import {type CommandContext, withConnection} from '../command-context.ts';
import type {ConnectionFlags} from '../connection.ts';
import {formatDuration} from '../duration.ts';
import {type ExitCode, exitCodes} from '../exit-code.ts';
import {hasEnded} from '../follow-run.ts';
import {KrtError} from '../krt-error.ts';
import {formatObject, parseOutputFormat} from '../output-format.ts';
import {describePosition, runDurationMs} from '../run-position.ts';
import {escapeControls, formatColumns} from '../table.ts';
import {painter, phaseStyle, type Terminal, write} from '../terminal.ts';

export interface ResultFlags extends ConnectionFlags {
  output?: string | undefined;
}

/** What `krt result -o json` prints: the part of a Run that its caller asked for. */
export interface RunResult {
  name: string;
  namespace: string;
  phase: string;
  reason?: string;
  message?: string;
  exitCode?: number;
  signal?: string;
  attempt: number;
  startTime?: string;
  completionTime?: string;
  outputs: Record<string, string>;
  artifacts: {name: string; sizeBytes: number; digest: string; mediaType?: string}[];
}

/** `krt result NAME [KEY]` */
export async function printResult(
  context: CommandContext,
  flags: ResultFlags,
  name: string,
  key?: string,
): Promise<ExitCode> {
  const format = parseOutputFormat(flags.output, ['table', 'json', 'yaml', 'jsonpath']);
  return await withConnection(
    context,
    flags,
    async (connection) => {
      const run = await connection.runs.get(name, {namespace: connection.namespace});
      const {stdout} = context.terminal;
      if (key !== undefined) await write(stdout, `${outputOf(run, key, context)}\n`);
      else if (format.kind === 'table') await write(stdout, formatResult(run, context.clock.now(), context.terminal));
      else await write(stdout, await formatObject(format, resultOf(run)));
      return exitCodes.ok;
    },
    {kind: 'Run', name},
  );
}

/** @throws KrtError `NOT_FOUND` when the Run has no such output */
export function outputOf(run: Run, key: string, context: Pick<CommandContext, 'program' | 'clock'>): string {
  const outputs = run.status?.outputs ?? {};
  const value = Object.hasOwn(outputs, key) ? outputs[key] : undefined;
  if (value !== undefined) return value;
  const name = run.metadata?.name ?? '';
  if (!hasEnded(run)) {
    throw new KrtError('NOT_FOUND', `Run "${name}" has no outputs yet: ${describePosition(run, context.clock.now())}`, {
      hint: `${context.program} wait ${name}`,
      retryable: true,
    });
  }
  const keys = Object.keys(outputs);
  const close = closestNames(key, keys);
  const hint = close.length > 0 ? `did you mean ${close.join(' or ')}?` : `its outputs: ${keys.join(', ')}`;
  throw new KrtError('NOT_FOUND', `Run "${name}" has no output "${key}"`, {
    hint: keys.length > 0 ? hint : 'it has no outputs at all; a program writes KEY=VALUE lines to "$KRUNTIME_OUTPUTS"',
  });
}

export function resultOf(run: Run): RunResult {
  const status = run.status;
  const artifacts = (status?.artifactRefs ?? []).map(({name, sizeBytes, digest, mediaType}) => ({
    name,
    sizeBytes,
    digest,
    ...(mediaType === undefined ? {} : {mediaType}),
  }));
  return {
    name: run.metadata?.name ?? '',
    namespace: run.metadata?.namespace ?? '',
    phase: status?.phase ?? 'Pending',
    ...(status?.reason === undefined ? {} : {reason: status.reason}),
    ...(status?.message === undefined ? {} : {message: status.message}),
    ...(status?.exitCode === undefined ? {} : {exitCode: status.exitCode}),
    ...(status?.signal === undefined ? {} : {signal: status.signal}),
    attempt: status?.attempt ?? 0,
    ...(status?.startTime === undefined ? {} : {startTime: status.startTime}),
    ...(status?.completionTime === undefined ? {} : {completionTime: status.completionTime}),
    outputs: {...status?.outputs},
    artifacts,
  };
}

/** The result for people. */
export function formatResult(run: Run, nowMs: number, terminal: Pick<Terminal, 'stdout' | 'env'>): string {
  const paint = painter(terminal.stdout, terminal.env);
  const result = resultOf(run);
  const {phase, reason, message, exitCode, signal} = result;
  const duration = runDurationMs(run);
  const rows: [string, string | undefined][] = [
    ['Run:', `${result.namespace}/${result.name}`],
    ['Phase:', hasEnded(run) ? paint(phaseStyle(phase), phase) : describePosition(run, nowMs)],
    ['Reason:', hasEnded(run) ? reason : undefined],
    ['Message:', hasEnded(run) && message ? escapeControls(message) : undefined],
    ['Exit code:', exitCode === undefined ? undefined : String(exitCode)],
    ['Signal:', signal],
    ['Attempts:', result.attempt > 1 ? String(result.attempt) : undefined],
    ['Started:', result.startTime],
    ['Duration:', duration === undefined ? undefined : formatDuration(duration)],
  ];
  const shown = rows.filter((row): row is [string, string] => row[1] !== undefined);
  let text = formatColumns(shown.map(([label, value]) => [paint('bold', label), value]));
  const outputs = Object.entries(result.outputs);
  if (outputs.length > 0) {
    text += `${paint('bold', 'Outputs:')}\n`;
    for (const [key, value] of outputs)
      text += `  ${escapeControls(key)}=${escapeControls(value, {keepLines: true})}\n`;
  }
  if (result.artifacts.length > 0) {
    text += `${paint('bold', 'Artifacts:')}\n`;
    const lines = result.artifacts.map((each) => [escapeControls(each.name), formatBytes(each.sizeBytes), each.digest]);
    text += formatColumns(lines).replace(/^/gm, '  ').replace(/ {2}$/, '');
  }
  const tail = run.status?.output?.tail;
  if (tail) {
    text += `${paint('bold', 'Last output:')}\n`;
    text += escapeControls(tail, {keepLines: true}).replace(/\n$/, '').replace(/^/gm, '  ');
    text += '\n';
  }
  return text;
}
