import {spawn} from 'node:child_process';
import {delimiter} from 'node:path';

export interface CommandOptions {
  /** Default: the environment of this process. */
  env?: NodeJS.ProcessEnv;
  input?: string;
  cwd?: string;
  /** The program is killed after this time. Default 60 s. */
  timeoutMs?: number;
}

export interface CommandResult {
  /** Exit code; 128 after a signal. */
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end, whatever its exit code. Rejects only if it cannot be started. */
export async function command(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const {env = process.env, input = '', cwd, timeoutMs = 60_000} = options;
  const child = spawn(program, args, {
    // Where programs of administrators are, which is not on everybody's PATH.
    env: {...env, PATH: [env['PATH'], '/usr/sbin', '/sbin'].filter(Boolean).join(delimiter)},
    cwd,
    stdio: 'pipe',
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A program may end without reading what it is given.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve(status ?? 128));
  });
  return {code, stdout: Buffer.concat(stdout).toString('utf8'), stderr: Buffer.concat(stderr).toString('utf8')};
}

/**
 * Runs a program that must succeed.
 *
 * @returns its standard output
 */
export async function run(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const {code, stdout, stderr} = await command(program, args, options);
  if (code !== 0)
    throw new Error(`${program} ${args.join(' ').slice(0, 200)} ended with ${code}: ${stderr.trim().slice(-2_000)}`);
  return stdout;
}
