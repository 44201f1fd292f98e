import type {Run} from '@kruntimes/api-types';
import {type CommandContext, withConnection} from '../command-context.ts';
import type {Connection, ConnectionFlags} from '../connection.ts';
import {type ExitCode, exitCodeOfRun, exitCodes} from '../exit-code.ts';
import {explainFailure} from '../failure.ts';
import {followRun, hasEnded, hasStoredLog} from '../follow-run.ts';
import {Interrupted, InterruptScope} from '../interrupt.ts';
import {KrtError, usageError} from '../krt-error.ts';
import {
  formatObject,
  listOf,
  type OutputFormat,
  parseOutputFormat,
  qualifiedName,
  withoutManagedFields,
} from '../output-format.ts';
import {OutputPrinter} from '../output-printer.ts';
import {KubernetesPodLogSource} from '../pod-log.ts';
import {overrideRun, type RunManifestFlags, runFromFlags} from '../run-manifest.ts';
import {nextCommands, RunNotices} from '../run-notices.ts';
import {describeEnd} from '../run-position.ts';
import type {RunSourceFlags} from '../run-source.ts';
import {startRunTrace} from '../run-trace.ts';
import {RunWaiter} from '../run-waiter.ts';
import {write} from '../terminal.ts';

export interface RunFlags extends ConnectionFlags, Omit<RunManifestFlags, 'source'>, RunSourceFlags {
  filename?: string[] | undefined;
  wait?: boolean | undefined;
  follow?: boolean | undefined;
  waitTimeout?: string | undefined;
  cancelOnInterrupt?: boolean | undefined;
  rm?: boolean | undefined;
  quiet?: boolean | undefined;
  dryRun?: string | undefined;
  output?: string | undefined;
}

const fieldManager = 'krt';

/** `krt run` */
export async function runRun(context: CommandContext, flags: RunFlags, args: string[]): Promise<ExitCode> {
  const format = parseOutputFormat(flags.output, ['table', 'json', 'yaml', 'name', 'jsonpath']);
  const dryRun = parseDryRun(flags.dryRun);
  checkFlags(flags, format, dryRun);
  const runs = await describedRuns(context, flags, args);
  if (runs.length > 1 && flags.follow)
    throw usageError('--follow takes one Run', `there are ${runs.length}; use --wait`);
  if (dryRun === 'client') {
    await printObjects(context, format, runs, ' (dry run)');
    return exitCodes.ok;
  }
  const trace = dryRun === 'none' ? await startRunTrace(runs, context.terminal.env) : undefined;
  let code: ExitCode | undefined;
  try {
    code = await withConnection(
      context,
      flags,
      async (connection) =>
        await new RunCommand(context, connection, flags, format).run(trace?.runs ?? runs, dryRun === 'server'),
      {kind: 'Run', name: flags.name},
    );
    return code;
  } finally {
    await trace?.end(code);
  }
}

function parseDryRun(text: string | undefined): 'none' | 'client' | 'server' {
  if (text === undefined || text === 'none') return 'none';
  if (text === 'client' || text === 'server') return text;
  throw usageError(`--dry-run=${text} is not one of none, client, server`);
}

function checkFlags(flags: RunFlags, format: OutputFormat, dryRun: string): void {
  const waits = Boolean(flags.wait || flags.follow);
  if (waits && dryRun !== 'none')
    throw usageError('--dry-run creates nothing to wait for', 'leave out --wait, --follow');
  if (flags.rm && !waits) throw usageError('--rm needs --wait or --follow');
  if (flags.waitTimeout && !waits)
    throw usageError('--wait-timeout needs --wait or --follow', '--timeout limits the Run itself');
  if (flags.cancelOnInterrupt && !waits) throw usageError('--cancel-on-interrupt needs --wait or --follow');
  if (flags.follow && format.kind !== 'table')
    throw usageError('-o cannot be combined with --follow', 'stdout belongs to the program; use --wait');
  const {script, scriptFile, file, git} = flags;
  const source = Object.entries({script, 'script-file': scriptFile, file, git}).find(
    ([, value]) => value !== undefined,
  );
  if (flags.filename?.length && source) throw usageError(`-f and --${source[0]} exclude each other`);
  if ([...(flags.filename ?? []), flags.scriptFile].filter((each) => each === '-').length > 1)
    throw usageError('stdin can be read only once');
}

async function describedRuns(context: CommandContext, flags: RunFlags, args: string[]): Promise<Run[]> {
  const {stdin, env} = context.terminal;
  if (flags.filename?.length) {
    const {readRuns} = await import('../manifest-source.ts');
    const runs = await readRuns(flags.filename, stdin);
    if (runs.length > 1 && flags.name)
      throw usageError(`--name cannot name ${runs.length} Runs`, 'use --generate-name');
    return runs.map((run) => overrideRun(run, {...flags, args}, env));
  }
  const {sourceFromFlags} = await import('../run-source.ts');
  const source = await sourceFromFlags(flags, stdin);
  return [runFromFlags({...flags, args, ...(source ? {source} : {})}, env)];
}

async function printObjects(
  context: CommandContext,
  format: OutputFormat,
  runs: readonly Run[],
  suffix = '',
): Promise<void> {
  const {stdout} = context.terminal;
  if (format.kind === 'table') {
    for (const run of runs) await write(stdout, `${displayName(run)} created${suffix}\n`);
    return;
  }
  const clean = runs.map((run) => withoutManagedFields(run));
  const [first] = clean;
  if (format.kind === 'yaml' && clean.length > 1) {
    for (const run of clean) await write(stdout, `---\n${await formatObject(format, run)}`);
  } else if (first) {
    await write(stdout, await formatObject(format, clean.length === 1 ? first : listOf(clean)));
  }
}

function displayName(run: Run): string {
  return run.metadata?.name ? qualifiedName(run) : `${qualifiedName(run)}${run.metadata?.generateName ?? ''}`;
}

class RunCommand {
  readonly #context: CommandContext;
  readonly #connection: Connection;
  readonly #flags: RunFlags;
  readonly #format: OutputFormat;
  readonly #notices: RunNotices;

  constructor(context: CommandContext, connection: Connection, flags: RunFlags, format: OutputFormat) {
    this.#context = context;
    this.#connection = connection;
    this.#flags = flags;
    this.#format = format;
    this.#notices = new RunNotices(context.terminal, context.program, {quiet: flags.quiet});
  }

  async run(described: readonly Run[], dryRun: boolean): Promise<ExitCode> {
    const namespaced = described.map((run) => this.#inNamespace(run));
    if (this.#flags.wait || this.#flags.follow) return await this.#createAndWait(namespaced);
    const created = await this.#createAll(namespaced, dryRun);
    if (!this.#announces) await printObjects(this.#context, this.#format, created);
    return exitCodes.ok;
  }

  /** Whether each Run is printed as soon as it exists, and not the objects at the end. */
  get #announces(): boolean {
    return this.#format.kind === 'table' || this.#format.kind === 'name';
  }

  async #createAll(runs: readonly Run[], dryRun: boolean): Promise<Run[]> {
    const created: Run[] = [];
    for (const run of runs) {
      const object = await this.#create(run, dryRun, created);
      created.push(object);
      if (!this.#announces || this.#flags.follow) continue;
      await printObjects(this.#context, this.#format, [object], dryRun ? ' (server dry run)' : '');
    }
    return created;
  }

  #inNamespace(run: Run): Run {
    const own = run.metadata?.namespace;
    if (own && this.#flags.namespace && own !== this.#flags.namespace) {
      throw usageError(`the manifest's namespace "${own}" is not "${this.#flags.namespace}" of --namespace`);
    }
    return {...run, metadata: {...run.metadata, namespace: own ?? this.#connection.namespace}};
  }

  async #create(run: Run, dryRun: boolean, before: readonly Run[]): Promise<Run> {
    try {
      return await this.#connection.runs.create(run, {
        fieldManager,
        fieldValidation: 'Strict',
        ...(dryRun ? {dryRun} : {}),
      });
    } catch (error) {
      if (before.length > 0)
        this.#notices.say(`${this.#context.program}: ${before.length} Runs were created before this error`);
      const {name, namespace} = run.metadata ?? {};
      throw await explainFailure(error, this.#connection, {kind: 'Run', name, namespace});
    }
  }

  async #createAndWait(runs: readonly Run[]): Promise<ExitCode> {
    const [namespace = '', ...others] = new Set(runs.map((run) => run.metadata?.namespace));
    if (others.length > 0) throw usageError('--wait and --follow take Runs of one namespace');
    // From before the Runs exist: Ctrl-C must never leave one behind without a word.
    using interrupts = new InterruptScope();
    let early = false;
    if (this.#flags.cancelOnInterrupt) interrupts.intercept = () => (early = true);
    const created = await this.#createAll(runs, false);
    const names = created.map((run) => run.metadata?.name ?? '');
    const {waitTimeout, quiet} = this.#flags;
    const options = {timeout: waitTimeout, timeoutFlag: '--wait-timeout', quiet, interrupts};
    using waiter = new RunWaiter(this.#context, this.#connection, {namespace, created}, options);
    waiter.start();
    const cancel = (): void => void this.#cancel(waiter, names, namespace);
    if (early) cancel();
    else if (this.#flags.cancelOnInterrupt) interrupts.intercept = cancel;
    return await this.#awaitOrStop(waiter, names, namespace);
  }

  async #awaitOrStop(waiter: RunWaiter, names: readonly string[], namespace: string): Promise<ExitCode> {
    try {
      const ended = this.#flags.follow
        ? [await this.#follow(waiter, names[0] ?? '', namespace)]
        : await this.#awaitEnds(waiter, names);
      waiter.progress.clear();
      if (this.#flags.rm) await this.#remove(ended);
      return ended.map(exitCodeOfRun).find((code) => code !== exitCodes.ok) ?? exitCodes.ok;
    } catch (error) {
      waiter.progress.clear();
      if (!(error instanceof Interrupted) && !(error instanceof KrtError && error.code === 'WAIT_TIMED_OUT'))
        throw error;
      const unfinished = waiter.unfinished(names);
      if (error instanceof KrtError) throw error.withHint(nextCommands(this.#context.program, unfinished));
      if (this.#flags.follow) this.#notices.newLineAfterInterrupt();
      if (unfinished.length > 0) this.#notices.goesOn(unfinished);
      return error.exitCode;
    }
  }

  async #awaitEnds(waiter: RunWaiter, names: readonly string[]): Promise<Run[]> {
    const ended = await Promise.all(
      names.map(async (name) => {
        const run = await waiter.observer.until(name, hasEnded);
        waiter.progress.clear();
        if (this.#format.kind === 'table')
          await write(this.#context.terminal.stdout, `${qualifiedName(run)} ${describeEnd(run)}\n`);
        waiter.showProgress();
        return run;
      }),
    );
    if (!this.#announces) await printObjects(this.#context, this.#format, ended);
    const failed = ended.find((run) => run.status?.phase !== 'Succeeded');
    if (failed && this.#format.kind === 'table') {
      const name = failed.metadata?.name ?? '';
      this.#notices.remark(`see: ${this.#context.program} result ${name}, ${this.#context.program} logs ${name}`);
    }
    return ended;
  }

  async #follow(waiter: RunWaiter, name: string, namespace: string): Promise<Run> {
    const printer = new OutputPrinter(this.#context.terminal);
    const {clock, random} = this.#context;
    this.#notices.remark(`Run ${name} created in namespace ${namespace}`);
    const run = await followRun(
      {
        observer: waiter.observer,
        name,
        fromAttempt: 1,
        clock,
        random,
        source: new KubernetesPodLogSource(this.#connection.client, namespace),
        sink: {
          output: async (piece) => {
            waiter.hideProgress();
            await printer.print(piece);
          },
          missing: (stream, bytes) => this.#notices.missing(stream, bytes),
          trouble: (problem) => problem && this.#notices.remark(`the log cannot be read now, trying again: ${problem}`),
        },
        onAttempt: (attempt) => {
          if (attempt > 1) this.#notices.remark(`attempt ${attempt}`);
        },
        recover: async (log, attempt, after, signal) => {
          if (!hasStoredLog(after, attempt)) return log.result;
          const onWait = (what: string): void => waiter.progress.update(what);
          const options = {connection: this.#connection, clock, signal, onWait};
          const {readStoredLog} = await import('../stored-log.ts');
          const {result, problem} = await readStoredLog(log, after, attempt, options);
          waiter.progress.clear();
          if (!result.complete) this.#notices.endMissing(problem);
          return result;
        },
        onAttemptRead: async (_attempt, result) => {
          waiter.allowProgress();
          if (result.gone && !result.complete)
            this.#notices.say(`${this.#context.program}: the Pod of Run ${name} is gone, and its log with it`);
        },
      },
      waiter.signal,
    );
    waiter.progress.clear();
    this.#notices.end(run);
    return run;
  }

  async #cancel(waiter: RunWaiter, names: readonly string[], namespace: string): Promise<void> {
    waiter.progress.clear();
    if (this.#flags.follow) this.#notices.newLineAfterInterrupt();
    this.#notices.say(`${this.#context.program}: cancelling (Ctrl-C again to stop waiting)`);
    const patch = {type: 'merge' as const, body: {spec: {cancelRequested: true}}};
    const results = await Promise.allSettled(
      waiter
        .unfinished(names)
        .map(async (name) => await this.#connection.runs.patch({name, namespace}, patch, {fieldManager})),
    );
    for (const result of results) {
      if (result.status === 'rejected')
        this.#notices.say(`${this.#context.program}: cannot cancel: ${String(result.reason)}`);
    }
  }

  async #remove(ended: readonly Run[]): Promise<void> {
    for (const run of ended) {
      const {name = '', namespace, uid} = run.metadata ?? {};
      await this.#connection.runs.delete(
        {name, namespace},
        {propagationPolicy: 'Background', ...(uid ? {preconditions: {uid}} : {})},
      );
    }
  }
}
