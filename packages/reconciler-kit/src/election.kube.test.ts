import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';

import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from '@jest/globals';
import {Client, kinds, Transport} from './index.ts';
import {type ControlPlaneAccess, sharedControlPlane, waitForObject} from './testing/index.ts';

/** Lease duration plus a retry, and what processes and API server need on a busy machine. */
const TAKEOVER_MS = 20_000;

let controlPlane: ControlPlaneAccess;
let transport: Transport;
let client: Client;
let namespace: string;
let candidates: Candidate[];

beforeAll(async () => {
  controlPlane = await sharedControlPlane();
  transport = new Transport(controlPlane.config);
  client = new Client(transport);
});
afterAll(() => transport.close());
beforeEach(async () => {
  candidates = [];
  namespace = await controlPlane.createNamespace();
  await client.kind(kinds.ConfigMap).create({metadata: {name: 'work', namespace}, data: {wanted: '0'}});
});
afterEach(async () => {
  for (const candidate of candidates) candidate.process.kill('SIGKILL');
  await Promise.all(candidates.map((candidate) => candidate.exit));
});

interface Candidate {
  process: ChildProcess;
  /** Lines of its log. */
  log: Record<string, unknown>[];
  exit: Promise<unknown>;
}

function stand(identity: string): Candidate {
  const program = fileURLToPath(new URL('election.fixture.ts', import.meta.url));
  const flags = [
    '--identity',
    identity,
    '--namespace',
    namespace,
    '--kubeconfig',
    controlPlane.kubeconfigPath,
    '--health-probe-bind-address',
    '127.0.0.1:0',
  ];
  const child = spawn(process.execPath, ['--conditions=development', program, ...flags], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const log: Record<string, unknown>[] = [];
  createInterface({input: child.stderr}).on('line', (line) => log.push(JSON.parse(line)));
  const candidate = {process: child, log, exit: once(child, 'close').then(([code]: unknown[]) => code)};
  candidates.push(candidate);
  return candidate;
}

/** Asks for work; returns who did it. */
async function workDoneBy(wanted: string): Promise<string | undefined> {
  const ref = {name: 'work', namespace};
  await client.kind(kinds.ConfigMap).patch(ref, {type: 'merge', body: {data: {wanted}}});
  const map = await waitForObject(client.kind(kinds.ConfigMap), ref, ({data}) => data?.done === wanted, {
    timeoutMs: TAKEOVER_MS,
  });
  return map.data?.by;
}

describe('leader election between processes', () => {
  test('the other one takes over after the leader was killed', async () => {
    const first = stand('first');
    expect(await workDoneBy('1')).toBe('first');
    stand('second');
    expect(await workDoneBy('2')).toBe('first');
    first.process.kill('SIGKILL');
    expect(await workDoneBy('3')).toBe('second');
    const lease = await client.kind(kinds.Lease).get('election', {namespace});
    expect(lease.spec).toMatchObject({holderIdentity: 'second', leaseDurationSeconds: 3, leaseTransitions: 1});
  });

  test('a leader that stops hands the Lease back', async () => {
    const first = stand('first');
    expect(await workDoneBy('1')).toBe('first');
    first.process.kill('SIGTERM');
    expect(await first.exit).toBe(0);
    const lease = await client.kind(kinds.Lease).get('election', {namespace});
    expect(lease.spec).toMatchObject({holderIdentity: '', leaseDurationSeconds: 1});
    stand('second');
    expect(await workDoneBy('2')).toBe('second');
  });

  test('a leader that slept for too long ends with an error', async () => {
    const first = stand('first');
    expect(await workDoneBy('1')).toBe('first');
    stand('second');
    first.process.kill('SIGSTOP');
    expect(await workDoneBy('2')).toBe('second');
    first.process.kill('SIGCONT');
    expect(await first.exit).toBe(1);
    expect(first.log.at(-1)).toMatchObject({level: 'error', message: 'failed', error: {code: 'LEADERSHIP_LOST'}});
    expect(await workDoneBy('3')).toBe('second');
  });
});
