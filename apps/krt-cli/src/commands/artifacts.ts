import {mkdir, mkdtemp, readdir, rename, rm, stat} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';
import {ARTIFACTS_STORED_CONDITION, type ArtifactRef, LOGS_ARTIFACT, type Run} from '@kruntimes/api-types';
import {downloadArtifact} from '../artifact-download.ts';
import {alreadyThere, exists, fileError, fileNameOf, PartFile, StreamSink} from '../artifact-file.ts';
import {formatBytes} from '../byte-size.ts';
import {closestNames} from '../closest-names.ts';
import {type CommandContext, withConnection} from '../command-context.ts';
import type {Connection, ConnectionFlags} from '../connection.ts';
import {formatDuration, parseDurationMs} from '../duration.ts';
import {type ExitCode, exitCodes} from '../exit-code.ts';
import {hasEnded} from '../follow-run.ts';
import {InterruptScope} from '../interrupt.ts';
import {KrtError, usageError} from '../krt-error.ts';
import {MaintainerSource} from '../maintainer-source.ts';
import {formatObject, parseOutputFormat} from '../output-format.ts';
import {ProgressLine} from '../progress-line.ts';
import {describePosition} from '../run-position.ts';
import {escapeControls, TablePrinter} from '../table.ts';
import {write} from '../terminal.ts';
import {TransferProgress} from '../transfer-progress.ts';

export interface ListArtifactsFlags extends ConnectionFlags {
  output?: string | undefined;
  /** commander's form of --no-headers. */
  headers?: boolean | undefined;
}

/** `krt artifacts list RUN` */
export async function listArtifacts(
  context: CommandContext,
  flags: ListArtifactsFlags,
  name: string,
): Promise<ExitCode> {
  const format = parseOutputFormat(flags.output, ['table', 'wide', 'json', 'yaml', 'name', 'jsonpath']);
  return await withConnection(
    context,
    flags,
    async (connection) => {
      const run = await connection.runs.get(name, {namespace: connection.namespace});
      const artifacts = run.status?.artifactRefs ?? [];
      const {stdout, stderr} = context.terminal;
      if (format.kind === 'name') {
        await write(stdout, artifacts.map((each) => `${escapeControls(each.name)}\n`).join(''));
      } else if (format.kind === 'table' || format.kind === 'wide') {
        await write(
          stdout,
          artifactTable(artifacts, {wide: format.kind === 'wide', noHeaders: flags.headers === false}),
        );
      } else {
        const list = {run: name, namespace: run.metadata?.namespace, artifacts};
        await write(stdout, await formatObject(format, list));
      }
      const remark = describeMissing(run, context.clock.now());
      if (remark !== undefined && (artifacts.length === 0 || isIncomplete(run)))
        stderr.write(`${context.program}: ${remark}\n`);
      return exitCodes.ok;
    },
    {kind: 'Run', name},
  );
}

function artifactTable(artifacts: readonly ArtifactRef[], options: {wide: boolean; noHeaders: boolean}): string {
  const columns = [
    {name: 'Name', type: 'string'},
    {name: 'Size', type: 'string'},
    {name: 'Type', type: 'string'},
    {name: 'Digest', type: 'string', priority: 1},
    {name: 'Key', type: 'string', priority: 1},
  ];
  const rows = artifacts.map(({name, sizeBytes, mediaType, digest, key}) => ({
    cells: [name, formatBytes(sizeBytes), mediaType ?? '', digest, key],
  }));
  return new TablePrinter(options).format({kind: 'Table', columnDefinitions: columns, rows});
}

function isIncomplete(run: Run): boolean {
  return storedCondition(run)?.status === 'False';
}

function storedCondition(run: Run) {
  return run.status?.conditions?.find(({type}) => type === ARTIFACTS_STORED_CONDITION);
}

/** Why there are no artifacts, or not all of them; undefined: there is nothing to say. */
function describeMissing(run: Run, nowMs: number): string | undefined {
  const name = run.metadata?.name ?? '';
  const condition = storedCondition(run);
  if (condition?.status === 'False') {
    const message = escapeControls(condition.message ? `${condition.reason}: ${condition.message}` : condition.reason);
    return `Run "${name}" did not store everything: ${message}`;
  }
  if ((run.status?.artifactRefs?.length ?? 0) > 0) return undefined;
  if (!hasEnded(run)) return `Run "${name}" stores its artifacts when it ends: ${describePosition(run, nowMs)}`;
  return `Run "${name}" has no artifacts; a program puts files into "$KRUNTIME_ARTIFACTS_DIR"`;
}

export interface GetArtifactsFlags extends ConnectionFlags {
  output?: string | undefined;
  all?: boolean | undefined;
  extract?: boolean | undefined;
  force?: boolean | undefined;
  timeout?: string | undefined;
  quiet?: boolean | undefined;
}

/** `krt artifacts get RUN [NAME...]` */
export async function getArtifacts(
  context: CommandContext,
  flags: GetArtifactsFlags,
  runName: string,
  names: readonly string[],
): Promise<ExitCode> {
  if (flags.all && names.length > 0) throw usageError('--all cannot be combined with names');
  if (flags.output === '-' && flags.extract) throw usageError('--extract needs a directory, not stdout');
  if (flags.output === '') throw usageError('-o needs a file, a directory or -');
  const timeoutMs = parseDurationMs(flags.timeout ?? '1m', '--timeout');
  return await withConnection(
    context,
    flags,
    async (connection) => {
      const run = await connection.runs.get(runName, {namespace: connection.namespace});
      const wanted = chosenArtifacts(run, names, context, Boolean(flags.all));
      const download = new ArtifactsDownload(context, connection, run, flags, timeoutMs);
      await download.fetch(wanted);
      return exitCodes.ok;
    },
    {kind: 'Run', name: runName},
  );
}

/** @throws KrtError `NOT_FOUND` for a name that the Run does not have, `USAGE` when it is not clear which ones are meant */
export function chosenArtifacts(
  run: Run,
  names: readonly string[],
  context: Pick<CommandContext, 'program' | 'clock'>,
  all = false,
): ArtifactRef[] {
  const artifacts = run.status?.artifactRefs ?? [];
  const runName = run.metadata?.name ?? '';
  if (artifacts.length === 0) {
    const why = describeMissing(run, context.clock.now()) ?? '';
    throw new KrtError('NOT_FOUND', why, {
      retryable: !hasEnded(run),
      ...(hasEnded(run) ? {} : {hint: `${context.program} wait ${runName}`}),
    });
  }
  if (all) return artifacts;
  if (names.length === 0) {
    const own = artifacts.filter(({name}) => name !== LOGS_ARTIFACT);
    const [only] = own.length > 0 ? own : artifacts;
    if (only && own.length <= 1) return [only];
    throw usageError(
      `Run "${runName}" has ${artifacts.length} artifacts`,
      `name some of ${listed(artifacts)}, or --all`,
    );
  }
  return [...new Set(names)].map((name) => {
    const found = artifacts.find((each) => each.name === name);
    if (found) return found;
    const close = closestNames(
      name,
      artifacts.map((each) => each.name),
    );
    throw new KrtError('NOT_FOUND', `Run "${runName}" has no artifact "${name}"`, {
      hint: close.length > 0 ? `did you mean ${close.join(' or ')}?` : `it has ${listed(artifacts)}`,
    });
  });
}

function listed(artifacts: readonly ArtifactRef[]): string {
  const shown = artifacts.slice(0, 10).map(({name}) => escapeControls(name));
  return artifacts.length > shown.length ? `${shown.join(', ')} ...` : shown.join(', ');
}

const archiveSuffix = '.tar.gz';

class ArtifactsDownload {
  readonly #context: CommandContext;
  readonly #flags: GetArtifactsFlags;
  readonly #timeoutMs: number;
  readonly #source: MaintainerSource;
  readonly #progress: ProgressLine;

  constructor(context: CommandContext, connection: Connection, run: Run, flags: GetArtifactsFlags, timeoutMs: number) {
    const {clock, terminal} = context;
    this.#context = context;
    this.#flags = flags;
    this.#timeoutMs = timeoutMs;
    this.#progress = new ProgressLine(terminal, clock, {quiet: Boolean(flags.quiet)});
    const onWait = (what: string): void => this.#progress.update(what);
    this.#source = new MaintainerSource({connection, run, clock, timeoutMs, onWait});
  }

  async fetch(artifacts: readonly ArtifactRef[]): Promise<void> {
    using interrupts = new InterruptScope();
    try {
      if (this.#flags.output === '-') await this.#toStdout(artifacts, interrupts.signal);
      else await this.#toFiles(artifacts, interrupts.signal);
    } finally {
      this.#progress.clear();
    }
  }

  async #toStdout(artifacts: readonly ArtifactRef[], signal: AbortSignal): Promise<void> {
    const [only, ...others] = artifacts;
    if (!only || others.length > 0) throw usageError('-o - takes one artifact', `there are ${artifacts.length}`);
    await this.#download(only, new StreamSink(this.#context.terminal.stdout), signal);
  }

  async #toFiles(artifacts: readonly ArtifactRef[], signal: AbortSignal): Promise<void> {
    const targets = await this.#targets(artifacts);
    // Before the first byte: nothing is worse than an error after an hour.
    if (!this.#flags.force) {
      for (const {path} of targets) if (await exists(path)) throw alreadyThere(path);
    }
    for (const {artifact, path, extract} of targets) {
      if (extract) await this.#extracted(artifact, path, signal);
      else await this.#file(artifact, path, signal);
      this.#progress.clear();
      const what = `${escapeControls(artifact.name)}, ${formatBytes(artifact.sizeBytes)}`;
      if (!this.#flags.quiet) await write(this.#context.terminal.stdout, `${path} (${what})\n`);
    }
  }

  async #targets(
    artifacts: readonly ArtifactRef[],
  ): Promise<{artifact: ArtifactRef; path: string; extract: boolean}[]> {
    const {output = '.', extract = false} = this.#flags;
    const isDirectory = await stat(output).then(
      (found) => found.isDirectory(),
      () => false,
    );
    const [only, ...others] = artifacts;
    if (only && others.length === 0 && !isDirectory && !extract && !output.endsWith('/'))
      return [{artifact: only, path: output, extract: false}];
    try {
      await mkdir(output, {recursive: true});
    } catch (error) {
      throw fileError(error, output);
    }
    return artifacts.map((artifact) => {
      const name = fileNameOf(artifact.name);
      const unpack = extract && name.endsWith(archiveSuffix) && name.length > archiveSuffix.length;
      return {artifact, path: join(output, unpack ? name.slice(0, -archiveSuffix.length) : name), extract: unpack};
    });
  }

  async #file(artifact: ArtifactRef, path: string, signal: AbortSignal): Promise<void> {
    await using file = new PartFile(path);
    await this.#complete(artifact, file, signal);
    await file.commit({force: Boolean(this.#flags.force)});
  }

  async #extracted(artifact: ArtifactRef, path: string, signal: AbortSignal): Promise<void> {
    await using archive = new PartFile(`${path}${archiveSuffix}`);
    await this.#complete(artifact, archive, signal);
    this.#progress.update(`unpacking ${artifact.name}`);
    const {unpackArchive} = await import('../unpack-archive.ts');
    const folder = await mkdtemp(join(dirname(path), `.${basename(path)}-`));
    try {
      await unpackArchive(archive.partPath, folder, signal);
      // An archive may hold its directory, or what is in it.
      const [first, ...others] = await readdir(folder, {withFileTypes: true});
      const isWrapped = first?.isDirectory() === true && others.length === 0 && first.name === basename(path);
      if (this.#flags.force) await rm(path, {recursive: true, force: true});
      await rename(isWrapped ? join(folder, basename(path)) : folder, path);
    } catch (error) {
      throw fileError(error, path);
    } finally {
      await rm(folder, {recursive: true, force: true});
    }
    await archive.discard();
  }

  async #complete(artifact: ArtifactRef, file: PartFile, signal: AbortSignal): Promise<void> {
    try {
      await this.#download(artifact, file, signal);
    } catch (error) {
      // Bytes that are wrong are of no use to the next try.
      if (error instanceof KrtError && error.code === 'DIGEST_MISMATCH') await file.discard();
      throw error;
    }
  }

  async #download(artifact: ArtifactRef, sink: PartFile | StreamSink, signal: AbortSignal): Promise<void> {
    const {clock, random} = this.#context;
    const transfer = new TransferProgress(escapeControls(artifact.name), artifact.sizeBytes);
    let drawnMs = Number.NEGATIVE_INFINITY;
    await downloadArtifact(artifact, {
      source: this.#source,
      sink,
      clock,
      random,
      signal,
      stallTimeoutMs: this.#timeoutMs,
      onProgress: (bytes) => {
        const nowMs = clock.monotonic();
        if (nowMs - drawnMs < 100 && bytes < artifact.sizeBytes) return;
        drawnMs = nowMs;
        this.#progress.update(transfer.describe(bytes, nowMs));
      },
      onTrouble: (problem) =>
        this.#progress.update(
          `${escapeControls(artifact.name)}: ${problem}; trying for up to ${formatDuration(this.#timeoutMs)}`,
        ),
    });
  }
}
