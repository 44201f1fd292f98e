import {spawn} from 'node:child_process';
import {access, constants} from 'node:fs/promises';
import {delimiter, join} from 'node:path';

export interface CommandResult {
  /** Standard output and standard error as they came, the way a terminal shows them. */
  text: string;
  exitCode: number;
}

/** Runs a program to its end. */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: {env: NodeJS.ProcessEnv; cwd: string; signal: AbortSignal},
): Promise<CommandResult> {
  const child = spawn(program, args, {...options, stdio: ['ignore', 'pipe', 'pipe']});
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
  return {text: Buffer.concat(chunks).toString('utf8'), exitCode};
}

/** Whether there is such a program on the PATH. */
export async function isOnPath(program: string, env: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    if (
      await access(join(folder, program), constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return true;
  }
  return false;
}
