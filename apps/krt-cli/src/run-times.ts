import {isTerminal, type Run} from '@kruntimes/api-types';

/** The parts of an attempt that the status of a Run tells apart. */
export type RunStep = 'queue' | 'back-off' | 'bind and prepare' | 'start' | 'execute';

/** How long one step of one attempt took, or has taken until now. */
export interface StepTime {
  attempt: number;
  step: RunStep;
  /** RFC 3339. */
  from: string;
  /** Absent while the step goes on. */
  to?: string;
  seconds: number;
  /** The figure is an upper bound: `metadata.creationTimestamp` has whole seconds, rounded down. */
  atMost?: boolean;
}

/** Where the time of a Run went, as far as its status tells, and what it does not tell. */
export interface RunTimes {
  steps: StepTime[];
  /** One sentence each. */
  notRecorded: string[];
}

const bindUnknown =
  'binding (a write of the scheduler) and preparing (workspace and source) are one figure: status has no time between them';
const reportUnknown = 'reporting (the write of the end) has no time in status';

/**
 * Where the time of a Run went.
 *
 * Only times of the object itself are used; nothing is estimated. `nowMs` ends the step that goes on.
 */
export function runTimes(run: Run, nowMs: number): RunTimes {
  const steps: StepTime[] = [];
  const notRecorded = new Set<string>();
  const {status} = run;
  const phase = status?.phase ?? 'Pending';
  const waits = phase === 'Pending';
  const attempt = waits ? (status?.attempt ?? 0) + 1 : Math.max(1, status?.attempt ?? 1);
  const created = run.metadata?.creationTimestamp;

  /** The end of the attempt before, or the creation of the Run. */
  let since: {time: string; attempt: number} | undefined =
    created === undefined ? undefined : {time: created, attempt: 0};
  const add = (step: RunStep, number: number, from: string | undefined, to: string | undefined): void => {
    const fromMs = Date.parse(from ?? '');
    const toMs = to === undefined ? nowMs : Date.parse(to);
    if (from === undefined || Number.isNaN(fromMs) || Number.isNaN(toMs)) return;
    steps.push({
      attempt: number,
      step,
      from,
      ...(to === undefined ? {} : {to}),
      seconds: Math.max(0, toMs - fromMs) / 1000,
      ...(from === created ? {atMost: true} : {}),
    });
  };

  for (const earlier of status?.attempts ?? []) {
    if (earlier.number >= attempt) continue;
    if (since?.attempt !== earlier.number - 1) {
      notRecorded.add(`attempts before number ${earlier.number}: status keeps the last ten`);
    } else if (earlier.startTime !== undefined) {
      notRecorded.add('of earlier attempts, when they were bound: queue, bind and prepare are one figure, "start"');
    }
    if (earlier.startTime !== undefined) {
      if (since?.attempt === earlier.number - 1) add('start', earlier.number, since.time, earlier.startTime);
      add('execute', earlier.number, earlier.startTime, earlier.completionTime);
    } else {
      notRecorded.add(`when the program of attempt ${earlier.number} was started, if it was`);
    }
    since = {time: earlier.completionTime, attempt: earlier.number};
  }
  const begin = since?.attempt === attempt - 1 ? since.time : undefined;
  if (begin === undefined) notRecorded.add(`since when attempt ${attempt} was waited for`);

  if (waits) {
    const due = status?.nextAttemptTime;
    add(
      due === undefined ? 'queue' : 'back-off',
      attempt,
      begin,
      due === undefined || isFuture(due, nowMs) ? undefined : due,
    );
    if (due !== undefined && !isFuture(due, nowMs)) add('queue', attempt, due, undefined);
    return {steps, notRecorded: [...notRecorded]};
  }
  const {scheduledTime, startTime, completionTime} = status ?? {};
  if (scheduledTime === undefined) {
    // Cancelled before it was bound.
    add('queue', attempt, begin, completionTime);
    return {steps, notRecorded: [...notRecorded]};
  }
  add('queue', attempt, begin, scheduledTime);
  if (attempt > 1) notRecorded.add('the back-off before an attempt that has been bound: it is part of "queue"');
  add('bind and prepare', attempt, scheduledTime, startTime ?? completionTime);
  notRecorded.add(bindUnknown);
  if (startTime !== undefined) add('execute', attempt, startTime, completionTime);
  else if (isTerminal(phase)) notRecorded.add('when the program was started: it was not, or nobody knows');
  if (isTerminal(phase)) {
    notRecorded.add(reportUnknown);
    if (startTime !== undefined && (status?.artifactStore !== undefined || status?.artifactRefs?.length)) {
      notRecorded.add('storing artifacts and the log is part of "execute"');
    }
  }
  return {steps, notRecorded: [...notRecorded]};
}

function isFuture(time: string, nowMs: number): boolean {
  return Date.parse(time) > nowMs;
}
