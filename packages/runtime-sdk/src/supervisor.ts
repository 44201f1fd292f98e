import {realpathSync} from 'node:fs';
import type {Readable} from 'node:stream';
import type {Clock, Timer} from './clock.ts';
import type {Logger} from './logger.ts';
import type {OutputPipes} from './output-pipes.ts';
import {type LaunchSpec, type StartedProcess, startProcess} from './process-start.ts';
import type {ProcessInfo} from './process-table.ts';
import {MARKER_VARIABLE, type ProcessTracker} from './process-tracker.ts';

/** How long processes may take to go after SIGKILL: one that is stuck in the kernel is left to later sweeps. */
const killedWithinMs = 30_000;

/** How often a running execution's processes are looked at, so that an orphan's ancestors are known. */
const watchMs = 1_000;

/** When to look for processes that a race hid from the sweep at the end of their execution. */
const secondSweepMs = 1_000;

/** How a main process ended: with a code, or by a signal. */
export interface ProcessExit {
  readonly exitCode: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

/** The processes of one execution. */
export interface SupervisedProcess {
  readonly pid: number;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** The main process ended. */
  readonly exited: Promise<ProcessExit>;
  /** The main process ended and nothing it started is left. Follows `exited` within the grace period. */
  readonly gone: Promise<void>;
  /** SIGTERM to all now, SIGKILL after the grace period. A later call can only shorten it. */
  end(graceMs: number): void;
}

/** Starts programs and sees to it that they end. */
export interface Supervisor {
  /** @throws {RuntimeSdkError} `START_FAILED`; the message says why, for the user of the program. */
  launch(id: string, spec: LaunchSpec): Promise<SupervisedProcess>;
  /** Kills everything at once, without waiting. */
  killAll(): void;
  /** After every execution has ended: looks for what is left and kills it. */
  close(): Promise<void>;
}

export interface ProcessSupervisorOptions {
  pipes: OutputPipes;
  /** Finds the processes of executions; undefined where there is no `/proc`: then only process groups are ended. */
  tracker: ProcessTracker | undefined;
  clock: Clock;
  logger: Logger;
  /** Milliseconds between SIGTERM and SIGKILL. */
  graceMs: number;
}

/** Runs each execution in a session and process group of its own. */
export class ProcessSupervisor implements Supervisor {
  readonly #options: ProcessSupervisorOptions;
  readonly #running = new Map<string, Processes>();
  readonly #endedIds = new Set<string>();
  #watch: Timer | undefined;
  #secondSweep: Timer | undefined;
  #closed = false;

  constructor(options: ProcessSupervisorOptions) {
    this.#options = options;
  }

  async launch(id: string, spec: LaunchSpec): Promise<SupervisedProcess> {
    const {pipes, tracker} = this.#options;
    const env = {...spec.env, [MARKER_VARIABLE]: id};
    const started = await startProcess({...spec, env}, pipes);
    this.#endedIds.delete(id);
    const workingDirectory = realPath(spec.cwd);
    tracker?.track(id, {pid: started.pid, workingDirectory, outputs: started.outputLinks});
    const processes = new Processes(id, started, this.#options);
    this.#running.set(id, processes);
    void processes.gone.then(() => this.#ended(id));
    this.#watch ??= this.#startWatch();
    return processes;
  }

  killAll(): void {
    for (const processes of this.#running.values()) processes.kill();
  }

  async close(): Promise<void> {
    const {clock, logger} = this.#options;
    this.#closed = true;
    this.#watch?.cancel();
    this.#secondSweep?.cancel();
    const deadline = clock.monotonic() + killedWithinMs;
    for (let left = await this.#sweep(); left > 0; left = await this.#sweep()) {
      if (clock.monotonic() > deadline) {
        logger.error('processes are left that do not end by SIGKILL', {count: left});
        return;
      }
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 20));
    }
  }

  /** What an execution leaves behind is killed by what it left to know it by, until a second look finds nothing. */
  #ended(id: string): void {
    const {tracker} = this.#options;
    this.#running.delete(id);
    if (tracker === undefined) return;
    tracker.ended(id);
    this.#endedIds.add(id);
    this.#sweepLater();
  }

  #sweepLater(): void {
    if (this.#closed) return;
    this.#secondSweep ??= this.#options.clock.setTimeout(() => {
      this.#secondSweep = undefined;
      void this.#sweepAgain();
    }, secondSweepMs);
  }

  async #sweepAgain(): Promise<void> {
    if ((await this.#sweep()) > 0) this.#sweepLater();
  }

  /** Returns how many processes were there to kill, now or later. */
  async #sweep(): Promise<number> {
    const {tracker, logger, graceMs} = this.#options;
    if (tracker === undefined) return 0;
    const ids = [...this.#endedIds];
    try {
      const survivors = await tracker.survivors();
      const strays = await tracker.strays();
      const overdue = strays.filter(({ageMs}) => this.#closed || ageMs >= graceMs).map(({process}) => process);
      for (const process of [...survivors, ...overdue]) {
        logger.warn('killed a process that outlived its execution', {pid: process.pid, program: process.name});
        signalProcess(process.pid, 'SIGKILL');
      }
      if (survivors.length === 0) this.#untrack(ids);
      return survivors.length + strays.length;
    } catch (error) {
      logger.error('looking for surviving processes failed', {error});
      return 0;
    }
  }

  #untrack(ids: readonly string[]): void {
    for (const id of ids) {
      if (this.#running.has(id)) continue;
      this.#endedIds.delete(id);
      this.#options.tracker?.untrack(id);
    }
  }

  #startWatch(): Timer | undefined {
    const {tracker, clock, logger} = this.#options;
    if (tracker === undefined) return undefined;
    const tick = (): void => {
      if (this.#running.size === 0) {
        this.#watch = undefined;
        return;
      }
      tracker.scan().catch((error: unknown) => logger.error('looking at processes failed', {error}));
      this.#watch = clock.setTimeout(tick, watchMs);
    };
    return clock.setTimeout(tick, watchMs);
  }
}

/** The processes of one execution, from the start of the first to the end of the last. */
class Processes implements SupervisedProcess {
  readonly pid: number;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exited: Promise<ProcessExit>;
  readonly gone: Promise<void>;
  readonly #id: string;
  readonly #options: ProcessSupervisorOptions;
  #mainEnded = false;
  #resolveExited!: (exit: ProcessExit) => void;
  /** When SIGKILL is due, by the monotonic clock; undefined while nobody wants an end. */
  #deadline: number | undefined;
  #wanted!: () => void;
  #wake: (() => void) | undefined;

  constructor(id: string, {child, pid, stdout, stderr}: StartedProcess, options: ProcessSupervisorOptions) {
    this.#id = id;
    this.pid = pid;
    this.stdout = stdout;
    this.stderr = stderr;
    this.#options = options;
    const wanted = new Promise<void>((resolve) => {
      this.#wanted = resolve;
    });
    this.exited = new Promise((resolve) => {
      this.#resolveExited = resolve;
    });
    child.once('exit', (code, signal) => {
      this.#mainEnded = true;
      this.#resolveExited({exitCode: code ?? undefined, signal: signal ?? undefined});
      this.end(options.graceMs);
      this.#wake?.();
    });
    this.gone = wanted.then(() => this.#endAll());
  }

  end(graceMs: number): void {
    const deadline = this.#options.clock.monotonic() + graceMs;
    if (this.#deadline !== undefined && this.#deadline <= deadline) return;
    this.#deadline = deadline;
    this.#wanted();
    this.#wake?.();
  }

  kill(): void {
    if (!this.#mainEnded) signalProcess(-this.pid, 'SIGKILL');
  }

  async #endAll(): Promise<void> {
    const {clock, logger} = this.#options;
    const termed = new Set<string>();
    let waitMs = 2;
    for (;;) {
      const members = await this.#members();
      if (members.length === 0 && this.#mainEnded) return;
      const overdueMs = clock.monotonic() - (this.#deadline ?? 0);
      if (overdueMs > killedWithinMs) {
        logger.error('processes do not end by SIGKILL', {execution: this.#id, pids: members.map(({pid}) => pid)});
        this.#resolveExited({exitCode: undefined, signal: undefined});
        return;
      }
      if (overdueMs >= 0) this.#signal(members, 'SIGKILL');
      else this.#ask(members, termed);
      await this.#pause(Math.min(waitMs, overdueMs < 0 ? -overdueMs : waitMs));
      waitMs = Math.min(2 * waitMs, 100);
    }
  }

  /** @param termed processes that SIGTERM has reached; those that are asked now are added */
  #ask(members: readonly ProcessInfo[], termed: Set<string>): void {
    const isFirst = termed.size === 0;
    const asked = isFirst ? members : unasked(members, termed);
    if (isFirst) this.#signal(members, 'SIGTERM');
    else for (const {pid} of asked) askToEnd(pid);
    for (const process of asked) termed.add(identity(process));
  }

  async #members(): Promise<ProcessInfo[]> {
    const {tracker} = this.#options;
    if (tracker !== undefined) return await tracker.members(this.#id);
    // Without /proc, the group stands for all: it lives as long as it can be signalled.
    const alive = signalProcess(-this.pid, 0);
    const {pid} = this;
    return alive ? [{pid, parent: 0, group: pid, session: pid, startTime: 0, zombie: false, name: ''}] : [];
  }

  /** Signals processes: those of the main process's group all at once, so that none of them forks in between. */
  #signal(processes: readonly ProcessInfo[], signal: 'SIGTERM' | 'SIGKILL'): void {
    if (processes.some(({group}) => group === this.pid)) {
      signalProcess(-this.pid, signal);
      // A stopped process does not see SIGTERM before it goes on.
      if (signal === 'SIGTERM') signalProcess(-this.pid, 'SIGCONT');
    }
    for (const {pid, group} of processes) {
      if (group === this.pid) continue;
      if (signal === 'SIGTERM') askToEnd(pid);
      else signalProcess(pid, signal);
    }
  }

  /** Waits, until the main process ends or the deadline changes at the latest. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimeout(resolve, ms);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

function askToEnd(pid: number): void {
  signalProcess(pid, 'SIGTERM');
  signalProcess(pid, 'SIGCONT');
}

/** Processes that SIGTERM has not reached. What a program starts after it, to clean up, is left alone until the grace is over. */
function unasked(members: readonly ProcessInfo[], termed: ReadonlySet<string>): ProcessInfo[] {
  const asked = new Set(members.filter((process) => termed.has(identity(process))).map(({pid}) => pid));
  return members.filter(({pid, parent}) => !asked.has(pid) && !asked.has(parent));
}

/** As `/proc` names the directory; the program may have removed it already. */
function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}

/** Tells processes apart, and one that left its group from itself: it may have missed the signal to that group. */
function identity({pid, startTime, group}: ProcessInfo): string {
  return `${pid}:${startTime}:${group}`;
}

/** Whether there was somebody to signal. */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    // ESRCH: gone already. EPERM: it changed its user, so that nobody but root could end it.
    return false;
  }
}
