import type {Run} from '@kruntimes/api-types';
import type {Clock} from '@kruntimes/reconciler-kit';
import {RetryLater} from './artifact-download.ts';
import type {AttemptLog, AttemptLogResult} from './attempt-log.ts';
import type {Connection} from './connection.ts';
import {explainFailure} from './failure.ts';
import {KrtError} from './krt-error.ts';
import {MaintainerSource} from './maintainer-source.ts';

export interface StoredLogOptions {
  connection: Connection;
  clock: Clock;
  signal: AbortSignal;
  onWait?: ((what: string) => void) | undefined;
}

/** Nobody wants to wait long for a copy. */
const timeoutMs = 30_000;
const retryMs = 500;

/**
 * Goes on reading an attempt's log in the artifact store, where the log of its Pod ended.
 * @returns how far it came, and why no further
 */
export async function readStoredLog(
  log: AttemptLog,
  run: Run,
  attempt: number,
  options: StoredLogOptions,
): Promise<{result: AttemptLogResult; problem?: string}> {
  const {connection, clock, signal, onWait} = options;
  const source = new MaintainerSource({connection, run, clock, timeoutMs, onWait});
  const startMs = clock.monotonic();
  for (;;) {
    try {
      return {result: await log.readStored(await source.openLog(attempt, signal))};
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RetryLater && clock.monotonic() - startMs < timeoutMs) {
        await clock.sleep(retryMs, signal);
        continue;
      }
      const explained = await explainFailure(error, connection);
      if (explained instanceof KrtError || explained instanceof RetryLater)
        return {result: log.result, problem: explained.message};
      throw explained;
    }
  }
}
