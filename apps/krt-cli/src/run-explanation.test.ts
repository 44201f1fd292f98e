import {describe, expect, test} from '@jest/globals';
import {type Run, type RunReason, type Runtime, reasonDescriptions} from '@kruntimes/api-types';
import fc from 'fast-check';
import {formatExplanation} from './commands/why.ts';
import {explainRun, type RunSurroundings} from './run-explanation.ts';
import {runFixture} from './testing/run-fixture.ts';

const now = Date.parse('2026-01-01T10:01:00Z');
const runtime: Runtime = {
  metadata: {name: 'bash', namespace: 'default'},
  spec: {replicas: 2, template: {spec: {containers: [{name: 'runtime', image: 'x'}]}}},
  status: {readyReplicas: 2, capacity: {runs: 8}},
};

function scene(run: Run, more: Partial<RunSurroundings> = {}): RunSurroundings {
  return {
    run: {...run, metadata: {creationTimestamp: '2026-01-01T10:00:00Z', ...run.metadata}},
    runtime: {kind: 'found', object: runtime},
    pod: undefined,
    runtimePods: undefined,
    events: {kind: 'found', object: []},
    nowMs: now,
    ...more,
  };
}

const waiting = (reason: string, message = ''): Run =>
  runFixture('hello', {
    phase: 'Pending',
    conditions: [{type: 'Scheduled', status: 'False', reason, message, lastTransitionTime: '2026-01-01T10:00:01Z'}],
  });

const unschedulable = [
  'RuntimeNotFound',
  'RuntimeTerminating',
  'RuntimeNotAccepted',
  'NoReadyPods',
  'InsufficientCapacity',
  'RequestTooLarge',
];
/** Ends at which nothing is to be done. */
const fine: readonly string[] = ['Completed', 'CancelRequested'];

describe('explainRun', () => {
  test.each(Object.keys(reasonDescriptions) as RunReason[])('%s: what it means, and what helps', (reason) => {
    const run = unschedulable.includes(reason)
      ? waiting(reason)
      : runFixture('hello', {phase: reason === 'Completed' ? 'Succeeded' : 'Failed', reason, attempt: 1});
    const explanation = explainRun(scene(run));
    expect(explanation.reason).toBe(reason);
    expect(explanation.summary).toContain(reasonDescriptions[reason]);
    expect(explanation.advice.length > 0).toBe(!fine.includes(reason));
  });

  test('a Run that waits for capacity: the words of the scheduler, the Runtime, and how to get more', () => {
    const {step, summary, findings, advice} = explainRun(
      scene(waiting('InsufficientCapacity', 'All ready Pods of Runtime "bash" are full.')),
    );
    expect(step).toBe('queue');
    expect(summary).toBe('It waits for a slot: All ready Pods of Runtime "bash" are full.');
    expect(findings).toEqual(['Runtime bash: 2 of 2 Pods ready, capacity of them together runs=8.']);
    expect(advice.join('\n')).toContain('kubectl scale runtime bash -n default --replicas 3');
  });

  test('no ready Pods: scaled to zero, or what keeps the Pods from starting', () => {
    const zero: Runtime = {...runtime, spec: {...runtime.spec, replicas: 0}, status: {}};
    expect(explainRun(scene(waiting('NoReadyPods'), {runtime: {kind: 'found', object: zero}})).advice).toEqual([
      'It is scaled to zero: kubectl scale runtime bash -n default --replicas 1',
    ]);
    const image = {waiting: {reason: 'ImagePullBackOff', message: 'no such image'}};
    const {findings} = explainRun(
      scene(waiting('NoReadyPods'), {
        runtimePods: {
          kind: 'found',
          object: [{metadata: {name: 'bash-1'}, status: {containerStatuses: [{name: 'runtime', state: image}]}}],
        },
      }),
    );
    expect(findings).toContain('Container runtime of Pod bash-1 waits: ImagePullBackOff: no such image.');
  });

  test('nobody cared for it: after some time that means that there is no scheduler', () => {
    const run = runFixture('hello');
    expect(explainRun(scene(run)).summary).toContain('no scheduler is at work');
    expect(explainRun(scene(run, {nowMs: now - 59_000})).summary).toContain('waits to be bound');
  });

  test('a back-off says when it ends and what it follows', () => {
    const {step, summary, findings} = explainRun(
      scene(
        runFixture('hello', {
          phase: 'Pending',
          attempt: 1,
          reason: 'NonZeroExit',
          message: 'exit code 3',
          nextAttemptTime: '2026-01-01T10:01:30Z',
        }),
      ),
    );
    expect([step, summary, findings]).toEqual([
      'back-off',
      'It waits for attempt 2, due in 30s: attempt 1 ended with NonZeroExit.',
      ['exit code 3.'],
    ]);
  });

  test('a bound Run whose Pod is gone or silent: nothing is to be done, and until when', () => {
    const bound = runFixture('hello', {
      phase: 'Running',
      attempt: 1,
      assignedPod: 'bash-1',
      assignedPodUID: 'u1',
      startTime: '2026-01-01T10:00:30Z',
    });
    expect(explainRun(scene(bound, {pod: {kind: 'missing'}})).findings).toEqual(['Pod bash-1 is gone.']);
    const unready = {
      metadata: {uid: 'u1'},
      status: {conditions: [{type: 'Ready', status: 'False', message: 'silent'}]},
    };
    const silent = explainRun(scene(bound, {pod: {kind: 'found', object: unready}}));
    expect(silent.findings).toEqual(['Pod bash-1 is not ready: silent.']);
    expect(silent.advice.join()).toContain('after 5m');
    const replaced = {kind: 'found' as const, object: {metadata: {uid: 'u2'}}};
    expect(explainRun(scene(bound, {pod: replaced})).findings).toEqual(['Pod bash-1 was replaced.']);
  });

  test('a deleted Run names its finalizers and what holds its artifacts', () => {
    const run = runFixture('hello', {
      phase: 'Succeeded',
      conditions: [
        {
          type: 'ArtifactsDeleted',
          status: 'False',
          reason: 'StoreUnavailable',
          message: 'no route',
          lastTransitionTime: '2026-01-01T10:00:01Z',
        },
      ],
    });
    const metadata = {
      ...run.metadata,
      deletionTimestamp: '2026-01-01T10:00:00Z',
      finalizers: ['kruntimes.io/artifacts'],
    };
    expect(explainRun(scene({...run, metadata})).findings).toEqual([
      'It waits for its finalizers: kruntimes.io/artifacts.',
      'StoreUnavailable: no route.',
    ]);
  });

  test('what may not be read is said, and is no error', () => {
    const {findings} = explainRun(
      scene(waiting('NoReadyPods'), {
        runtime: {kind: 'unknown', why: 'no permission to get runtimes'},
        events: {kind: 'unknown', why: 'no permission to list events'},
      }),
    );
    expect(findings).toEqual([
      "Runtime bash: can't tell, no permission to get runtimes.",
      "Events: can't tell, no permission to list events.",
    ]);
  });

  test('warnings show, the last three of them', () => {
    const event = (n: number) => ({
      type: 'Warning',
      reason: 'Failed',
      message: `no ${n}`,
      involvedObject: {kind: 'Pod', name: 'bash-1'},
    });
    const normal = {...event(9), type: 'Normal'};
    const {findings} = explainRun(
      scene(runFixture('hello'), {events: {kind: 'found', object: [event(1), event(2), event(3), event(4), normal]}}),
    );
    expect(findings.filter((each) => each.startsWith('Event'))).toEqual(
      [2, 3, 4].map((n) => `Event of Pod bash-1: Failed: no ${n}.`),
    );
  });

  test('whatever a later version or a stranger writes into status, there is an explanation without control characters', () => {
    const text = fc.string({unit: 'binary', maxLength: 20});
    const status = fc.record(
      {
        phase: fc.constantFrom('Pending', 'Scheduled', 'Running', 'Succeeded', 'Failed', 'Timeout', 'Cancelled'),
        reason: fc.oneof(text, fc.constantFrom('constructor', '__proto__', ...Object.keys(reasonDescriptions))),
        message: text,
        attempt: fc.integer({min: 0, max: 30}),
        scheduledTime: fc.oneof(text, fc.constant('2026-01-01T10:00:05.000000Z')),
        startTime: fc.oneof(text, fc.constant('2026-01-01T10:00:06.000000Z')),
        completionTime: text,
        nextAttemptTime: text,
        assignedPod: text,
      },
      {requiredKeys: ['phase']},
    );
    fc.assert(
      fc.property(status, fc.boolean(), (each, cancelRequested) => {
        const run = runFixture('hello', each as Run['status'] & object, {cancelRequested});
        const explanation = explainRun(scene(run));
        expect(explanation.summary).not.toBe('');
        const words = formatExplanation(explanation, (_, given) => given);
        expect(words.split('').filter((letter) => letter !== '\n' && (letter < ' ' || letter === '\u007f'))).toEqual(
          [],
        );
      }),
    );
  });
});
