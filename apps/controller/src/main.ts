/** The controller's program: Pods and identity for Runtimes, and care for Runs whose Pod is gone or whose time is over. */
import {INSTALLATION_ANNOTATION} from '@kruntimes/api-types';
import {runServerApp} from '@kruntimes/reconciler-kit/app';
import {InvalidArgumentError, Option} from 'commander';
import packageJson from '../package.json' with {type: 'json'};
import {addControllers} from './add-controllers.ts';
import {stopDeployments, uninstall} from './uninstall.ts';

interface ControllerFlags {
  runtimedImage: string;
  runtimedEnv: Record<string, string>;
  maintainerImage: string;
  defaultRunTtl: number;
  maxFinishedRunsPerNamespace: number;
  networkPolicies?: 'make' | 'remove';
  uninstall: boolean;
  stopDeployment: string[];
}

await runServerApp<ControllerFlags>({
  name: 'kruntimes-controller',
  version: packageJson.version,
  installationAnnotation: INSTALLATION_ANNOTATION,
  description:
    'Makes Pods and their identity from Runtimes, and cares for Runs whose Pod is gone or whose time is over.',
  examples: [
    'kruntimes-controller --leader-elect',
    'kruntimes-controller --kubeconfig ~/.kube/config --namespace team-a --log-format text',
  ],
  options: (command) => {
    command
      .option('--runtimed-image <image>', 'image of runtimed where a Runtime names none', 'kruntimes-runtimed:latest')
      .option(
        '--runtimed-env <name=value>',
        'OTEL_* variable of every runtimed, for its traces; may be given several times; not for secrets',
        otelVariable,
        {},
      )
      .option(
        '--maintainer-image <image>',
        'image of the maintainers of artifacts',
        'kruntimes-runtime-maintainer:latest',
      )
      .option(
        '--default-run-ttl <seconds>',
        'how long a finished Run is kept that does not say so itself',
        wholeNumber,
        3600,
      )
      .option(
        '--max-finished-runs-per-namespace <count>',
        'more finished Runs are not kept; the oldest are deleted first',
        wholeNumber,
        10_000,
      )
      .addOption(
        new Option(
          '--network-policies <what>',
          'make one NetworkPolicy for each Runtime, or remove those that are there (default: neither)',
        ).choices(['make', 'remove']),
      )
      .option(
        '--uninstall',
        'take back what the controller has made, let all Runs go that have its finalizer, and end; Runs and Runtimes stay',
        false,
      )
      .option(
        '--stop-deployment <namespace/name>',
        'with --uninstall: scale it to 0 first; may be given several times',
        (value: string, before: string[]) => [...before, value],
        [],
      );
  },
  run: async ({createManager, options, logger, signal, clock}) => {
    const manager = await createManager();
    if (!options.uninstall) {
      addControllers(manager, {...options, clock, logger});
      await manager.start(signal);
      return;
    }
    const {client} = manager;
    const done = new AbortController();
    // When the controller that is stopped here leads no more.
    const start = async (stopping: AbortSignal): Promise<void> => {
      await uninstall({client, events: manager.events, clock, logger, namespace: options.namespace}, stopping);
      done.abort();
    };
    manager.add({name: 'uninstall', needsLeaderElection: true, start});
    await stopDeployments(client, options.stopDeployment);
    await manager.start(AbortSignal.any([signal, done.signal]));
    if (!done.signal.aborted) throw new Error('stopped before everything was taken back');
  },
});

function otelVariable(text: string, before: Record<string, string>): Record<string, string> {
  const [, name, value] = /^(OTEL_[A-Z0-9_]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('It must be OTEL_NAME=VALUE.');
  return {...before, [name]: value};
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0) {
    throw new InvalidArgumentError('It must be a whole number from 0.');
  }
  return value;
}
