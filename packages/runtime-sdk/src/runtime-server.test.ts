import {execFile, spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, statSync, writeFileSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {afterEach, beforeEach, describe, expect, jest, test} from '@jest/globals';
import {
  RuntimeEventsDefinition,
  RuntimeDefinition as RuntimeService,
  type SessionRequest,
  type SessionResponse,
} from '@kruntimes/runtime-protocol';
import {createChannel, createClient, Status} from 'nice-grpc';
import {livingProcesses} from './living-processes.fixture.ts';
import {defineRuntime} from './runtime-definition.ts';
import {type RunningServer, type ServeOptions, serveRuntime} from './runtime-server.ts';
import {startRuntime} from './testing/test-runtime.ts';

// Real processes on a machine that may be busy.
jest.setTimeout(30_000);

const runtime = defineRuntime({name: 'r', command: ({args: [command = '', ...args]}) => ({command, args})});

let directory = '';
const open: {close(): unknown}[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'krt-'));
});

afterEach(async () => {
  for (const resource of open.splice(0).toReversed()) await resource.close();
  await rm(directory, {recursive: true, force: true});
});

function socket(name = 'runtime.sock'): string {
  return `unix://${join(directory, name)}`;
}

async function serve(options: Partial<ServeOptions> = {}): Promise<RunningServer> {
  const workspaceRoot = join(directory, 'workspace');
  const server = await serveRuntime(runtime, {listen: [socket()], workspaceRoot, graceMs: 300, ...options});
  open.push({close: () => server.close()});
  return server;
}

function code(expected: Status) {
  return expect.objectContaining({code: expected});
}

function dial(address: string | undefined) {
  const channel = createChannel(address ?? '');
  open.push({close: () => channel.close()});
  return {client: createClient(RuntimeService, channel), events: createClient(RuntimeEventsDefinition, channel)};
}

describe('listening', () => {
  test('on sockets and ports at once', async () => {
    const {addresses} = await serve({listen: [socket(), socket('2.sock'), '127.0.0.1:0']});
    expect(addresses).toEqual([socket(), socket('2.sock'), expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*$/)]);
    for (const address of addresses) {
      expect(await dial(address).client.health({})).toEqual({healthy: true, message: ''});
    }
    expect(statSync(join(directory, 'runtime.sock')).mode & 0o777).toBe(0o660);
  });

  test('replaces the socket of a server that was killed', async () => {
    const path = join(directory, 'runtime.sock');
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await promisify(execFile)(process.execPath, ['-e', script]).catch(() => {});
    expect(existsSync(path)).toBe(true);
    const {addresses} = await serve();
    expect(await dial(addresses[0]).client.health({})).toMatchObject({healthy: true});
  });

  test('leaves a living server alone, and what it runs', async () => {
    await using server = await startRuntime(runtime);
    const execution = await server.start({args: ['sh', '-c', 'echo ready; exec sleep 1000']});
    await execution.printed('ready');
    const {workspaceRoot} = server;
    const listenOn = [...server.server.addresses];
    await expect(serve({listen: listenOn, workspaceRoot})).rejects.toMatchObject({code: 'SOCKET_IN_USE'});
    expect(livingProcesses({directory: execution.workingDir})).toHaveLength(1);
    expect(await server.run({args: ['echo', 'hello']})).toMatchObject({stdout: 'hello\n'});
  });

  test('leaves a file alone', async () => {
    writeFileSync(join(directory, 'runtime.sock'), 'precious');
    await expect(serve()).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: expect.stringContaining('it exists and is no socket'),
    });
  });

  test('says what is wrong with an address', async () => {
    await expect(serve({listen: [socket('x'.repeat(108))]})).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringMatching(/the path has \d+ bytes and a Unix socket's may have 107/),
    });
    await expect(serve({listen: []})).rejects.toMatchObject({code: 'OPTIONS_INVALID'});
    await expect(serve({listen: [`unix://${directory}/missing/runtime.sock`]})).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
    });
  });

  test.each<Partial<ServeOptions>>([
    {workspaceRoot: 'relative'},
    {graceMs: 10_001},
    {graceMs: -1},
    {maxOutputBytes: 0.5},
    {maxExecutions: 0},
    {daemonTimeoutSeconds: Number.NaN},
  ])('refuses %j', async (options) => {
    await expect(serve(options)).rejects.toMatchObject({code: 'OPTIONS_INVALID'});
  });
});

describe('over the wire', () => {
  test('errors have the codes of the contract', async () => {
    await using server = await startRuntime(runtime, {maxExecutions: 1});
    const {client, workspaceRoot} = server;
    await expect(client.execute({id: ''})).rejects.toEqual(code(Status.INVALID_ARGUMENT));
    for (const call of ['status', 'cancel', 'forget'] as const) {
      await expect(client[call]({id: 'a'})).rejects.toEqual(code(Status.NOT_FOUND));
    }
    await client.execute({id: 'a', args: ['sleep', '1000'], workingDir: workspaceRoot});
    await expect(client.execute({id: 'a'})).rejects.toEqual(code(Status.ALREADY_EXISTS));
    await expect(client.execute({id: 'b'})).rejects.toEqual(code(Status.RESOURCE_EXHAUSTED));
    await expect(client.forget({id: 'a'})).rejects.toEqual(code(Status.FAILED_PRECONDITION));
  });

  test('programs inherit the environment of the server, but not what is meant for it', async () => {
    const env = {PATH: process.env['PATH'], IMAGE: '1', KRUNTIME_SOCKET: 'x', KRUNTIME_WORKSPACE_ROOT: 'y'};
    await using server = await startRuntime(runtime, {env});
    const {stdout} = await server.run({args: ['env'], env: {RUN: '2', KRUNTIME_OUTPUTS: 'z'}});
    expect(stdout.trim().split('\n').toSorted()).toEqual([
      'IMAGE=1',
      'KRUNTIME_EXECUTION_ID=test-1',
      'KRUNTIME_OUTPUTS=z',
      `PATH=${process.env['PATH']}`,
      'RUN=2',
    ]);
  });

  test('a daemon that does not acknowledge stops the program, and loses nothing', async () => {
    const {client, events} = dial((await serve()).addresses[0]);
    const daemon = new SlowDaemon();
    const reading = daemon.read(events.session(daemon.requests()));
    await client.execute({
      id: 'a',
      args: ['sh', '-c', 'seq 1 1000000'],
      workingDir: join(directory, 'workspace'),
    });
    await daemon.until(() => daemon.bytes >= 64 * 1024);
    // Whatever the server was about to send comes before its answers to these.
    for (let ping = 1; ping <= 20; ping++) {
      daemon.send({kind: {$case: 'ping', value: {}}});
      await daemon.until(() => daemon.pongs === ping);
    }
    expect(daemon.bytes).toBeLessThan(300 * 1024);
    daemon.acknowledge();
    await daemon.until(() => daemon.hasEnded);
    daemon.close();
    await reading;
    expect(daemon.bytes).toBe(6_888_896);
    expect(daemon.isContiguous).toBe(true);
  });
});

describe('closing', () => {
  test('ends what runs, tells the daemon, and leaves nothing', async () => {
    const server = await startRuntime(runtime);
    const execution = await server.start({args: ['sh', '-c', 'setsid sleep 1000 & echo ready; wait']});
    await execution.printed('ready');
    const closed = server.server.close();
    expect(await execution.result).toMatchObject({
      reason: 'runtime terminated',
      exitCode: -1,
      errorMessage: 'the Runtime server was stopped',
    });
    await closed;
    expect(livingProcesses({directory: server.directory})).toEqual([]);
    expect(existsSync(join(server.directory, 'runtime.sock'))).toBe(false);
    await server.close();
  });

  test('does not wait for a daemon that does not come', async () => {
    const server = await serve();
    const begin = performance.now();
    await server.close();
    expect(performance.now() - begin).toBeLessThan(4_000);
  });
});

describe('a server after one that was killed', () => {
  test('kills the programs that the other left in its workspace', async () => {
    const workspaceRoot = join(directory, 'workspace');
    const first = await serve();
    // What such a server leaves behind: a program in the workspace, with the marker, that nobody looks after.
    const left = spawn('sleep', ['1000'], {
      cwd: workspaceRoot,
      env: {...process.env, KRUNTIME_EXECUTION_ID: 'lost'},
      detached: true,
      stdio: 'ignore',
    });
    const ended = once(left, 'exit');
    await first.close();
    await serve();
    await ended;
    expect(left.signalCode).toBe('SIGKILL');
  });
});

/** A daemon that acknowledges only when it is told to. */
class SlowDaemon {
  bytes = 0;
  pongs = 0;
  hasEnded = false;
  isContiguous = true;
  #acknowledges = false;
  #sequence = 0n;
  #closed = false;
  readonly #queue: SessionRequest[] = [{kind: {$case: 'open', value: {windowBytes: 64 * 1024}}}];
  readonly #listeners = new Set<() => void>();

  send(request: SessionRequest): void {
    this.#queue.push(request);
    this.#changed();
  }

  acknowledge(): void {
    this.#acknowledges = true;
    this.#ack();
  }

  close(): void {
    this.#closed = true;
    this.#changed();
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await this.#change();
  }

  async *requests(): AsyncGenerator<SessionRequest, void> {
    while (!this.#closed) {
      const request = this.#queue.shift();
      if (request === undefined) await this.#change();
      else yield request;
    }
  }

  async read(responses: AsyncIterable<SessionResponse>): Promise<void> {
    for await (const {kind} of responses) {
      if (kind?.$case === 'pong') this.pongs++;
      if (kind?.$case === 'output') {
        if (Number(kind.value.offset) !== this.bytes) this.isContiguous = false;
        this.bytes += kind.value.data.length;
      }
      if (kind?.$case === 'state') this.hasEnded = kind.value.endReason !== 0;
      if (kind?.$case === 'state' || kind?.$case === 'output') this.#sequence = kind.value.sequence;
      if (this.#acknowledges) this.#ack();
      this.#changed();
    }
  }

  #ack(): void {
    this.send({kind: {$case: 'ack', value: {id: 'a', sequence: this.#sequence}}});
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const listener = (): void => {
        this.#listeners.delete(listener);
        resolve();
      };
      this.#listeners.add(listener);
    });
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
