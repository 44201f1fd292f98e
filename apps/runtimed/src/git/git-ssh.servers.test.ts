import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {chmodSync, mkdtempSync, readFileSync, rmSync} from 'node:fs';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from '@jest/globals';
import ssh2, {type Connection} from 'ssh2';
import {TestRepository} from './git-server.fixture.ts';
import {GitBench} from './git-sources.fixture.ts';
import type {GitSources} from './git-sources.ts';

// git and ssh processes on a busy machine.
const timeoutMs = 240_000;

/** A real ssh server that lets one key fetch from repositories. */
class SshGitServer implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'krt-ssh-'));
  readonly hostKey = ssh2.utils.generateKeyPairSync('ed25519');
  readonly key = ssh2.utils.generateKeyPairSync('ed25519');
  /** Commands that were executed. */
  readonly commands: string[] = [];
  /** Public keys that were offered, in base64. */
  readonly offered: string[] = [];
  readonly #server: ssh2.Server;

  constructor() {
    this.#server = new ssh2.Server({hostKeys: [this.hostKey.private]}, (connection) => this.#serve(connection));
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get knownHosts(): string {
    return `[127.0.0.1]:${this.port} ${this.hostKey.public}\n`;
  }

  url(path: string): string {
    return `ssh://git@127.0.0.1:${this.port}/${path}`;
  }

  #serve(connection: Connection): void {
    connection.on('error', () => {});
    connection.on('authentication', (context) => {
      if (context.method !== 'publickey') {
        context.reject(['publickey']);
        return;
      }
      const offered = context.key.data.toString('base64');
      this.offered.push(offered);
      if (this.key.public.split(' ')[1] === offered && context.username === 'git') context.accept();
      else context.reject(['publickey']);
    });
    connection.on('session', (accept) => {
      const session = accept();
      let protocol = '';
      session.on('env', (acceptEnv, _reject, {key, val}) => {
        if (key === 'GIT_PROTOCOL') protocol = val;
        acceptEnv?.();
      });
      session.on('exec', (acceptExec, _reject, {command}) => {
        this.commands.push(command);
        const [, path = ''] = /^git-upload-pack '\/([a-z.-]+)'$/.exec(command) ?? [];
        const stream = acceptExec();
        const env = {PATH: process.env['PATH'], GIT_PROTOCOL: protocol, GIT_CONFIG_GLOBAL: '/dev/null'};
        const git = spawn('git', ['upload-pack', join(this.directory, path)], {env});
        git.stdin.on('error', () => {});
        stream.on('error', () => {});
        stream.pipe(git.stdin);
        git.stdout.pipe(stream, {end: false});
        git.stderr.pipe(stream.stderr, {end: false});
        git.on('close', (code) => {
          stream.exit(code ?? 1);
          stream.end();
        });
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await once(this.#server, 'close');
    rmSync(this.directory, {recursive: true, force: true});
  }
}

let server: SshGitServer;
let bench: GitBench;
let sources: GitSources;

beforeAll(async () => {
  server = new SshGitServer();
  await server.listen();
  new TestRepository(join(server.directory, 'a.git')).commit({file: 'by ssh'});
}, timeoutMs);
afterAll(() => server[Symbol.asyncDispose](), timeoutMs);

beforeEach(async () => {
  bench = await GitBench.create();
  const hosts = [`127.0.0.1:${server.port}`];
  const names = ['good', 'windows', 'other-key', 'other-host', 'no-hosts', 'no-key'];
  sources = bench.sources(
    {},
    names.map((secretName) => ({secretName, hosts})),
  );
  const {knownHosts, key} = server;
  const others = ssh2.utils.generateKeyPairSync('ed25519');
  bench.secret('good', {'ssh-privatekey': key.private, known_hosts: knownHosts});
  // What editors and copying make of a key.
  const windows = key.private.trimEnd().replaceAll('\n', '\r\n');
  bench.secret('windows', {'ssh-privatekey': windows, known_hosts: knownHosts});
  bench.secret('other-key', {'ssh-privatekey': others.private, known_hosts: knownHosts});
  const otherHost = `[127.0.0.1]:${server.port} ${others.public}\n`;
  bench.secret('other-host', {'ssh-privatekey': key.private, known_hosts: otherHost});
  bench.secret('no-hosts', {'ssh-privatekey': key.private});
  bench.secret('no-key', {known_hosts: knownHosts});
  server.offered.length = 0;
  server.commands.length = 0;
}, timeoutMs);
afterEach(() => bench[Symbol.asyncDispose](), timeoutMs);

describe('a repository over ssh', () => {
  test.each(['good', 'windows'])(
    'is read with the key of the Secret %s, and no other',
    async (secretName) => {
      const laidOut = await bench.layOut(sources, {url: server.url('a.git'), secretName});
      expect(readFileSync(join(laidOut.workspace.paths.work, 'file'), 'utf8')).toBe('by ssh');
      expect(new Set(server.offered)).toEqual(new Set([server.key.public.split(' ')[1]]));
      expect(new Set(server.commands)).toEqual(new Set(["git-upload-pack '/a.git'"]));
      expect(bench.cached().filter((name) => !name.startsWith('r-'))).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'is read with a key that is mounted for its user only',
    async () => {
      chmodSync(join(bench.secrets, 'good/ssh-privatekey'), 0o400);
      const laidOut = await bench.layOut(sources, {url: server.url('a.git'), secretName: 'good'});
      expect(readFileSync(join(laidOut.workspace.paths.work, 'file'), 'utf8')).toBe('by ssh');
    },
    timeoutMs,
  );

  test.each<[string, string, RegExp]>([
    ['a key that the server does not know', 'other-key', /^GIT_FAILED: .*the server does not accept the key in Secret/],
    ['a host key that is not in known_hosts', 'other-host', /^GIT_FAILED: .*check known_hosts in Secret other-host/],
    ['no known_hosts', 'no-hosts', /^SOURCE_INVALID: Secret no-hosts is not there or has no key known_hosts/],
    ['no key', 'no-key', /^SOURCE_INVALID: Secret no-key is not there or has no key ssh-privatekey/],
  ])(
    'is refused with %s',
    async (_what, secretName, message) => {
      expect(await bench.refusal(sources, {url: server.url('a.git'), secretName})).toMatch(message);
    },
    timeoutMs,
  );

  test(
    'is refused without a Secret',
    async () => {
      expect(await bench.refusal(sources, {url: server.url('a.git')})).toMatch(/^SOURCE_INVALID: .*needs a key/);
      expect(server.offered).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'is quoted where the server has something to say',
    async () => {
      expect(await bench.refusal(sources, {url: server.url('none.git'), secretName: 'good'})).toMatch(
        /^GIT_FAILED: ssh:\/\/git@127\.0\.0\.1:\d+\/none\.git can't be read: .*not appear to be a git repository/,
      );
    },
    timeoutMs,
  );
});
