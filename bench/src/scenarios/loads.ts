/** Loads of Runs that do as little as a Run can do, through kruntimes and through the relay. */
import type {RunSpec} from '@kruntimes/api-types';
import type {Path, Target} from '../cluster/target.ts';
import {burst, closedLoop, openLoop} from '../measure/load.ts';
import {type Measurement, type MeasureOptions, measure} from '../measure/measurement.ts';
import type {Scenario} from './scenario.ts';

/** The object is 1.4 KB with its status, as one of a user's is. */
export const hello: Partial<RunSpec> = {
  source: {inline: `echo hello\n# ${'-'.repeat(500)}\n`},
  timeoutSeconds: 60,
};

function pathsOf(target: Target): Path[] {
  return target.hasRelay ? ['relay', 'kruntimes'] : ['kruntimes'];
}

/** Connections and compiled code on all sides. */
export async function warmUp(target: Target, count: number): Promise<void> {
  for (const path of pathsOf(target)) {
    await closedLoop(await target.clock(path), hello, {count, seconds: 60, concurrency: 16});
  }
}

async function each<T>(
  target: Target,
  loads: readonly T[],
  options: (load: T) => Omit<MeasureOptions, 'paths'>,
): Promise<{measurements: Measurement[]}> {
  const measurements: Measurement[] = [];
  for (const load of loads) measurements.push(...(await measure(target, {...options(load), paths: pathsOf(target)})));
  return {measurements};
}

export const sequential: Scenario = {
  name: 'sequential',
  title: 'one Run after the other',
  run: (target, {sequential: bounds, rounds}) =>
    each(target, ['1'], (load) => ({
      scenario: 'sequential',
      load,
      rounds,
      work: (clock) => closedLoop(clock, hello, {...bounds, concurrency: 1}),
    })),
};

export const closed: Scenario = {
  name: 'closed',
  title: 'so many Runs at a time, the next when one is over',
  run: (target, {closed: {concurrencies, ...bounds}, rounds}) =>
    each(target, concurrencies, (concurrency) => ({
      scenario: 'closed',
      load: String(concurrency),
      rounds,
      work: (clock) => closedLoop(clock, hello, {...bounds, concurrency}),
    })),
};

export const open: Scenario = {
  name: 'open',
  title: 'so many Runs a second, whatever becomes of them; times from when a Run was due',
  run: (target, {open: {ratesPerSecond, seconds}}) =>
    each(target, ratesPerSecond, (ratePerSecond) => ({
      scenario: 'open',
      load: `${ratePerSecond}/s`,
      rounds: 1,
      work: (clock) => openLoop(clock, hello, {ratePerSecond, seconds, count: ratePerSecond * seconds}),
    })),
};

export const bursts: Scenario = {
  name: 'burst',
  title: 'so many Runs as fast as the API server takes them',
  async run(target, {burst: {counts, seconds}}) {
    const {measurements} = await each(target, counts, (count) => ({
      scenario: 'burst',
      load: String(count),
      rounds: 1,
      work: (clock) => burst(clock, hello, {count, seconds, patienceSeconds: seconds}),
    }));
    const figures = measurements.map(({load, path, overTime}) => ({
      scenario: 'burst',
      load,
      name: `Runs of ${path} over in the second half of the time, times those in the first`,
      value: sum(overTime.slice(5)) / sum(overTime.slice(0, 5)),
      unit: '',
    }));
    return {measurements, figures};
  },
};

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
