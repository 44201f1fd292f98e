import type {Path, Target} from '../cluster/target.ts';
import {type RequestCounts, requestsBetween} from '../figures/api-requests.ts';
import {type LatencySummary, overTime, summarise} from '../figures/latency-summary.ts';
import type {LoadResult} from './load.ts';
import {cpuBetween, sampleProcesses} from './process-sample.ts';
import type {ClockFaults, RunClock, RunTimes} from './run-clock.ts';

/** One load on one path. */
export interface Measurement {
  scenario: string;
  /** Which load of the scenario, such as its concurrency. */
  load: string;
  path: Path;
  runs: number;
  perSecond: number;
  /** Milliseconds. */
  latency: {
    /** From when the Run was to be created to when the watch told its end. */
    total?: LatencySummary;
    /** From sending the create: to its answer; to when the watch told the bind; to `status.startTime`; to its end. */
    created?: LatencySummary;
    bound?: LatencySummary;
    started?: LatencySummary;
    sentToEnd?: LatencySummary;
  };
  /** Ends in each tenth of the time. */
  overTime: number[];
  /** Requests at the API server; missing where it does not say. */
  requests?: RequestCounts;
  /** Runs that were seen Running: each of these costs one more write. */
  seenRunning: number;
  /** Processor time of each group of processes, in seconds. */
  cpuSeconds: Record<string, number>;
  /** Of the largest process of each group, after the load. */
  residentMiB: Record<string, number>;
  lost: number;
  faults: ClockFaults;
}

interface Round {
  result: LoadResult;
  requests: RequestCounts | undefined;
  cpuSeconds: Record<string, number>;
  residentMiB: Record<string, number>;
  faults: ClockFaults;
}

export interface MeasureOptions {
  scenario: string;
  load: string;
  paths: readonly Path[];
  /** The paths take turns, so that what else the machine does hits both. */
  rounds: number;
  work: (clock: RunClock, path: Path) => Promise<LoadResult>;
  /** Default: the Runtime of the target. */
  where?: {namespace?: string; runtime?: string};
}

/** Measures a load on each path, in turns. */
export async function measure(target: Target, options: MeasureOptions): Promise<Measurement[]> {
  const rounds = new Map<Path, Round[]>(options.paths.map((path) => [path, []]));
  for (let round = 0; round < options.rounds; round++) {
    for (const path of round % 2 === 0 ? options.paths : options.paths.toReversed()) {
      process.stderr.write(`  ${options.scenario} ${options.load}, ${path}, round ${round + 1} of ${options.rounds}`);
      const clock = await target.clock(path, options.where);
      const measured = await measureRound(target, clock, () => options.work(clock, path));
      rounds.get(path)!.push(measured);
      const {runs, durationMs} = measured.result;
      process.stderr.write(`: ${runs.length} Runs, ${((runs.length * 1000) / durationMs).toFixed(1)} per s\n`);
    }
  }
  return [...rounds].map(([path, measured]) => summary(options, path, measured));
}

async function measureRound(target: Target, clock: RunClock, work: () => Promise<LoadResult>): Promise<Round> {
  const groups = await target.processes();
  const faultsBefore = {...clock.faults};
  const requestsBefore = await target.requests();
  const before = await sampleProcesses(groups);
  const result = await work();
  const after = await sampleProcesses(groups);
  const requestsAfter = await target.requests();
  return {
    result,
    requests: requestsBefore && requestsAfter && requestsBetween(requestsBefore, requestsAfter),
    cpuSeconds: cpuBetween(before, after),
    residentMiB: Object.fromEntries(Object.entries(after).map(([name, {residentMiB}]) => [name, residentMiB])),
    faults: differenceOf(faultsBefore, clock.faults),
  };
}

function summary({scenario, load}: MeasureOptions, path: Path, rounds: readonly Round[]): Measurement {
  const runs = rounds.flatMap(({result}) => result.runs);
  const seconds = sum(rounds.map(({result}) => result.durationMs)) / 1000;
  const requests = rounds.every((round) => round.requests !== undefined)
    ? rounds.map((round) => round.requests!).reduce(added)
    : undefined;
  return {
    scenario,
    load,
    path,
    runs: runs.length,
    perSecond: seconds === 0 ? 0 : runs.length / seconds,
    latency: latencyOf(runs),
    overTime: rounds
      .map(({result}) => overTime(result.runs.map(endOf), Math.min(...result.runs.map(({sentMs}) => sentMs)), 10))
      .reduce((total, each) => total.map((count, part) => count + each[part]!)),
    ...(requests && {requests}),
    seenRunning: runs.filter(({runningMs}) => runningMs !== undefined).length,
    cpuSeconds: rounds.map(({cpuSeconds}) => cpuSeconds).reduce(added),
    residentMiB: rounds.at(-1)!.residentMiB,
    lost: sum(rounds.map(({result}) => result.lost)),
    faults: rounds
      .map(({faults}) => faults)
      .reduce((total, each) => added({...total}, {...each}) as unknown as ClockFaults),
  };
}

function latencyOf(runs: readonly RunTimes[]): Measurement['latency'] {
  const times = (
    pick: (run: RunTimes) => number | undefined,
    from: 'intendedMs' | 'sentMs',
  ): LatencySummary | undefined =>
    summarise(
      runs.flatMap((run) => {
        const at = pick(run);
        return at === undefined ? [] : [at - run[from]];
      }),
    );
  const found = {
    total: times(endOf, 'intendedMs'),
    created: times(({createdMs}) => createdMs, 'sentMs'),
    bound: times(({boundMs}) => boundMs, 'sentMs'),
    started: times(({startedMs}) => startedMs, 'sentMs'),
    sentToEnd: times(endOf, 'sentMs'),
  };
  return Object.fromEntries(Object.entries(found).filter(([, each]) => each !== undefined));
}

function endOf({terminalMs}: RunTimes): number {
  return terminalMs ?? Number.NaN;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function added(left: Record<string, number>, right: Record<string, number>): Record<string, number> {
  const total = {...left};
  for (const [name, value] of Object.entries(right)) total[name] = (total[name] ?? 0) + value;
  return total;
}

function differenceOf(before: ClockFaults, after: ClockFaults): ClockFaults {
  return Object.fromEntries(
    Object.entries(after).map(([name, count]) => [name, count - before[name as keyof ClockFaults]]),
  ) as unknown as ClockFaults;
}
