/** The controller's program: Pods and identity for Runtimes, and care for Runs whose Pod is gone or whose time is over. */
import {runServerApp} from '@kruntimes/reconciler-kit/app';
import {InvalidArgumentError} from 'commander';
import packageJson from '../package.json' with {type: 'json'};
import {addControllers} from './add-controllers.ts';

interface ControllerFlags {
  runtimedImage: string;
  maintainerImage: string;
  defaultRunTtl: number;
  maxFinishedRunsPerNamespace: number;
}

await runServerApp<ControllerFlags>({
  name: 'kruntimes-controller',
  version: packageJson.version,
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
      );
  },
  run: async ({createManager, options, logger, signal, clock}) => {
    const manager = await createManager();
    addControllers(manager, {...options, clock, logger});
    await manager.start(signal);
  },
});

function wholeNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0) {
    throw new InvalidArgumentError('It must be a whole number from 0.');
  }
  return value;
}
