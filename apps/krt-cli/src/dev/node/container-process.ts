import {type ChildProcess, spawn} from 'node:child_process';
import {constants} from 'node:os';
import type {Readable, Writable} from 'node:stream';
import type {ProcessGuard} from '@kruntimes/reconciler-kit/testing';
import {CommandProcess} from './command-process.ts';
import type {CommandLine} from './container-environment.ts';
import type {ContainerLog, LogStream} from './container-log.ts';
import {CONTAINER_MARK, leftovers, processTable} from './process-table.ts';
import {defaultTerminalSize, type TerminalSize} from './remote-streams.ts';
import {TerminalControl, terminalCommand} from './terminal-command.ts';

export interface ContainerExit {
  /** 128 + number of the signal after a signal, as container runtimes report it. */
  exitCode: number;
  signal?: number;
  /** Why it could not even start. */
  startError?: string;
}

export interface ContainerProcessOptions {
  commandLine: CommandLine;
  /** Working directory. */
  directory: string;
  podDirectory: string;
  /** Different for each start of each container. */
  mark: string;
  log: ContainerLog;
  guard: ProcessGuard;
  /** Main processes of the Pod's other containers. */
  siblings: () => readonly number[];
  /** Whether its input can be given by somebody who attaches to it. Default: it has none. */
  stdin?: boolean;
  /** Gives it a terminal. Default: it has none. */
  tty?: boolean;
}

/** What somebody who runs a command beside the main process chooses. */
export interface ContainerCommand {
  command: readonly string[];
  stdin: boolean;
  terminal?: TerminalSize | undefined;
}

/** Told of what the main process prints, as it comes. */
export type OutputListener = (stream: LogStream, chunk: Buffer) => void;

const SWEEP_ROUNDS = 5;
const PIPE_PATIENCE_MS = 1_000;

/** One start of a container: a process in a session of its own, and whatever it starts. */
export class ContainerProcess {
  /** Resolves when the main process has ended, everything that it left behind was killed, and the log is complete. */
  readonly exited: Promise<ContainerExit>;
  readonly #options: ContainerProcessOptions;
  readonly #child: ChildProcess;
  readonly #terminal: TerminalControl | undefined;
  readonly #commands = new Set<CommandProcess>();
  readonly #listeners = new Set<OutputListener>();

  constructor(options: ContainerProcessOptions) {
    this.#options = options;
    const {commandLine, guard, log, tty = false} = options;
    const env = {...commandLine.env, ...guard.environment, [CONTAINER_MARK]: options.mark};
    const {program, args, environment} = tty
      ? terminalCommand([commandLine.program, ...commandLine.args], env, defaultTerminalSize)
      : {program: commandLine.program, args: commandLine.args, environment: env};
    this.#child = spawn(program, args, {
      cwd: options.directory,
      env: environment,
      stdio: [options.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe', ...(tty ? ['pipe' as const] : [])],
      detached: true,
    });
    const told = this.#child.stdio[3];
    this.#terminal = tty && told ? new TerminalControl(told as Readable) : undefined;
    guard.add(this.#child);
    // It may end without reading what it is given.
    this.#child.stdin?.on('error', () => {});
    for (const stream of ['stdout', 'stderr'] as const) {
      this.#child[stream]?.on('data', (chunk: Buffer) => {
        log.append(stream, chunk);
        for (const listener of this.#listeners) listener(stream, chunk);
      });
    }
    this.exited = this.#finish();
  }

  /** The input of the main process, where it can be given. */
  get stdin(): Writable | undefined {
    return this.#child.stdin ?? undefined;
  }

  /** Whether its main process has a terminal. */
  get hasTerminal(): boolean {
    return this.#terminal !== undefined;
  }

  resize(size: TerminalSize): void {
    this.#terminal?.resize(size);
  }

  /** Returns the way to leave again. */
  listen(listener: OutputListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Runs a command with the environment and the working directory of the container; it does not outlive it.
   *
   * @throws Error where the system refuses it at once
   */
  run({command, stdin, terminal}: ContainerCommand): CommandProcess {
    const {commandLine, directory, guard, mark} = this.#options;
    const env = {...commandLine.env, ...guard.environment, [CONTAINER_MARK]: mark};
    const started = new CommandProcess({command, directory, env, stdin, terminal});
    guard.add(started.child);
    this.#commands.add(started);
    const forget = (): void => void this.#commands.delete(started);
    started.exited.then(forget, forget);
    return started;
  }

  get pid(): number | undefined {
    return this.running ? this.#child.pid : undefined;
  }

  get running(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** To the main process only, as a kubelet does; a SIGKILL ends the whole container in its wake. */
  kill(signal: NodeJS.Signals): void {
    if (this.running) this.#child.kill(signal);
  }

  async #finish(): Promise<ContainerExit> {
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    const exit = await new Promise<ContainerExit>((resolve) => {
      this.#child.once('error', (error) => resolve({exitCode: 128, startError: error.message}));
      this.#child.once('exit', (code, signal) => {
        const number = signal === null ? undefined : constants.signals[signal];
        resolve(number === undefined ? {exitCode: code ?? 1} : {exitCode: 128 + number, signal: number});
      });
    });
    if (exit.startError === undefined) {
      await this.#sweep();
      // Somebody whom the sweep did not find may still hold the pipes: its output is nobody's.
      const patience = setTimeout(() => {
        this.#child.stdout?.destroy();
        this.#child.stderr?.destroy();
      }, PIPE_PATIENCE_MS);
      await closed;
      clearTimeout(patience);
    }
    this.#options.log.close();
    return exit;
  }

  async #sweep(): Promise<void> {
    const {mark, podDirectory, siblings} = this.#options;
    for (const command of this.#commands) command.kill('SIGKILL');
    try {
      process.kill(-this.#child.pid!, 'SIGKILL');
    } catch {
      // The usual case: the group is empty.
    }
    for (let round = 0; round < SWEEP_ROUNDS; round++) {
      const pids = leftovers(await processTable(), {mark, podDirectory, living: siblings()});
      if (pids.length === 0) return;
      for (const pid of pids) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It has ended meanwhile.
        }
      }
    }
  }
}
