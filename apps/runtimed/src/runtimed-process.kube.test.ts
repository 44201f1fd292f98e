import type {ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {type Run, runKind} from '@kruntimes/api-types';
import {
  kill,
  startProcess,
  startRuntimed as startRuntimedIn,
  startRuntimeServer as startRuntimeServerIn,
} from './pod-processes.fixture.ts';
import {PodWorld} from './pod-world.fixture.ts';

let world: PodWorld;

beforeEach(async () => {
  world = await PodWorld.create();
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const notes = () => join(world.directory, 'notes');
const readNotes = () => (existsSync(notes()) ? readFileSync(notes(), 'utf8') : '');
const runs = () => world.client.kind(runKind);

async function until(description: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not reached: ${description}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const startRuntimed = (flags?: string[]): ChildProcess => startRuntimedIn(world, flags);
const startRuntimeServer = (): ChildProcess => startRuntimeServerIn(world);

/** Prints numbers until the file `go` is there, and one more line then. */
const counting = (name = 'go') =>
  `echo "begin $KRUNTIME_RUN_ATTEMPT" >> ${notes()}
n=0; until [ -e ${notes()}.${name} ]; do n=$((n+1)); echo "line $n"; sleep 0.01; done
echo "count=$n" >> "$KRUNTIME_OUTPUTS"
echo "end $KRUNTIME_RUN_ATTEMPT" >> ${notes()}\n`;
const go = (name = 'go') => writeFileSync(`${notes()}.${name}`, '');

describe('runtimed killed with -9 in mid-Run', () => {
  test('finds its Run again: one execution, one end, no line missing', async () => {
    startRuntimeServer();
    const first = startRuntimed();
    const bound = await world.run('run', counting());
    await until('some output', () => world.log(bound).stdout.includes('line 20\n'));
    await kill(first);
    // The program goes on meanwhile.
    startRuntimed();
    await until('more output', () => world.log(bound).stdout.includes('line 60\n'));
    go();
    const run = await world.until('run');
    expect(run.status).toMatchObject({phase: 'Succeeded', attempt: 1});
    expect(run.status?.disruptions).toBeUndefined();
    expect(readNotes()).toBe('begin 1\nend 1\n');
    const count = Number(run.status?.outputs?.count);
    const lines = Array.from({length: count}, (_, i) => `line ${i + 1}\n`).join('');
    await world.untilClean();
    const log = world.log(bound);
    expect(log.stdout.toString()).toBe(lines);
    expect(log.end).toEqual({stdoutBytes: lines.length, stderrBytes: 0, truncatedBytes: 0});
    expect(run.status?.output).toMatchObject({stdoutBytes: lines.length});
  }, 60_000);

  test('reports a program that ended while nobody was there', async () => {
    startRuntimeServer();
    const first = startRuntimed();
    const bound = await world.run('run', counting());
    await until('some output', () => world.log(bound).stdout.includes('line 5\n'));
    await kill(first);
    go();
    await until('the end', () => readNotes().includes('end 1'));
    startRuntimed();
    expect((await world.until('run')).status).toMatchObject({phase: 'Succeeded', attempt: 1});
    await world.untilClean();
    expect(world.log(bound).end).toBeDefined();
  }, 60_000);

  test('finds again a program that has deleted its workspace', async () => {
    startRuntimeServer();
    const first = startRuntimed();
    await world.run(
      'run',
      `rm -rf "$(dirname "$PWD")"; echo begin >> ${notes()}; until [ -e ${notes()}.go ]; do sleep 0.01; done; echo end >> ${notes()}\n`,
    );
    await until('the start', () => readNotes().includes('begin'));
    await kill(first);
    expect(world.workspaces()).toEqual([]);
    startRuntimed();
    go();
    expect((await world.until('run')).status).toMatchObject({phase: 'Succeeded', attempt: 1});
    expect(readNotes()).toBe('begin\nend\n');
  }, 60_000);

  test('keeps the deadline', async () => {
    startRuntimeServer();
    const first = startRuntimed();
    await world.run('run', counting(), {timeoutSeconds: 3});
    await until('the start', () => readNotes().includes('begin 1'));
    const begun = Date.now();
    await kill(first);
    startRuntimed();
    expect((await world.until('run')).status).toMatchObject({phase: 'Timeout'});
    expect(Date.now() - begun).toBeLessThan(10_000);
    await world.untilClean();
  }, 60_000);

  test('gives back a Run whose Runtime server was lost too', async () => {
    const server = startRuntimeServer();
    const first = startRuntimed();
    await world.run('run', counting());
    await until('the start', () => readNotes().includes('begin 1'));
    await kill(first);
    await kill(server);
    startRuntimeServer();
    startRuntimed();
    const run = await world.until('run', ({status}) => status?.phase === 'Pending');
    expect(run.status).toMatchObject({reason: 'ExecutionLost', disruptions: 1});
    await world.untilClean();
  }, 60_000);

  test('begins what was bound while nobody was there', async () => {
    startRuntimeServer();
    await world.run('run', 'true\n');
    startRuntimed();
    expect((await world.until('run')).status).toMatchObject({phase: 'Succeeded', attempt: 1});
  }, 60_000);

  test('ends and removes what is not its own any more', async () => {
    startRuntimeServer();
    const first = startRuntimed();
    await world.run('run', counting());
    await until('the start', () => readNotes().includes('begin 1'));
    await kill(first);
    await runs().delete({name: 'run', namespace: world.namespace});
    expect(world.workspaces()).toHaveLength(1);
    startRuntimed();
    await world.untilClean();
    expect(readNotes()).toBe('begin 1\n');
  }, 60_000);
});

describe('a Runtime server killed with -9 in mid-Run', () => {
  test('makes the Run lost, a disruption, and the next attempt begins anew', async () => {
    const server = startRuntimeServer();
    startRuntimed();
    await world.run('run', counting());
    await until('the start', () => readNotes().includes('begin 1'));
    await kill(server);
    startRuntimeServer();
    const lost = await world.until('run', ({status}) => status?.phase === 'Pending');
    expect(lost.status).toMatchObject({
      reason: 'ExecutionLost',
      disruptions: 1,
      attempts: [{number: 1, reason: 'ExecutionLost'}],
    });
    go();
    await world.bind(lost);
    expect((await world.until('run')).status).toMatchObject({phase: 'Succeeded', attempt: 2});
    await world.untilClean();
  }, 60_000);
});

test('a Runtime server that is told to stop makes the Run a disruption too', async () => {
  const server = startRuntimeServer();
  startRuntimed();
  const bound = await world.run('run', `echo output; ${counting()}`);
  await until('the start', () => readNotes().includes('begin 1'));
  await kill(server, 'SIGTERM');
  const lost = await world.until('run', ({status}) => status?.phase === 'Pending');
  expect(lost.status).toMatchObject({reason: 'RuntimeTerminated', disruptions: 1});
  expect(readNotes()).toBe('begin 1\n');
  expect(world.log(bound).end).toBeDefined();
  await world.untilClean();
}, 60_000);

test('SIGTERM ends it with 0 and leaves no Run Running', async () => {
  startRuntimeServer();
  const child = startRuntimed(['--running-status-delay-ms=10']);
  await world.run('run', counting());
  await world.until('run', ({status}) => status?.phase === 'Running');
  expect(await kill(child, 'SIGTERM')).toBe(0);
  const run: Run = await runs().get('run', {namespace: world.namespace});
  expect(run.status).toMatchObject({phase: 'Pending', reason: 'PodTerminating', disruptions: 1});
  expect(world.workspaces()).toEqual([]);
}, 60_000);

test('the token is in no log, and in no environment of a program', async () => {
  startRuntimeServer();
  const child = startRuntimed(['--log-level=debug']);
  await world.execute('run', 'env; cat /proc/self/environ\n');
  await kill(child, 'SIGTERM');
  for (const file of [world.logPath, join(world.directory, 'errors.log')]) {
    const text = readFileSync(file, 'utf8');
    expect(text).not.toBe('');
    expect(text.includes(world.token)).toBe(false);
    expect(text.includes('KUBERNETES_SERVICE')).toBe(false);
  }
}, 60_000);

test.each([
  ['POD_NAME, POD_NAMESPACE, POD_UID must be set', {}],
  ['POD_UID must be set', {POD_NAME: 'a', POD_NAMESPACE: 'b'}],
])(
  'without its identity it says: %s',
  async (message, env) => {
    const kubeconfig = world.controlPlane.kubeconfigPath;
    const child = startProcess(world, './main.ts', ['--runtime-name=bash', '--kubeconfig', kubeconfig], env);
    const [code] = await once(child, 'exit');
    expect(code).toBe(1);
    expect(readFileSync(join(world.directory, 'errors.log'), 'utf8')).toContain(message);
  },
  30_000,
);
