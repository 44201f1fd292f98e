import type {Run} from '@kruntimes/api-types';
import {formatBytes} from '../byte-size.ts';
import {type CommandContext, withConnection} from '../command-context.ts';
import type {ConnectionFlags} from '../connection.ts';
import {formatDuration} from '../duration.ts';
import {type ExitCode, exitCodes} from '../exit-code.ts';
import {hasEnded} from '../follow-run.ts';
import {explainRun, type RunExplanation} from '../run-explanation.ts';
import {describePosition, runDurationMs} from '../run-position.ts';
import {readSurroundings} from '../run-surroundings.ts';
import {escapeControls, formatColumns} from '../table.ts';
import {type Paint, painter, phaseStyle, type Terminal, write} from '../terminal.ts';
import {formatList, formatTimes} from './why.ts';

/** `krt describe NAME...` */
export async function describeRuns(
  context: CommandContext,
  flags: ConnectionFlags,
  names: readonly string[],
): Promise<ExitCode> {
  for (const [i, name] of names.entries()) {
    await withConnection(
      context,
      flags,
      async (connection) => {
        const run = await connection.runs.get(name, {namespace: connection.namespace});
        const explanation = explainRun(await readSurroundings(connection, run, context.clock.now()));
        const text = formatDescription(run, context.clock.now(), context.terminal, explanation);
        await write(context.terminal.stdout, i === 0 ? text : `\n${text}`);
      },
      {kind: 'Run', name},
    );
  }
  return exitCodes.ok;
}

/** Everything that the cluster knows of a Run, for people; with an explanation also why, and where its time went. */
export function formatDescription(
  run: Run,
  nowMs: number,
  terminal: Pick<Terminal, 'stdout' | 'env'>,
  explanation?: RunExplanation,
): string {
  const paint = painter(terminal.stdout, terminal.env);
  const status = run.status ?? {phase: 'Pending' as const};
  const ended = hasEnded(run);
  const duration = runDurationMs(run);
  const {metadata, spec} = run;
  const sections = [
    rows(paint, [
      ['Name:', metadata?.name],
      ['Namespace:', metadata?.namespace],
      ['UID:', metadata?.uid],
      ['Labels:', pairs(metadata?.labels)],
      ['Annotations:', pairs(metadata?.annotations)],
      ['Created:', since(metadata?.creationTimestamp, nowMs)],
      ['Deleted:', since(metadata?.deletionTimestamp, nowMs)],
      ['Runtime:', spec.runtime],
      ['Source:', describeSource(run)],
      ['Entrypoint:', spec.entrypoint],
      ['Args:', spec.args?.length ? spec.args.map((each) => JSON.stringify(each)).join(' ') : undefined],
      ['Environment:', spec.env ? Object.keys(spec.env).join(', ') : undefined],
      ['Timeout:', spec.timeoutSeconds ? formatDuration(spec.timeoutSeconds * 1000) : undefined],
      ['Priority:', spec.priority],
      ['Requests:', pairs(spec.resources?.requests)],
      ['Retries:', describeRetries(run)],
      ['Kept for:', spec.ttlSecondsAfterFinished === undefined ? undefined : `${spec.ttlSecondsAfterFinished}s`],
      ['Phase:', ended ? paint(phaseStyle(status.phase), status.phase) : describePosition(run, nowMs)],
      ['Reason:', ended ? status.reason : undefined],
      ['Message:', ended ? status.message : undefined],
      ['Exit code:', status.exitCode],
      ['Signal:', status.signal],
      ['Pod:', status.assignedPod],
      ['Scheduled:', status.scheduledTime],
      ['Started:', status.startTime],
      ['Ended:', status.completionTime],
      ['Duration:', duration === undefined ? undefined : formatDuration(duration)],
      ['Attempts:', status.attempt],
      ['Disruptions:', status.disruptions || undefined],
      ['Output:', describeOutput(run)],
    ]),
    table(
      paint,
      'Earlier attempts:',
      ['NUMBER', 'REASON', 'EXIT', 'STARTED', 'ENDED'],
      (status.attempts ?? []).map((each) => [
        each.number,
        each.reason,
        each.signal ?? each.exitCode,
        each.startTime,
        each.completionTime,
      ]),
    ),
    table(
      paint,
      'Outputs:',
      [],
      Object.entries(status.outputs ?? {}).map(([key, value]) => [`${key}=${value}`]),
    ),
    table(
      paint,
      'Artifacts:',
      ['NAME', 'SIZE', 'TYPE', 'DIGEST'],
      (status.artifactRefs ?? []).map((each) => [each.name, formatBytes(each.sizeBytes), each.mediaType, each.digest]),
    ),
    table(
      paint,
      'Conditions:',
      ['TYPE', 'STATUS', 'REASON', 'AGE', 'MESSAGE'],
      (status.conditions ?? []).map((each) => [
        each.type,
        each.status,
        each.reason,
        age(each.lastTransitionTime, nowMs),
        each.message,
      ]),
    ),
  ];
  if (explanation !== undefined) {
    const {summary, findings, advice, times} = explanation;
    sections.push(
      formatList(paint, 'Why:', [summary, ...findings]),
      formatList(paint, 'What helps:', advice),
      formatTimes(paint, times),
    );
  }
  const tail = status.output?.tail;
  if (tail) {
    const lines = escapeControls(tail, {keepLines: true}).replace(/\n$/, '').replace(/^/gm, '  ');
    sections.push(`${paint('bold', 'Last output:')}\n${lines}\n`);
  }
  return sections.join('');
}

type Cell = string | number | undefined;

function rows(paint: Paint, all: readonly (readonly [string, Cell])[]): string {
  const known = all.filter(([, value]) => value !== undefined && value !== '');
  return formatColumns(
    known.map(([label, value]) => [
      paint('bold', label),
      // Colours are ours; everything else comes from the cluster.
      label === 'Phase:' ? String(value) : escapeControls(String(value)),
    ]),
  );
}

function table(paint: Paint, title: string, header: readonly string[], lines: readonly (readonly Cell[])[]): string {
  if (lines.length === 0) return '';
  const cells = lines.map((line) => line.map((cell) => escapeControls(String(cell ?? ''))));
  const text = formatColumns(header.length > 0 ? [header, ...cells] : cells);
  return `${paint('bold', title)}\n${text.replace(/^(?=.)/gm, '  ').replaceAll(/ +$/gm, '')}`;
}

function pairs(map: Readonly<Record<string, string | number>> | undefined): string | undefined {
  const entries = Object.entries(map ?? {});
  if (entries.length === 0) return undefined;
  return entries
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
}

function describeSource({spec}: Run): string | undefined {
  const {inline, files, git} = spec.source ?? {};
  if (inline !== undefined) return `a script of ${formatBytes(Buffer.byteLength(inline))}`;
  if (files) return `${files.length} files: ${files.map(({path}) => path).join(', ')}`;
  if (!git) return undefined;
  const place = git.subPath === undefined ? '' : `, directory ${git.subPath}`;
  return `${git.url} at ${git.revision ?? 'HEAD'}${place}`;
}

function describeRetries({spec}: Run): string | undefined {
  const {maxAttempts, backoffSeconds, retryableReasons} = spec.retryPolicy ?? {};
  if (maxAttempts === undefined || maxAttempts < 2) return undefined;
  const wait = backoffSeconds === undefined ? '' : `, first after ${backoffSeconds}s at most`;
  const when = retryableReasons?.length ? `, after ${retryableReasons.join(', ')}` : '';
  return `up to ${maxAttempts} attempts${wait}${when}`;
}

function describeOutput({status}: Run): string | undefined {
  if (!status?.output) return undefined;
  const {stdoutBytes, stderrBytes, truncated} = status.output;
  return `${formatBytes(stdoutBytes)} on stdout, ${formatBytes(stderrBytes)} on stderr${truncated ? ', cut' : ''}`;
}

function since(time: string | undefined, nowMs: number): string | undefined {
  return time === undefined ? undefined : `${time} (${age(time, nowMs)} ago)`;
}

function age(time: string | undefined, nowMs: number): string {
  return time === undefined ? '' : formatDuration(Math.floor((nowMs - Date.parse(time)) / 1000) * 1000);
}
