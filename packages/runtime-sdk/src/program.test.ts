import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import {mkdir, mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, jest, test} from '@jest/globals';
import {
  EndReason,
  RuntimeEventsDefinition,
  RuntimeDefinition as RuntimeService,
  type SessionRequest,
  type StateChanged,
} from '@kruntimes/runtime-protocol';
import {type Channel, createChannel, createClient} from 'nice-grpc';
import {livingProcesses} from './living-processes.fixture.ts';

// Real processes on a machine that may be busy.
jest.setTimeout(30_000);

let directory = '';
let program: ChildProcess | undefined;
let channel: Channel | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'krt-'));
});

afterEach(async () => {
  channel?.close();
  if (program?.exitCode === null && program.signalCode === null) {
    program.kill('SIGKILL');
    await once(program, 'exit');
  }
  await rm(directory, {recursive: true, force: true});
});

/** Starts the program, and collects what it prints. */
function start(flags: string[], env: NodeJS.ProcessEnv = {}) {
  const fixture = join(import.meta.dirname, 'program.fixture.ts');
  const child = spawn(process.execPath, ['--conditions=development', fixture, ...flags], {
    env: {PATH: process.env['PATH'], ...env},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  program = child;
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const closed = once(child, 'close');
  return {
    child,
    logged: async (text: string): Promise<void> => {
      while (!stderr.includes(text)) await Promise.race([once(child.stderr, 'data'), closed]);
    },
    end: async () => {
      await closed;
      return {code: child.exitCode, stdout, stderr};
    },
  };
}

/** Starts the program and waits until it listens on the socket in its environment. */
async function serve(...flags: string[]) {
  const socket = join(directory, 'runtime.sock');
  const workspaceRoot = join(directory, 'workspace');
  const running = start(flags, {KRUNTIME_SOCKET: socket, KRUNTIME_WORKSPACE_ROOT: workspaceRoot});
  await running.logged('runtime server listens');
  channel = createChannel(`unix://${socket}`);
  const client = createClient(RuntimeService, channel);
  const events = createClient(RuntimeEventsDefinition, channel);
  /** Starts a shell script. */
  const execute = async (id: string, script: string): Promise<void> => {
    await mkdir(join(workspaceRoot, id), {recursive: true});
    await client.execute({id, args: ['sh', '-c', script]});
  };
  return {...running, client, events, execute};
}

/** Opens a session that acknowledges all and keeps nothing, and tells when an execution prints and how it ends. */
function follow(events: Awaited<ReturnType<typeof serve>>['events']) {
  const opened = Promise.withResolvers<void>();
  const printed = Promise.withResolvers<void>();
  const ends = new Map<string, StateChanged>();
  let changed = (): void => {};
  const requests: SessionRequest[] = [{kind: {$case: 'open', value: {windowBytes: 0}}}];
  let wake = (): void => {};
  async function* outgoing(): AsyncGenerator<SessionRequest, void> {
    for (;;) {
      const request = requests.shift();
      if (request !== undefined) yield request;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }
  const read = async (): Promise<void> => {
    for await (const {kind} of events.session(outgoing())) {
      if (kind?.$case === 'opened') opened.resolve();
      if (kind?.$case !== 'state' && kind?.$case !== 'output') continue;
      const {id, sequence} = kind.value;
      requests.push({kind: {$case: 'ack', value: {id, sequence}}});
      wake();
      if (kind.$case === 'output') printed.resolve();
      else if (kind.value.endReason !== EndReason.UNSPECIFIED) ends.set(id, kind.value);
      changed();
    }
  };
  read().catch(() => {}); // it ends with the server
  const end = async (id: string): Promise<StateChanged> => {
    for (;;) {
      const state = ends.get(id);
      if (state !== undefined) return state;
      await new Promise<void>((resolve) => {
        changed = resolve;
      });
    }
  };
  return {opened: opened.promise, printed: printed.promise, end};
}

function memoryOf(child: ChildProcess, field: 'VmHWM' | 'VmRSS'): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
}

describe('a Runtime server as a program', () => {
  test('explains itself', async () => {
    expect(await start(['--help']).end()).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('--listen <address>'),
    });
    expect(await start(['--version']).end()).toMatchObject({code: 0, stdout: '1.2.3\n'});
  });

  test.each([
    [['--no-such-flag'], "unknown option '--no-such-flag'"],
    [['--log-level', 'loud'], 'Allowed choices are debug, info, warn, error'],
    [['--grace-seconds', 'x'], 'Not a whole number'],
    [['--grace-seconds', '11'], 'graceMs: 11000 is not an integer from 0 to 10000'],
    [['--listen', 'unix:relative'], 'a Unix socket is written unix:///absolute/path'],
    [['--workspace-root', 'relative'], 'not an absolute path'],
    [['operand'], 'too many arguments'],
  ])('refuses %j with code 2 and a hint', async (flags, hint) => {
    const {code, stderr} = await start(flags).end();
    expect({code, stderr}).toEqual({code: 2, stderr: expect.stringContaining(hint)});
    expect(stderr).toContain('Try fixture-runtime --help.');
  });

  test('takes the limit of output from the environment, where no flag says otherwise', async () => {
    const {code, stderr} = await start([], {KRUNTIME_MAX_OUTPUT_BYTES: 'much'}).end();
    expect({code, stderr}).toEqual({code: 2, stderr: expect.stringContaining('KRUNTIME_MAX_OUTPUT_BYTES')});
  });

  test('logs JSON lines on standard error, and nothing on standard output', async () => {
    const {child, end} = await serve();
    child.kill('SIGTERM');
    const {code, stdout, stderr} = await end();
    expect({code, stdout}).toEqual({code: 0, stdout: ''});
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({message}) => message)).toEqual([
      'runtime server listens',
      'runtime server stops',
      'runtime server stopped',
    ]);
    expect(lines[0]).toMatchObject({level: 'info', logger: 'fixture-runtime', time: expect.stringMatching(/^20.*Z$/)});
  });

  test('exits with code 1 when it cannot listen', async () => {
    const {code, stderr} = await start([
      '--listen',
      `unix://${directory}/missing/x.sock`,
      '--workspace-root',
      directory,
    ]).end();
    expect({code, stderr}).toEqual({code: 1, stderr: expect.stringContaining('LISTEN_FAILED')});
  });

  test('on SIGTERM, ends what runs, tells its daemon why, and leaves nothing', async () => {
    const {child, events, execute, end} = await serve('--grace-seconds', '1');
    const session = follow(events);
    await session.opened;
    await execute('a', `trap '' TERM; setsid sleep 1000 & echo ready; while :; do sleep 1000; done`);
    await session.printed;
    child.kill('SIGTERM');
    expect(await session.end('a')).toMatchObject({endReason: EndReason.RUNTIME_TERMINATED});
    expect(await end()).toMatchObject({code: 0});
    expect(livingProcesses({directory})).toEqual([]);
  });

  test('a second signal kills everything at once', async () => {
    const {child, events, execute, end, logged} = await serve();
    const session = follow(events);
    await session.opened;
    await execute('a', `trap '' TERM; echo ready; while :; do sleep 1000; done`);
    await session.printed;
    child.kill('SIGTERM');
    await logged('runtime server stops');
    child.kill('SIGINT');
    expect(await end()).toMatchObject({code: 1});
  });

  test('its memory does not grow with output', async () => {
    const {child, events, execute} = await serve('--max-output-bytes', '0');
    const session = follow(events);
    await session.opened;
    await execute('a', 'head -c 20000000 /dev/zero');
    await session.end('a');
    const before = memoryOf(child, 'VmRSS');
    await execute('b', 'head -c 200000000 /dev/zero');
    expect(await session.end('b')).toMatchObject({stdoutBytes: 200_000_000n, truncatedBytes: 0n});
    expect(memoryOf(child, 'VmHWM') - before).toBeLessThan(100);
  });
});
