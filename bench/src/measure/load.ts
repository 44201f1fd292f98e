import {setTimeout as delay} from 'node:timers/promises';
import type {RunSpec} from '@kruntimes/api-types';
import {intendedMs} from '../figures/open-loop-schedule.ts';
import type {RunClock, RunTimes} from './run-clock.ts';

/** What came of one load. */
export interface LoadResult {
  runs: RunTimes[];
  /** Not seen terminal, long after the last was created. */
  lost: number;
  /** From the first create to the last end, in milliseconds. */
  durationMs: number;
}

export interface LoadBounds {
  /** Runs at most. */
  count: number;
  /** No Run is created after so many seconds. */
  seconds: number;
  /** How long to wait for what was created. Default 120. */
  patienceSeconds?: number;
}

type Spec = Partial<RunSpec>;

/** So many at a time: the next is created when one is seen to be over. */
export async function closedLoop(
  clock: RunClock,
  spec: Spec,
  {concurrency, ...bounds}: LoadBounds & {concurrency: number},
): Promise<LoadResult> {
  const started = performance.now();
  let created = 0;
  const runs: RunTimes[] = [];
  const worker = async (): Promise<void> => {
    while (created < bounds.count && performance.now() - started < bounds.seconds * 1000) {
      created++;
      runs.push(await clock.run(spec));
    }
  };
  const workers = Array.from({length: Math.min(concurrency, bounds.count)}, worker);
  return await finished(clock, {runs, started, work: Promise.all(workers), bounds});
}

/** At fixed times, whatever has become of those before. Times are taken from when a Run was to be created. */
export async function openLoop(
  clock: RunClock,
  spec: Spec,
  {ratePerSecond, ...bounds}: LoadBounds & {ratePerSecond: number},
): Promise<LoadResult> {
  const started = performance.now();
  const runs: RunTimes[] = [];
  const launched: Promise<unknown>[] = [];
  for (let index = 0; index < bounds.count; index++) {
    const due = intendedMs(started, ratePerSecond, index);
    if (due - started > bounds.seconds * 1000) break;
    const early = due - performance.now();
    if (early > 0) await delay(early);
    launched.push(clock.run(spec, due).then((times) => runs.push(times)));
  }
  return await finished(clock, {runs, started, work: Promise.all(launched), bounds});
}

/** All at once, as fast as the API server takes them. */
export async function burst(clock: RunClock, spec: Spec, bounds: LoadBounds): Promise<LoadResult> {
  const started = performance.now();
  const runs: RunTimes[] = [];
  const ended: Promise<unknown>[] = [];
  let created = 0;
  const worker = async (): Promise<void> => {
    while (created < bounds.count && performance.now() - started < bounds.seconds * 1000) {
      created++;
      const launched = clock.launch(spec, started);
      ended.push(launched.promise.then((times) => runs.push(times)));
      await launched.created;
    }
  };
  const creators = Promise.all(Array.from({length: 64}, worker)).then(() => Promise.all(ended));
  return await finished(clock, {runs, started, work: creators, bounds});
}

async function finished(
  clock: RunClock,
  parts: {runs: RunTimes[]; started: number; work: Promise<unknown>; bounds: LoadBounds},
): Promise<LoadResult> {
  const {runs, started, work, bounds} = parts;
  const patience = new AbortController();
  const tooLong = delay((bounds.seconds + (bounds.patienceSeconds ?? 120)) * 1000, 'late', {signal: patience.signal});
  // Aborted when it is not needed.
  tooLong.catch(() => {});
  const late = (await Promise.race([work, tooLong])) === 'late';
  patience.abort();
  const lost = late ? clock.abandon() : 0;
  const last = Math.max(started, ...runs.map(({terminalMs}) => terminalMs ?? started));
  return {runs, lost, durationMs: last - started};
}
