import {type Tracer, trace} from '@opentelemetry/api';
import {type Command, CommanderError} from 'commander';
import {type Clock, systemClock} from '../clock.ts';
import type {ClusterConfig} from '../config.ts';
import {createLogger, type Logger} from '../logger.ts';
import type {Manager, ManagerOptions} from '../manager.ts';
import {Metrics} from '../metrics.ts';
import type {Tracing} from '../otlp/index.ts';
import {tracingWanted} from '../tracing.ts';
import {resolveClusterConfig} from './resolve-cluster-config.ts';
import {type ServerOptions, serverCommand} from './server-options.ts';

export interface ServerApp<O extends object = object> {
  /** Name of the program, as in `--help` and in logs. */
  name: string;
  version: string;
  /** What it does, in a sentence. */
  description: string;
  /** Command lines for `--help`. */
  examples: readonly string[];
  /** Adds the app's own options; they arrive in {@link ServerContext.options}. */
  options?(command: Command): void;
  /** Whether the app offers `--leader-elect`. Default true. */
  leaderElection?: boolean;
  /**
   * Gives the app the flag `--installation`, and names the annotation of Leases that says whose they are: several installations
   * may be in a cluster, but no two at work in one namespace. See {@link exclusiveScope}.
   */
  installationAnnotation?: string;
  /** Where a Pod has its service account mounted. Default: where Kubernetes mounts it. */
  serviceAccountDirectory?: string | undefined;
  /** The program. Resolves when it has stopped; a rejection is logged and ends the process with exit code 1. */
  run(context: ServerContext<O>): Promise<void>;
}

export interface ServerContext<O extends object = object> {
  options: O & ServerOptions;
  config: ClusterConfig;
  logger: Logger;
  /** With the series of the process. */
  metrics: Metrics;
  /** Aborted by SIGTERM or SIGINT. A second signal ends the process at once. */
  signal: AbortSignal;
  clock: Clock;
  /** Exports spans when the environment asks for it by OTEL_* variables; else its spans cost nothing and go nowhere. */
  tracer: Tracer;
  /**
   * A Manager of the app's name with all of this, as the flags want it: where it serves metrics and health, and with
   * `--leader-elect` as a competitor for the Lease of the app's name in its own namespace.
   */
  createManager: (overrides?: Omit<ManagerOptions, 'config' | 'transport'>) => Promise<Manager>;
}

const EXIT_STOPPED = 0;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/**
 * The whole life of a server process: flags, logger, configuration, signals, exit code.
 *
 * Exit codes: 0 after it has stopped (and after `--help` and `--version`), 1 after a failure, 2 for wrong flags.
 * It ends the process in any case: nothing that follows is run.
 *
 * @param argv arguments, without the names of Node.js and of the program
 */
export async function runServerApp<O extends object = object>(
  app: ServerApp<O>,
  argv: readonly string[] = process.argv.slice(2),
): Promise<never> {
  const options = parse(app, argv);
  const logger = createLogger({name: app.name, level: options.logLevel, format: options.logFormat});
  const fail = (message: string, error: unknown): never => {
    logger.error(message, {error});
    process.exit(EXIT_FAILED);
  };
  process.on('unhandledRejection', (error) => fail('unhandled rejection', error));
  process.on('uncaughtException', (error) => fail('uncaught exception', error));
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) fail('signalled again, ending at once', name);
      logger.info('signalled, stopping', {signal: name});
      stop.abort(new Error(`received ${name}`));
    });
  }
  let tracing: Tracing | undefined;
  try {
    tracing = await startTracing(app, logger);
    const {kubeconfig, context} = options;
    const {serviceAccountDirectory} = app;
    const config = await resolveClusterConfig({kubeconfig, context, serviceAccountDirectory});
    logger.info('starting', {version: app.version, node: process.version, server: config.server});
    const parts = {options, config, logger, metrics: new Metrics({processMetrics: true}), clock: systemClock};
    await app.run({
      ...parts,
      signal: stop.signal,
      tracer: tracing?.tracer ?? trace.getTracer(app.name, app.version),
      createManager: async (overrides) => {
        // What an app has no use for is not loaded.
        const {createManager} = await import('./create-manager.ts');
        return createManager(app, parts, overrides);
      },
    });
  } catch (error) {
    // Some say so by rejecting with the reason when they were told to stop.
    if (!stop.signal.aborted || error !== stop.signal.reason) {
      await tracing?.shutdown();
      return fail('failed', error);
    }
  }
  await tracing?.shutdown();
  return process.exit(EXIT_STOPPED);
}

/** Whoever does not trace loads no SDK. */
async function startTracing({name, version}: ServerApp<never>, logger: Logger): Promise<Tracing | undefined> {
  if (!tracingWanted(process.env)) return undefined;
  const otlp = await import('../otlp/index.ts');
  return otlp.startTracing({serviceName: name, serviceVersion: version, env: process.env, logger});
}

function parse<O extends object>(app: ServerApp<O>, argv: readonly string[]): O & ServerOptions {
  const command = serverCommand(app);
  try {
    command.parse(argv, {from: 'user'});
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exit(error.exitCode === 0 ? EXIT_STOPPED : EXIT_USAGE);
  }
  return command.opts<O & ServerOptions>();
}
