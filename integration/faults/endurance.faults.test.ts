import {mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {afterAll, beforeAll, expect, test} from '@jest/globals';
import {isTerminal} from '@kruntimes/api-types';
import {builtPrograms, type LocalPrograms} from '@kruntimes/krt-cli/dev';
import {freePorts} from '@kruntimes/reconciler-kit/testing';
import {FaultSystem} from './fault-system.ts';
import {readForm} from './form.ts';
import {type MemoryReading, readMemory} from './process-memory.ts';
import {judge} from './verdict.ts';

const form = readForm();
const RUNS = form.full ? 10_000 : 2_000;
/** After so many, whatever is allocated once is allocated. */
const WARM_RUNS = 1_000;
const AT_ONCE = 16;
/** The controller deletes finished Runs beyond these, so that after {@link WARM_RUNS} it knows as many as at the end. */
const FINISHED_RUNS = 500;
const CREATE_MS = 120_000;
const RUN_MS = 300_000;
const REST_MS = 60_000;
/** What a heap may vary by, without growing: caches of compiled code, of times and of names come and go. */
const HEAP_NOISE_BYTES = 512 * 1024;
const RSS_FACTOR = 1.15;
const RSS_NOISE_BYTES = 8 * 1024 * 1024;
const READY_PIPES = 512;
/** Connections that are kept open for the next request may be more or fewer. */
const DESCRIPTOR_NOISE = 8;

const apps = ['runtimed', 'scheduler', 'controller', 'bash-runtime'] as const;
type App = (typeof apps)[number];

let system: FaultSystem;
let ports: Record<App, number>;

beforeAll(async () => {
  const [runtimed = 0, scheduler = 0, controller = 0, bash = 0] = await freePorts(apps.length);
  ports = {runtimed, scheduler, controller, 'bash-runtime': bash};
  const built = await builtPrograms();
  const inspected = Object.fromEntries(
    Object.entries(built).map(([app, [node = '', ...args]]) => [
      app,
      [node, `--inspect=127.0.0.1:${ports[app as App]}`, ...args],
    ]),
  ) as unknown as LocalPrograms;
  system = await FaultSystem.start({
    pods: 1,
    runsPerPod: 8,
    programs: inspected,
    args: {controller: [`--max-finished-runs-per-namespace=${FINISHED_RUNS}`]},
  });
}, 240_000);
afterAll(() => system?.stop(), 120_000);

/** Executes Runs `first` to `last - 1`, some at a time; returns what went wrong. */
async function executeRuns(first: number, last: number): Promise<string[]> {
  const problems: string[] = [];
  let next = first;
  const inline = system.ledger.script('echo "some output"; echo "a=b" >> "$KRUNTIME_OUTPUTS"');
  const expected = {phase: 'Succeeded', exitCode: 0, outputs: {a: 'b'}, stdoutBytes: 12, ownAttempts: 1} as const;
  const uids: string[] = [];
  const one = async (): Promise<void> => {
    while (next < last) {
      const name = `run-${next++}`;
      await system.create({name, spec: {runtime: 'bash', source: {inline}}}, CREATE_MS);
      const ended = await system.until(name, ({status}) => isTerminal(status?.phase), RUN_MS);
      uids.push(ended.metadata?.uid ?? '');
    }
  };
  await Promise.all(Array.from({length: AT_ONCE}, one));
  await system.history.caughtUp();
  const executions = Map.groupBy(system.ledger.executions(), ({uid}) => uid);
  const overlapping = new Set(system.ledger.overlaps().map(({uid}) => uid));
  for (const uid of uids) {
    const states = system.history.of(uid).map(({run}) => run);
    const evidence = {uid, expected, states, executions: executions.get(uid) ?? [], overlaps: 0};
    problems.push(...judge({...evidence, overlaps: overlapping.has(uid) ? 1 : 0}));
  }
  system.history.clear();
  return problems;
}

/** Waits until nothing of any Run is left; returns what is. */
async function rest(): Promise<string[]> {
  const left = await system.leftovers(REST_MS);
  system.ledger.clear();
  return left;
}

async function pidOf(app: App): Promise<number> {
  const [pod = ''] = await system.podNames();
  const pid =
    app === 'scheduler' || app === 'controller'
      ? system.cluster[app].pid
      : system.pid(pod, app === 'runtimed' ? 'runtimed' : 'runtime');
  if (pid === undefined) throw new Error(`${app} does not run`);
  return pid;
}

async function readAll(): Promise<Record<App, MemoryReading>> {
  const readings = await Promise.all(apps.map(async (app) => [app, await readMemory(await pidOf(app), ports[app])]));
  return Object.fromEntries(readings) as Record<App, MemoryReading>;
}

/** Files and directories of the Pod, and how many pipes the Runtime server has ready: it makes them ahead of need. */
function podFiles(): {names: string[]; pipes: number} {
  const all = system.cluster.agent.workers.flatMap(({directory}) =>
    readdirSync(directory, {recursive: true}).map(String),
  );
  const names = all.filter((name) => !/\.pipes\/\d+$/.test(name));
  return {names: names.toSorted(), pipes: all.length - names.length};
}

/** Until nobody has any child but those that were there before. */
async function childrenOf(app: App, limitMs: number): Promise<number[]> {
  const parent = await pidOf(app);
  const deadline = performance.now() + limitMs;
  for (;;) {
    const children = readdirSync(`/proc/${parent}/task`).flatMap((task) =>
      readFileSync(`/proc/${parent}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
    if (children.length === 0 || performance.now() > deadline) return children;
    await delay(50);
  }
}

test(`${RUNS} Runs through one Pod leave no memory, file, descriptor or process behind`, async () => {
  const started = performance.now();
  expect(await executeRuns(0, WARM_RUNS)).toEqual([]);
  expect(await rest()).toEqual([]);
  const filesBefore = podFiles();
  const before = await readAll();
  for (let first = WARM_RUNS; first < RUNS; first += 1_000) {
    expect(await executeRuns(first, Math.min(first + 1_000, RUNS))).toEqual([]);
    expect(await rest()).toEqual([]);
  }
  const after = await readAll();
  const seconds = Math.round((performance.now() - started) / 1000);
  report({runs: RUNS, seconds, before, after});

  for (const app of apps) {
    const [earlier, later] = [before[app], after[app]];
    expect([app, later.heapBytes <= earlier.heapBytes + HEAP_NOISE_BYTES]).toEqual([app, true]);
    expect([app, later.rssBytes <= earlier.rssBytes * RSS_FACTOR + RSS_NOISE_BYTES]).toEqual([app, true]);
    expect([app, later.fileDescriptors <= earlier.fileDescriptors + DESCRIPTOR_NOISE]).toEqual([app, true]);
  }
  const files = podFiles();
  expect(files.names).toEqual(filesBefore.names);
  expect(files.pipes).toBeLessThanOrEqual(READY_PIPES);
  expect(await childrenOf('bash-runtime', REST_MS)).toEqual([]);
  expect(await childrenOf('runtimed', REST_MS)).toEqual([]);
}, 3_600_000);

function report(figures: {
  runs: number;
  seconds: number;
  before: Record<App, MemoryReading>;
  after: Record<App, MemoryReading>;
}): void {
  const mb = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);
  const line = (app: App): string => {
    const [earlier, later] = [figures.before[app], figures.after[app]];
    return (
      `  ${app.padEnd(14)} heap ${mb(earlier.heapBytes)} -> ${mb(later.heapBytes)} MB, ` +
      `RSS ${mb(earlier.rssBytes)} -> ${mb(later.rssBytes)} MB, ` +
      `descriptors ${earlier.fileDescriptors} -> ${later.fileDescriptors}`
    );
  };
  const header = `faults: endurance, ${WARM_RUNS} -> ${figures.runs} Runs in ${figures.seconds} s`;
  process.stderr.write(`${[header, ...apps.map(line)].join('\n')}\n`);
  if (form.reportDirectory === undefined) return;
  mkdirSync(form.reportDirectory, {recursive: true});
  writeFileSync(join(form.reportDirectory, 'endurance.json'), `${JSON.stringify(figures, undefined, 2)}\n`);
}
