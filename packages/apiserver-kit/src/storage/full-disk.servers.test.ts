/** The whole server with its data on a small volume that runs full. It mounts a tmpfs, as root or by `sudo -n`. */
import {execFileSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import type {IncomingMessage} from 'node:http';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {DatabaseSync} from 'node:sqlite';
import {afterAll, beforeAll, expect, test} from '@jest/globals';
import type {KubeObject} from '../kube-object.ts';
import {type Answer, ServerProgram} from '../program/server-program.fixture.ts';

const limitMs = 300_000;
const volumeMiB = 24;
const configMaps = '/api/v1/namespaces/default/configmaps';
const root = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
const asRoot = (...line: string[]): void => {
  const [program = '', ...args] = [...root, ...line];
  execFileSync(program, args, {stdio: 'pipe'});
};

let volume: string;
let database: string;
let server: ServerProgram;
let isStopped = false;

beforeAll(async () => {
  volume = await mkdtemp(join(tmpdir(), 'full-disk-'));
  asRoot('mount', '-t', 'tmpfs', '-o', `size=${volumeMiB}m,mode=777`, 'tmpfs', volume);
  database = join(volume, 'objects.db');
  server = await ServerProgram.start(database);
}, limitMs);

afterAll(async () => {
  try {
    if (!isStopped) await server?.[Symbol.asyncDispose]();
  } finally {
    asRoot('umount', '--lazy', volume);
    await rm(volume, {recursive: true});
  }
}, limitMs);

const ballast = (): string => join(volume, 'ballast');

/** Takes all room that is left on the volume. */
async function fill(): Promise<void> {
  await writeFile(ballast(), '');
  const full = /ENOSPC/;
  await expect(writeFile(ballast(), Buffer.alloc(volumeMiB * 2 ** 20))).rejects.toThrow(full);
}

async function makeRoom(): Promise<void> {
  await rm(ballast());
}

const acknowledged = new Set<string>();
let count = 0;

async function write(): Promise<Answer> {
  const name = `object-${++count}`;
  const data = {text: `${name} ${'x'.repeat(100_000)}`};
  const answer = await server.ask('POST', configMaps, {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name}, data});
  if (answer.code === 201) acknowledged.add(name);
  return answer;
}

/** Until there is no room; the refusal. */
async function writeUntilFull(): Promise<Answer> {
  for (;;) {
    const answer = await write();
    if (answer.code !== 201) return answer;
    // The volume would have to have grown.
    expect(count).toBeLessThan(1_000);
  }
}

async function names(): Promise<string[]> {
  const {code, body} = await server.ask('GET', configMaps);
  expect(code).toBe(200);
  return (body['items'] as unknown as KubeObject[]).map(({metadata}) => metadata.name ?? '').sort();
}

const refusal = {
  code: 500,
  body: {
    kind: 'Status',
    status: 'Failure',
    code: 500,
    message: expect.stringMatching(
      /^etcdserver: mvcc: database space exceeded: the disk .* is full; writes go on as soon as/,
    ),
  },
};

/** Names of a watch as they come. */
async function watch(): Promise<{response: IncomingMessage; until(name: string): Promise<string[]>}> {
  const response = await server.open('GET', `${configMaps}?watch=true`);
  const lines = createInterface({input: response})[Symbol.asyncIterator]();
  return {
    response,
    until: async (wanted) => {
      const seen: string[] = [];
      while (!seen.includes(wanted)) {
        const {value, done} = await lines.next();
        if (done === true) throw new Error(`the watch ended before ${wanted}`);
        seen.push((JSON.parse(value) as {object: KubeObject}).object.metadata.name ?? '');
      }
      return seen;
    },
  };
}

test(
  'a full disk refuses writes, and nothing else: reads, watches, what was acknowledged, and writes when there is room',
  async () => {
    await write();
    const watching = await watch();
    await fill();
    expect(await writeUntilFull()).toMatchObject(refusal);
    expect(await write()).toMatchObject(refusal);
    expect(await server.ask('GET', `${configMaps}/object-1`)).toMatchObject({code: 200});
    expect(await names()).toEqual([...acknowledged].sort());

    const {pid} = server;
    await makeRoom();
    expect(await write()).toMatchObject({code: 201});
    expect(server.pid).toBe(pid);
    const last = `object-${count}`;
    const seen = await watching.until(last);
    // All that were acknowledged, each once, and none of those that were refused.
    expect(seen).toEqual([...acknowledged]);
    watching.response.destroy();
    if (!watching.response.closed) await once(watching.response, 'close');

    await fill();
    expect(await writeUntilFull()).toMatchObject(refusal);
    await server.restart();
    expect(await names()).toEqual([...acknowledged].sort());
    await writeUntilFull();
    await server.restart();
    expect(await names()).toEqual([...acknowledged].sort());

    await makeRoom();
    expect(await write()).toMatchObject({code: 201});
    await server.restart();
    expect(await names()).toEqual([...acknowledged].sort());
    expect(server.stderr).toBe('');
    isStopped = true;
    await server[Symbol.asyncDispose]();
    const stored = new DatabaseSync(database);
    expect(stored.prepare('PRAGMA integrity_check').all()).toMatchObject([{integrity_check: 'ok'}]);
    stored.close();
  },
  limitMs,
);
