import {type BudgetVerdict, judge, ownCpuMs, relayOf, writesPerRun} from '../figures/budgets.ts';
import type {Measurement} from '../measure/measurement.ts';
import type {BenchResult, TargetResult} from './bench-result.ts';
import {figure, table, times} from './markdown-table.ts';

/** How servers are called in the report. */
const titles: Record<string, string> = {
  embedded: 'Embedded API server, SQLite with `synchronous=FULL`',
  kube: 'kube-apiserver and etcd with fsync',
  cluster: 'The cluster of the kubeconfig',
};

/** The whole report, as Markdown. */
export function reportText(result: BenchResult): string {
  const {environment, profile, seconds, startedAt} = result;
  const own = result.targets.every(({runtime}) => runtime !== undefined);
  return [
    `Profile \`${profile}\`, ${startedAt.slice(0, 10)}, commit ${environment.commit}, ${Math.round(seconds / 60)} minutes. ` +
      `${environment.cores} cores (${environment.cpu}) and ${environment.memoryGiB} GiB for ${own ? 'servers, Pods and clients together' : 'the clients'}; ` +
      `Node ${environment.node}, ${environment.platform}; servers on ${environment.storage}, volumes of Pods on ${environment.podVolumes}; load average before the start ${environment.loadBefore.toFixed(1)}.`,
    ...result.targets.map(targetText),
  ].join('\n\n');
}

function targetText(target: TargetResult): string {
  const own = target.measurements.filter(({path}) => path === 'kruntimes');
  const relayed = (load: Measurement): Measurement | undefined => relayOf(target.measurements, load);
  const runtime =
    target.runtime === undefined ? '' : `${target.runtime.pods} Runtime Pods with ${target.runtime.slots} slots each, `;
  const sections = [
    `### ${titles[target.name] ?? target.name}`,
    `${runtime}Runs created by ${target.identity}.`,
    section('Create to end seen, and Runs per second', rateTable(own, relayed)),
    section('Where the time goes: milliseconds from sending the create, p50 / p95', stepTable(own)),
    section('What a Run costs', costTable(own, relayed)),
    section('Memory of the largest process of each kind after the load, MiB', memoryTable(own)),
    section('Other figures', figureTable(target)),
    section('Budgets', budgetTable(judge(target))),
    target.notes.map((note) => `- ${note}`).join('\n'),
  ];
  return sections.filter((text) => text !== '').join('\n\n');
}

function section(title: string, text: string): string {
  return text === '' ? '' : `${title}:\n\n${text}`;
}

function name({scenario, load}: Measurement): string {
  return `${scenario} ${load}`;
}

function rateTable(own: readonly Measurement[], relayed: (load: Measurement) => Measurement | undefined): string {
  return table(
    [
      'load',
      'Runs',
      'per s',
      'relay, per s',
      'share',
      'p50 ms',
      'relay',
      '×',
      'p95 ms',
      'relay',
      '×',
      'p99 ms',
      'max ms',
      'lost',
    ],
    own.map((load) => {
      const relay = relayed(load);
      const [mine, theirs] = [load.latency.total, relay?.latency.total];
      return [
        name(load),
        figure(load.runs),
        figure(load.perSecond),
        figure(relay?.perSecond),
        times(load.perSecond, relay?.perSecond),
        figure(mine?.p50),
        figure(theirs?.p50),
        times(mine?.p50, theirs?.p50),
        figure(mine?.p95),
        figure(theirs?.p95),
        times(mine?.p95, theirs?.p95),
        figure(mine?.p99),
        figure(mine?.max),
        figure(load.lost),
      ];
    }),
  );
}

function stepTable(own: readonly Measurement[]): string {
  return table(
    ['load', 'create answered', 'bind seen', 'program started', 'end seen'],
    own.map((load) => {
      const {created, bound, started, sentToEnd} = load.latency;
      const both = (step: {p50: number; p95: number} | undefined): string =>
        step === undefined ? '' : `${figure(step.p50)} / ${figure(step.p95)}`;
      return [name(load), both(created), both(bound), both(started), both(sentToEnd)];
    }),
  );
}

function costTable(own: readonly Measurement[], relayed: (load: Measurement) => Measurement | undefined): string {
  const perRun = (load: Measurement, group: string): string => {
    const seconds = load.cpuSeconds[group];
    return seconds === undefined ? '' : figure((seconds * 1000) / load.runs);
  };
  return table(
    [
      'load',
      'writes',
      'relay',
      'API server, CPU s per 1,000',
      'relay',
      'all ours',
      'scheduler',
      'controller',
      'runtimed',
      'Runtime server and programs',
      'node',
      'client',
    ],
    own.map((load) => {
      const relay = relayed(load);
      const measured = load.cpuSeconds['runtimed'] !== undefined;
      return [
        name(load),
        figure(writesPerRun(load)),
        figure(relay && writesPerRun(relay)),
        perRun(load, 'server'),
        relay === undefined ? '' : perRun(relay, 'server'),
        measured ? figure(ownCpuMs(load)) : '',
        ...['scheduler', 'controller', 'runtimed', 'runtimeServer', 'node', 'client'].map((group) =>
          perRun(load, group),
        ),
      ];
    }),
  );
}

function memoryTable(own: readonly Measurement[]): string {
  const groups = ['server', 'scheduler', 'controller', 'runtimed', 'runtimeServer', 'node', 'client'];
  return table(
    ['load', 'API server', 'scheduler', 'controller', 'runtimed', 'Runtime server', 'node', 'client'],
    own.map((load) => [
      name(load),
      ...groups.map((group) => (load.residentMiB[group] === undefined ? '' : load.residentMiB[group].toFixed(0))),
    ]),
  );
}

function figureTable({figures}: TargetResult): string {
  return table(
    ['scenario', 'case', 'what', 'value', 'unit'],
    figures.map(({scenario, load, name: what, value, unit}) => [scenario, load, what, figure(value), unit]),
  );
}

export function budgetTable(verdicts: readonly BudgetVerdict[]): string {
  return table(
    ['what', 'found', 'budget', 'check fails unless', ''],
    verdicts.map(({title, found, budget, limit, withinBudget, passed}) => [
      title,
      figure(found),
      budget,
      limit,
      passed ? (withinBudget ? 'ok' : 'over budget') : 'FAILED',
    ]),
  );
}
