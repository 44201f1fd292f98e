import {isTerminal, LOGS_ARTIFACT, type Run} from '@kruntimes/api-types';
import {AttemptLog, type AttemptLogOptions, type AttemptLogResult} from './attempt-log.ts';
import type {RunObserver} from './run-observer.ts';

export interface FollowRunOptions extends AttemptLogOptions {
  observer: Pick<RunObserver, 'until'>;
  name: string;
  /** The first attempt to read; later ones follow. */
  fromAttempt: number;
  /** Do not go on to the next attempt. */
  onlyThisAttempt?: boolean;
  /** The reader of the first attempt, when part of its log has been read already. */
  firstLog?: AttemptLog;
  /** Where else the rest of a log may be, when it is not in the Pod any more. */
  recover?: (log: AttemptLog, attempt: number, run: Run, signal: AbortSignal) => Promise<AttemptLogResult>;
  /** Called before the log of an attempt is read. */
  onAttempt?: (attempt: number, pod: string) => void;
  /** Called when the log of an attempt has been read as far as it goes. */
  onAttemptRead?: (attempt: number, result: AttemptLogResult, run: Run) => Promise<void>;
}

/**
 * Reads the output of a Run, attempt by attempt, from wherever the Run is now until it has ended.
 * @returns the Run in its terminal phase (or, with `onlyThisAttempt`, as it was when the attempt was over)
 */
export async function followRun(options: FollowRunOptions, signal: AbortSignal): Promise<Run> {
  const {observer, name} = options;
  for (let attempt = options.fromAttempt; ; attempt++) {
    const wanted = attempt;
    const placed = await observer.until(name, (run) => hasEnded(run) || isPlaced(run, wanted));
    const current = placed.status?.attempt ?? 0;
    // Ended before it got (another) slot.
    if (current < attempt) return placed;
    attempt = current;
    const pod = placed.status?.assignedPod;
    // What is seen next may be the end of a later attempt, of which nothing was read yet.
    const isLast = (run: Run): boolean => hasEnded(run) && run.status?.attempt === current;
    const over = observer.until(
      name,
      (run) => hasEnded(run) || run.status?.attempt !== current || run.status.phase === 'Pending',
    );
    if (pod) {
      options.onAttempt?.(current, pod);
      const ref = {uid: placed.metadata?.uid ?? '', attempt: current, pod, startedMs: startedMs(placed)};
      const log = current === options.fromAttempt && options.firstLog ? options.firstLog : new AttemptLog(ref, options);
      // `over` is awaited below: a rejection must not count as unhandled before.
      over.catch(() => undefined);
      let result = await log.follow(over, signal);
      const after = await over;
      if (!result.complete && options.recover) result = await options.recover(log, current, after, signal);
      await options.onAttemptRead?.(current, result, after);
      if (isLast(after) || options.onlyThisAttempt) return after;
    } else {
      const after = await over;
      if (isLast(after) || options.onlyThisAttempt) return after;
    }
  }
}

function isPlaced(run: Run, attempt: number): boolean {
  const {phase, assignedPod} = run.status ?? {};
  return (
    (run.status?.attempt ?? 0) >= attempt && Boolean(assignedPod) && (phase === 'Scheduled' || phase === 'Running')
  );
}

export function hasEnded(run: Run): boolean {
  return isTerminal(run.status?.phase);
}

/** Nothing of the present attempt can have been written before this time. */
export function startedMs(run: Run): number | undefined {
  const times = [run.status?.scheduledTime, run.status?.startTime].map((time) =>
    time ? Date.parse(time) : Number.NaN,
  );
  const known = times.filter(Number.isFinite);
  return known.length > 0 ? Math.min(...known) : undefined;
}

/** Whether the log of this attempt is in an artifact store: that of the last one may be. */
export function hasStoredLog(run: Run, attempt: number): boolean {
  const {artifactStore, artifactRefs = [], attempt: last} = run.status ?? {};
  return artifactStore !== undefined && attempt === last && artifactRefs.some(({name}) => name === LOGS_ARTIFACT);
}
