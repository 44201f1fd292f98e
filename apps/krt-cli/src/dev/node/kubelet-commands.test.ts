import {once} from 'node:events';
import {mkdtemp, realpath, rm} from 'node:fs/promises';
import {request} from 'node:https';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {Duplex} from 'node:stream';
import {afterEach, beforeEach, describe, expect, jest, test} from '@jest/globals';
import {CertificateAuthority, ProcessGuard} from '@kruntimes/reconciler-kit/testing';
import {WebSocket} from 'ws';
import type {CommandProcess} from './command-process.ts';
import {ContainerLog} from './container-log.ts';
import {ContainerProcess} from './container-process.ts';
import {KubeletServer} from './kubelet-server.ts';
import {SpdyHeaders} from './spdy-headers.ts';

jest.setTimeout(120_000);

const authority = CertificateAuthority.create();
const identity = {...authority.issue({commonName: 'kube-apiserver'}), ca: authority.certificate};
let directory: string;
let server: KubeletServer;
let guard: ProcessGuard;
let container: ContainerProcess;
let commands: CommandProcess[];
let log: ContainerLog;

function startContainer(program: string, tty = false): ContainerProcess {
  return new ContainerProcess({
    commandLine: {
      program: '/bin/sh',
      args: ['-c', program],
      env: {PATH: process.env['PATH'] ?? '', COLOUR: 'red'},
    },
    directory,
    podDirectory: directory,
    mark: directory,
    log,
    guard,
    siblings: () => [],
    stdin: true,
    tty,
  });
}

beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'kubelet-')));
  guard = new ProcessGuard();
  log = new ContainerLog(join(directory, 'log'));
  container = startContainer('echo first; while read line; do echo "read $line"; done; echo over >&2');
  commands = [];
  server = new KubeletServer({
    ...authority.issue({commonName: 'node', hosts: ['127.0.0.1']}),
    ca: authority.certificate,
    clientName: 'kube-apiserver',
    findLog: () => log,
    findContainer: ({namespace, pod, container: name}) =>
      `${namespace}/${pod}/${name}` === 'ns/p/c'
        ? {
            process: container,
            stdinOnce: true,
            run: (command) => {
              const started = container.run(command);
              commands.push(started);
              return started;
            },
          }
        : 'no such container',
    podAddress: () => undefined,
    maxCommands: 3,
  });
  await server.start();
});

afterEach(async () => {
  await server.close();
  container.kill('SIGKILL');
  await container.exited;
  await guard.close();
  await rm(directory, {recursive: true});
});

const query = (command: readonly string[], streams = 'input=1&output=1&error=1'): string =>
  `${streams}&${new URLSearchParams(command.map((word): [string, string] => ['command', word])).toString()}`;

/** The client's end of a command. */
interface Client {
  /** What has come, by stream. */
  received: Record<string, string>;
  write(stream: 'stdin' | 'resize', text: string): void;
  endInput(): void;
  /** Until a stream has it. */
  until(stream: string, pattern: RegExp): Promise<void>;
  /** Until the connection has ended; gives the status. */
  end(): Promise<{status?: string; message?: string; details?: {causes: {message: string}[]}}>;
  /** Until nothing more can be sent. */
  stuck(): Promise<void>;
  /** Goes away. */
  leave(): void;
}

class Received {
  readonly text: Record<string, string> = {};
  #look = (): void => {};

  add(stream: string, bytes: Buffer): void {
    this.text[stream] = (this.text[stream] ?? '') + bytes.toString('latin1');
    this.#look();
  }

  async until(stream: string, pattern: RegExp): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#look = () => {
        if (pattern.test(this.text[stream] ?? '')) resolve();
      };
      this.#look();
    });
  }
}

/** @throws Error with the status code where the server refuses */
async function webSocket(path: string, protocol = 'v5.channel.k8s.io'): Promise<Client> {
  const socket = new WebSocket(`wss://127.0.0.1:${server.port}${path}`, protocol, identity);
  const received = new Received();
  const closed = once(socket, 'close');
  closed.catch(() => {});
  const names = ['stdin', 'stdout', 'stderr', 'error', 'resize'];
  socket.on('message', (data) => received.add(names[(data as Buffer)[0]!]!, (data as Buffer).subarray(1)));
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('unexpected-response', (_request, response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => reject(new Error(`${response.statusCode} ${text.trim()}`)));
    });
    socket.on('error', reject);
  });
  return {
    received: received.text,
    write: (stream, text) => socket.send(Buffer.concat([Buffer.of(names.indexOf(stream)), Buffer.from(text)])),
    endInput: () => socket.send(Buffer.of(255, 0)),
    until: async (stream, pattern) => await received.until(stream, pattern),
    end: async () => {
      await closed;
      return JSON.parse(received.text['error'] ?? '{}') as object;
    },
    stuck: async () => await untilStuck(() => socket.bufferedAmount),
    leave: () => socket.terminate(),
  };
}

/** A frame: a control frame where it has a type, else data of a stream. */
function frame(
  {type, stream = 0, flags = 0}: {type?: number; stream?: number; flags?: number},
  payload: Buffer,
): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(type === undefined ? stream : (0x8003_0000 | type) >>> 0, 0);
  head.writeUInt32BE(payload.length, 4);
  head[4] = flags;
  return Buffer.concat([head, payload]);
}

/** The same over SPDY, in the order in which client-go opens the streams. */
async function spdy(path: string, streams: readonly string[], protocol = 'v4.channel.k8s.io'): Promise<Client> {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'SPDY/3.1',
    'x-stream-protocol-version': `v5.channel.k8s.io, ${protocol}`,
  };
  const options = {...identity, host: '127.0.0.1', port: server.port, path, method: 'POST', headers, agent: false};
  const socket = await new Promise<Duplex>((resolve, reject) => {
    const sent = request(options);
    sent.once('upgrade', (_response, upgraded) => resolve(upgraded));
    sent.once('response', (response) => {
      response.resume();
      reject(new Error(String(response.statusCode)));
    });
    sent.once('error', reject);
    sent.end();
  });
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  const packer = new SpdyHeaders();
  const number = (name: string): number => 2 * streams.indexOf(name) + 1;
  for (const name of streams) {
    const start = Buffer.alloc(10);
    start.writeUInt32BE(number(name), 0);
    socket.write(frame({type: 1}, Buffer.concat([start, await packer.pack({streamtype: name})])));
  }
  const received = new Received();
  let buffered: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length >= 8) {
      const end = 8 + (buffered.readUInt32BE(4) & 0xff_ffff);
      if (buffered.length < end) return;
      const first = buffered.readUInt32BE(0);
      const name = streams[(first - 1) / 2];
      if (first >>> 31 === 0 && name !== undefined) {
        received.add(name, buffered.subarray(8, end));
        // As a half-closed stream does.
        if (buffered[4] === 1) received.add(`${name} ended`, Buffer.from('yes'));
      }
      buffered = buffered.subarray(end);
    }
  });
  // The server has said its last word: client-go closes.
  socket.once('end', () => socket.end());
  return {
    received: received.text,
    write: (stream, text) => void socket.write(frame({stream: number(stream)}, Buffer.from(text))),
    endInput: () => void socket.write(frame({stream: number('stdin'), flags: 1}, Buffer.alloc(0))),
    until: async (stream, pattern) => await received.until(stream, pattern),
    end: async () => {
      await closed;
      return JSON.parse(received.text['error'] ?? '{}') as object;
    },
    stuck: async () => await untilStuck(() => socket.writableLength),
    leave: () => void socket.destroy(),
  };
}

/** Resolves when what waits to be sent is something, and does not become less any more. */
async function untilStuck(waiting: () => number): Promise<void> {
  let before = -1;
  for (let same = 0; same < 50; ) {
    await new Promise(setImmediate);
    const now = waiting();
    same = now === before ? same + 1 : 0;
    before = now;
  }
}

const openers: [string, (path: string) => Promise<Client>][] = [
  ['WebSocket', async (path) => await webSocket(path)],
  ['SPDY', async (path) => await spdy(path, ['error', 'stdin', 'stdout', 'stderr'])],
];

describe.each(openers)('a command over %s', (_name, open) => {
  test('reads until the input ends, and says how it ended', async () => {
    const client = await open(`/exec/ns/p/c?${query(['sh', '-c', 'echo $COLOUR; pwd; cat; echo wrong >&2; exit 7'])}`);
    client.write('stdin', 'typed\n');
    client.endInput();
    expect(await client.end()).toEqual({
      metadata: {},
      status: 'Failure',
      reason: 'NonZeroExitCode',
      message: 'command terminated with non-zero exit code: exit status 7',
      details: {causes: [{reason: 'ExitCode', message: '7'}]},
    });
    expect(client.received).toMatchObject({stdout: `red\n${directory}\ntyped\n`, stderr: 'wrong\n'});
  });

  test('gives all of a long output to a slow reader', async () => {
    const client = await open(`/exec/ns/p/c?${query(['head', '-c', '5000000', '/dev/zero'])}`);
    expect(await client.end()).toEqual({metadata: {}, status: 'Success'});
    expect(client.received['stdout']).toHaveLength(5_000_000);
  });

  test('that is not there', async () => {
    const client = await open(`/exec/ns/p/c?${query(['no-such-program'])}`);
    expect(await client.end()).toMatchObject({
      status: 'Failure',
      code: 500,
      message:
        'Internal error occurred: error executing command in container: exec: "no-such-program": executable file not found in $PATH',
    });
  });

  test('does not wait for what its children hold open', async () => {
    const client = await open(`/exec/ns/p/c?${query(['sh', '-c', 'sleep 1000 & echo started'])}`);
    expect(await client.end()).toMatchObject({status: 'Success'});
    expect(client.received['stdout']).toBe('started\n');
  });

  test('ends with its client, its children too', async () => {
    const client = await open(`/exec/ns/p/c?${query(['sh', '-c', 'trap "" TERM; echo up; sleep 1000'])}`);
    await client.until('stdout', /up/);
    client.leave();
    expect(await commands[0]!.exited).toBe(137);
  });

  test('ends with its client also while it does not read what it gets', async () => {
    const client = await open(`/exec/ns/p/c?${query(['sh', '-c', 'echo up; sleep 1000'])}`);
    await client.until('stdout', /up/);
    for (let i = 0; i < 100; i++) client.write('stdin', 'x'.repeat(65_536));
    // Until the connection is stuffed.
    await client.stuck();
    client.leave();
    expect(await commands[0]!.exited).toBeGreaterThan(128);
  });

  test('ends with its container', async () => {
    const client = await open(`/exec/ns/p/c?${query(['sh', '-c', 'echo up; sleep 1000'])}`);
    await client.until('stdout', /up/);
    container.kill('SIGKILL');
    expect((await client.end()).details?.causes).toEqual([{reason: 'ExitCode', message: '137'}]);
  });

  test('ends with the node', async () => {
    const client = await open(`/exec/ns/p/c?${query(['sh', '-c', 'echo up; sleep 1000'])}`);
    await client.until('stdout', /up/);
    await server.close();
    await client.end();
    expect(await commands[0]!.exited).toBeGreaterThan(128);
  });

  test('an attachment gives what comes and takes what is typed', async () => {
    const client = await open('/attach/ns/p/uid/c?input=1&output=1&error=1');
    client.write('stdin', 'one\n');
    await client.until('stdout', /^read one\n$/);
    client.endInput();
    expect(await client.end()).toEqual({metadata: {}, status: 'Success'});
    expect(client.received['stderr']).toBe('over\n');
  });
});

describe('a terminal', () => {
  const inside =
    'stty size; trap "stty size" WINCH; test -t 0 && echo "up $TERM"; while ! read line; do :; done; echo "got $line"; exit 9';
  const path = `/exec/ns/p/c?${query(['sh', '-c', inside], 'input=1&output=1&tty=1')}`;

  test.each<[string, () => Promise<Client>]>([
    ['WebSocket', async () => await webSocket(path)],
    ['SPDY', async () => await spdy(path, ['error', 'stdin', 'stdout', 'resize'])],
  ])('has the size that the client tells over %s', async (_name, open) => {
    const client = await open();
    client.write('resize', '{"Width":100,"Height":40}\n');
    await client.until('stdout', /up xterm/);
    client.write('resize', '{"Width":50,"Height":20}\n');
    await client.until('stdout', /20 50\r\n/);
    client.write('stdin', 'typed\n');
    expect((await client.end()).details?.causes).toEqual([{reason: 'ExitCode', message: '9'}]);
    expect(client.received['stdout']).toMatch(/^(40 100|24 80)\r\nup xterm\r\n[^]*got typed\r\n$/);
  });

  test('is hung up with its client', async () => {
    const client = await webSocket(path);
    await client.until('stdout', /up xterm/);
    client.leave();
    expect(await commands[0]!.exited).toBeGreaterThan(0);
  });
});

test('an attachment to a terminal', async () => {
  container.kill('SIGKILL');
  await container.exited;
  log = new ContainerLog(join(directory, 'second'));
  container = startContainer('read line; stty size; echo "got $line" >&2; exit 4', true);
  const client = await webSocket('/attach/ns/p/c?input=1&output=1&tty=1');
  client.write('resize', '{"Width":50,"Height":20}\n');
  client.write('stdin', 'typed\n');
  expect(await client.end()).toEqual({metadata: {}, status: 'Success'});
  expect(client.received['stdout']).toMatch(/^typed\r\n\d+ \d+\r\ngot typed\r\n$/);
  expect(await container.exited).toEqual({exitCode: 4});
});

test('what cannot be is refused', async () => {
  const refused = async (path: string, protocol?: string): Promise<string> =>
    await webSocket(path, protocol).then(
      () => 'taken',
      (error: Error) => error.message,
    );
  expect(await refused(`/exec/ns/p/other?${query(['true'])}`)).toBe('404 no such container');
  expect(await refused('/exec/ns/p/c?command=true')).toBe('400 you must specify at least 1 of stdin, stdout, stderr');
  expect(await refused('/exec/ns/p/c?output=1')).toBe('400 you must specify a command');
  expect(await refused('/attach/ns/p/c?output=1&tty=1')).toMatch(/^400 the container has no terminal/);
  expect(await refused(`/exec/ns/p/c?${query(['true'])}`, 'other')).toMatch(/^400 none of the protocols/);
  expect(await refused('/run/ns/p/c')).toBe('404 404 page not found');
  await expect(spdy(`/exec/ns/p/c?${query(['true'])}`, ['error'], 'v3.channel.k8s.io')).rejects.toThrow('403');
});

test('no more than so many at a time', async () => {
  const path = `/exec/ns/p/c?${query(['sh', '-c', 'echo up; sleep 1000'])}`;
  const clients = await Promise.all([1, 2, 3].map(async () => await webSocket(path)));
  for (const client of clients) await client.until('stdout', /up/);
  await expect(webSocket(path)).rejects.toThrow('429 this node runs 3 commands already: try again later');
});
