import type {CallContext} from '../command-context.ts';
import {completionScript, type Shell} from '../completion-script.ts';
import {type ExitCode, exitCodes} from '../exit-code.ts';
import {write} from '../terminal.ts';

/** `krt completion SHELL` */
export async function printCompletionScript(context: CallContext, shell: string): Promise<ExitCode> {
  await write(context.terminal.stdout, completionScript(shell as Shell));
  return exitCodes.ok;
}
