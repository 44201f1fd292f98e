import {setTimeout as delay} from 'node:timers/promises';
import {isTerminal} from '@kruntimes/api-types';
import type {RoundFigures} from './fault-report.ts';
import type {FaultSystem} from './fault-system.ts';
import {type PlannedRun, planRuns} from './programs.ts';
import type {Random} from './random.ts';
import type {Revision} from './run-history.ts';
import {judge} from './verdict.ts';

export const RUNS_PER_ROUND = 200;
/** Every Run is terminal so long after the fault at the latest, on a machine of any speed. */
export const ENDED_BOUND_MS = 180_000;
/** Nothing of a Run is left so long after the last one has ended. */
const CLEAN_BOUND_MS = 30_000;
/** The fault strikes within so long after the first program started. */
const STRIKE_WINDOW_MS = 2_500;
const CREATING_AT_ONCE = 25;
const SHOWN_RUNS = 3;

/** Tells when a part is back, by the first state that it must have had a hand in. */
export type Sign = (revision: Revision, struckAt: Date) => boolean;

export interface Fault {
  /** Does the harm and mends it again, where nobody else does. */
  strike(random: Random): Promise<void>;
  isBack?: Sign;
}

export interface Round {
  figures: RoundFigures;
  /** Everything that went wrong, all about the first Runs concerned, and where the logs are. Empty: nothing. */
  problems: string;
}

/** One round: 200 Runs, a fault while they run, and the verdict. */
export async function runRound(
  system: FaultSystem,
  {name, fault, random}: {name: string; fault: Fault; random: Random},
): Promise<Round> {
  const planned = planRuns(RUNS_PER_ROUND, 'run', random, system.ledger);
  const creating = createAll(system, planned);
  // It is awaited below; until then its failure is not unhandled.
  creating.catch(() => {});
  await Promise.race([system.ledger.started(1), creating.then(() => system.ledger.started(1))]);
  await delay(random.between(0, STRIKE_WINDOW_MS));

  const struckMs = performance.now();
  const struckAt = new Date();
  let backMs: number | undefined;
  let lastEndMs = struckMs;
  const unsubscribe = system.history.onRevision((revision) => {
    if (fault.isBack?.(revision, struckAt)) backMs ??= revision.atMs - struckMs;
    if (isTerminal(revision.run.status?.phase)) lastEndMs = revision.atMs;
  });
  await fault.strike(random.fork());
  await creating;
  const unfinished = await system.allEnded(
    planned.map((run) => run.name),
    Math.max(0, ENDED_BOUND_MS - (performance.now() - struckMs)),
  );
  await system.history.caughtUp();
  unsubscribe();
  const left = unfinished.length > 0 ? [] : await system.leftovers(CLEAN_BOUND_MS);

  const problems = left.map((what) => `left behind: ${what}`);
  const executions = system.ledger.executions();
  const overlaps = system.ledger.overlaps();
  const figures = {runs: planned.length, endedMs: lastEndMs - struckMs, disruptions: 0, retries: 0};
  let shown = 0;
  for (const run of planned) {
    const uid = system.run(run.name)?.metadata?.uid ?? '';
    const states = system.history.of(uid).map((revision) => revision.run);
    const wrong = judge({
      uid,
      expected: run.expected,
      states,
      executions: executions.filter((execution) => execution.uid === uid),
      overlaps: overlaps.filter((overlap) => overlap.uid === uid).length,
    });
    const {attempt = 0, disruptions = 0} = states.at(-1)?.status ?? {};
    figures.disruptions += disruptions;
    figures.retries += Math.max(0, attempt - disruptions - 1);
    if (wrong.length === 0) continue;
    problems.push(`${run.name} (${run.program}): ${wrong.join('; ')}`);
    if (shown++ < SHOWN_RUNS) problems.push(await story(system, run, uid));
  }
  const round = {...figures, executions: executions.length, ...(backMs !== undefined && {recoveredMs: backMs})};
  if (problems.length > 0) {
    const logs = await system.keepLogs(name);
    problems.unshift(`${name}: ${problems.length} problems; logs are kept in ${logs}`);
  }
  await system.clear();
  return {figures: round, problems: problems.join('\n')};
}

async function createAll(system: FaultSystem, planned: readonly PlannedRun[]): Promise<void> {
  const waiting = [...planned];
  const createNext = async (): Promise<void> => {
    for (let run = waiting.shift(); run !== undefined; run = waiting.shift()) await system.create(run, ENDED_BOUND_MS);
  };
  await Promise.all(Array.from({length: CREATING_AT_ONCE}, createNext));
}

/** Everything that is known of one Run. */
async function story(system: FaultSystem, run: PlannedRun, uid: string): Promise<string> {
  const history = system.history
    .of(uid)
    .map(({revision, run: {status}}) => `    ${revision}: ${JSON.stringify({...status, conditions: undefined})}`);
  const logs = await system.logLinesOf({name: run.name, uid});
  return [
    `  object: ${JSON.stringify(system.run(run.name))}`,
    '  states:',
    ...history,
    '  events:',
    ...(await system.eventsOf(run.name)).map((line) => `    ${line}`),
    '  ledger:',
    ...system.ledger.linesOf(uid).map((line) => `    ${line}`),
    '  logs:',
    ...logs.slice(-60).map((line) => `    ${line}`),
  ].join('\n');
}
