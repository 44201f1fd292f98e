import {ownCpuMs, relayOf} from '../figures/budgets.ts';
import type {Measurement} from '../measure/measurement.ts';
import type {BenchResult} from './bench-result.ts';
import {table, times} from './markdown-table.ts';

/**
 * What this result is, as a multiple of another one, as Markdown; loads that both have. The last columns compare what the
 * relays of the two leave as their share: these hold across machines.
 */
export function comparisonText(base: BenchResult, now: BenchResult): string {
  const rows = now.targets.flatMap((target) => {
    const before = base.targets.find(({name}) => name === target.name);
    if (before === undefined) return [];
    return target.measurements.flatMap((load) => {
      const old = before.measurements.find(
        ({path, scenario, load: which}) => path === load.path && scenario === load.scenario && which === load.load,
      );
      if (old === undefined) return [];
      const [relay, oldRelay] = [relayOf(target.measurements, load), relayOf(before.measurements, old)];
      const isOwn = load.path === 'kruntimes';
      return [
        [
          target.name,
          load.path,
          `${load.scenario} ${load.load}`,
          times(load.perSecond, old.perSecond),
          times(load.latency.total?.p50, old.latency.total?.p50),
          times(load.latency.total?.p95, old.latency.total?.p95),
          times(cpuMs(load), cpuMs(old)),
          times(serverMs(load), serverMs(old)),
          isOwn ? times(quotient(load.perSecond, relay?.perSecond), quotient(old.perSecond, oldRelay?.perSecond)) : '',
          isOwn
            ? times(
                quotient(load.latency.total?.p50, relay?.latency.total?.p50),
                quotient(old.latency.total?.p50, oldRelay?.latency.total?.p50),
              )
            : '',
        ],
      ];
    });
  });
  const heading = [
    'server',
    'path',
    'load',
    'Runs per s',
    'p50',
    'p95',
    'our CPU per Run',
    "API server's",
    'share of the relay',
    'p50 in relays',
  ];
  return rows.length === 0
    ? 'The two results have no load in common.'
    : `Now ÷ then (${base.startedAt.slice(0, 10)}, commit ${base.environment.commit}):\n\n${table(heading, rows)}`;
}

function cpuMs(load: Measurement): number | undefined {
  return load.path === 'kruntimes' && load.cpuSeconds['runtimed'] !== undefined ? ownCpuMs(load) : undefined;
}

function serverMs({cpuSeconds, runs}: Measurement): number | undefined {
  return cpuSeconds['server'] === undefined ? undefined : cpuSeconds['server'] / runs;
}

function quotient(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined || !right ? undefined : left / right;
}
