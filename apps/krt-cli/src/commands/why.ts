import {type CommandContext, withConnection} from '../command-context.ts';
import type {ConnectionFlags} from '../connection.ts';
import {formatDuration} from '../duration.ts';
import {type ExitCode, exitCodes} from '../exit-code.ts';
import {formatObject, parseOutputFormat} from '../output-format.ts';
import {explainRun, type RunExplanation} from '../run-explanation.ts';
import {readSurroundings} from '../run-surroundings.ts';
import type {RunTimes} from '../run-times.ts';
import {escapeControls, formatColumns} from '../table.ts';
import {type Paint, painter, phaseStyle, write} from '../terminal.ts';

export interface WhyFlags extends ConnectionFlags {
  output?: string | undefined;
}

/** `krt why NAME...` */
export async function explainRuns(
  context: CommandContext,
  flags: WhyFlags,
  names: readonly string[],
): Promise<ExitCode> {
  const format = parseOutputFormat(flags.output, ['table', 'json', 'yaml']);
  const {stdout, env} = context.terminal;
  const explanations: RunExplanation[] = [];
  for (const [i, name] of names.entries()) {
    const explanation = await withConnection(
      context,
      flags,
      async (connection) => {
        const run = await connection.runs.get(name, {namespace: connection.namespace});
        return explainRun(await readSurroundings(connection, run, context.clock.now()));
      },
      {kind: 'Run', name},
    );
    if (format.kind !== 'table') explanations.push(explanation);
    else await write(stdout, `${i === 0 ? '' : '\n'}${formatExplanation(explanation, painter(stdout, env))}`);
  }
  if (format.kind === 'table') return exitCodes.ok;
  const [first] = explanations;
  await write(stdout, await formatObject(format, explanations.length === 1 && first ? first : explanations));
  return exitCodes.ok;
}

/** For people: what it is, what was seen, what to do, where the time went. */
export function formatExplanation(explanation: RunExplanation, paint: Paint): string {
  const {run, phase, reason, summary, times} = explanation;
  const why = reason === undefined || phase === 'Succeeded' ? '' : ` (${escapeControls(reason)})`;
  return [
    `${paint('bold', `Run ${run.name}`)} is ${paint(phaseStyle(phase), escapeControls(phase))}${why}.\n`,
    `${escapeControls(summary)}\n`,
    formatList(paint, 'Seen:', explanation.findings),
    formatList(paint, 'What helps:', explanation.advice),
    formatTimes(paint, times),
  ].join('');
}

export function formatList(paint: Paint, title: string, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  return `${paint('bold', title)}\n${lines.map((line) => `  ${escapeControls(line)}\n`).join('')}`;
}

export function formatTimes(paint: Paint, {steps, notRecorded}: RunTimes): string {
  const many = steps.some(({attempt}) => attempt !== steps[0]?.attempt);
  const rows = steps.map(({attempt, step, seconds, to, atMost}) => [
    ...(many ? [`attempt ${attempt}`] : []),
    step,
    `${atMost ? 'at most ' : ''}${formatDuration(Math.round(seconds * 1000))}${to === undefined ? ' until now' : ''}`,
  ]);
  const table = rows.length === 0 ? '' : `${paint('bold', 'Time:')}\n${formatColumns(rows).replace(/^(?=.)/gm, '  ')}`;
  return table + formatList(paint, 'Not recorded:', notRecorded);
}
