/** The scheduler's program: binds waiting Runs to free slots of Runtime Pods. */
import {INSTALLATION_ANNOTATION} from '@kruntimes/api-types';
import {tracingWanted} from '@kruntimes/reconciler-kit';
import {runServerApp} from '@kruntimes/reconciler-kit/app';
import {InvalidArgumentError} from 'commander';
import packageJson from '../package.json' with {type: 'json'};
import {addScheduler} from './add-scheduler.ts';

interface SchedulerFlags {
  maxConcurrentBinds: number;
  unschedulableDelayMs: number;
}

await runServerApp<SchedulerFlags>({
  name: 'kruntimes-scheduler',
  version: packageJson.version,
  installationAnnotation: INSTALLATION_ANNOTATION,
  description: 'Binds waiting Runs to free slots of Runtime Pods.',
  examples: [
    'kruntimes-scheduler --kubeconfig ~/.kube/config',
    'kruntimes-scheduler --leader-elect --metrics-bind-address :8080',
  ],
  options(command) {
    command
      .option('--max-concurrent-binds <count>', 'binds that may be under way at the same time', wholeNumber(1), 64)
      .option(
        '--unschedulable-delay-ms <ms>',
        'how long a Run waits before its status says why it waits',
        wholeNumber(0),
        1000,
      );
  },
  async run({createManager, options, logger, signal, clock, tracer}) {
    const manager = await createManager();
    addScheduler(manager, {
      namespace: options.namespace,
      clock,
      logger,
      tracer,
      traceEnv: tracingWanted(process.env) ? process.env : undefined,
      maxConcurrentBinds: options.maxConcurrentBinds,
      unschedulableDelayMs: options.unschedulableDelayMs,
    });
    await manager.start(signal);
  },
});

function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least)
      throw new InvalidArgumentError(`It must be a whole number from ${least}.`);
    return value;
  };
}
