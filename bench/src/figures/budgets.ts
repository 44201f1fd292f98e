import type {Measurement} from '../measure/measurement.ts';
import type {TargetResult} from '../report/bench-result.ts';
import type {Figure} from '../scenarios/scenario.ts';
import {writesOf} from './api-requests.ts';

/** One budget of the architecture, as it was found. */
export interface BudgetVerdict {
  target: string;
  title: string;
  found: number;
  /** What the architecture asks for. */
  budget: string;
  /** What must hold for the check to pass: the budget, with room for the noise of a shared machine where it is a ratio. */
  limit: string;
  withinBudget: boolean;
  passed: boolean;
}

interface Bound {
  at: 'most' | 'least' | 'exactly';
  budget: number;
  /** Default: the budget. */
  limit?: number;
}

/**
 * Of the servers, kube-apiserver is the one that budgets were made for. The embedded one passes a Run on in a fifth of the time,
 * and so leaves the start of a program, which costs the same everywhere, a larger share.
 */
const limits = {
  kube: {latency: 5, tail: 8, share: 0.25, ownCpu: 3},
  other: {latency: 10, tail: 16, share: 0.1, ownCpu: undefined},
} as const;

/** 10^6 bytes in one MiB. */
const MEGABYTES = 1.048576;
/** What a process may hold more than its budget before the check fails: heaps differ from start to start. */
const MEMORY_ROOM = 1.4;

/** The budgets for which there are figures. */
export function judge(target: TargetResult): BudgetVerdict[] {
  const verdicts: BudgetVerdict[] = [];
  const add = (title: string, found: number | undefined, bound: Bound): void => {
    if (found !== undefined) verdicts.push(verdict(target.name, title, found, bound));
  };
  const room = target.name === 'kube' ? limits.kube : limits.other;
  for (const own of target.measurements.filter(({path}) => path === 'kruntimes')) {
    const relay = relayOf(target.measurements, own);
    const load = `${own.scenario} ${own.load}`;
    add(`${load}: Runs lost, bound again, changed after their end or not successful`, troubles(own), {
      at: 'exactly',
      budget: 0,
    });
    // Of more than there are slots some wait, and one that waits long is told why: one write more.
    const haveSlots = own.scenario === 'sequential' || (own.scenario === 'closed' && Number(own.load) <= 25);
    const writes = haveSlots ? writesPerShortRun(own) : undefined;
    add(`${load}: writes per Run, besides that of Runs seen Running`, writes, {at: 'exactly', budget: 3});
    if (relay === undefined) continue;
    if (own.scenario === 'sequential') {
      const times = (quantile: 'p50' | 'p95'): number | undefined =>
        ratio(own.latency.total?.[quantile], relay.latency.total?.[quantile]);
      add(`${load}: p50, times that of the relay`, times('p50'), {at: 'most', budget: 2, limit: room.latency});
      add(`${load}: p95, times that of the relay`, times('p95'), {at: 'most', budget: 2, limit: room.tail});
    }
    if (own.scenario !== 'closed' || !['25', '64'].includes(own.load)) continue;
    const share = ratio(own.perSecond, relay.perSecond);
    add(`${load}: Runs per s, share of the relay's`, share, {at: 'least', budget: 0.6, limit: room.share});
    if (room.ownCpu === undefined) continue;
    add(`${load}: CPU of all our processes, times the API server's`, ownCpuShare(own), {
      at: 'most',
      budget: 1,
      limit: room.ownCpu,
    });
  }
  const figure = (scenario: string, name: string): Figure | undefined =>
    target.figures.find((each) => each.scenario === scenario && each.name === name);
  add('idle: requests that are no Lease renewals', figure('idle', 'other requests')?.value, {at: 'exactly', budget: 0});
  for (const [group, megabytes] of [
    ['runtimed', 70],
    ['scheduler', 90],
    ['controller', 90],
  ] as const) {
    const mebibytes = figure('start', `memory of ${group}`)?.value;
    const found = mebibytes === undefined ? undefined : mebibytes * MEGABYTES;
    add(`start: memory of ${group}, MB`, found, {at: 'most', budget: megabytes, limit: megabytes * MEMORY_ROOM});
  }
  for (const group of ['runtimed', 'scheduler', 'controller']) {
    const growth = figure('growth', `memory of ${group}`)?.value;
    add(`growth: memory of ${group} after twice the Runs, times that before`, growth, {
      at: 'most',
      budget: 1.1,
      limit: MEMORY_ROOM,
    });
  }
  return verdicts;
}

/** Processor time of what is ours in one load, per Run, in milliseconds; programs included. */
export function ownCpuMs({cpuSeconds, runs}: Measurement): number {
  const {scheduler = 0, controller = 0, runtimed = 0, runtimeServer = 0} = cpuSeconds;
  return ((scheduler + controller + runtimed + runtimeServer) * 1000) / runs;
}

/** The relay under the same load. */
export function relayOf(measurements: readonly Measurement[], own: Measurement): Measurement | undefined {
  return measurements.find(
    ({path, scenario, load}) => path === 'relay' && scenario === own.scenario && load === own.load,
  );
}

/** Writes per Run, all of them. */
export function writesPerRun({path, requests, runs}: Measurement): number | undefined {
  return requests && writesOf(requests, path === 'relay' ? 'runs.relay' : 'runs') / runs;
}

function writesPerShortRun({requests, runs, seenRunning}: Measurement): number | undefined {
  return requests && (writesOf(requests, 'runs') - seenRunning) / runs;
}

function ownCpuShare(own: Measurement): number | undefined {
  const server = own.cpuSeconds['server'];
  return server ? ratio(ownCpuMs(own), (server * 1000) / own.runs) : undefined;
}

function troubles({lost, faults}: Measurement): number {
  return lost + faults.boundAgain + faults.changedAfterEnd + faults.refused + faults.unsuccessful;
}

function ratio(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined || right === undefined || right === 0 ? undefined : left / right;
}

function verdict(target: string, title: string, found: number, {at, budget, limit = budget}: Bound): BudgetVerdict {
  const holds = (bound: number): boolean =>
    at === 'exactly' ? found === bound : at === 'most' ? found <= bound : found >= bound;
  const text = (bound: number): string =>
    `${{most: '≤ ', least: '≥ ', exactly: ''}[at]}${Number.isInteger(bound) ? bound : bound.toPrecision(3)}`;
  return {
    target,
    title,
    found,
    budget: text(budget),
    limit: text(limit),
    withinBudget: holds(budget),
    passed: holds(limit),
  };
}
