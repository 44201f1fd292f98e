import {spawn} from 'node:child_process';
import {closeSync, openSync} from 'node:fs';
import {mkdir, readdir, readFile, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {kubeconfigFiles} from '../cluster-config.ts';
import type {CommandContext} from '../command-context.ts';
import {directoryProblem} from '../dev/service/data-directory.ts';
import {type DevPaths, devPaths} from '../dev/service/dev-paths.ts';
import {clearDevState, DEV_CONTEXT, DevClaim, type DevState, readDevState} from '../dev/service/dev-state.ts';
import {entryIn, type KubeconfigEntry} from '../dev/service/kubeconfig-entry.ts';
import {LogFollower} from '../dev/service/log-follower.ts';
import {MergedContexts} from '../dev/service/merged-contexts.ts';
import {type ExitCode, exitCodes} from '../exit-code.ts';
import {InterruptScope} from '../interrupt.ts';
import {KrtError, usageError} from '../krt-error.ts';
import {formatObject, type OutputFormat, parseOutputFormat} from '../output-format.ts';
import {ProgressLine} from '../progress-line.ts';
import {formatColumns} from '../table.ts';
import {write} from '../terminal.ts';

export interface DevUpFlags {
  detach?: boolean;
  merge?: boolean;
  output?: string;
  quiet?: boolean;
}

export interface DevLogsFlags {
  follow?: boolean;
  tail?: string;
}

const POLL_MS = 50;
const STOP_TIMEOUT_MS = 30_000;

/** `krt dev up` */
export async function devUp(context: CommandContext, flags: DevUpFlags): Promise<ExitCode> {
  const format = parseOutputFormat(flags.output, ['table', 'json', 'yaml']);
  const paths = devPaths(context.terminal.env);
  using progress = new ProgressLine(context.terminal, context.clock, {quiet: flags.quiet ?? false});
  const update = (step: string): void => progress.update(step);
  using interrupt = new InterruptScope();
  const {signal} = interrupt;
  const running = await untilNotStopping(paths, signal, update);
  if (running !== undefined) {
    await untilReady(paths, running.pid, {progress: update, signal});
    progress.clear();
    return await announce(context, paths, flags, format);
  }
  await requireUsable(paths);
  if (flags.detach) {
    const child = await startDetached(context, paths).catch(unusable(paths));
    try {
      await untilReady(paths, child, {progress: update, signal, ownLog: true});
    } catch (error) {
      // Nobody waits for it any more.
      if (signal.aborted) kill(child, 'SIGTERM');
      throw error;
    }
    progress.clear();
    return await announce(context, paths, flags, format);
  }
  return await inForeground(context, paths, {flags, format, interrupt, progress});
}

interface Foreground {
  flags: DevUpFlags;
  format: OutputFormat;
  interrupt: InterruptScope;
  progress: ProgressLine;
}

async function inForeground(
  context: CommandContext,
  paths: DevPaths,
  {flags, format, interrupt, progress}: Foreground,
): Promise<ExitCode> {
  const {signal} = interrupt;
  // Its terminal is closed: that is an end like Ctrl-C, and there is nobody left to talk to.
  const hangUp = new AbortController();
  // Without one (nohup) the signal keeps the meaning that it was given.
  if (process.stderr.isTTY) process.once('SIGHUP', () => hangUp.abort());
  const ending = AbortSignal.any([signal, hangUp.signal]);
  // Somebody insists: what was started ends with this process anyway.
  ending.addEventListener('abort', () => process.once('SIGINT', () => process.exit(exitCodes.interrupted)), {
    once: true,
  });
  await using claim = await DevClaim.take(paths).catch(unusable(paths));
  if (claim === undefined) throw new KrtError('DEV_FAILED', 'another krt is just starting the local cluster');
  const {DevService} = await import('../dev/service/dev-service.ts');
  const tell = (text: string): void => {
    void write(context.terminal.stderr, `krt: ${text}\n`).catch(() => {});
  };
  const update = (step: string): void => {
    if (!hangUp.signal.aborted) progress.update(ending.aborted ? 'stopping the local cluster' : step);
  };
  hangUp.signal.addEventListener('abort', () => progress.clear(), {once: true});
  const service = await DevService.start({paths, claim, progress: update, tell}).catch(async (error: unknown) => {
    signal.throwIfAborted();
    await requireUsable(paths);
    return failed(error);
  });
  try {
    progress.clear();
    signal.throwIfAborted();
    await new MergedContexts(paths).refresh(await ownEntry(paths));
    if (!ending.aborted) await announce(context, paths, flags, format);
    await untilAborted(ending);
  } finally {
    update('stopping the local cluster');
    await service.stop();
    await leaveKubeconfigs(paths).catch((error: unknown) => tell(messageOf(error)));
  }
  return exitCodes.ok;
}

/** `krt dev down` */
export async function devDown(context: CommandContext, flags: {output?: string}): Promise<ExitCode> {
  const format = parseOutputFormat(flags.output, ['table', 'json', 'yaml']);
  const paths = devPaths(context.terminal.env);
  const stopped = await stopCluster(context, paths);
  await leaveKubeconfigs(paths);
  if (format.kind !== 'table') await printStatus(context, paths, undefined, {format, stopped});
  else {
    const text = stopped
      ? 'the local cluster is down; its data stays for the next krt dev up'
      : 'no local cluster is up';
    await write(context.terminal.stdout, `${text}\n`);
  }
  return exitCodes.ok;
}

/** `krt dev status` */
export async function devStatus(context: CommandContext, flags: {output?: string}): Promise<ExitCode> {
  const format = parseOutputFormat(flags.output, ['table', 'json', 'yaml']);
  const paths = devPaths(context.terminal.env);
  const state = await readDevState(paths);
  await printStatus(context, paths, state, {format});
  return state?.phase === 'ready' ? exitCodes.ok : exitCodes.conditionNotMet;
}

/** `krt dev logs` */
export async function devLogs(context: CommandContext, flags: DevLogsFlags, names: string[]): Promise<ExitCode> {
  const paths = devPaths(context.terminal.env);
  const tail = flags.tail === undefined ? undefined : Number(flags.tail);
  if (tail !== undefined && !(Number.isInteger(tail) && tail >= 0)) throw usageError('--tail wants a number of lines');
  const all = await logFiles(paths);
  for (const name of names) {
    if (!all.has(name))
      throw new KrtError('NOT_FOUND', `there is no log of ${name}`, {
        hint: all.size > 0 ? `there are ${[...all.keys()].join(', ')}` : 'krt dev up starts the local cluster',
      });
  }
  const chosen = names.length > 0 ? names : [...all.keys()];
  using interrupt = new InterruptScope();
  const width = Math.max(...chosen.map((name) => name.length));
  await Promise.all(
    chosen.map(async (name) => {
      const prefix = chosen.length > 1 ? `${name.padEnd(width)} | ` : '';
      const follower = new LogFollower(all.get(name) ?? '', {tail});
      for await (const lines of follower.lines(flags.follow ? interrupt.signal : AbortSignal.abort())) {
        await write(context.terminal.stdout, lines.map((line) => `${prefix}${line}\n`).join(''));
      }
    }),
  );
  return exitCodes.ok;
}

/** `krt dev reset` */
export async function devReset(context: CommandContext, flags: {output?: string}): Promise<ExitCode> {
  const format = parseOutputFormat(flags.output, ['table', 'json', 'yaml']);
  const paths = devPaths(context.terminal.env);
  const stopped = await stopCluster(context, paths).catch(unusable(paths));
  await leaveKubeconfigs(paths);
  await rm(paths.directory, {recursive: true, force: true}).catch(unusable(paths));
  if (format.kind !== 'table') await printStatus(context, paths, undefined, {format, stopped});
  else await write(context.terminal.stdout, 'the local cluster and all its data are gone\n');
  return exitCodes.ok;
}

/** Says how to reach the cluster, and writes that into the user's kubeconfig if that is wanted. */
async function announce(
  context: CommandContext,
  paths: DevPaths,
  {merge}: DevUpFlags,
  format: OutputFormat,
): Promise<ExitCode> {
  if (merge) {
    const [path = ''] = kubeconfigFiles(context.terminal.env);
    const entry = await ownEntry(paths);
    await new MergedContexts(paths).add(path, entry).catch((error: unknown) => {
      throw new KrtError('KUBECONFIG', `cannot change ${path}: ${messageOf(error)}`, {cause: error});
    });
  }
  await printStatus(context, paths, await readDevState(paths), {format});
  if (format.kind !== 'table') return exitCodes.ok;
  const how = merge ? `kubectl config use-context ${DEV_CONTEXT}` : `export KUBECONFIG='${paths.kubeconfig}'`;
  const example = `${context.program} run --runtime bash --follow -- echo hello`;
  await write(context.terminal.stdout, `\nTo work with it:\n  ${how}\n  ${example}\n`);
  return exitCodes.ok;
}

/** The first line says which part, the last one of its log most likely why. */
function failed(cause: unknown): never {
  const lines = messageOf(cause)
    .split('\n')
    // Of a crash of Node, its message is what tells.
    .filter((line) => line.trim() !== '' && !/^\s+at |^Node\.js v/.test(line));
  const [what = '', ...log] = lines;
  const why = log.at(-1);
  const message = `the local cluster did not start: ${what}${why === undefined ? '' : ` ${toldBy(why)}`}`;
  throw new KrtError('DEV_FAILED', message, {hint: 'krt dev logs shows more', cause});
}

/** What a line of a log says, without its fields. */
function toldBy(line: string): string {
  try {
    const {message, error} = JSON.parse(line) as {message?: unknown; error?: {message?: unknown}};
    const told = [message, error?.message].filter((text) => typeof text === 'string');
    if (told.length > 0) return told.join(': ');
  } catch {
    // It is for people already.
  }
  return line.trim();
}

/** Errors of the file system, in terms of what it was wanted for. */
function unusable({directory}: Pick<DevPaths, 'directory'>): (error: unknown) => never {
  return (error) => {
    if (error instanceof KrtError) throw error;
    throw new KrtError('DEV_FAILED', `cannot keep the local cluster in ${directory}: ${messageOf(error)}`, {
      hint: 'XDG_DATA_HOME chooses another place',
      cause: error,
    });
  };
}

/** @throws KrtError where the cluster cannot keep its data */
async function requireUsable({directory}: DevPaths): Promise<void> {
  const problem = await directoryProblem(directory).catch(unusable({directory}));
  if (problem === undefined) return;
  throw new KrtError('DEV_FAILED', `cannot keep the local cluster in ${directory}: ${problem}`, {
    hint: 'XDG_DATA_HOME chooses another place',
  });
}

/** The context of a cluster that is down leads nowhere. */
async function leaveKubeconfigs(paths: DevPaths): Promise<void> {
  await new MergedContexts(paths).remove().catch((error: unknown) => {
    throw new KrtError('KUBECONFIG', messageOf(error), {cause: error});
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What the cluster's own kubeconfig says. */
async function ownEntry(paths: DevPaths): Promise<KubeconfigEntry> {
  return entryIn(await readFile(paths.kubeconfig, 'utf8'), DEV_CONTEXT);
}

async function printStatus(
  {terminal}: CommandContext,
  paths: DevPaths,
  state: DevState | undefined,
  {format, stopped}: {format: OutputFormat; stopped?: boolean},
): Promise<void> {
  const status = {
    phase: state?.phase ?? 'down',
    ...(stopped !== undefined && {stopped}),
    ...(state?.server !== undefined && {server: state.server}),
    context: DEV_CONTEXT,
    kubeconfig: paths.kubeconfig,
    directory: paths.directory,
    ...(state && {pid: state.pid, startedAt: state.startedAt}),
    ...(state?.startMs !== undefined && {startMs: state.startMs}),
  };
  if (format.kind !== 'table') {
    await write(terminal.stdout, await formatObject(format, status));
    return;
  }
  const ready = state?.startMs === undefined ? '' : ` (in ${(state.startMs / 1000).toFixed(1)} s)`;
  const rows = [
    ['Cluster:', `${status.phase}${ready}`],
    ...(state?.server === undefined ? [] : [['API server:', state.server]]),
    ['Kubeconfig:', paths.kubeconfig],
    ['Context:', DEV_CONTEXT],
    ['Data and logs:', paths.directory],
    ...(state ? [['Process:', String(state.pid)]] : []),
  ];
  await write(terminal.stdout, formatColumns(rows));
}

/** The same program once more, which stays when this one and its terminal go. Returns its process id. */
async function startDetached({terminal}: CommandContext, paths: DevPaths): Promise<number> {
  await mkdir(paths.logs, {recursive: true, mode: 0o700});
  const log = openSync(join(paths.logs, 'krt.log'), 'w', 0o600);
  try {
    const self = [...process.execArgv, process.argv[1] ?? ''];
    const child = spawn(process.execPath, [...self, 'dev', 'up', '--quiet'], {
      stdio: ['ignore', log, log],
      detached: true,
      env: terminal.env,
    });
    child.unref();
    return await new Promise((resolve, reject) => {
      child.once('spawn', () => resolve(child.pid ?? 0));
      child.once('error', reject);
    });
  } finally {
    closeSync(log);
  }
}

/** The cluster that runs, if there is one. One that is just being stopped is waited for. */
async function untilNotStopping(
  paths: DevPaths,
  signal: AbortSignal,
  progress: (step: string) => void,
): Promise<DevState | undefined> {
  for (;;) {
    const state = await readDevState(paths);
    if (state?.phase !== 'stopping') return state;
    progress('waiting for the last local cluster to stop');
    signal.throwIfAborted();
    await delay(POLL_MS);
  }
}

interface ReadyWait {
  progress: (step: string) => void;
  signal: AbortSignal;
  /** The process was started for this, and has written why it ended. */
  ownLog?: boolean;
}

/** @throws KrtError with the end of its log where the process ends instead */
async function untilReady(paths: DevPaths, pid: number, {progress, signal, ownLog}: ReadyWait): Promise<void> {
  const {startOfProcess} = await import('../dev/service/process-identity.ts');
  for (;;) {
    // Asked first: a process that has just written its state and ended is seen.
    const alive = (await startOfProcess(pid)) !== undefined;
    const state = await readDevState(paths);
    if (state?.phase === 'ready') return;
    if (state) progress(state.step);
    signal.throwIfAborted();
    if (!alive) {
      if (!ownLog)
        throw new KrtError('DEV_FAILED', `the krt that was starting the local cluster (process ${pid}) ended`, {
          hint: 'krt dev logs krt shows why',
        });
      const log = await readFile(join(paths.logs, 'krt.log'), 'utf8').catch(() => '');
      const [last = 'it ended without a word'] = log.trimEnd().split('\n').slice(-1);
      // It has the hint already.
      throw new KrtError('DEV_FAILED', last.replace(/^error: /, ''));
    }
    await delay(POLL_MS);
  }
}

/** Whether there was one, or what one has left behind. */
async function stopCluster(context: CommandContext, paths: DevPaths): Promise<boolean> {
  const state = await readDevState(paths);
  if (state === undefined) return await clearDevState(paths);
  using progress = new ProgressLine(context.terminal, context.clock);
  progress.update('stopping the local cluster');
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  const {startOfProcess} = await import('../dev/service/process-identity.ts');
  kill(state.pid, 'SIGTERM');
  while ((await startOfProcess(state.pid)) === state.processStart) {
    // What it started ends with it, however it ends.
    if (performance.now() > deadline) kill(state.pid, 'SIGKILL');
    await delay(POLL_MS);
  }
  await clearDevState(paths);
  return true;
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The logs there are, by the names of the parts that wrote them. */
async function logFiles(paths: DevPaths): Promise<Map<string, string>> {
  const names = await readdir(paths.logs).catch((): string[] => []);
  const files = names
    .filter((name) => name.endsWith('.log'))
    .map((name) => [name.slice(0, -'.log'.length), join(paths.logs, name)] as const);
  const apiServer = join(paths.controlPlane, 'kruntimes-apiserver.log');
  const exists = (await readdir(paths.controlPlane).catch((): string[] => [])).includes('kruntimes-apiserver.log');
  return new Map([...(exists ? [['apiserver', apiServer] as const] : []), ...files]);
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, {once: true}));
}
