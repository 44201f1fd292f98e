import {expect, test} from '@jest/globals';
import {formatRunLogEnd, formatRunLogLines, type Run, type RunStatus} from '@kruntimes/api-types';
import {ManualClock} from '@kruntimes/reconciler-kit/testing';
import {followRun} from './follow-run.ts';
import type {PodLogSource} from './pod-log.ts';
import {runFixture} from './testing/run-fixture.ts';

const time = new Date(Date.UTC(2026, 0, 1, 12));

function logOf(run: Run, attempt: number, text: string): Buffer {
  const {name = '', namespace = '', uid = ''} = run.metadata ?? {};
  const header = {run: {namespace, name, uid}, attempt};
  const bytes = Buffer.from(text);
  const lines = formatRunLogLines(header, {stream: 'stdout', offset: 0, bytes, time});
  const end = formatRunLogEnd(header, {stdoutBytes: bytes.length, stderrBytes: 0, truncatedBytes: 0}, time);
  return Buffer.from([...lines, end].map((line) => `${line}\n`).join(''));
}

test('a retry that began and ended unseen is read, too', async () => {
  const run = runFixture('hello');
  const at = (status: RunStatus): Run => ({...run, status});
  const logs: Record<string, Buffer> = {one: logOf(run, 1, 'first'), two: logOf(run, 2, 'second')};
  const source: PodLogSource = {
    async *open({pod}) {
      yield logs[pod]!;
    },
    podsOfRuntime: async () => [],
  };
  // All that happened afterwards came in one piece: who asks again sees the end.
  const states = [
    at({phase: 'Scheduled', attempt: 1, assignedPod: 'one'}),
    at({phase: 'Succeeded', attempt: 2, assignedPod: 'two'}),
  ];
  const output: string[] = [];
  const ended = await followRun(
    {
      observer: {until: async () => (states.length > 1 ? states.shift()! : states[0]!)},
      name: 'hello',
      fromAttempt: 1,
      source,
      sink: {
        output: async ({bytes}) => void output.push(Buffer.from(bytes).toString()),
        missing: () => {},
      },
      clock: new ManualClock(),
      random: () => 0,
    },
    new AbortController().signal,
  );
  expect(output).toEqual(['first', 'second']);
  expect(ended.status?.attempt).toBe(2);
});
