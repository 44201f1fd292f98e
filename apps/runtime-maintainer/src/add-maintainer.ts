import {type ArtifactStoreSpec, type Run, runKind} from '@kruntimes/api-types';
import type {ArtifactStore} from '@kruntimes/artifact-store';
import {type Cache, type Clock, ExponentialRateLimiter, type Logger, type Manager} from '@kruntimes/reconciler-kit';
import {DownloadServer} from './download-server.ts';
import {RunCleaner} from './run-cleaner.ts';
import {StoredArtifacts} from './stored-artifacts.ts';
import {storedRuns} from './stored-runs.ts';

export interface AddMaintainerOptions {
  namespace: string;
  /** The snapshot in the status of the Runs. */
  spec: ArtifactStoreSpec;
  store: ArtifactStore;
  /** Where downloads are served; `0`: nowhere. */
  downloadBindAddress: string;
  /** Runs whose artifacts are deleted at the same time. */
  maxConcurrentDeletes: number;
  clock: Clock;
  logger: Logger;
  /** First and longest wait before a store is asked again that refused. Default 1 s and 1 min. */
  retry?: {baseDelayMs: number; maxDelayMs: number};
}

/** Enough for millions of objects; what was deleted until then need not be deleted again. */
const DELETE_TIMEOUT_MS = 15 * 60_000;

export interface Maintainer {
  readonly downloads: DownloadServer;
  /** Those that may have artifacts in the store. */
  readonly runs: Cache<Run>;
}

/** Gives a Manager everything that the maintainer of one store in one namespace does. */
export function addMaintainer(manager: Manager, options: AddMaintainerOptions): Maintainer {
  const {namespace, spec, store, clock, logger, retry = {baseDelayMs: 1_000, maxDelayMs: 60_000}} = options;
  const runs = manager.cache(runKind, storedRuns(namespace, spec));
  const client = manager.client.kind(runKind);
  const cleaner = new RunCleaner({runs, client, store, clock, metrics: manager.metrics});
  manager
    .controller({
      name: 'run-cleaner',
      maxConcurrent: options.maxConcurrentDeletes,
      reconcileTimeoutMs: DELETE_TIMEOUT_MS,
      rateLimiter: new ExponentialRateLimiter(retry),
      reconcile: (request, context) => cleaner.reconcile(request, context),
    })
    .for(runs);
  const downloads = new DownloadServer({
    bindAddress: options.downloadBindAddress,
    artifacts: new StoredArtifacts({runs, client}),
    store,
    logger,
    metrics: manager.metrics,
  });
  manager.add({name: 'downloads', start: (signal) => serveUntil(downloads, signal)});
  manager.addReadyCheck('downloads', () => {
    if (downloads.port === undefined && options.downloadBindAddress !== '0') throw new Error('not listening');
  });
  return {downloads, runs};
}

async function serveUntil(downloads: DownloadServer, signal: AbortSignal): Promise<void> {
  await downloads.start();
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), {once: true});
  });
  await downloads.stop();
}
