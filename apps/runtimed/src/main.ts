import {tracingWanted} from '@kruntimes/reconciler-kit';
import {runServerApp} from '@kruntimes/reconciler-kit/app';
import {DEFAULT_SOCKET_PATH, parseEndpoint} from '@kruntimes/runtime-protocol';
import {limitMemory} from './memory-limit.ts';
import {podIdentity} from './pod-identity.ts';
import {Runtimed} from './runtimed.ts';
import {addRuntimedOptions, type RuntimedOptions} from './runtimed-options.ts';
import {version} from './version.ts';

limitMemory();
await runServerApp<RuntimedOptions>({
  name: 'runtimed',
  version,
  description: 'The daemon of a Runtime Pod: prepares, executes and reports the Runs that are bound to it.',
  examples: [
    'runtimed --runtime-name bash --capacity \'{"runs":4}\'',
    'runtimed --runtime-name bash --runtime-endpoint unix:///tmp/runtime.sock --workspace-root /tmp/workspace --kubeconfig ~/.kube/config',
  ],
  leaderElection: false,
  serviceAccountDirectory: process.env.KRUNTIME_SERVICE_ACCOUNT_DIR,
  options: addRuntimedOptions,
  async run({createManager, options, logger, metrics, signal, clock, tracer}) {
    const pod = podIdentity(process.env);
    const endpoints = options.runtimeEndpoint ?? [parseEndpoint(`unix://${DEFAULT_SOCKET_PATH}`)];
    const manager = await createManager();
    const {client} = manager;
    const runtimed = new Runtimed({
      options: {...options, runtimeEndpoint: endpoints},
      pod,
      client,
      clock,
      logger: logger.child({pod: pod.name}),
      metrics,
      tracer,
      traceEnv: tracingWanted(process.env) ? process.env : undefined,
    });
    manager.addReadyCheck('runtime', () => {
      const {ready, reason, message} = runtimed.state;
      if (!ready) throw new Error(`${reason}: ${message}`);
    });
    manager.add({name: 'runtimed', start: (stopping) => runtimed.start(stopping)});
    await manager.start(signal);
  },
});
