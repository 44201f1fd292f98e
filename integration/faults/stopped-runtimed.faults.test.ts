import {setTimeout as delay} from 'node:timers/promises';
import {afterEach, expect, test} from '@jest/globals';
import {RUNTIMED_READY_CONDITION, type Runtime} from '@kruntimes/api-types';
import {kinds} from '@kruntimes/reconciler-kit';
import {waitForObject} from '@kruntimes/reconciler-kit/testing';
import {FaultSystem} from './fault-system.ts';
import {readForm} from './form.ts';
import type {PlannedRun} from './programs.ts';
import {judge} from './verdict.ts';

const STOPPED_MS = 60_000;
const PODS = 2;
const RUNS_PER_POD = 6;
const CREATE_MS = 60_000;
/** The least that the schema allows. */
const UNREACHABLE_SECONDS = 120;

const form = readForm();
let system: FaultSystem;

afterEach(() => system?.stop(), 120_000);

function sleeper(name: string, seconds: number): PlannedRun {
  const body = `echo begins; sleep ${seconds}; echo "slept=${seconds}" >> "$KRUNTIME_OUTPUTS"`;
  return {
    name,
    program: 'sleeps',
    spec: {runtime: 'bash', source: {inline: system.ledger.script(body)}},
    expected: {phase: 'Succeeded', exitCode: 0, outputs: {slept: String(seconds)}, stdoutBytes: 7, ownAttempts: 1},
  };
}

/** Creates Runs and waits until all of them run; returns the Pod that has most of them. */
async function startAll(runs: readonly PlannedRun[]): Promise<string> {
  await Promise.all(runs.map((run) => system.create(run, CREATE_MS)));
  const running = await Promise.all(
    runs.map((run) => system.until(run.name, ({status}) => status?.phase === 'Running', CREATE_MS)),
  );
  const pods = running.map(({status}) => status?.assignedPod ?? '');
  const count = (pod: string): number => pods.filter((other) => other === pod).length;
  return pods.toSorted((a, b) => count(b) - count(a))[0] ?? '';
}

/** Waits for the end of all, and judges them. */
async function verdicts(runs: readonly PlannedRun[], limitMs: number): Promise<string[]> {
  await system.allEnded(
    runs.map(({name}) => name),
    limitMs,
  );
  await system.history.caughtUp();
  const executions = system.ledger.executions();
  const overlaps = system.ledger.overlaps();
  const complaints = runs.flatMap(({name, expected}) => {
    const uid = system.run(name)?.metadata?.uid ?? '';
    return judge({
      uid,
      expected,
      states: system.history.of(uid).map(({run}) => run),
      executions: executions.filter((execution) => execution.uid === uid),
      overlaps: overlaps.filter((overlap) => overlap.uid === uid).length,
    }).map((wrong) => `${name}: ${wrong}`);
  });
  const left = await system.leftovers(30_000);
  const all = [...complaints, ...left.map((what) => `left behind: ${what}`)];
  if (all.length > 0) all.push(`logs are kept in ${await system.keepLogs('stopped runtimed')}`);
  return all;
}

async function runtimedReady(pod: string, status: 'True' | 'False'): Promise<void> {
  await waitForObject(
    system.cluster.client.kind(kinds.Pod),
    {namespace: system.namespace, name: pod},
    (object) =>
      object.status?.conditions?.some(({type, status: is}) => type === RUNTIMED_READY_CONDITION && is === status) ??
      false,
    {timeoutMs: 120_000, description: `RuntimedReady=${status}`},
  );
}

/** How often each Run was bound and disrupted, and what else is wrong. */
function tries(runs: readonly PlannedRun[]): [number | undefined, number][] {
  return runs.map(({name}) => {
    const {status} = system.run(name) ?? {};
    return [status?.attempt, status?.disruptions ?? 0];
  });
}

/** Its Runs are neither lost nor run twice, and the Pod takes no new ones meanwhile. */
async function stoppedForAMinute(): Promise<void> {
  // Some end while it is stopped, some after.
  const early = Array.from({length: 6}, (_, i) => sleeper(`early-${i}`, 20 + i));
  const late = Array.from({length: 6}, (_, i) => sleeper(`late-${i}`, 75 + i));
  const pod = await startAll([...early, ...late]);
  const stopped = performance.now();
  system.killContainer(pod, 'runtimed', 'SIGSTOP');
  await runtimedReady(pod, 'False');
  const meanwhile = Array.from({length: 4}, (_, i) => sleeper(`meanwhile-${i}`, 1));
  await Promise.all(meanwhile.map((run) => system.create(run, CREATE_MS)));
  await delay(Math.max(0, STOPPED_MS - (performance.now() - stopped)));
  // Its liveness probe may have ended it just before; then it is the next one that finds the Runs.
  if (system.pid(pod, 'runtimed') !== undefined) system.killContainer(pod, 'runtimed', 'SIGCONT');
  const runs = [...early, ...late, ...meanwhile];
  expect(await verdicts(runs, 180_000)).toEqual([]);
  expect(tries(runs)).toEqual(runs.map(() => [1, 0]));
  await runtimedReady(pod, 'True');
}

/** Its Runs run again elsewhere, and never side by side. */
async function stoppedForTooLong(): Promise<void> {
  const runs = Array.from({length: 8}, (_, i) => sleeper(`long-${i}`, 100 + i));
  const pod = await startAll(runs);
  const taken = runs.filter(({name}) => system.run(name)?.status?.assignedPod === pod);
  // Each process that the liveness probe puts in its place is stopped as well.
  const end = performance.now() + (UNREACHABLE_SECONDS + 60) * 1000;
  const stopped = new Set<number>();
  while (performance.now() < end) {
    const pid = system.pid(pod, 'runtimed');
    if (pid !== undefined && !stopped.has(pid)) stopped.add(system.killContainer(pod, 'runtimed', 'SIGSTOP'));
    await delay(20);
  }
  if (system.pid(pod, 'runtimed') !== undefined) system.killContainer(pod, 'runtimed', 'SIGCONT');
  expect(await verdicts(runs, 300_000)).toEqual([]);
  expect(tries(taken)).toEqual(taken.map(() => [2, 1]));
  await runtimedReady(pod, 'True');
}

const stops: [string, Partial<Runtime['spec']>, () => Promise<void>][] = [['for a minute', {}, stoppedForAMinute]];
if (form.full) {
  stops.push(['for longer than unreachableSeconds', {unreachableSeconds: UNREACHABLE_SECONDS}, stoppedForTooLong]);
}

test.each(stops)(
  'a runtimed that is stopped %s',
  async (_, runtime, scenario) => {
    system = await FaultSystem.start({pods: PODS, runsPerPod: RUNS_PER_POD, runtime});
    await expect(scenario()).resolves.toBeUndefined();
  },
  1_200_000,
);
