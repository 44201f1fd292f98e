/** The benchmark: `npm run bench -- --help`. */
import {mkdir, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {Target} from './cluster/target.ts';
import {judge} from './figures/budgets.ts';
import {sampleProcesses} from './measure/process-sample.ts';
import {type BenchOptions, helpText, parseOptions} from './options.ts';
import type {BenchResult, TargetResult} from './report/bench-result.ts';
import {charts} from './report/charts.ts';
import {comparisonText} from './report/comparison.ts';
import {environment} from './report/environment.ts';
import {figure} from './report/markdown-table.ts';
import {withMarkedBlock} from './report/marked-block.ts';
import {reportText} from './report/report-text.ts';
import {scenarios} from './scenarios/index.ts';
import {warmUp} from './scenarios/loads.ts';

const options = readOptions();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // The processes that it started end with this one.
  process.on(signal, () => process.exit(130));
}
try {
  await report(options.from === undefined ? await measureAll() : await readResult(options.from));
} catch (error) {
  progress(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

function readOptions(): BenchOptions {
  try {
    const parsed = parseOptions(process.argv.slice(2), scenarios);
    if (parsed !== 'help') return parsed;
    process.stdout.write(helpText(scenarios));
    process.exit(0);
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  }
}

async function measureAll(): Promise<BenchResult> {
  const started = performance.now();
  const head = {format: 1, startedAt: new Date().toISOString(), profile: options.profile.name} as const;
  const where = environment(options.podDirectory);
  const targets: TargetResult[] = [];
  if (options.kubeconfig === undefined) {
    for (const flavour of options.controlPlanes) {
      progress(flavour);
      const runtime = {pods: options.pods, slots: options.slots};
      await using target = await Target.start(flavour, {...runtime, podDirectory: options.podDirectory});
      targets.push(await measureTarget(target, runtime));
    }
  } else {
    const {kubeconfig, namespace, runtime} = options;
    progress(kubeconfig);
    await using target = await Target.connect({kubeconfig, namespace, runtime});
    targets.push(await measureTarget(target, undefined));
  }
  return {...head, seconds: (performance.now() - started) / 1000, environment: where, targets};
}

async function measureTarget(target: Target, runtime: TargetResult['runtime']): Promise<TargetResult> {
  const {name, identity} = target;
  const found: TargetResult = {name, identity, runtime, measurements: [], figures: [], notes: []};
  if (target.world !== undefined) {
    const samples = await sampleProcesses(await target.processes());
    for (const [group, {residentMiB}] of Object.entries(samples))
      found.figures.push({scenario: 'start', load: '', name: `memory of ${group}`, value: residentMiB, unit: 'MiB'});
  }
  await warmUp(target, options.profile.warmUpRuns);
  for (const wanted of options.scenarios) {
    const scenario = scenarios.find((each) => each.name === wanted)!;
    if (scenario.needsWorld && target.world === undefined) {
      found.notes.push(`${scenario.name}: left out, it needs a control plane of its own`);
      continue;
    }
    progress(`${target.name}: ${scenario.name}, ${scenario.title}`);
    const {measurements = [], figures = [], notes = []} = await scenario.run(target, options.profile);
    found.measurements.push(...measurements);
    found.figures.push(...figures);
    for (const note of notes) if (!found.notes.includes(note)) found.notes.push(note);
  }
  return found;
}

async function readResult(path: string): Promise<BenchResult> {
  return JSON.parse(await readFile(path, 'utf8')) as BenchResult;
}

async function report(found: BenchResult): Promise<void> {
  const text = reportText(found);
  process.stdout.write(`${text}\n`);
  if (options.out !== undefined) {
    await mkdir(options.out, {recursive: true});
    const files = Object.assign({}, ...found.targets.map(charts)) as Record<string, string>;
    files['report.md'] = `${text}\n`;
    files['result.json'] = `${JSON.stringify(found, undefined, 2)}\n`;
    for (const [name, content] of Object.entries(files)) await writeFile(join(options.out, name), content);
  }
  if (options.docs !== undefined)
    await writeFile(options.docs, withMarkedBlock(await readFile(options.docs, 'utf8'), text));
  if (options.compare !== undefined)
    process.stdout.write(`\n${comparisonText(await readResult(options.compare), found)}\n`);
  if (options.check) check(found);
}

function check(found: BenchResult): void {
  const verdicts = found.targets.flatMap(judge);
  const failed = verdicts.filter(({passed}) => !passed);
  for (const {target, title, found: value, limit, budget} of failed)
    process.stderr.write(`bench: ${target}: ${title}: ${figure(value)}, must be ${limit} (budget ${budget})\n`);
  process.stdout.write(`${verdicts.length - failed.length} passed, ${failed.length} failed\n`);
  // A check that judged nothing has checked nothing.
  process.exitCode = failed.length > 0 || verdicts.length === 0 ? 1 : 0;
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
