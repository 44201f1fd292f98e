import type {ConfigMap} from 'kubernetes-types/core/v1.d.ts';
import {runServerApp} from './app/index.ts';
import {kinds, Manager} from './index.ts';

/** A candidate: while it leads, it writes its identity into the ConfigMap `work` whenever that is changed. */
await runServerApp<{identity: string}>({
  name: 'candidate',
  version: '0.0.0',
  description: 'Stands for election.',
  examples: [],
  options: (command) => command.requiredOption('--identity <name>', 'identity'),
  async run({config, options, logger, metrics, signal}) {
    const {identity, namespace = ''} = options;
    const manager = new Manager({
      config,
      logger,
      metrics,
      healthProbeBindAddress: options.healthProbeBindAddress,
      leaderElection: {
        namespace,
        name: 'election',
        identity,
        leaseDurationMs: 3_000,
        renewDeadlineMs: 2_000,
        retryPeriodMs: 250,
      },
    });
    const maps = manager.cache(kinds.ConfigMap, {namespace});
    manager
      .controller({
        name: 'work',
        async reconcile({key}, {signal: aborted}) {
          const map = maps.get(key);
          if (!map || map.data?.wanted === map.data?.done) return;
          const data: ConfigMap['data'] = {done: map.data?.wanted ?? '', by: identity};
          await manager.client
            .kind(kinds.ConfigMap)
            .patch({name: 'work', namespace}, {type: 'merge', body: {data}}, {signal: aborted});
        },
      })
      .for(maps);
    await manager.start(signal);
  },
});
