import {setTimeout as delay} from 'node:timers/promises';

/** A process that somebody may end from outside. */
export interface KeptProcess {
  name: string;
  /** How the running process ends. */
  exited(): Promise<string>;
  /** Resolves when it is ready. */
  restart(): Promise<void>;
}

export interface KeepRunningOptions {
  /** Ends the care; to be aborted before the process is stopped. */
  signal: AbortSignal;
  /** A sentence about each end and each new start. */
  tell: (text: string) => void;
  /** Before the first attempt to start it again; doubles up to 30 s while it ends at once. */
  waitMs?: number;
}

const LONGEST_WAIT_MS = 30_000;
/** A process that ran for this long is healthy. */
const HEALTHY_MS = 60_000;

/** Starts a process again whenever it ends, until the signal aborts. */
export async function keepRunning(kept: KeptProcess, options: KeepRunningOptions): Promise<void> {
  const {signal, tell, waitMs: firstWaitMs = 100} = options;
  const stopped = new Promise<string>((resolve) => {
    if (signal.aborted) resolve('stopped');
    else signal.addEventListener('abort', () => resolve('stopped'), {once: true});
  });
  let waitMs = firstWaitMs;
  for (;;) {
    const since = performance.now();
    const how = await Promise.race([kept.exited(), stopped]);
    if (signal.aborted) return;
    if (performance.now() - since > HEALTHY_MS) waitMs = firstWaitMs;
    tell(`${kept.name} ended (${how}): it is started again`);
    await delay(waitMs, undefined, {signal}).catch(() => {});
    if (signal.aborted) return;
    waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
    await kept.restart().then(
      () => tell(`${kept.name} is up again`),
      (error: unknown) => tell(`${kept.name} did not start: ${String(error)}`),
    );
  }
}
