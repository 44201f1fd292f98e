import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import type {Run, RunSpec} from '@kruntimes/api-types';
import {Gate} from './support/gate.ts';
import {System} from './support/system.ts';

let system: System;
/** Two Pods with room for four Runs each. */
let wide: string;
/** Two Pods with room for one Run each. */
let narrow: string;

beforeAll(async () => {
  system = await System.start();
  wide = await system.createNamespace();
  narrow = await system.createNamespace();
  await system.createRuntime(wide, {replicas: 2, runs: 4});
  await system.createRuntime(narrow, {replicas: 2, runs: 1});
}, 240_000);
afterAll(() => system?.stop());

const limitMs = 120_000;
const inline = (...lines: string[]) => ({source: {inline: `${lines.join('\n')}\n`}});
const nameOf = ({metadata}: Run) => metadata?.name ?? '';
const finish = async (namespace: string, spec: Partial<RunSpec>) =>
  await system.ended(namespace, nameOf(await system.create(namespace, spec)), limitMs);
const until = (namespace: string, run: Run, holds: (run: Run) => boolean) =>
  system.until(namespace, nameOf(run), holds, limitMs);
const running = (namespace: string, run: Run) => until(namespace, run, ({status}) => status?.phase === 'Running');
const ended = (namespace: string, run: Run) => system.ended(namespace, nameOf(run), limitMs);

describe('attempts', () => {
  test('each has a workspace, an execution id, a log and an entry of its own', async () => {
    const run = await finish(wide, {
      ...inline(
        'echo "$KRUNTIME_RUN_ATTEMPT $KRUNTIME_EXECUTION_ID $PWD"',
        'ls -A . "$HOME" "$TMPDIR" "$KRUNTIME_ARTIFACTS_DIR" | grep -c left',
        'for d in . "$HOME" "$TMPDIR" "$KRUNTIME_ARTIFACTS_DIR"; do touch "$d/left"; done',
        'echo "attempt=$KRUNTIME_RUN_ATTEMPT" >> "$KRUNTIME_OUTPUTS"',
        'case $KRUNTIME_RUN_ATTEMPT in 1) exit 3;; 2) kill -USR1 $$;; esac',
      ),
      retryPolicy: {maxAttempts: 5, backoffSeconds: 0},
    });
    const {uid} = run.metadata ?? {};
    expect(run.status).toMatchObject({
      phase: 'Succeeded',
      attempt: 3,
      outputs: {attempt: '3'},
      attempts: [
        {number: 1, reason: 'NonZeroExit', exitCode: 3},
        {number: 2, reason: 'Signaled', exitCode: 138, signal: 'SIGUSR1'},
        {number: 3, reason: 'Completed', exitCode: 0},
      ],
    });
    expect(run.status?.disruptions).toBeUndefined();
    expect(run.status?.nextAttemptTime).toBeUndefined();
    const times = run.status?.attempts?.flatMap(({startTime = '', completionTime}) => [startTime, completionTime]);
    expect(times).toEqual(times?.toSorted());
    for (const number of ['1', '2', '3']) {
      const {stdout} = await system.krt(wide, ['logs', nameOf(run), '--attempt', number]);
      const [line = '', left] = stdout.split('\n');
      const id = number === '1' ? uid : `${uid}-${number}`;
      expect(line).toMatch(new RegExp(`^${number} ${id} /.*/${uid}-${number}/work$`));
      expect(left).toBe('0');
    }
    expect(await system.workspacesLeft()).toEqual([]);
  }, 240_000);

  test('the timeout counts from the start of each', async () => {
    const late = await finish(wide, {
      ...inline('sleep 600'),
      timeoutSeconds: 1,
      retryPolicy: {maxAttempts: 2, backoffSeconds: 0},
    });
    expect(late.status).toMatchObject({
      phase: 'Timeout',
      reason: 'TimeoutExceeded',
      attempt: 2,
      attempts: [
        {number: 1, reason: 'TimeoutExceeded'},
        {number: 2, reason: 'TimeoutExceeded'},
      ],
    });
    for (const {startTime = '', completionTime} of late.status?.attempts ?? []) {
      expect(Date.parse(completionTime) - Date.parse(startTime)).toBeGreaterThanOrEqual(999);
    }
  }, 240_000);

  test('timeoutSeconds: 1 is enough for less, and not for 1.5 s', async () => {
    const [short, long] = await Promise.all([
      // On a machine that stands still for a second, the first attempt may be late after all.
      finish(wide, {...inline('sleep 0.2'), timeoutSeconds: 1, retryPolicy: {maxAttempts: 20, backoffSeconds: 0}}),
      finish(wide, {...inline('sleep 1.5'), timeoutSeconds: 1}),
    ]);
    expect([short, long].map(({status}) => status?.phase)).toEqual(['Succeeded', 'Timeout']);
  }, 240_000);

  test('are not repeated for reasons that the policy does not name', async () => {
    const retryPolicy = {maxAttempts: 3, backoffSeconds: 0, retryableReasons: ['TimeoutExceeded' as const]};
    const run = await finish(wide, {...inline('exit 1'), retryPolicy});
    expect(run.status).toMatchObject({phase: 'Failed', reason: 'NonZeroExit', attempt: 1});
    expect(run.status?.attempts).toBeUndefined();
  }, 240_000);

  test('that were lost do not count as tries of the program', async () => {
    const run = await system.create(narrow, {
      ...inline('case $KRUNTIME_RUN_ATTEMPT in 1) exec sleep 600;; 2) exit 1;; esac'),
      retryPolicy: {maxAttempts: 2, backoffSeconds: 0},
    });
    const {status} = await running(narrow, run);
    await system.killRuntimeServer(narrow, status?.assignedPod ?? '');
    expect((await ended(narrow, run)).status).toMatchObject({
      phase: 'Succeeded',
      attempt: 3,
      disruptions: 1,
      attempts: [
        {number: 1, reason: 'ExecutionLost'},
        {number: 2, reason: 'NonZeroExit'},
        {number: 3, reason: 'Completed'},
      ],
    });
  }, 240_000);

  test('the largest durations of the schema stop nothing', async () => {
    const run = await finish(wide, {
      ...inline('sleep 0.5'),
      timeoutSeconds: 604_800,
      retryPolicy: {maxAttempts: 20, backoffSeconds: 86_400, maxBackoffSeconds: 86_400},
      ttlSecondsAfterFinished: 31_536_000,
    });
    expect(run.status).toMatchObject({phase: 'Succeeded', attempt: 1});
    expect((await finish(wide, inline('true'))).status?.phase).toBe('Succeeded');
    expect((await system.kubectl(wide, ['get', 'run', nameOf(run)])).code).toBe(0);
  }, 240_000);
});

describe('between two attempts', () => {
  const long = {maxAttempts: 20, backoffSeconds: 86_400, maxBackoffSeconds: 86_400};
  const waiting = (run: Run) => run.status?.phase === 'Pending' && run.status.nextAttemptTime !== undefined;

  test('the slot is free, the Run says when it goes on, and it can be cancelled', async () => {
    const namespace = await system.createNamespace();
    await system.createRuntime(namespace, {replicas: 1, runs: 1});
    const run = await system.create(namespace, {...inline('exit 9'), retryPolicy: long});
    const {status} = await until(namespace, run, waiting);
    expect(status).toMatchObject({
      phase: 'Pending',
      reason: 'NonZeroExit',
      message: 'the program ended with exit code 9',
      attempt: 1,
      attempts: [{number: 1, reason: 'NonZeroExit', exitCode: 9}],
    });
    expect(status?.assignedPod).toBeUndefined();
    expect(Date.parse(status?.nextAttemptTime ?? '')).toBeGreaterThan(
      Date.parse(status?.attempts?.[0]?.startTime ?? ''),
    );
    expect((await finish(namespace, inline('true'))).status?.phase).toBe('Succeeded');
    await system.cancel(namespace, nameOf(run));
    expect((await ended(namespace, run)).status).toMatchObject({
      phase: 'Cancelled',
      reason: 'CancelRequested',
      attempts: [{number: 1, reason: 'NonZeroExit', exitCode: 9}],
    });
    // Deleting one that waits leaves nothing either.
    const other = await system.create(namespace, {...inline('exit 9'), retryPolicy: long});
    await until(namespace, other, waiting);
    expect((await system.kubectl(namespace, ['delete', 'run', nameOf(other)])).code).toBe(0);
    expect(await system.workspacesLeft()).toEqual([]);
  }, 240_000);

  test('another Run may take the slot, and the next attempt goes to another Pod', async () => {
    const gate = (): Gate => new Gate(join(system.directory, system.marker()));
    using fail = gate();
    using fill = gate();
    using end = gate();
    const run = await system.create(narrow, {
      ...inline(`[ $KRUNTIME_RUN_ATTEMPT = 2 ] || { ${fail.wait}; exit 1; }`),
      retryPolicy: {maxAttempts: 2, backoffSeconds: 0},
    });
    const first = await running(narrow, run);
    const filler = await system.create(narrow, inline(fill.wait));
    await running(narrow, filler);
    const other = await system.create(narrow, {...inline(end.wait), priority: 10});
    await until(narrow, other, ({status}) => (status?.conditions ?? []).length > 0);
    fail.open();
    expect((await running(narrow, other)).status?.assignedPod).toBe(first.status?.assignedPod);
    fill.open();
    const done = await ended(narrow, run);
    expect(done.status).toMatchObject({phase: 'Succeeded', attempt: 2});
    expect(done.status?.assignedPod).not.toBe(first.status?.assignedPod);
    end.open();
    await Promise.all([ended(narrow, other), ended(narrow, filler)]);
  }, 240_000);
});

describe('cancelled', () => {
  /** All runtimed of a namespace stand still: what is bound to them is Scheduled, and nothing begins. */
  async function whileStopped(namespace: string, act: () => Promise<void>): Promise<void> {
    const pids = (await system.podNames(namespace)).map((pod) => system.processId(namespace, pod, 'runtimed'));
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    try {
      await act();
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT');
    }
  }

  test('or deleted while it is Scheduled, it never begins', async () => {
    const never = join(system.directory, system.marker());
    let first: Run | undefined;
    await whileStopped(narrow, async () => {
      const [one, two] = await Promise.all([
        system.create(narrow, inline(`touch '${never}'`)),
        system.create(narrow, inline(`touch '${never}'`)),
      ]);
      await Promise.all([one, two].map((run) => until(narrow, run, ({status}) => status?.phase === 'Scheduled')));
      await system.cancel(narrow, nameOf(one));
      expect((await system.kubectl(narrow, ['delete', 'run', nameOf(two)])).code).toBe(0);
      first = one;
    });
    const run = await ended(narrow, first as Run);
    expect(run.status).toMatchObject({phase: 'Cancelled', reason: 'CancelRequested', attempt: 1});
    expect(await system.workspacesLeft()).toEqual([]);
    expect(existsSync(never)).toBe(false);
  }, 240_000);

  test('while it runs and refuses to end, it is killed after the grace period and delays no other Run', async () => {
    const marker = system.marker();
    const run = await system.create(
      wide,
      inline(
        `trap '' TERM`,
        `setsid bash -c "trap '' TERM; exec -a ${marker} sleep 600" &`,
        'echo begun',
        'while :; do sleep 600; done',
      ),
    );
    const {status} = await running(wide, run);
    await system.cancel(wide, nameOf(run));
    const others = await Promise.all(Array.from({length: 8}, () => system.create(wide, inline('true'))));
    const quick = await Promise.all(others.map((other) => ended(wide, other)));
    expect(quick.map((other) => other.status?.phase)).toEqual(quick.map(() => 'Succeeded'));
    const done = await ended(wide, run);
    expect(done.status).toMatchObject({
      phase: 'Cancelled',
      assignedPod: status?.assignedPod,
      output: {tail: 'begun\n'},
    });
    const first = Math.min(...quick.map((other) => Date.parse(other.status?.completionTime ?? '')));
    expect(first).toBeLessThan(Date.parse(done.status?.completionTime ?? ''));
    await system.untilGone(marker);
    expect((await system.logs(done)).stdout).toBe('begun\n');
  }, 240_000);

  test('twice, or after its end, it stays what it is', async () => {
    const run = await finish(wide, inline('true'));
    await system.cancel(wide, nameOf(run));
    await system.cancel(wide, nameOf(run));
    const after = await until(wide, run, ({spec}) => spec.cancelRequested === true);
    expect(after.status).toMatchObject({phase: 'Succeeded', reason: 'Completed'});
  }, 240_000);
});

describe('deleted', () => {
  test('while it runs, by force or not: process, survivors and workspace end', async () => {
    const marker = system.marker();
    const script = inline(
      `trap '' TERM`,
      `(cd /; env -i setsid bash -c "trap '' TERM; exec -a ${marker} sleep 600" &)`,
      `exec -a ${marker} sleep 600 &`,
      'while :; do sleep 600; done',
    );
    const flags = [[], ['--force', '--grace-period=0']];
    await Promise.all(
      flags.map(async (more) => {
        const run = await system.create(wide, script);
        await running(wide, run);
        expect((await system.kubectl(wide, ['delete', 'run', nameOf(run), ...more])).code).toBe(0);
      }),
    );
    await system.untilGone(marker);
    expect(await system.workspacesLeft()).toEqual([]);
  }, 240_000);

  test('with its namespace it leaves nothing', async () => {
    const namespace = await system.createNamespace();
    await system.createRuntime(namespace, {replicas: 1, runs: 2});
    const marker = system.marker();
    const run = await system.create(namespace, inline(`exec -a ${marker} sleep 600`));
    await running(namespace, run);
    expect((await system.kubectl(namespace, ['delete', 'namespace', namespace, '--wait=false'])).code).toBe(0);
    await system.untilGone(marker);
    expect(await system.workspacesLeft()).toEqual([]);
  }, 240_000);
});
