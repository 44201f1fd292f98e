import {runServerApp} from './run-server-app.ts';

/** A server that waits for its end, or for what `--scenario` tells it to do. */
await runServerApp<{scenario: string}>({
  name: 'sample',
  version: '1.2.3',
  description: 'Waits.',
  examples: ['sample --scenario reject', 'sample --log-format text'],
  serviceAccountDirectory: process.env.SAMPLE_SERVICE_ACCOUNT,
  options: (command) => command.option('--scenario <what>', 'what to do', 'wait'),
  async run({config, logger, options, signal}) {
    logger.info('running', {namespace: config.namespace, scenario: options.scenario, leaderElect: options.leaderElect});
    const stopped = new Promise<void>((resolve) => {
      const timer = setTimeout(() => {}, 2 ** 30);
      signal.addEventListener('abort', () => {
        if (options.scenario === 'hang') return;
        clearTimeout(timer);
        resolve();
      });
    });
    switch (options.scenario) {
      case 'reject':
        throw new TypeError('it went wrong', {cause: new Error('deep down')});
      case 'leave rejected':
        void Promise.reject(new Error('nobody listens'));
        break;
      case 'throw later':
        queueMicrotask(() => {
          throw new Error('nobody catches');
        });
        break;
      case 'return':
        return;
      case 'reject when stopped':
        await stopped;
        throw signal.reason;
      default:
    }
    await stopped;
  },
});
