import {homedir} from 'node:os';
import {join} from 'node:path';

/** What a cluster is called and where its things are. Everything follows from the index. */
export interface ClusterLayout {
  /** Name of the Node, the network link and the control group. */
  name: string;
  /** Data, keys and logs; removed by `down`, but for the images. */
  directory: string;
  /** The host's and the node's end of the link between them. */
  hostAddress: string;
  nodeAddress: string;
  /** Prefix length of the link. */
  linkPrefix: number;
  /** All addresses of the cluster, those of Pods, those of Services. */
  range: string;
  podRange: string;
  serviceRange: string;
  /** The Service `kubernetes`. */
  apiServiceAddress: string;
}

export const MAX_CLUSTERS = 8;

/**
 * Clusters have addresses from 198.18.0.0/16, which no network uses: it is set aside for measurements.
 *
 * @param index 0 to {@link MAX_CLUSTERS} - 1: several clusters on one machine
 * @see RFC 2544 appendix C.2.2
 */
export function clusterLayout(index = 0, env: NodeJS.ProcessEnv = process.env): ClusterLayout {
  if (!Number.isInteger(index) || index < 0 || index >= MAX_CLUSTERS)
    throw new RangeError(`a cluster's index is 0 to ${MAX_CLUSTERS - 1}`);
  const third = index * 32;
  const name = `kruntimes-e2e${index === 0 ? '' : index}`;
  const cache = env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache');
  return {
    name,
    directory: join(cache, 'kruntimes', 'e2e', name),
    hostAddress: `198.18.${third + 31}.1`,
    nodeAddress: `198.18.${third + 31}.2`,
    linkPrefix: 30,
    range: `198.18.${third}.0/19`,
    podRange: `198.18.${third}.0/20`,
    serviceRange: `198.18.${third + 16}.0/21`,
    apiServiceAddress: `198.18.${third + 16}.1`,
  };
}
