import {type ChildProcess, spawn} from 'node:child_process';
import {closeSync} from 'node:fs';
import type {Readable} from 'node:stream';
import type {OutputPipe, OutputPipes} from './output-pipes.ts';
import {startFailure} from './start-failure.ts';

/** A program to start. */
export interface LaunchSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** A program that was started, in a session and process group of its own. */
export interface StartedProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** What `/proc/<pid>/fd` shows for its outputs; empty where they are socket pairs. */
  readonly outputLinks: readonly string[];
}

/**
 * Starts a program directly, with nothing on its standard input.
 *
 * @throws {RuntimeSdkError} `START_FAILED`
 */
export async function startProcess(spec: LaunchSpec, pipes: OutputPipes): Promise<StartedProcess> {
  const taken: OutputPipe[] = [];
  try {
    for (let pipe = pipes.take(); pipe !== undefined; pipe = pipes.take()) {
      taken.push(pipe);
      if (taken.length === 2) break;
    }
    const [stdout, stderr] = taken;
    const child = spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: spec.env,
      detached: true,
      stdio: ['ignore', stdout?.writeFd ?? 'pipe', stderr?.writeFd ?? 'pipe'],
    });
    const {pid} = child;
    // Why it was not started comes with the event.
    if (pid === undefined) throw await new Promise((resolve) => child.once('error', resolve));
    const readables = {stdout: stdout?.readable ?? child.stdout, stderr: stderr?.readable ?? child.stderr};
    if (readables.stdout === null || readables.stderr === null) throw new Error('the program has no output');
    return {
      child,
      pid,
      stdout: readables.stdout,
      stderr: readables.stderr,
      outputLinks: taken.map(({link}) => link),
    };
  } catch (error) {
    for (const {readable} of taken) readable.destroy();
    throw startFailure(spec, error);
  } finally {
    for (const {writeFd} of taken) closeSync(writeFd);
  }
}
