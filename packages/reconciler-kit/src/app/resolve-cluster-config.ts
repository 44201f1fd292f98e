import type {Clock} from '../clock.ts';
import {type ClusterConfig, inClusterConfig} from '../config.ts';
import {ReconcilerKitError} from '../errors.ts';

export interface ResolveClusterConfigOptions {
  kubeconfig?: string | undefined;
  context?: string | undefined;
  /** Where a Pod has its service account mounted. Default: where Kubernetes mounts it. */
  serviceAccountDirectory?: string | undefined;
  env?: NodeJS.ProcessEnv;
  clock?: Clock;
}

/**
 * How to reach the API server: by `kubeconfig` or `context` if one is given, else by the service account of this Pod, else
 * by kubectl's rules (KUBECONFIG, `~/.kube/config`).
 *
 * @throws ReconcilerKitError `CONFIG_INVALID`
 */
export async function resolveClusterConfig(options: ResolveClusterConfigOptions): Promise<ClusterConfig> {
  const {kubeconfig, context, serviceAccountDirectory, env = process.env, clock} = options;
  const withClock = clock ? {clock} : {};
  let notInCluster: unknown;
  if (kubeconfig === undefined && context === undefined) {
    try {
      const directory = serviceAccountDirectory ? {directory: serviceAccountDirectory} : {};
      return await inClusterConfig({env, ...directory, ...withClock});
    } catch (error) {
      if (!(error instanceof ReconcilerKitError) || error.code !== 'NOT_IN_CLUSTER') throw error;
      notInCluster = error;
    }
  }
  // Loaded here only: a Pod needs no YAML and no log-in plugins.
  const {loadKubeconfig} = await import('../client-node/index.ts');
  try {
    return await loadKubeconfig({path: kubeconfig, context, env, ...withClock});
  } catch (error) {
    if (notInCluster === undefined) throw error;
    throw new ReconcilerKitError(
      'CONFIG_INVALID',
      'found no API server: this is not a Pod with a service account, and there is no usable kubeconfig; name one with --kubeconfig',
      {cause: error},
    );
  }
}
