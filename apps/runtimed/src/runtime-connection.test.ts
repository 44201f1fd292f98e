import {afterEach, describe, expect, test} from '@jest/globals';
import {parseRunLogLine, runLogBytes} from '@kruntimes/api-types';
import {type Clock, silentLogger, systemClock} from '@kruntimes/reconciler-kit';
import {ManualClock} from '@kruntimes/reconciler-kit/testing';
import {parseEndpoint} from '@kruntimes/runtime-protocol';
import {Status} from 'nice-grpc';
import {Execution} from './execution.ts';
import {FakeRuntimeServer} from './fake-runtime-server.fixture.ts';
import {MemoryLineWriter} from './memory-line-writer.fixture.ts';
import {RuntimeConnection} from './runtime-connection.ts';

const open: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

async function fake(options?: {sessions: boolean}): Promise<FakeRuntimeServer> {
  const server = await FakeRuntimeServer.start(options);
  open.push(() => server[Symbol.asyncDispose]());
  return server;
}

function connect(server: FakeRuntimeServer, options: {clock?: Clock; endpoints?: string[]} = {}) {
  const {clock = systemClock, endpoints = []} = options;
  const stop = new AbortController();
  const connection = new RuntimeConnection({
    endpoints: [...endpoints.map((endpoint) => parseEndpoint(endpoint)), server.endpoint],
    lostAfterMs: 300_000,
    clock,
    random: () => 0,
    logger: silentLogger,
    metrics: {runtimeConnected: {set: () => {}}, runtimeConnections: {inc: () => {}}},
  });
  const running = connection.run(stop.signal);
  open.push(async () => {
    stop.abort();
    await running;
  });
  return {connection, signal: stop.signal};
}

const header = {run: {namespace: 'default', name: 'hello', uid: 'uid'}, attempt: 1};

/** Starts an execution through a connection, as the executor does. */
async function start(connection: RuntimeConnection, signal: AbortSignal, id = 'uid') {
  const writer = new MemoryLineWriter();
  const execution = new Execution(id, header, writer, (...ack) => connection.acknowledge(...ack));
  connection.follow(execution);
  const runtime = await connection.connected(signal);
  const request = {id, args: [], env: {}, timeoutSeconds: 0n, workingDir: '/', entrypoint: '', handler: ''};
  await runtime.client.execute(request);
  connection.accepted(execution, runtime);
  const printed = (stream: 'stdout' | 'stderr'): string => {
    let text = '';
    for (const line of writer.lines.map((entry) => parseRunLogLine(entry))) {
      if (line !== undefined && 'stream' in line && line.stream === stream)
        text += Buffer.from(runLogBytes(line)).toString();
    }
    return text;
  };
  return {execution, writer, printed};
}

function nextChange(connection: RuntimeConnection, condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = connection.onChange(() => {
      if (!condition()) return;
      stop();
      resolve();
    });
  });
}

describe('RuntimeConnection', () => {
  test('tries the endpoints in turn until one answers', async () => {
    const server = await fake();
    const {connection, signal} = connect(server, {endpoints: ['unix:///nonexistent/runtime.sock', '127.0.0.1:1']});
    expect(connection.runtime).toBeUndefined();
    expect((await connection.connected(signal)).mode).toBe('session');
  });

  test('waits for a server that comes later', async () => {
    const server = await fake();
    await server.stop();
    const {connection, signal} = connect(server);
    const connected = connection.connected(signal);
    await server.listen();
    expect((await connected).generation).toBe(1);
  });

  test('does not use a server that is not healthy, and says why', async () => {
    const server = await fake();
    server.healthy = false;
    const {connection, signal} = connect(server);
    await server.until(() => server.healthChecks === 3);
    expect(connection.problem).toContain('it says that it is not healthy');
    expect(connection.runtime).toBeUndefined();
    server.healthy = true;
    await connection.connected(signal);
  });

  test('leads events of a session to executions and acknowledges what is printed', async () => {
    const server = await fake();
    const {connection, signal} = connect(server);
    const {execution, printed} = await start(connection, signal);
    server.write('uid', 'stdout', 'hello\n');
    server.write('uid', 'stderr', 'warning\n');
    await server.until(() => server.executions.get('uid')?.acknowledged === 3n);
    server.end('uid', {exitCode: 3});
    expect(await execution.ended).toMatchObject({
      kind: 'exited',
      exitCode: 3,
      byItself: true,
      stdoutBytes: 6,
      stderrBytes: 8,
    });
    expect(execution.startTime).toBeGreaterThan(0);
    expect([printed('stdout'), printed('stderr')]).toEqual(['hello\n', 'warning\n']);
    expect(server.windowBytes).toBe(256 * 1024);
    expect(server.calls.filter((call) => call.startsWith('status'))).toEqual([]);
  });

  test('misses and repeats nothing when the session breaks', async () => {
    const server = await fake();
    const {connection, signal} = connect(server);
    const {execution, printed} = await start(connection, signal);
    server.write('uid', 'stdout', 'one ');
    const broken = nextChange(connection, () => connection.runtime === undefined);
    server.breakSession();
    await broken;
    server.write('uid', 'stdout', 'two ');
    await connection.connected(signal);
    server.write('uid', 'stdout', 'three');
    server.end('uid');
    expect(await execution.ended).toMatchObject({kind: 'exited', exitCode: 0, stdoutBytes: 13});
    expect(printed('stdout')).toBe('one two three');
  });

  test('takes an execution for lost that the server does not know any more', async () => {
    const server = await fake();
    const {connection, signal} = connect(server);
    const {execution} = await start(connection, signal);
    server.write('uid', 'stdout', 'last words');
    await server.until(() => (server.executions.get('uid')?.acknowledged ?? 0n) >= 2n);
    await server.crash();
    expect(await execution.ended).toMatchObject({
      kind: 'lost',
      message: 'the Runtime server does not know the execution any more',
      stdoutBytes: 10,
    });
  });

  test('takes executions for lost when no server has answered for long', async () => {
    const server = await fake();
    const clock = new ManualClock();
    const {connection, signal} = connect(server, {clock});
    const {execution} = await start(connection, signal);
    const broken = nextChange(connection, () => connection.runtime === undefined);
    await server.stop();
    await broken;
    await clock.advance(299_000);
    expect(execution.hasEnded).toBe(false);
    await clock.advance(1_000);
    expect(await execution.ended).toMatchObject({kind: 'lost', message: 'the Runtime server did not answer for 300 s'});
  });

  test('pings, and gives up a session in which nothing is heard', async () => {
    const server = await fake();
    const clock = new ManualClock();
    const {connection, signal} = connect(server, {clock});
    await connection.connected(signal);
    for (let pings = 1; pings <= 5; pings++) {
      await clock.advance(5_000);
      await server.until(() => server.pings === pings);
      expect(connection.runtime?.generation).toBe(1);
    }
    const broken = nextChange(connection, () => connection.runtime === undefined);
    server.mute = true;
    const advancing = setInterval(() => void clock.advance(5_000), 5);
    await broken;
    clearInterval(advancing);
    expect(connection.problem).toMatch(/silent for (15|20) s/);
  });
});

describe('RuntimeConnection to a server that knows only the unary calls', () => {
  test('polls state and output', async () => {
    const server = await fake({sessions: false});
    const {connection, signal} = connect(server);
    const {execution, printed} = await start(connection, signal);
    expect(connection.runtime?.mode).toBe('polling');
    server.write('uid', 'stdout', 'one ');
    await server.until(() => server.calls.filter((call) => call === 'status uid').length >= 2);
    server.write('uid', 'stdout', 'two');
    server.write('uid', 'stderr', 'oops');
    server.end('uid', {exitCode: 4});
    expect(await execution.ended).toMatchObject({
      kind: 'exited',
      exitCode: 4,
      byItself: false,
      stdoutBytes: 7,
      stderrBytes: 4,
    });
    expect([printed('stdout'), printed('stderr')]).toEqual(['one two', 'oops']);
  });

  test('goes on after the connection broke', async () => {
    const server = await fake({sessions: false});
    const {connection, signal} = connect(server);
    const {execution, printed} = await start(connection, signal);
    server.write('uid', 'stdout', 'one ');
    server.fail('status', Status.UNAVAILABLE);
    await nextChange(connection, () => connection.runtime?.generation === 2);
    server.write('uid', 'stdout', 'two');
    server.end('uid');
    expect(await execution.ended).toMatchObject({kind: 'exited', exitCode: 0});
    expect(printed('stdout')).toBe('one two');
  });

  test('takes an execution for lost that is not found', async () => {
    const server = await fake({sessions: false});
    const {connection, signal} = connect(server);
    const {execution} = await start(connection, signal);
    server.executions.clear();
    expect(await execution.ended).toMatchObject({kind: 'lost'});
  });

  test('takes an execution for lost whose Status is nothing but errors', async () => {
    const server = await fake({sessions: false});
    const {connection, signal} = connect(server);
    server.fail('status', Status.INTERNAL, {times: 100});
    const {execution} = await start(connection, signal);
    expect(await execution.ended).toMatchObject({
      kind: 'lost',
      message: expect.stringContaining('10 Status calls failed'),
    });
  });
});
