import {
  API_VERSION,
  ARTIFACTS_FINALIZER,
  type ArtifactStoreSpec,
  artifactPrefix,
  artifactsSettled,
  type DeepReadonly,
  FORCE_RELEASE_ANNOTATION,
  RUN_KIND,
  type Run,
  runKind,
} from '@kruntimes/api-types';
import {
  type Cache,
  type Client,
  type Clock,
  type EventRecorder,
  isNotFound,
  type KubernetesObject,
  kinds,
  type Manager,
  type Metrics,
  matching,
  type ReconcileContext,
  type ReconcileRequest,
  type ReconcileResult,
} from '@kruntimes/reconciler-kit';

export interface ArtifactReleaseOptions {
  manager: Manager;
  /** Those that may have artifacts in a store. */
  runs: Cache<Run>;
  clock: Clock;
}

/** For so long, what was seen of a namespace is taken for true: a thousand Runs that go together cost one look at it. */
const NAMESPACE_LOOK_MS = 1_000;
/** A namespace that begins to go does not touch a Run that was deleted before. */
const LOOK_AGAIN_MS = 30_000;

/**
 * Takes the finalizer of artifacts from deleted Runs where no maintainer can, or need: a Run that never got as far as an upload, one whose
 * namespace goes, and one whose artifacts somebody has given up. What stays behind in the store is reported.
 */
export function addArtifactRelease(options: ArtifactReleaseOptions): void {
  const {manager, runs} = options;
  const {client, events, metrics} = manager;
  const release = new ArtifactRelease({runs, client, events, metrics, clock: options.clock});
  manager
    .controller({
      name: 'artifact-release',
      maxConcurrent: 8,
      reconcile: (request, context) => release.reconcile(request, context),
    })
    .for(runs, [matching(({metadata}) => metadata?.deletionTimestamp !== undefined)]);
}

interface Parts {
  readonly runs: Pick<Cache<Run>, 'get'>;
  readonly client: Pick<Client, 'kind'>;
  readonly events: Pick<EventRecorder, 'event'>;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

type ReleaseCause = 'unused' | 'forced' | 'namespace';

/** Looks at one deleted Run. */
export class ArtifactRelease {
  readonly #parts: Parts;
  readonly #released;
  readonly #namespaces = new Map<string, {seenMs: number; terminating: Promise<boolean>}>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#released = parts.metrics.counter({
      name: 'kruntimes_controller_artifact_finalizers_released_total',
      help: 'Deleted Runs that the controller let go without their artifacts being deleted, by cause: unused, forced, namespace',
      labelNames: ['cause'],
    });
    for (const cause of ['unused', 'forced', 'namespace']) this.#released.inc({cause}, 0);
  }

  async reconcile({key}: ReconcileRequest, context: ReconcileContext): Promise<ReconcileResult> {
    const run = this.#parts.runs.get(key);
    if (run?.metadata?.deletionTimestamp === undefined) return {};
    const cause = await this.#causeOf(run, context.signal);
    if (cause === undefined) return {requeueAfterMs: LOOK_AGAIN_MS};
    if (!(await this.#release(run, context.signal))) return {};
    this.#released.inc({cause});
    this.#report(run, cause, context);
    return {};
  }

  async #causeOf(run: DeepReadonly<Run>, signal: AbortSignal): Promise<ReleaseCause | undefined> {
    if (run.metadata?.annotations?.[FORCE_RELEASE_ANNOTATION] === 'true') return 'forced';
    // The store is noted before the first byte goes there, by an attempt that is still under way.
    if (run.status?.artifactStore === undefined && artifactsSettled(run)) return 'unused';
    return (await this.#isTerminating(run.metadata?.namespace ?? '', signal)) ? 'namespace' : undefined;
  }

  async #isTerminating(namespace: string, signal: AbortSignal): Promise<boolean> {
    const nowMs = this.#parts.clock.monotonic();
    const known = this.#namespaces.get(namespace);
    if (known !== undefined && nowMs - known.seenMs < NAMESPACE_LOOK_MS) return await known.terminating;
    for (const [name, {seenMs}] of this.#namespaces)
      if (nowMs - seenMs >= NAMESPACE_LOOK_MS) this.#namespaces.delete(name);
    const terminating = this.#readTerminating(namespace, signal);
    this.#namespaces.set(namespace, {seenMs: nowMs, terminating});
    return await terminating;
  }

  async #readTerminating(namespace: string, signal: AbortSignal): Promise<boolean> {
    try {
      const {metadata} = await this.#parts.client.kind(kinds.Namespace).get(namespace, {signal, metadataOnly: true});
      return metadata?.deletionTimestamp !== undefined;
    } catch (error) {
      if (isNotFound(error)) return true;
      this.#namespaces.delete(namespace);
      throw error;
    }
  }

  /** False if the Run is gone already. */
  async #release(run: DeepReadonly<Run>, signal: AbortSignal): Promise<boolean> {
    const {name = '', namespace, uid, resourceVersion, finalizers = []} = run.metadata ?? {};
    const others = finalizers.filter((finalizer) => finalizer !== ARTIFACTS_FINALIZER);
    try {
      // Uid and resourceVersion are preconditions: a store may have been noted, and finalizers of others must not get lost.
      const body = {metadata: {uid, resourceVersion, finalizers: others}};
      await this.#parts.client.kind(runKind).patch({name, namespace}, {type: 'merge', body}, {signal});
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  #report(run: DeepReadonly<Run>, cause: ReleaseCause, {logger}: ReconcileContext): void {
    const {name = '', namespace = '', uid = ''} = run.metadata ?? {};
    const store = run.status?.artifactStore;
    if (store === undefined) return;
    const place = locationOf(store, artifactPrefix({namespace, uid}));
    logger.warn('artifacts orphaned', {run: name, namespace, uid, cause, place});
    const [regarding, note]: [KubernetesObject, string] =
      cause === 'namespace'
        ? // No Event can be written in the namespace. It is one for all of its Runs: the same again only counts.
          [
            {apiVersion: 'v1', kind: 'Namespace', metadata: {name: namespace}},
            `the namespace is deleted with Runs in it: their artifacts stay behind below ${locationOf(store, `${namespace}/`)}`,
          ]
        : [
            {apiVersion: API_VERSION, kind: RUN_KIND, metadata: {name, namespace, uid}},
            `the Run was let go by ${FORCE_RELEASE_ANNOTATION}: its artifacts stay behind below ${place}`,
          ];
    this.#parts.events.event(regarding, {type: 'Warning', reason: 'ArtifactsOrphaned', action: 'Release', note});
  }
}

/** Where a prefix of keys is, for people. */
export function locationOf({filesystem, s3}: DeepReadonly<ArtifactStoreSpec>, prefix: string): string {
  const join = (...parts: (string | undefined)[]): string =>
    parts.flatMap((part) => (part ?? '').split('/').filter((segment) => segment !== '')).join('/');
  if (filesystem !== undefined) {
    return `${join(filesystem.path, prefix)}/ in PersistentVolumeClaim ${filesystem.claimName}`;
  }
  const place = `s3://${join(s3?.bucket, s3?.prefix, prefix)}/`;
  return s3?.endpoint === undefined ? place : `${place} at ${s3.endpoint}`;
}
