import {type Command, CommanderError} from 'commander';
import {normalizeArguments} from './argument-list.ts';
import {flagNames} from './command-flags.ts';
import {type ExitCode, exitCodes} from './exit-code.ts';
import {Interrupted} from './interrupt.ts';
import {KrtError} from './krt-error.ts';
import {createProgram, type ProgramHost} from './program.ts';
import {painter, processTerminal, type Terminal} from './terminal.ts';

/** How the program was called. */
export interface CliCall {
  /** What the user types: `krt`, or `kubectl krt`. */
  program: string;
  /** What stands after it. */
  argv: readonly string[];
}

/** The whole program: runs the command, prints what went wrong, exits the process. */
export async function runCli({program, argv}: CliCall): Promise<never> {
  // Whoever reads our output may stop early, as head does: then there is nothing left to do.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? exitCodes.brokenPipe : exitCodes.failure);
  });
  process.stderr.on('error', () => undefined);
  const code = await execute(argv, processTerminal(), program);
  // Pipes are written asynchronously: leave only when everything is out.
  await flush(process.stdout);
  await flush(process.stderr);
  process.exit(code);
}

async function execute(argv: readonly string[], terminal: Terminal, name: string): Promise<ExitCode> {
  let code: ExitCode = exitCodes.ok;
  const host: ProgramHost = {
    program: name,
    argv,
    terminal,
    context: async () => {
      const {systemContext} = await import('./system-context.ts');
      return systemContext(terminal, name);
    },
    finish: (result) => {
      code = result;
    },
  };
  const program = createProgram(host);
  if (argv[0] === '__complete') {
    const {complete} = await import('./complete.ts');
    return await complete(program, argv.slice(1), terminal);
  }
  try {
    await program.parseAsync(normalizeArguments(argv, flagNames(program)), {from: 'user'});
    return code;
  } catch (error) {
    return report(error, terminal, commandPath(program, argv));
  }
}

async function flush(stream: NodeJS.WriteStream): Promise<void> {
  await new Promise<void>((resolve) => {
    stream.write('', () => resolve());
  });
}

/** `krt runtime get`: the command that the arguments call, as far as they do. */
function commandPath(program: Command, argv: readonly string[]): string {
  let command = program;
  let path = program.name();
  for (const word of argv) {
    const child = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
    if (!child) continue;
    command = child;
    path += ` ${child.name()}`;
  }
  return path;
}

/** One line per error, no stack: what is wrong, and what to do. */
function report(error: unknown, terminal: Terminal, path: string): ExitCode {
  const paint = painter(terminal.stderr, terminal.env);
  const print = (message: string, hint?: string): void => {
    const advice = hint ? paint('dim', `; ${hint}`) : '';
    terminal.stderr.write(`${paint('red', 'error:')} ${message}${advice}\n`);
  };
  if (error instanceof CommanderError) return reportUsage(error, print, path);
  if (error instanceof Interrupted) return error.exitCode;
  if (error instanceof AggregateError) {
    const codes = error.errors.map((each) => report(each, terminal, path));
    return codes[0] ?? exitCodes.failure;
  }
  if (error instanceof KrtError) {
    print(error.message, error.hint);
    return error.exitCode;
  }
  // A mistake of ours: still one line, the stack only for those who look for it.
  print(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error));
  if (terminal.env['KRT_DEBUG'] && error instanceof Error) terminal.stderr.write(`${error.stack}\n`);
  return exitCodes.failure;
}

/** commander throws also when help or version was asked for and has been printed. */
function reportUsage(
  error: CommanderError,
  print: (message: string, hint?: string) => void,
  program: string,
): ExitCode {
  if (error.exitCode === 0) return exitCodes.ok;
  if (error.code === 'commander.help') return exitCodes.usage;
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '')
    .trim();
  print(message, `see ${program} --help`);
  return exitCodes.usage;
}
