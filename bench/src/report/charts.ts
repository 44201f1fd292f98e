import type {Measurement} from '../measure/measurement.ts';
import type {TargetResult} from './bench-result.ts';
import {type LineChart, lineChart, type Series} from './line-chart.ts';

const paths = ['kruntimes', 'relay'] as const;

/** SVG files by name. Only what has at least two points is drawn. */
export function charts(target: TargetResult): Record<string, string> {
  const {name, measurements, figures} = target;
  const drawn: Record<string, LineChart> = {
    throughput: {
      title: `Runs per second, ${name}`,
      xTitle: 'Runs at a time',
      yTitle: 'Runs per second',
      logX: true,
      series: paths.map((path) => byLoad(measurements, {path, scenario: 'closed'}, path, ({perSecond}) => perSecond)),
    },
    latency: {
      title: `Create to end seen, ${name}`,
      xTitle: 'Runs at a time',
      yTitle: 'milliseconds',
      logX: true,
      series: paths.flatMap((path) => [
        byLoad(measurements, {path, scenario: 'closed'}, `${path}, p50`, ({latency}) => latency.total?.p50),
        {
          ...byLoad(measurements, {path, scenario: 'closed'}, `${path}, p95`, ({latency}) => latency.total?.p95),
          dashed: true,
        },
      ]),
    },
    'open-loop': {
      title: `Due to end seen at fixed rates, ${name}`,
      xTitle: 'Runs due per second',
      yTitle: 'milliseconds',
      series: paths.flatMap((path) => [
        byLoad(measurements, {path, scenario: 'open'}, `${path}, p50`, ({latency}) => latency.total?.p50),
        {
          ...byLoad(measurements, {path, scenario: 'open'}, `${path}, p99`, ({latency}) => latency.total?.p99),
          dashed: true,
        },
      ]),
    },
    burst: {
      title: `Runs over in each tenth of a burst, ${name}`,
      xTitle: 'tenth of the time',
      yTitle: 'share of the Runs',
      series: measurements
        .filter(({scenario, path}) => scenario === 'burst' && path === 'kruntimes')
        .map(({load, overTime, runs}) => ({
          name: `burst of ${load}`,
          points: overTime.map((count, part) => ({x: part + 1, y: count / runs})),
        })),
    },
  };
  for (const [scenario, xTitle] of [
    ['scheduler-pods', 'simulated Pods'],
    ['scheduler-finished', 'finished Runs stored'],
    ['scheduler-pending', 'Runs that wait'],
  ] as const) {
    const points = figures
      .filter((figure) => figure.scenario === scenario && figure.name === 'scheduler CPU per bind')
      .map(({load, value}) => ({x: Number(load), y: value}));
    drawn[scenario] = {
      title: `Scheduler CPU per bind, ${name}`,
      xTitle,
      yTitle: 'milliseconds',
      logX: points.every(({x}) => x > 0),
      series: [{name: 'CPU per bind', points}],
    };
  }
  return Object.fromEntries(
    Object.entries(drawn)
      .filter(([, {series}]) => series.some(({points}) => points.length > 1))
      .map(([file, chart]) => [`${name}-${file}.svg`, lineChart(chart)]),
  );
}

function byLoad(
  measurements: readonly Measurement[],
  which: {path: string; scenario: string},
  name: string,
  value: (load: Measurement) => number | undefined,
): Series {
  const points = measurements
    .filter(({path, scenario}) => path === which.path && scenario === which.scenario)
    .flatMap((load) => {
      const y = value(load);
      return y === undefined ? [] : [{x: Number.parseFloat(load.load), y}];
    });
  return {name, points, hue: paths.findIndex((path) => path === which.path)};
}
