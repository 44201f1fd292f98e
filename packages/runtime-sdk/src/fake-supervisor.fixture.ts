import {PassThrough} from 'node:stream';
import type {LaunchSpec} from './process-start.ts';
import type {ProcessExit, SupervisedProcess, Supervisor} from './supervisor.ts';

/** A process that does what a test says. */
export class FakeProcess implements SupervisedProcess {
  readonly id: string;
  readonly spec: LaunchSpec;
  readonly pid: number;
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly exited: Promise<ProcessExit>;
  readonly gone: Promise<void>;
  /** Grace periods it was asked to end within. */
  readonly ends: number[] = [];
  /** Called when it is asked to end. */
  onEnd: () => void = () => {};
  #exit!: (exit: ProcessExit) => void;
  #gone!: () => void;
  isGone = false;

  constructor(id: string, spec: LaunchSpec, pid: number) {
    this.id = id;
    this.spec = spec;
    this.pid = pid;
    this.exited = new Promise((resolve) => {
      this.#exit = resolve;
    });
    this.gone = new Promise((resolve) => {
      this.#gone = resolve;
    });
  }

  end(graceMs: number): void {
    this.ends.push(graceMs);
    this.onEnd();
  }

  /** The main process ends, and with it everything. */
  finish(exit: Partial<ProcessExit>): void {
    this.exit(exit);
    this.vanish();
  }

  /** The main process ends. */
  exit({exitCode, signal}: Partial<ProcessExit>): void {
    this.#exit({exitCode, signal});
  }

  /** What the main process started ends. */
  vanish(): void {
    this.isGone = true;
    for (const output of [this.stdout, this.stderr]) {
      output.end();
      // As a pipe does, once it was read.
      output.once('end', () => output.destroy());
    }
    this.#gone();
  }
}

/** Starts fake processes. */
export class FakeSupervisor implements Supervisor {
  readonly processes: FakeProcess[] = [];
  /** Awaited before a process is started; may throw. */
  beforeLaunch: (id: string) => Promise<void> = async () => {};
  afterLaunch: (process: FakeProcess) => void = () => {};

  async launch(id: string, spec: LaunchSpec): Promise<FakeProcess> {
    await this.beforeLaunch(id);
    const process = new FakeProcess(id, spec, 1_000 + this.processes.length);
    this.processes.push(process);
    this.afterLaunch(process);
    return process;
  }

  /** The process of an execution that was started last. */
  of(id: string): FakeProcess {
    const process = this.processes.findLast((candidate) => candidate.id === id);
    if (process === undefined) throw new Error(`no process of ${id} was started`);
    return process;
  }

  killAll(): void {
    for (const process of this.processes) if (!process.isGone) process.finish({signal: 'SIGKILL'});
  }

  async close(): Promise<void> {}
}
