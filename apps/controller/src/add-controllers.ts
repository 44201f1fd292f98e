import {RUNTIME_LABEL, runKind, runtimeKind} from '@kruntimes/api-types';
import {type Clock, kinds, type Logger, type Manager} from '@kruntimes/reconciler-kit';
import {addArtifactRelease} from './artifact-release.ts';
import {addMaintainerController} from './maintainer-controller.ts';
import {projectPod, projectServiceAccount} from './projection.ts';
import {addRunReaper} from './run-reaper.ts';
import {addRunRetention} from './run-retention.ts';
import {runsWithArtifacts} from './runs-with-artifacts.ts';
import {addRuntimeController} from './runtime-controller.ts';
import {addRuntimeIdentity} from './runtime-identity.ts';
import {addRuntimeMetrics} from './runtime-metrics.ts';
import {addRuntimeNetworkPolicies} from './runtime-network-policy.ts';

export interface AddControllersOptions {
  /** Image of runtimed where a Runtime names none. */
  runtimedImage: string;
  /** See DeploymentOptions. */
  runtimedEnv?: Readonly<Record<string, string>> | undefined;
  /** Image of the maintainers of artifacts. */
  maintainerImage: string;
  /** Make one NetworkPolicy for each Runtime, or remove those that are there. Default: neither. */
  networkPolicies?: 'make' | 'remove' | undefined;
  /** See RunRetentionOptions. */
  defaultRunTtl: number;
  maxFinishedRunsPerNamespace: number;
  clock: Clock;
  logger: Logger;
  /** Watch one namespace only. */
  namespace?: string | undefined;
}

/** Gives a Manager everything that the controller does. */
export function addControllers(manager: Manager, options: AddControllersOptions): void {
  const {namespace, clock, logger, runtimedImage, maintainerImage} = options;
  const scope = namespace === undefined ? {} : {namespace};
  const runtimes = manager.cache(runtimeKind, scope);
  const pods = manager.cache(kinds.Pod, {...scope, labelSelector: RUNTIME_LABEL, transform: projectPod});
  const serviceAccounts = manager.cache(kinds.ServiceAccount, {...scope, transform: projectServiceAccount});
  addRuntimeMetrics(manager.metrics, runtimes);
  addRuntimeIdentity({manager, runtimes, pods, serviceAccounts, ...scope});
  const {runtimedEnv} = options;
  addRuntimeController({manager, runtimes, serviceAccounts, runtimedImage, runtimedEnv, clock, ...scope});
  const {networkPolicies} = options;
  if (networkPolicies) addRuntimeNetworkPolicies({manager, runtimes, wanted: networkPolicies === 'make', ...scope});
  addRunReaper({manager, runtimes, pods, clock, logger, ...scope});
  const stored = manager.cache(runKind, runsWithArtifacts(namespace));
  addMaintainerController({manager, runs: stored, serviceAccounts, maintainerImage, ...scope});
  addArtifactRelease({manager, runs: stored, clock});
  addRunRetention(manager, {
    defaultTtlSeconds: options.defaultRunTtl,
    maxFinishedRunsPerNamespace: options.maxFinishedRunsPerNamespace,
    clock,
    logger,
    ...scope,
  });
}
