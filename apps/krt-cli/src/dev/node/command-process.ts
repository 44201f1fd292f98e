import {type ChildProcess, spawn} from 'node:child_process';
import {Socket} from 'node:net';
import {constants} from 'node:os';
import {Readable, type Writable} from 'node:stream';
import {setTimeout as delay} from 'node:timers/promises';
import type {TerminalSize} from './remote-streams.ts';
import {TerminalControl, terminalCommand} from './terminal-command.ts';

export interface CommandOptions {
  /** Program and arguments. */
  command: readonly string[];
  /** Working directory. */
  directory: string;
  env: Readonly<Record<string, string>>;
  stdin: boolean;
  /** Gives the command a terminal of this size. */
  terminal?: TerminalSize | undefined;
}

/** Time between a polite end and SIGKILL. */
const GRACE_MS = 2_000;
/** A child of the command may hold its pipes for longer than it lives itself. */
const PIPE_PATIENCE_MS = 1_000;

/** A command that somebody runs in a container beside its main process, in a process group of its own. */
export class CommandProcess {
  readonly stdin: Writable | undefined;
  readonly stdout: Readable;
  /** Not with a terminal. */
  readonly stderr: Readable | undefined;
  /** Exit code, 128 + number of the signal after a signal. Rejects where the command could not be started. */
  readonly exited: Promise<number>;
  readonly child: ChildProcess;
  readonly #terminal: TerminalControl | undefined;

  constructor({command, directory, env, stdin, terminal}: CommandOptions) {
    const {program, args, environment} =
      terminal === undefined
        ? {program: command[0] ?? '', args: command.slice(1), environment: env}
        : terminalCommand(command, env, terminal);
    const child = spawn(program, args, {
      cwd: directory,
      env: environment,
      stdio: [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe', ...(terminal === undefined ? [] : ['pipe' as const])],
      detached: true,
    });
    this.child = child;
    this.stdin = child.stdin ?? undefined;
    // A command may end without reading what it is given.
    this.stdin?.on('error', () => {});
    // Without descriptors left, there are no pipes.
    this.stdout = child.stdout ?? Readable.from([]);
    this.stderr = child.stderr ?? undefined;
    this.#terminal = terminal === undefined ? undefined : new TerminalControl(child.stdio[3] as Readable);
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        this.#leavePipes();
        resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]);
      });
    });
    this.exited.catch(() => {});
  }

  /** What the command has left in its pipes is read, however slowly; what its children say later is not waited for. */
  #leavePipes(): void {
    const pipes = [this.stdout, this.stderr].filter((pipe) => pipe instanceof Socket);
    const bytesRead = (): number => pipes.reduce((sum, pipe) => sum + pipe.bytesRead, 0);
    let before = bytesRead();
    const patience = setInterval(() => {
      const now = bytesRead();
      if (now === before && pipes.every(({readableLength}) => readableLength === 0)) {
        for (const pipe of pipes) pipe.destroy();
      }
      before = now;
    }, PIPE_PATIENCE_MS);
    this.child.once('close', () => clearInterval(patience));
  }

  resize(size: TerminalSize): void {
    this.#terminal?.resize(size);
  }

  /** Ends the command and its process group: politely, then not. Resolves when it has ended. */
  async end(): Promise<void> {
    const over = new AbortController();
    const ended = this.exited.then(
      () => over.abort(),
      () => over.abort(),
    );
    // Who has a terminal is hung up on.
    this.kill(this.#terminal === undefined ? 'SIGTERM' : 'SIGHUP');
    await delay(GRACE_MS, undefined, {signal: over.signal}).catch(() => {});
    this.kill('SIGKILL');
    await ended;
  }

  /** To its whole group. */
  kill(signal: NodeJS.Signals): void {
    for (const group of [this.child.pid, this.#terminal?.pid]) {
      if (group === undefined) continue;
      try {
        process.kill(-group, signal);
      } catch {
        // The group is empty.
      }
    }
  }
}
