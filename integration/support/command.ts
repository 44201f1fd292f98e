import {spawn} from 'node:child_process';

export interface CommandResult {
  /** Exit code; a signal counts as 128 and its number is not kept. */
  code: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  env?: NodeJS.ProcessEnv;
  input?: string;
  /** Working directory. */
  cwd?: string;
  /** The command is killed after this time. Default 60 s. */
  timeoutMs?: number;
}

/** Runs a program to its end. Rejects only if it cannot be started. */
export async function command(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const {env = process.env, input = '', cwd, timeoutMs = 60_000} = options;
  const child = spawn(program, args, {env, cwd, stdio: 'pipe', timeout: timeoutMs, killSignal: 'SIGKILL'});
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
