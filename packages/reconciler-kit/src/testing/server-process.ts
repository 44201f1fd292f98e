import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {closeSync, openSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import type {ProcessGuard} from './process-guard.ts';

export interface ServerProcessOptions {
  name: string;
  program: string;
  args: readonly string[];
  /** Standard output and error are appended to it. */
  logPath: string;
  guard: ProcessGuard;
  /** Beside PATH and HOME. */
  env?: Readonly<Record<string, string>>;
}

/** A server that can be killed and started again with the same arguments. */
export class ServerProcess {
  readonly #options: ServerProcessOptions;
  #child: ChildProcess | undefined;
  #exit: Promise<string> | undefined;

  constructor(options: ServerProcessOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get logPath(): string {
    return this.#options.logPath;
  }

  get pid(): number | undefined {
    return this.running ? this.#child?.pid : undefined;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  start(): void {
    if (this.running) throw new Error(`${this.#options.name} is running already`);
    const {program, args, logPath, guard, env} = this.#options;
    const log = openSync(logPath, 'a', 0o600);
    try {
      this.#child = spawn(program, args, {
        stdio: ['ignore', log, log],
        detached: true,
        env: {PATH: process.env['PATH'], HOME: process.env['HOME'], ...env, ...guard.environment},
      });
    } finally {
      closeSync(log);
    }
    const child = this.#child;
    guard.add(child);
    child.unref();
    this.#exit = Promise.race([
      once(child, 'exit').then(([code, signal]) => String(signal ?? `exit code ${code}`)),
      once(child, 'error').then(([error]) => (error as Error).message),
    ]);
    this.#exit.catch(() => {});
  }

  /** How the running process ended. */
  exited(): Promise<string> {
    return this.#exit ?? Promise.resolve('not started');
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.running) return;
    this.#child!.ref();
    this.#child!.kill(signal);
    await this.#exit;
  }

  /** The end of what it printed, for error messages. */
  async lastLines(count = 15): Promise<string> {
    const text = await readFile(this.#options.logPath, 'utf8').catch(() => '');
    return text.trimEnd().split('\n').slice(-count).join('\n');
  }
}
