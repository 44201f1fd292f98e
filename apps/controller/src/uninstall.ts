import {
  API_VERSION,
  ARTIFACT_STORE_LABEL,
  ARTIFACTS_FINALIZER,
  artifactPrefix,
  type DeepReadonly,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  RUN_KIND,
  RUNTIME_LABEL,
  type Run,
  runKind,
} from '@kruntimes/api-types';
import {
  type Client,
  type Clock,
  type EventRecorder,
  isConflict,
  isNotFound,
  type Kind,
  type KubernetesObject,
  kinds,
  type Logger,
} from '@kruntimes/reconciler-kit';
import {locationOf} from './artifact-release.ts';

export interface UninstallOptions {
  client: Client;
  clock: Clock;
  events: Pick<EventRecorder, 'event'>;
  logger: Logger;
  /** One namespace only. */
  namespace?: string | undefined;
}

const LOOK_AGAIN_MS = 1_000;
const ours = `${MANAGED_BY_LABEL}=${MANAGED_BY}`;

/** Stops Deployments of kruntimes itself, `namespace/name` each, so that nothing is made again that {@link uninstall} takes back. */
export async function stopDeployments(client: Client, deployments: readonly string[]): Promise<void> {
  for (const key of deployments) {
    const [namespace = '', name = ''] = key.split('/');
    try {
      await client.kind(kinds.Deployment).patch({namespace, name}, {type: 'merge', body: {spec: {replicas: 0}}});
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/**
 * Takes back what the controller has made, and lets all Runs go that have its finalizer: their artifacts stay in the store, and an Event says where.
 * Runs and Runtimes stay, for a controller that is installed later. It may be interrupted and called again.
 */
export async function uninstall(options: UninstallOptions, signal: AbortSignal): Promise<void> {
  const {clock, logger} = options;
  const deleted = await deleteAll(kinds.Deployment, `${RUNTIME_LABEL},${ours}`, options);
  logger.info('deployments of runtimes deleted', {deployments: deleted});
  // As long as a Pod is there it reports, and may mark Runs.
  for (let left = await podsLeft(options); left > 0; left = await podsLeft(options)) {
    logger.info('waiting for the pods of runtimes to end', {pods: left});
    await clock.sleep(LOOK_AGAIN_MS, signal);
  }
  let released = 0;
  for await (const run of options.client.kind(runKind).listAll(scopeOf(options))) {
    if (await releaseRun(run, options)) released++;
  }
  logger.info('runs let go', {runs: released});
  await deleteAll(kinds.Deployment, `${ARTIFACT_STORE_LABEL},${ours}`, options);
  await deleteAll(kinds.NetworkPolicy, `${RUNTIME_LABEL},${ours}`, options);
  for (const kind of [kinds.RoleBinding, kinds.Role, kinds.ServiceAccount])
    await deleteAll(kind as Kind, ours, options);
}

function scopeOf({namespace}: UninstallOptions): {namespace?: string} {
  return namespace === undefined ? {} : {namespace};
}

async function podsLeft(options: UninstallOptions): Promise<number> {
  const {items} = await options.client
    .kind(kinds.Pod)
    .list({...scopeOf(options), labelSelector: RUNTIME_LABEL, metadataOnly: true});
  return items.length;
}

/** How many there were. */
async function deleteAll<T extends KubernetesObject>(
  kind: Kind<T>,
  labelSelector: string,
  options: UninstallOptions,
): Promise<number> {
  const client = options.client.kind(kind);
  const items = await client.list({...scopeOf(options), labelSelector, metadataOnly: true}).then(
    (list) => list.items,
    (error: unknown) => {
      // A kind that the API server does not have.
      if (isNotFound(error)) return [];
      throw error;
    },
  );
  for (const {metadata} of items) {
    const {name = '', namespace, uid} = metadata ?? {};
    try {
      await client.delete({name, namespace}, {propagationPolicy: 'Background', preconditions: {uid}});
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  return items.length;
}

/** Whether it had our finalizer. */
async function releaseRun(listed: DeepReadonly<Run>, {client, events, logger}: UninstallOptions): Promise<boolean> {
  const {name = '', namespace = '', uid = ''} = listed.metadata ?? {};
  for (let run = listed; run.metadata?.finalizers?.includes(ARTIFACTS_FINALIZER); ) {
    const finalizers = run.metadata.finalizers.filter((finalizer) => finalizer !== ARTIFACTS_FINALIZER);
    // Uid and resourceVersion are preconditions: finalizers of others must not get lost.
    const body = {metadata: {uid, resourceVersion: run.metadata.resourceVersion, finalizers}};
    try {
      await client.kind(runKind).patch({name, namespace}, {type: 'merge', body});
      const store = run.status?.artifactStore;
      if (store !== undefined) {
        const place = locationOf(store, artifactPrefix({namespace, uid}));
        logger.warn('artifacts orphaned', {run: name, namespace, cause: 'uninstall', place});
        const note = `kruntimes was uninstalled: the artifacts of the Run stay behind below ${place}`;
        const regarding = {apiVersion: API_VERSION, kind: RUN_KIND, metadata: {name, namespace, uid}};
        events.event(regarding, {type: 'Warning', reason: 'ArtifactsOrphaned', action: 'Release', note});
      }
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      if (!isConflict(error)) throw error;
      const present = await client.kind(runKind).get(name, {namespace});
      if (present.metadata?.uid !== uid) return false;
      run = present;
    }
  }
  return false;
}
