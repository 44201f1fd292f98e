import {artifactKey, type Run} from '@kruntimes/api-types';
import {type Cache, isNotFound, type KindClient} from '@kruntimes/reconciler-kit';
import {describeError, MaintainerError} from './errors.ts';
import {BY_UID} from './stored-runs.ts';

/** An object in the store, and what the Run says of it. */
export interface StoredArtifact {
  key: string;
  /** Absent where only the store knows: an artifact of an earlier attempt. */
  sizeBytes?: number | undefined;
  digest?: string | undefined;
  mediaType?: string | undefined;
}

export interface StoredArtifactsOptions {
  runs: Pick<Cache<Run>, 'byIndex'>;
  client: Pick<KindClient<Run>, 'get'>;
}

/** Finds artifacts by the UID of their Run. */
export class StoredArtifacts {
  readonly #options: StoredArtifactsOptions;

  constructor(options: StoredArtifactsOptions) {
    this.#options = options;
  }

  /**
   * @param attempt absent: what `status.artifactRefs` names
   * @throws MaintainerError `RUN_UNKNOWN`, `ARTIFACT_UNKNOWN`, `API_UNAVAILABLE`
   */
  async find(uid: string, name: string, attempt: number | undefined, signal: AbortSignal): Promise<StoredArtifact> {
    const {namespace = '', name: runName = ''} = this.#options.runs.byIndex(BY_UID, uid)[0]?.metadata ?? {};
    if (runName === '') throw unknownRun(uid);
    const run = await this.#read(runName, namespace, signal);
    if (run?.metadata?.uid !== uid) throw unknownRun(uid);
    const ref = run.status?.artifactRefs?.find((candidate) => candidate.name === name);
    const key = attempt === undefined ? ref?.key : artifactKey({namespace, uid}, attempt, name);
    if (key === undefined) throw new MaintainerError('ARTIFACT_UNKNOWN', `Run ${runName} has no artifact ${name}`);
    return ref?.key === key ? ref : {key};
  }

  async #read(name: string, namespace: string, signal: AbortSignal): Promise<Run | undefined> {
    try {
      return await this.#options.client.get(name, {namespace, signal});
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw new MaintainerError('API_UNAVAILABLE', `Run ${name} could not be read: ${describeError(error)}`, {
        cause: error,
      });
    }
  }
}

function unknownRun(uid: string): MaintainerError {
  return new MaintainerError('RUN_UNKNOWN', `no Run with UID ${uid} has artifacts in this store`);
}
