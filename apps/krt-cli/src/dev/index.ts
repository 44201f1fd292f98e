/**
 * A development cluster: a Kubernetes API server, kruntimes' control plane, and a node that runs Runtime Pods as
 * processes of this machine.
 *
 * ```ts
 * import {DevCluster} from '@kruntimes/krt-cli/dev';
 *
 * await using cluster = await DevCluster.start();
 * console.log(`export KUBECONFIG=${cluster.kubeconfigPath}`);
 * ```
 *
 * @module
 */
export {AppProcess, type AppProcessOptions} from './app-process.ts';
export {DevCluster, type DevClusterOptions, type DevClusterPart} from './dev-cluster.ts';
export {type AppName, builtPrograms, kubeModule, type LocalPrograms} from './local-programs.ts';
export type {ImageMap, LocalProgram} from './node/image-map.ts';
export {NodeAgent, type NodeAgentOptions} from './node/node-agent.ts';
