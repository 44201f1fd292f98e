import type {Client, Clock, EventRecorder, Logger} from '@kruntimes/reconciler-kit';
import type {ProcessGuard} from '@kruntimes/reconciler-kit/testing';
import type {BackOffOptions} from './back-off.ts';
import type {ImageMap} from './image-map.ts';

/** What all Pods of a local node share. */
export interface NodeContext {
  nodeName: string;
  /** InternalIP of the node. */
  hostIP: string;
  client: Client;
  events: EventRecorder;
  clock: Clock;
  logger: Logger;
  images: ImageMap;
  guard: ProcessGuard;
  /** Short; holds `p/` (Pods), `l/` (logs) and `claims/`. */
  directory: string;
  /** PEM of the API server's authority. */
  clusterCa: string;
  /** Environment of every container: PATH, and where the API server is. */
  containerEnv: Readonly<Record<string, string>>;
  backOff: BackOffOptions;
}
