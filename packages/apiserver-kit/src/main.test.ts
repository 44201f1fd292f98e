import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {get} from 'node:https';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {CertificateAuthority} from './auth/certificate-authority.ts';

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const authority = CertificateAuthority.create();

let directory: string;
let tls: string[];
const children = new Set<ChildProcess>();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'apiserver-'));
  const {cert, key} = authority.issue({commonName: 'kube-apiserver', hosts: ['127.0.0.1']});
  tls = [`--tls-cert-file=${await file('tls.crt', cert)}`, `--tls-private-key-file=${await file('tls.key', key)}`];
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(directory, {recursive: true});
});

async function file(name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

function run(args: readonly string[]) {
  const child = spawn(
    process.execPath,
    ['--conditions=development', '--disable-warning=ExperimentalWarning', main, ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  children.add(child);
  return child;
}

async function ended(args: readonly string[]): Promise<{code: number; stdout: string; stderr: string}> {
  const child = run(args);
  const exit = once(child, 'exit') as Promise<[number]>;
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return {code, stdout, stderr};
}

describe('kruntimes-apiserver', () => {
  test('serves, keeps what it has in a file, and ends on SIGTERM', async () => {
    const audit = join(directory, 'audit.log');
    const tokens = await file('tokens.csv', 'secret,admin,admin,system:masters\n');
    const args = [...tls, '--secure-port=0', `--token-auth-file=${tokens}`, `--audit-log-path=${audit}`];
    const uids: unknown[] = [];
    for (let start = 0; start < 2; start++) {
      const child = run([...args, `--storage=sqlite:${join(directory, 'cluster.db')}`]);
      const exit = once(child, 'exit') as Promise<[number]>;
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      const url = /^kruntimes-apiserver serves on (https:\S+)\n$/.exec(line.toString())?.[1] ?? '';
      const options = {ca: authority.certificate, agent: false, headers: {authorization: 'Bearer secret'}};
      const {promise, resolve, reject} = Promise.withResolvers<string>();
      get(new URL('/api/v1/namespaces/default', url), options, (response) => {
        text(response).then(resolve, reject);
      }).once('error', reject);
      uids.push((JSON.parse(await promise) as {metadata: {uid: string}}).metadata.uid);
      child.kill('SIGTERM');
      expect(await exit).toEqual([0, null]);
    }
    expect(uids[0]).toBe(uids[1]);
    const lines = (await readFile(audit, 'utf8')).trim().split('\n');
    expect(lines.map((each) => (JSON.parse(each) as {requestURI: string}).requestURI)).toEqual([
      '/api/v1/namespaces/default',
      '/api/v1/namespaces/default',
    ]);
  }, 300_000);

  test('says which flag is wrong', async () => {
    expect(await ended(['--etcd-servers=x'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'kruntimes-apiserver: unknown flag: --etcd-servers\n',
    });
    expect(await ended(['--help'])).toMatchObject({code: 0, stdout: expect.stringContaining('--secure-port')});
  }, 300_000);

  test('says that its port is taken', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const {code, stderr} = await ended([...tls, `--secure-port=${port}`]).finally(() => other.close());
    expect([code, stderr]).toEqual([1, expect.stringContaining('address already in use')]);
  }, 300_000);
});
