import {randomBytes} from 'node:crypto';
import {rmSync} from 'node:fs';
import {createServer, type Server, type Socket} from 'node:net';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {type Run, runKind} from '@kruntimes/api-types';
import {EndReason, ExecutionState, parseEndpoint, Stream} from '@kruntimes/runtime-protocol';
import {Status} from 'nice-grpc';
import {FakeRuntimeServer} from './fake-runtime-server.fixture.ts';
import {PodWorld} from './pod-world.fixture.ts';

let world: PodWorld;
let server: FakeRuntimeServer;

beforeEach(async () => {
  world = await PodWorld.create();
  server = await FakeRuntimeServer.start();
  world.defer(() => server[Symbol.asyncDispose]());
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const start = () => world.startRuntimed({runtimeEndpoint: [server.endpoint]});
const idOf = ({metadata}: Run) => metadata?.uid ?? '';
const begun = (id: string) => server.until(() => server.executions.has(id));
const lost = (run: Run) => run.status?.phase === 'Pending' && (run.status.disruptions ?? 0) > 0;

/** Another Run on the same server goes its way. */
async function expectUnharmed(name = 'other'): Promise<void> {
  const other = await world.run(name, 'true\n');
  await begun(idOf(other));
  server.write(idOf(other), 'stdout', 'fine\n');
  server.end(idOf(other));
  expect((await world.until(name)).status).toMatchObject({phase: 'Succeeded', output: {stdoutBytes: 5}});
  await world.untilClean();
}

describe('a Runtime server', () => {
  test('that leaves Execute without an answer: the Run can be cancelled, and others go on when it answers again', async () => {
    start();
    const answer = server.hang('execute');
    const run = await world.run('run', 'true\n');
    await server.until(() => server.calls.includes(`execute ${idOf(run)}`));
    await world.client
      .kind(runKind)
      .patch({name: 'run', namespace: world.namespace}, {type: 'merge', body: {spec: {cancelRequested: true}}});
    expect((await world.until('run')).status).toMatchObject({phase: 'Cancelled', reason: 'CancelRequested'});
    answer();
    await expectUnharmed();
  }, 120_000);

  test('that crashes again and again: each time the Run is lost, and at last it succeeds', async () => {
    start();
    let run = await world.run('run', 'true\n');
    for (let attempt = 1; attempt <= 2; attempt++) {
      await begun(attempt === 1 ? idOf(run) : `${idOf(run)}-${attempt}`);
      await server.crash();
      run = await world.until('run', ({status}) => status?.phase === 'Pending' && status.disruptions === attempt);
      expect(run.status?.attempts?.at(-1)).toMatchObject({number: attempt, reason: 'ExecutionLost'});
      run = await world.bind(run);
    }
    await begun(`${idOf(run)}-3`);
    server.end(`${idOf(run)}-3`);
    expect((await world.until('run')).status).toMatchObject({phase: 'Succeeded', attempt: 3, disruptions: 2});
  }, 120_000);

  test('that breaks its event session all the time loses and repeats nothing', async () => {
    start();
    const run = await world.run('run', 'true\n');
    await begun(idOf(run));
    for (let round = 0; round < 5; round++) {
      server.write(idOf(run), 'stdout', `${round}\n`);
      server.breakSession();
      const sessions = server.calls.filter((call) => call === 'session').length;
      await server.until(() => server.calls.filter((call) => call === 'session').length > sessions);
    }
    server.end(idOf(run));
    expect((await world.until('run')).status).toMatchObject({phase: 'Succeeded', output: {stdoutBytes: 10}});
    expect(world.log(run).stdout.toString()).toBe('0\n1\n2\n3\n4\n');
  }, 120_000);

  test('that sends events of nobody, from the past, from nowhere and of impossible sizes harms one Run at most', async () => {
    start();
    const run = await world.run('run', 'true\n');
    const id = idOf(run);
    await begun(id);
    const output = (change: object) =>
      server.emit({
        kind: {
          $case: 'output',
          value: {
            id,
            sequence: 9n,
            stream: Stream.STDOUT,
            offset: 0n,
            data: Buffer.from('x'),
            timeUnixNano: 0n,
            ...change,
          },
        },
      });
    output({id: 'nobody', sequence: 1n});
    output({sequence: 5n, data: Buffer.alloc(0)});
    output({sequence: 3n, data: Buffer.from('of the past')});
    output({sequence: 6n, offset: 2n ** 62n, timeUnixNano: -(2n ** 62n)});
    output({sequence: 7n, stream: Stream.UNSPECIFIED, timeUnixNano: 2n ** 62n});
    const state = {
      id,
      sequence: 8n,
      state: ExecutionState.FAILED,
      exitCode: -(2 ** 31),
      signal: 'SIG'.repeat(1000),
      errorMessage: '\0\uD800'.repeat(100_000),
      timeUnixNano: 2n ** 62n,
      stdoutBytes: 2n ** 62n,
      stderrBytes: 0n,
      truncatedBytes: 2n ** 62n,
      usage: undefined,
      endReason: EndReason.EXITED,
    };
    server.emit({kind: {$case: 'state', value: {...state, id: 'nobody'}}});
    server.emit({kind: {$case: 'state', value: state}});
    const {status} = await world.until('run');
    expect(status).toMatchObject({phase: 'Failed', output: {stdoutBytes: Number.MAX_SAFE_INTEGER}});
    expect(Buffer.byteLength(status?.signal ?? '')).toBeLessThanOrEqual(32);
    expect(Buffer.byteLength(status?.message ?? '')).toBeLessThanOrEqual(1024);
    await expectUnharmed();
  }, 120_000);

  test.each([Status.INTERNAL, Status.UNKNOWN, Status.DATA_LOSS, Status.PERMISSION_DENIED])(
    'that answers Execute with code %d ends the Run, and says so',
    async (code) => {
      start();
      server.fail('execute', code, {times: 100});
      await world.run('run', 'true\n');
      const {status} = await world.until('run');
      expect(status).toMatchObject({phase: 'Failed', reason: 'RuntimeError'});
      expect(status?.message).toContain('as the test wants it');
    },
    120_000,
  );

  test('that is no server at all, but noise or silence, is waited for without harm', async () => {
    const sockets = new Set<Socket>();
    let connections = 0;
    const listen = async (greet: (socket: Socket) => void): Promise<Server> => {
      rmSync(world.socketPath, {force: true});
      const listener = createServer((socket) => {
        connections++;
        sockets.add(socket.on('error', () => {}));
        greet(socket);
      });
      await new Promise<void>((resolve) => listener.listen(world.socketPath, resolve));
      return listener;
    };
    const end = (listener: Server): Promise<void> => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => listener.close(() => resolve()));
    };
    const untilTried = async (times: number): Promise<void> => {
      const wanted = connections + times;
      while (connections < wanted) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    const {runtimed} = world.startRuntimed({runtimeEndpoint: [parseEndpoint(`unix://${world.socketPath}`)]});
    const noise = await listen((socket) => socket.write(randomBytes(1_000_000)));
    await world.run('run', 'echo fine\n');
    await untilTried(3);
    await end(noise);
    const silence = await listen(() => {});
    await untilTried(2);
    expect(runtimed.state).toMatchObject({ready: false, reason: 'RuntimeUnavailable'});
    await end(silence);
    rmSync(world.socketPath, {force: true});
    await world.serveRuntime();
    expect((await world.until('run', (run) => run.status?.phase === 'Succeeded' || lost(run))).status).toMatchObject({
      phase: 'Succeeded',
      attempt: 1,
    });
  }, 120_000);
});
