/**
 * What every server process of Kubernetes needs around its work: the usual flags, logs, configuration, signals and exit codes.
 *
 * ```ts
 * import {kinds} from '@kruntimes/reconciler-kit';
 * import {runServerApp} from '@kruntimes/reconciler-kit/app';
 *
 * await runServerApp({
 *   name: 'namespace-counter',
 *   version: '1.0.0',
 *   description: 'Logs how many namespaces there are whenever that changes.',
 *   examples: ['namespace-counter --log-format text', 'namespace-counter --kubeconfig ~/.kube/config --metrics-bind-address 0'],
 *   async run({createManager, logger, signal}) {
 *     const manager = await createManager();
 *     const namespaces = manager.cache(kinds.Namespace);
 *     manager
 *       .controller({name: 'namespaces', reconcile: async () => logger.info('counted', {namespaces: namespaces.size})})
 *       .for(namespaces);
 *     await manager.start(signal);
 *   },
 * });
 * ```
 *
 * @module
 */
export {type ResolveClusterConfigOptions, resolveClusterConfig} from './resolve-cluster-config.ts';
export {runServerApp, type ServerApp, type ServerContext} from './run-server-app.ts';
export type {ServerOptions} from './server-options.ts';
