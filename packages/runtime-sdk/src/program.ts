import process from 'node:process';
import {DEFAULT_SOCKET_PATH} from '@kruntimes/runtime-protocol';
import {Command, CommanderError, InvalidArgumentError, Option} from 'commander';
import {RuntimeSdkError} from './errors.ts';
import {createLogger, type LogFormat, type LogLevel, logFormats, logLevels} from './logger.ts';
import type {RuntimeDefinition} from './runtime-definition.ts';
import {serveRuntime} from './runtime-server.ts';

const exitCodes = {stopped: 0, failed: 1, usage: 2} as const;

interface Flags {
  listen: string[];
  workspaceRoot: string;
  graceSeconds: number;
  maxOutputBytes: number;
  maxExecutions: number;
  daemonTimeoutSeconds: number;
  logLevel: LogLevel;
  logFormat: LogFormat;
}

/**
 * Is the whole program of a Runtime server: reads flags and environment, serves, and stops on SIGTERM or SIGINT; a
 * second signal kills every program and exits at once. Ends the process with exit code 0 when it was stopped, 1 when it
 * failed, 2 when its flags are wrong.
 */
export async function runRuntime(
  runtime: RuntimeDefinition,
  argv: readonly string[] = process.argv.slice(2),
): Promise<never> {
  const flags = parseFlags(runtime, argv);
  const logger = await createLogger({name: runtime.name, level: flags.logLevel, format: flags.logFormat});
  // From the first moment on: whoever reads that the server listens may ask it to stop in the same instant.
  const stop = stopSignal();
  try {
    const server = await serveRuntime(runtime, {
      listen: flags.listen,
      workspaceRoot: flags.workspaceRoot,
      graceMs: flags.graceSeconds * 1_000,
      maxOutputBytes: flags.maxOutputBytes,
      maxExecutions: flags.maxExecutions,
      daemonTimeoutSeconds: flags.daemonTimeoutSeconds,
      logger,
    });
    // Whatever ends this process, its programs do not go on alone.
    process.once('exit', () => server.killAll());
    await stop;
    const impatient = (): never => process.exit(exitCodes.failed);
    process.once('SIGTERM', impatient);
    process.once('SIGINT', impatient);
    await server.close();
    logger.info('runtime server stopped');
    return process.exit(exitCodes.stopped);
  } catch (error) {
    if (error instanceof RuntimeSdkError && error.code === 'OPTIONS_INVALID') {
      process.stderr.write(`error: ${error.message}\nTry ${runtime.name} --help.\n`);
      return process.exit(exitCodes.usage);
    }
    logger.error('runtime server failed', {error});
    return process.exit(exitCodes.failed);
  }
}

function parseFlags(runtime: RuntimeDefinition, argv: readonly string[]): Flags {
  const {env} = process;
  const command = new Command(runtime.name)
    .description(runtime.description)
    .version(runtime.version)
    .option(
      '--listen <address>',
      'unix:///path or host:port; may be repeated (default: the Unix socket in KRUNTIME_SOCKET)',
      collect,
    )
    .option('--workspace-root <path>', 'directory of the Runs', env['KRUNTIME_WORKSPACE_ROOT'] ?? '/workspace')
    .option('--grace-seconds <n>', 'between SIGTERM and SIGKILL, at most 10', integer, 10)
    .addOption(
      new Option('--max-output-bytes <n>', 'most output of one execution in events; 0 for no limit')
        .env('KRUNTIME_MAX_OUTPUT_BYTES')
        .argParser(integer)
        .default(64 * 1024 * 1024),
    )
    .option('--max-executions <n>', 'most executions kept, running and finished', integer, 512)
    .option(
      '--daemon-timeout-seconds <n>',
      'end executions when no daemon was heard for so long; 0 for never',
      integer,
      240,
    )
    .addOption(new Option('--log-level <level>', 'least level that is logged').choices(logLevels).default('info'))
    .addOption(new Option('--log-format <format>', 'how log lines look').choices(logFormats).default('json'))
    .addHelpText(
      'after',
      `
Environment:
  KRUNTIME_SOCKET          path of the Unix socket to listen on (default ${DEFAULT_SOCKET_PATH})
  KRUNTIME_WORKSPACE_ROOT  default of --workspace-root
  KRUNTIME_MAX_OUTPUT_BYTES  default of --max-output-bytes

Example:
  $ ${runtime.name} --listen unix:///tmp/runtime.sock --workspace-root /tmp/workspace`,
    )
    .showHelpAfterError(`Try ${runtime.name} --help.`)
    .allowExcessArguments(false)
    .exitOverride();
  try {
    command.parse(argv, {from: 'user'});
  } catch (error) {
    process.exit(error instanceof CommanderError && error.exitCode === 0 ? 0 : exitCodes.usage);
  }
  const flags = command.opts<Flags>();
  const socket = env['KRUNTIME_SOCKET'] ?? DEFAULT_SOCKET_PATH;
  return {...flags, listen: flags.listen ?? [`unix://${socket}`]};
}

function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value];
}

function integer(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Not a whole number.');
  return Number(text);
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
}
