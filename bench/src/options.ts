import {parseArgs} from 'node:util';
import {type Profile, profiles} from './profiles.ts';
import type {Scenario} from './scenarios/scenario.ts';

export interface BenchOptions {
  /** Where to measure, one after the other. */
  controlPlanes: ('embedded' | 'kube')[];
  /** Instead of those: a cluster that is there. */
  kubeconfig?: string;
  namespace: string;
  runtime: string;
  pods: number;
  slots: number;
  podDirectory?: string;
  profile: Profile;
  scenarios: string[];
  check: boolean;
  out?: string;
  compare?: string;
  docs?: string;
  from?: string;
}

export function helpText(scenarios: readonly Scenario[]): string {
  const lines = scenarios.map(({name, title}) => `  ${name.padEnd(20)}${title}`);
  return `Usage: npm run bench [-- OPTION...]

Measures Runs through kruntimes and, in turns, through a relay: three bare clients that create an object of the same form, see it,
bind it, see it, finish it and see it, on the same API server. One client clock takes all times from one watch. The report is
Markdown on standard output.

Where:
  --control-plane LIST  embedded (SQLite, synchronous=FULL), kube (kube-apiserver and etcd with fsync) or both, with a
                        comma between; started and stopped by this command (default: embedded,kube)
  --pods N, --slots N   Runtime Pods there, and slots of each (default: 2 and 32)
  --pod-directory DIR   where the volumes of the Pods are; a short path (default: the folder for temporary files)
  --kubeconfig FILE     a cluster on which kruntimes is installed, instead
  --namespace NAME, --runtime NAME
                        its Runtime (default: default and bash)

What:
  --profile NAME        short (minutes), medium (half an hour) or full (hours) (default: short)
  --scenario LIST       some scenarios only, in this order:
${lines.join('\n')}

The report:
  --out DIR             also as result.json, report.md and plots (SVG) in this folder
  --compare FILE        a result.json: print ratios to it
  --check               fail when a budget that is a ratio or a count is broken; ends with "N passed, N failed"
  --docs FILE           put the report between the marks of this document
  --from FILE           measure nothing, report this result.json

A profile says how many Runs at most, and how long: bench/src/profiles.ts.
`;
}

/** @throws Error with what is wrong with the command line. */
export function parseOptions(args: readonly string[], scenarios: readonly Scenario[]): BenchOptions | 'help' {
  const {values} = parseArgs({
    args: [...args],
    options: {
      'control-plane': {type: 'string', default: 'embedded,kube'},
      kubeconfig: {type: 'string'},
      namespace: {type: 'string', default: 'default'},
      runtime: {type: 'string', default: 'bash'},
      pods: {type: 'string', default: '2'},
      slots: {type: 'string', default: '32'},
      'pod-directory': {type: 'string'},
      profile: {type: 'string', default: 'short'},
      scenario: {type: 'string'},
      check: {type: 'boolean', default: false},
      out: {type: 'string'},
      compare: {type: 'string'},
      docs: {type: 'string'},
      from: {type: 'string'},
      help: {type: 'boolean', short: 'h'},
    },
  });
  if (values.help) return 'help';
  const {kubeconfig, out, compare, docs, from, check, namespace, runtime, 'pod-directory': podDirectory} = values;
  const profile = oneOf('--profile', values.profile, Object.keys(profiles)) as Profile['name'];
  const known = scenarios.map(({name}) => name);
  const {[profile]: chosen} = profiles;
  return {
    controlPlanes: list(values['control-plane']).map(
      (name) => oneOf('--control-plane', name, ['embedded', 'kube']) as 'embedded' | 'kube',
    ),
    namespace,
    runtime,
    pods: positive('--pods', values.pods),
    slots: positive('--slots', values.slots),
    profile: chosen,
    scenarios:
      values.scenario === undefined
        ? [...chosen.scenarios]
        : list(values.scenario).map((name) => oneOf('--scenario', name, known)),
    check,
    ...(podDirectory !== undefined && {podDirectory}),
    ...(kubeconfig !== undefined && {kubeconfig}),
    ...(out !== undefined && {out}),
    ...(compare !== undefined && {compare}),
    ...(docs !== undefined && {docs}),
    ...(from !== undefined && {from}),
  };
}

function list(text: string): string[] {
  return text.split(',').map((part) => part.trim());
}

function oneOf(option: string, value: string, allowed: readonly string[]): string {
  if (!allowed.includes(value)) throw new Error(`${option} ${value}: say ${allowed.join(', ')}`);
  return value;
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${option} ${text}: say a number from 1 on`);
  return value;
}
