import {describe, expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import {Value} from 'typebox/value';
import {FINISHED_CONDITION, SCHEDULED_CONDITION} from './constants.ts';
import {ApiTypesError} from './errors.ts';
import {limits} from './limits.ts';
import {
  disruptionReasons,
  failureReasons,
  reasonDescriptions,
  retryableReasons,
  unschedulableReasons,
} from './reasons.ts';
import type {Run} from './run.ts';
import {type Fence, fenceOf, holdsFence} from './run-fence.ts';
import {
  type AttemptEnd,
  bindStatus,
  cancelPendingStatus,
  endAttemptStatus,
  runningStatus,
  unschedulableStatus,
} from './run-lifecycle.ts';
import {isTerminal, phaseTransitions} from './run-phase.ts';
import {disruptionBackoff, type Outcome, retryDefaults} from './run-retry.ts';
import {type RunStatus, runStatusSchema} from './run-status.ts';

const keysOf = <K extends string>(record: Readonly<Record<K, unknown>>) =>
  fc.constantFrom(...Object.keys(record).filter((key): key is K => key in record));

/** Any sequence of UTF-16 units, lone surrogates included, up to far over every bound. */
const anyText = fc.oneof(
  fc.string({unit: 'binary', maxLength: 40}),
  fc.array(fc.integer({min: 0, max: 0xffff}), {maxLength: 20}).map((units) => String.fromCharCode(...units)),
  fc
    .tuple(fc.constantFrom('a', 'é', '€', '😀', '\uD83D', '\u0000'), fc.integer({min: 0, max: 9000}))
    .map(([s, n]) => s.repeat(n)),
);
const anyCount = fc.oneof(fc.nat(), fc.constantFrom(-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60));
const anyTime = fc.date({min: new Date(0), max: new Date('9000-01-01'), noInvalidDate: true});

const anyOutcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({
    kind: fc.constant('exited' as const),
    exitCode: fc.oneof(fc.constant(0), fc.integer(), fc.constantFrom(1e12, Number.NaN)),
  }),
  fc.record({kind: fc.constant('exited' as const), exitCode: fc.integer(), signal: anyText}),
  fc.record({kind: fc.constant('timeout' as const)}),
  fc.record({kind: fc.constant('cancelled' as const)}),
  fc.record({kind: fc.constant('failed' as const), reason: keysOf(failureReasons), message: anyText}),
  fc.record({kind: fc.constant('lost' as const), reason: keysOf(disruptionReasons), message: anyText}),
);

const anyEnd: fc.Arbitrary<AttemptEnd> = fc.record(
  {
    outcome: anyOutcome,
    startTime: anyTime,
    outputs: fc.dictionary(fc.oneof(fc.constantFrom('result', 'a.b-c'), anyText), anyText, {maxKeys: 4}),
    output: fc.record({stdoutBytes: anyCount, stderrBytes: anyCount, truncated: fc.boolean(), tail: anyText}),
    artifactRefs: fc.uniqueArray(
      fc.record({
        name: fc.oneof(
          fc.constant('log'),
          fc.nat(9999).map((n) => 'x'.repeat(n + 1)),
        ),
        key: fc.constant('k'),
        sizeBytes: fc.nat(),
        digest: fc.constant('sha256:00'),
      }),
      {selector: ({name}) => name, maxLength: 130},
    ),
    message: anyText,
  },
  {requiredKeys: ['outcome']},
);

type Event =
  | {event: 'bind'; pod: number}
  | {event: 'running'}
  | {event: 'end'; end: AttemptEnd; share: number}
  | {event: 'unschedulable'; reason: keyof typeof unschedulableReasons; message: string}
  | {event: 'requestCancel'}
  | {event: 'cancelPending'}
  | {event: 'staleEnd'; end: AttemptEnd; which: number};

const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  {weight: 5, arbitrary: fc.record({event: fc.constant('bind' as const), pod: fc.nat(3)})},
  {weight: 2, arbitrary: fc.record({event: fc.constant('running' as const)})},
  {
    weight: 5,
    arbitrary: fc.record({
      event: fc.constant('end' as const),
      end: anyEnd,
      share: fc.double({min: 0, max: 1, noNaN: true}),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      event: fc.constant('unschedulable' as const),
      reason: keysOf(unschedulableReasons),
      message: anyText,
    }),
  },
  {weight: 1, arbitrary: fc.record({event: fc.constant('requestCancel' as const)})},
  {weight: 1, arbitrary: fc.record({event: fc.constant('cancelPending' as const)})},
  {weight: 1, arbitrary: fc.record({event: fc.constant('staleEnd' as const), end: anyEnd, which: fc.nat(20)})},
);

const anySpec: fc.Arbitrary<Run['spec']> = fc.record(
  {
    runtime: fc.constant('bash'),
    timeoutSeconds: fc.integer({min: 0, max: limits.timeoutSeconds}),
    retryPolicy: fc.record(
      {
        maxAttempts: fc.integer({min: 1, max: limits.maxAttempts}),
        backoffSeconds: fc.integer({min: 0, max: limits.backoffSeconds}),
        maxBackoffSeconds: fc.integer({min: 0, max: limits.backoffSeconds}),
        retryableReasons: fc.uniqueArray(fc.constantFrom(...retryableReasons)),
      },
      {requiredKeys: []},
    ),
  },
  {requiredKeys: ['runtime']},
);

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(freeze);
  }
  return value;
}

const bytes = (text: string | undefined): number => Buffer.byteLength(text ?? '', 'utf8');

/** What must hold of any status that is written. */
function checkStatus(status: RunStatus): void {
  expect([...Value.Errors(runStatusSchema, status)]).toEqual([]);
  expect(JSON.stringify(status).isWellFormed() && !/\\ud[89a-f]/.test(JSON.stringify(status))).toBe(true);
  expect(bytes(status.message)).toBeLessThanOrEqual(limits.messageBytes);
  expect(bytes(status.output?.tail)).toBeLessThanOrEqual(limits.tailBytes);
  expect(bytes(status.signal)).toBeLessThanOrEqual(limits.signal);
  expect(bytes(JSON.stringify(status.outputs))).toBeLessThanOrEqual(6 * limits.outputsBytes + 10_000);
  expect(status.attempts?.length ?? 0).toBeLessThanOrEqual(limits.attempts);
  const types = (status.conditions ?? []).map(({type}) => type);
  expect(new Set(types).size).toBe(types.length);
  expect(status.reason === undefined || status.reason in reasonDescriptions).toBe(true);

  const bound = status.phase === 'Scheduled' || status.phase === 'Running';
  expect(bound && (!status.assignedPod || !status.assignedPodUID || !status.attempt || !status.scheduledTime)).toBe(
    false,
  );
  expect(status.phase === 'Pending' && (status.assignedPod !== undefined || status.assignedPodUID !== undefined)).toBe(
    false,
  );
  expect(status.phase !== 'Pending' && status.nextAttemptTime !== undefined).toBe(false);
  expect(status.phase === 'Succeeded' && status.output?.tail !== undefined).toBe(false);
  expect(types.includes(FINISHED_CONDITION)).toBe(isTerminal(status.phase));
  expect(status.completionTime !== undefined).toBe(isTerminal(status.phase));
  expect(
    bound && status.conditions?.some(({type, status: s}) => type === SCHEDULED_CONDITION && s !== 'True'),
  ).toBeFalsy();
}

/** A Run and everything that has happened to it. */
interface History {
  run: Run;
  now: number;
  fences: Fence[];
  programEnds: number;
}

function begin(spec: Run['spec']): History {
  const run: Run = freeze({metadata: {uid: 'u1'}, spec: structuredClone(spec)});
  return {run, now: Date.parse('2026-01-01T00:00:00Z'), fences: [], programEnds: 0};
}

function apply(history: History, event: Event): void {
  history.now += 1000;
  const before = history.run.status ?? {phase: 'Pending'};
  const next = answerTo(history, event);
  expect(next instanceof ApiTypesError && next.code === 'UNSUPPORTED_SCHEMA').toBe(false);
  if (next instanceof ApiTypesError) {
    return;
  }
  expect(event.event).not.toBe('staleEnd');
  if (event.event === 'requestCancel') {
    history.run = freeze({...history.run, spec: {...history.run.spec, cancelRequested: true}});
  }
  if (next === undefined) {
    return;
  }
  expect(isTerminal(before.phase)).toBe(false);
  checkStatus(next);
  const grown = (next.attempt ?? 0) - (before.attempt ?? 0);
  expect(grown).toBe(event.event === 'bind' ? 1 : 0);
  expect(next.disruptions ?? 0).toBeGreaterThanOrEqual(before.disruptions ?? 0);
  expect(next.phase === before.phase || phaseTransitions[before.phase].includes(next.phase)).toBe(true);
  if (event.event === 'end') {
    checkEnd(history, event.end, before, next);
  }
  history.run = freeze({...history.run, status: next});
  const fence = fenceOf(history.run);
  if (event.event === 'bind' && fence !== undefined) {
    history.fences.push(fence);
  }
  expect(history.fences.filter((known) => holdsFence(history.run, known))).toEqual(fence === undefined ? [] : [fence]);
}

/** The next status, nothing if none is needed, or why there can't be one. */
function answerTo(history: History, event: Event): RunStatus | undefined | ApiTypesError {
  try {
    return statusAfter(history, event);
  } catch (error) {
    if (error instanceof ApiTypesError) return error;
    throw error;
  }
}

function statusAfter({run, fences, now: ms}: History, event: Event): RunStatus | undefined {
  const now = new Date(ms);
  const none = {uid: 'u1', podUID: 'none', attempt: 1};
  const fence = fences.at(-1) ?? none;
  switch (event.event) {
    case 'bind':
      return bindStatus(run, {name: `pod-${event.pod}`, uid: `pod-uid-${event.pod}`}, now);
    case 'running':
      return runningStatus(run, fence, now);
    case 'end':
      return endAttemptStatus(run, fence, event.end, {now, random: () => event.share});
    case 'staleEnd': {
      const stale = fences.slice(0, -1)[event.which % Math.max(fences.length - 1, 1)] ?? none;
      return endAttemptStatus(run, stale, event.end, {now, random: Math.random});
    }
    case 'unschedulable':
      return unschedulableStatus(run, event.reason, event.message, now);
    case 'requestCancel':
      return undefined;
    case 'cancelPending':
      return cancelPendingStatus(run, now);
    default:
      return event satisfies never;
  }
}

function checkEnd(history: History, {outcome}: AttemptEnd, before: RunStatus, next: RunStatus): void {
  const lost = outcome.kind === 'lost';
  const cancelled = history.run.spec.cancelRequested === true || outcome.kind === 'cancelled';
  const policy = {...retryDefaults, ...history.run.spec.retryPolicy};
  history.programEnds += lost ? 0 : 1;
  expect((next.disruptions ?? 0) - (before.disruptions ?? 0)).toBe(lost ? 1 : 0);
  expect(next.disruptions ?? 0).toBeLessThanOrEqual(limits.disruptions);
  expect(next.attempt).toBe(history.programEnds + (next.disruptions ?? 0));
  if (next.phase === 'Pending') {
    expect(cancelled).toBe(false);
    expect(history.programEnds).toBeLessThan(policy.maxAttempts + (lost ? 1 : 0));
    expect(next.disruptions ?? 0).toBeLessThan(limits.disruptions);
    const longest = lost ? disruptionBackoff.maxBackoffSeconds : policy.maxBackoffSeconds;
    const wait = next.nextAttemptTime === undefined ? 0 : Date.parse(next.nextAttemptTime) - history.now;
    expect(wait).toBeGreaterThanOrEqual(0);
    expect(wait).toBeLessThanOrEqual(longest * 1000);
    expect(next.attempts?.at(-1)?.number).toBe(before.attempt);
  } else if (lost) {
    expect([next.phase, next.reason]).toEqual(
      cancelled ? ['Cancelled', 'CancelRequested'] : ['Failed', 'TooManyDisruptions'],
    );
    expect(cancelled || next.disruptions === limits.disruptions).toBe(true);
  } else if (next.phase === 'Cancelled') {
    expect(cancelled).toBe(true);
  } else {
    expect(next.phase === 'Timeout').toBe(outcome.kind === 'timeout');
    expect(next.phase === 'Succeeded').toBe(
      outcome.kind === 'exited' && outcome.exitCode === 0 && !('signal' in outcome && outcome.signal),
    );
  }
}

describe('any sequence of events', () => {
  test('keeps every rule of the life of a Run', () => {
    fc.assert(
      fc.property(anySpec, fc.array(anyEvent, {maxLength: 60}), (given, events) => {
        const history = begin(given);
        for (const each of events) {
          apply(history, each);
        }
        expect(history.fences).toHaveLength(history.run.status?.attempt ?? 0);
      }),
      {numRuns: 300},
    );
  });

  test('ends after a bounded number of attempts', () => {
    fc.assert(
      fc.property(anySpec, fc.array(anyEnd, {minLength: 40, maxLength: 40}), (given, ends) => {
        const history = begin(given);
        for (const end of ends) {
          apply(history, {event: 'bind', pod: 1});
          apply(history, {event: 'end', end, share: 0.5});
        }
        expect(isTerminal(history.run.status?.phase)).toBe(true);
        expect(history.run.status?.attempt).toBeLessThan((given.retryPolicy?.maxAttempts ?? 1) + limits.disruptions);
      }),
      {numRuns: 100},
    );
  });

  test('status.attempts keeps the last ten', () => {
    fc.assert(
      fc.property(fc.integer({min: 1, max: limits.maxAttempts}), fc.nat(4), (maxAttempts, disruptions) => {
        const history = begin({runtime: 'bash', retryPolicy: {maxAttempts}});
        const lost: Outcome = {kind: 'lost', reason: 'PodGone', message: ''};
        const outcomes = Array.from(
          {length: maxAttempts + disruptions},
          (_, index): Outcome => (index < disruptions ? lost : {kind: 'exited', exitCode: 1}),
        );
        for (const each of outcomes) {
          apply(history, {event: 'bind', pod: 1});
          apply(history, {event: 'end', end: {outcome: each}, share: 0});
        }
        const numbers = Array.from(outcomes, (_, index) => index + 1);
        const {phase, attempts} = history.run.status ?? {};
        expect(phase).toBe('Failed');
        expect(attempts?.map(({number}) => number)).toEqual(numbers.length === 1 ? undefined : numbers.slice(-10));
      }),
    );
  });

  test('a status over the bounds would be noticed', () => {
    expect(() => checkStatus({phase: 'Pending', message: 'x'.repeat(limits.messageBytes + 1)})).toThrow('maxLength');
    expect(() => checkStatus({phase: 'Pending', message: '\uD83D'})).toThrow('toBe');
  });
});
