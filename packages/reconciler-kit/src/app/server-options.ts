import {Command, InvalidArgumentError, Option} from 'commander';
import {parseBindAddress} from '../bind-address.ts';
import type {LogFormat, LogLevel} from '../logger.ts';
import type {ServerApp} from './run-server-app.ts';

/** The flags that every server app has. */
export interface ServerOptions {
  /** File to read instead of what {@link resolveClusterConfig} finds. */
  kubeconfig?: string;
  /** Context of the kubeconfig instead of its current one. */
  context?: string;
  /** Watch this namespace only. */
  namespace?: string;
  /** `0`: off. */
  metricsBindAddress: string;
  /** `0`: off. */
  healthProbeBindAddress: string;
  leaderElect: boolean;
  /** Namespace of the Lease; default: the process' own. */
  leaderElectNamespace?: string;
  /** See {@link ServerApp.installationAnnotation}. */
  installation?: string;
  logLevel: LogLevel;
  logFormat: LogFormat;
}

/** The command line of an app. Parsing throws a CommanderError after help, version and wrong flags. */
export function serverCommand(app: ServerApp<never>): Command {
  const command = new Command(app.name)
    .description(app.description)
    .showHelpAfterError(`Run '${app.name} --help' for all flags.`)
    .exitOverride();
  app.options?.(command);
  command
    .optionsGroup('Common options:')
    .option(
      '--kubeconfig <file>',
      "kubeconfig file (default: the Pod's service account, else KUBECONFIG, else ~/.kube/config)",
    )
    .option('--context <name>', 'context of the kubeconfig (default: its current context)')
    .addOption(new Option('--namespace <name>', 'watch this namespace only (default: all)').argParser(namespace))
    .addOption(
      new Option('--metrics-bind-address <address>', 'where to serve /metrics; 0 turns it off')
        .default(':8080')
        .argParser(address),
    )
    .addOption(
      new Option('--health-probe-bind-address <address>', 'where to serve /healthz and /readyz; 0 turns it off')
        .default(':8081')
        .argParser(address),
    );
  if (app.leaderElection === false) command.setOptionValue('leaderElect', false);
  else addElectionOptions(command, app);
  command
    .addOption(
      new Option('--log-level <level>', 'least level that is logged')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .addOption(
      new Option('--log-format <format>', 'how lines on standard error look').choices(['json', 'text']).default('json'),
    );
  command.version(app.version, '--version', 'print the version').helpOption('--help', 'print this help');
  command.addHelpText('after', ['', 'Examples:', ...app.examples.map((example) => `  ${example}`)].join('\n'));
  return command;
}

function addElectionOptions(command: Command, app: ServerApp<never>): void {
  command
    .option(
      '--leader-elect',
      'work only while this process holds the Lease that it competes for with its replicas',
      false,
    )
    .addOption(
      new Option('--leader-elect-namespace <name>', 'namespace of that Lease (default: its own)').argParser(namespace),
    );
  if (app.installationAnnotation === undefined) return;
  command.option(
    '--installation <name>',
    'what its replicas have in common: work only if no other installation works in this namespace, or anywhere',
  );
}

function address(text: string): string {
  try {
    parseBindAddress(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
  return text;
}

function namespace(text: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text))
    throw new InvalidArgumentError('It is not a valid name of a namespace.');
  return text;
}
