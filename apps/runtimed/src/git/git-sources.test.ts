import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {GitServer} from './git-server.fixture.ts';
import {GitBench, type LaidOut} from './git-sources.fixture.ts';
import type {GitSources} from './git-sources.ts';

// git processes on a busy machine.
const timeoutMs = 240_000;
let server: GitServer;
let bench: GitBench;
let sources: GitSources;
/** Of `authority`, and nothing else. */
const secretName = 'ca';

beforeEach(async () => {
  server = await GitServer.start();
  bench = await GitBench.create();
  const hosts = [`127.0.0.1:${server.port}`];
  bench.secret('ca', {'ca.crt': server.authority.certificate});
  bench.secret('user', {'ca.crt': server.authority.certificate, username: 'ann', password: 's3cret+/word\n'});
  bench.secret('wrong', {'ca.crt': server.authority.certificate, username: 'ann', password: 'guessed-wrong'});
  sources = bench.sources(
    {},
    ['ca', 'user', 'wrong', 'gone'].map((name) => ({secretName: name, hosts})),
  );
}, timeoutMs);

afterEach(async () => {
  await bench[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
}, timeoutMs);

const textOf = ({workspace}: LaidOut, path: string): string => readFileSync(join(workspace.paths.work, path), 'utf8');

describe('a source of kind git', () => {
  test(
    'is laid out as the repository has it, with a .git of its own',
    async () => {
      const repository = server.repository('team/a.git');
      repository.commit({'old.txt': 'old'});
      const id = repository.commit({
        'run.sh': {mode: '100755', content: '#!/bin/sh\necho hello\n'},
        'lib/deep/data.txt': 'data $Id$\r\n',
        'lib/link': {mode: '120000', content: 'deep/data.txt'},
        empty: '',
        '-rf': 'dash',
        'new\nline': 'newline',
        '.gitattributes': '*.sh text eol=crlf\n*.txt filter=lfs ident\n',
      });
      const laidOut = await bench.layOut(sources, {url: server.url('team/a.git'), secretName}, {entrypoint: 'run.sh'});
      const {work} = laidOut.workspace.paths;
      expect(laidOut.workingDir).toBe(work);
      expect(textOf(laidOut, 'run.sh')).toBe('#!/bin/sh\necho hello\n');
      expect(statSync(join(work, 'run.sh')).mode & 0o777).toBe(0o755);
      expect(statSync(join(work, 'empty')).mode & 0o777).toBe(0o644);
      expect(textOf(laidOut, 'lib/deep/data.txt')).toBe('data $Id$\r\n');
      expect(readlinkSync(join(work, 'lib/link'))).toBe('deep/data.txt');
      expect([textOf(laidOut, '-rf'), textOf(laidOut, 'new\nline')]).toEqual(['dash', 'newline']);
      // One commit of history, and git finds everything in order.
      expect(bench.gitIn(laidOut, ['log', '--format=%H'])).toBe(id);
      expect(bench.gitIn(laidOut, ['symbolic-ref', 'HEAD'])).toBe('refs/heads/main');
      expect(bench.gitIn(laidOut, ['rev-parse', 'origin/main'])).toBe(id);
      expect(bench.gitIn(laidOut, ['fsck', '--full'])).toBe('');
      expect(bench.gitIn(laidOut, ['-c', 'core.attributesFile=/dev/null', 'status', '--porcelain'])).toBe('');
      // Nothing is shared with the cache.
      expect(existsSync(join(work, '.git/objects/info/alternates'))).toBe(false);
      for (const name of readdirSync(join(work, '.git/objects/pack'))) {
        expect(lstatSync(join(work, '.git/objects/pack', name)).nlink).toBe(1);
      }
      expect(readdirSync(join(work, '.git')).includes('hooks')).toBe(false);
    },
    timeoutMs,
  );

  test(
    'by branch, tag, commit, short commit and full ref',
    async () => {
      const repository = server.repository('a.git');
      const first = repository.commit({file: 'first'});
      repository.git(['tag', '-a', '-m', 'a tag', 'v1', first]);
      repository.git(['tag', 'light', first]);
      const second = repository.commit({file: 'second'});
      repository.commit({file: 'other'}, 'feature/#1');
      repository.git(['update-ref', 'refs/pull/7/head', first]);
      const url = server.url('a.git');
      const of = async (revision: string): Promise<[string, string]> => {
        const laidOut = await bench.layOut(sources, {url, secretName, revision});
        return [textOf(laidOut, 'file'), bench.gitIn(laidOut, ['rev-parse', 'HEAD'])];
      };
      expect(await of('main')).toEqual(['second', second]);
      expect(await of('HEAD')).toEqual(['second', second]);
      expect((await of('feature/#1'))[0]).toBe('other');
      for (const revision of ['v1', 'light', 'tags/v1', 'refs/tags/v1', 'refs/pull/7/head', first, first.slice(0, 8)]) {
        expect(await of(revision)).toEqual(['first', first]);
      }
      expect(await bench.refusal(sources, {url, secretName, revision: 'nothing'})).toContain(
        'SOURCE_INVALID: ' + url + ': it has no branch, tag or commit "nothing"',
      );
      expect(await bench.refusal(sources, {url, secretName, revision: 'deadbeef'})).toContain(
        'no branch, tag or commit',
      );
      expect(await bench.refusal(sources, {url, secretName, revision: 'f'.repeat(40)})).toBe(
        `SOURCE_INVALID: ${url}: it has no commit ${'f'.repeat(40)}`,
      );
    },
    timeoutMs,
  );

  test(
    'of a server that gives its refs only',
    async () => {
      const repository = server.repository('strict.git');
      const first = repository.commit({file: 'first'});
      repository.commit({file: 'second'});
      // The old protocol, in which a server may refuse.
      server.intercept = (request) => {
        delete request.headers['git-protocol'];
        return false;
      };
      const laidOut = await bench.layOut(sources, {url: server.url('strict.git'), secretName, revision: first});
      expect(textOf(laidOut, 'file')).toBe('first');
      expect(
        await bench.refusal(sources, {url: server.url('strict.git'), secretName, revision: 'e'.repeat(40)}),
      ).toContain('no branch or tag leads to commit');
    },
    timeoutMs,
  );

  test(
    'with as much history as was asked for',
    async () => {
      const repository = server.repository('a.git');
      for (const content of ['1', '2', '3', '4', '5']) repository.commit({file: content});
      const count = async (depth?: number): Promise<string> => {
        const laidOut = await bench.layOut(sources, {
          url: server.url('a.git'),
          secretName,
          ...(depth === undefined ? {} : {depth}),
        });
        expect(bench.gitIn(laidOut, ['fsck', '--full'])).toBe('');
        return bench.gitIn(laidOut, ['rev-list', '--count', 'HEAD']);
      };
      expect([await count(), await count(3), await count(0), await count(3)]).toEqual(['1', '3', '5', '3']);
      repository.commit({file: '6'});
      expect([await count(), await count(3), await count(0)]).toEqual(['1', '3', '6']);
    },
    timeoutMs,
  );

  test(
    'with a subPath as the working directory, by a symlink too, but not outside',
    async () => {
      const repository = server.repository('a.git');
      repository.commit({
        'jobs/daily/run': 'echo daily',
        shared: 'x',
        alias: {mode: '120000', content: 'jobs/daily'},
        'jobs/daily/up': {mode: '120000', content: '../../shared'},
        out: {mode: '120000', content: '../..'},
        etc: {mode: '120000', content: '/etc'},
        passwd: {mode: '120000', content: '/etc/passwd'},
        away: {mode: '120000', content: '../../../../etc/passwd'},
        loop: {mode: '120000', content: 'loop'},
        dangling: {mode: '120000', content: 'out/../nowhere'},
      });
      const git = {url: server.url('a.git'), secretName};
      for (const subPath of ['jobs/daily', 'alias']) {
        const {workspace, workingDir} = await bench.layOut(sources, {...git, subPath}, {entrypoint: 'run'});
        expect(workingDir).toBe(join(workspace.paths.work, 'jobs/daily'));
      }
      await bench.layOut(sources, {...git, subPath: 'jobs/daily'}, {entrypoint: 'up'});
      for (const subPath of ['out', 'etc', 'out/etc', 'loop']) {
        expect(await bench.refusal(sources, {...git, subPath})).toMatch(/^PATH_INVALID: .* leads out of the source/);
      }
      for (const entrypoint of ['passwd', 'away', 'out/x', 'dangling', 'loop']) {
        expect(await bench.refusal(sources, git, {entrypoint})).toMatch(
          /^PATH_INVALID: entrypoint .* leads out of the source/,
        );
      }
      expect(await bench.refusal(sources, {...git, subPath: 'shared'})).toContain('is not a directory');
      expect(await bench.refusal(sources, {...git, subPath: 'none'})).toContain('is not in the repository');
    },
    timeoutMs,
  );

  test(
    'leaves submodules and what asks for filters alone',
    async () => {
      const repository = server.repository('a.git');
      repository.commit({
        '.gitmodules': '[submodule "x"]\n\tpath = x\n\turl = -u./payload\n\tupdate = !touch pwned\n',
        x: {mode: '160000', content: 'a'.repeat(40)},
        '.lfsconfig': '[lfs]\n\turl = https://evil.example.com\n',
        '.gitattributes': 'big.bin filter=lfs diff=lfs merge=lfs -text\n',
        'big.bin': 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n',
      });
      const laidOut = await bench.layOut(sources, {url: server.url('a.git'), secretName});
      expect(readdirSync(join(laidOut.workspace.paths.work, 'x'))).toEqual([]);
      expect(textOf(laidOut, 'big.bin')).toContain('git-lfs');
    },
    timeoutMs,
  );

  test.each(['.git', '.GIT', '.git.', 'git~1', '..', '.'])(
    'refuses a repository with a file %j/config',
    async (name) => {
      const repository = server.repository('a.git');
      const config = repository.tree([
        {mode: '100644', name: 'config', id: repository.blob('[core]\n\tfsmonitor = id\n')},
      ]);
      repository.commitTree(repository.tree([{mode: '40000', name, id: config}]));
      expect(await bench.refusal(sources, {url: server.url('a.git'), secretName})).toMatch(
        /SOURCE_INVALID: .*no git would write/,
      );
    },
    timeoutMs,
  );

  test(
    'refuses a tree that writes through its own symlink',
    async () => {
      const repository = server.repository('a.git');
      const inner = repository.tree([{mode: '100644', name: 'file', id: repository.blob('x')}]);
      repository.commitTree(
        repository.tree([
          {mode: '120000', name: 'a', id: repository.blob(bench.directory)},
          {mode: '40000', name: 'a', id: inner},
        ]),
      );
      expect(await bench.refusal(sources, {url: server.url('a.git'), secretName})).toMatch(/SOURCE_INVALID: .*collide/);
      expect(existsSync(join(bench.directory, 'file'))).toBe(false);
    },
    timeoutMs,
  );

  test(
    'refuses what unfolds to too much, before it writes anything',
    async () => {
      const repository = server.repository('bomb.git');
      let tree = repository.tree([{mode: '100644', name: 'f', id: repository.blob('x'.repeat(100))}]);
      // 10^8 files in nine objects.
      for (let level = 0; level < 8; level++) {
        const id = tree;
        tree = repository.tree(Array.from({length: 10}, (_, i) => ({mode: '40000', name: `d${i}`, id})));
      }
      repository.commitTree(tree);
      const git = {url: server.url('bomb.git'), secretName};
      expect(await bench.refusal(sources, git)).toContain(
        'SOURCE_TOO_LARGE: the files of the repository are more than 10000',
      );
      const small = bench.sources({maxBytes: 50_000}, [{secretName, hosts: [`127.0.0.1:${server.port}`]}]);
      expect(await bench.refusal(small, git)).toContain(
        'SOURCE_TOO_LARGE: the files of the repository are larger than 50000',
      );
    },
    timeoutMs,
  );

  test(
    'refuses a tree that is too deep',
    async () => {
      const repository = server.repository('deep.git');
      repository.commit({[`${'d/'.repeat(300)}f`]: 'x'});
      expect(await bench.refusal(sources, {url: server.url('deep.git'), secretName})).toMatch(
        /SOURCE_INVALID: .*too deep/,
      );
    },
    timeoutMs,
  );
});

describe('limits', () => {
  test(
    'a fetch that brings too much is ended while it comes',
    async () => {
      const {randomBytes} = await import('node:crypto');
      const repository = server.repository('big.git');
      repository.commit({big: randomBytes(4 << 20)});
      const small = bench.sources({maxBytes: 1 << 20}, [{secretName, hosts: [`127.0.0.1:${server.port}`]}]);
      expect(await bench.refusal(small, {url: server.url('big.git'), secretName})).toMatch(
        /^SOURCE_TOO_LARGE: .* is larger than the 1048576 bytes/,
      );
      expect(bench.cached()).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'a server that does not answer is given up, and git is gone',
    async () => {
      server.repository('a.git').commit({file: 'x'});
      server.intercept = () => true;
      const hasty = bench.sources({timeoutSeconds: 2}, [{secretName, hosts: [`127.0.0.1:${server.port}`]}]);
      const url = server.url('a.git');
      expect(await bench.refusal(hasty, {url, secretName})).toBe(`SOURCE_TIMEOUT: ${url} was not fetched within 2 s`);
      expect(processesWith(url)).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'an attempt that ends takes git with it',
    async () => {
      server.repository('a.git').commit({file: 'x'});
      const stop = new AbortController();
      server.intercept = () => {
        stop.abort(new Error('cancelled'));
        return true;
      };
      const url = server.url('a.git');
      await expect(bench.layOut(sources, {url, secretName}, {signal: stop.signal})).rejects.toThrow('cancelled');
      expect(processesWith(url)).toEqual([]);
      server.intercept = () => false;
      expect(textOf(await bench.layOut(sources, {url, secretName}), 'file')).toBe('x');
    },
    timeoutMs,
  );
});

describe('credentials', () => {
  test(
    'are sent to the host of their entry, and are nowhere else',
    async () => {
      server.credentials = 'ann:s3cret+/word';
      server.repository('a.git').commit({file: 'x'});
      const laidOut = await bench.layOut(sources, {url: server.url('a.git'), secretName: 'user'});
      expect(textOf(laidOut, 'file')).toBe('x');
      expect(readFileSync(join(laidOut.workspace.paths.work, '.git/config'), 'utf8')).not.toContain('s3cret');
      // git asks without them first.
      expect(server.requests[0]?.authorization).toBeUndefined();
    },
    timeoutMs,
  );

  test(
    'that are wrong, missing or not there are told apart',
    async () => {
      server.credentials = 'ann:s3cret+/word';
      server.repository('a.git').commit({file: 'x'});
      const url = server.url('a.git');
      const wrong = await bench.refusal(sources, {url, secretName: 'wrong'});
      expect(wrong).toMatch(/^GIT_FAILED: .*Authentication failed.*check the credentials in Secret wrong/);
      expect(wrong).not.toContain('guessed');
      expect(await bench.refusal(sources, {url, secretName: 'ca'})).toMatch(/^GIT_FAILED: .*Secret ca has no password/);
      expect(await bench.refusal(sources, {url, secretName: 'gone'})).toMatch(
        /^SOURCE_INVALID: Secret gone is not there or has no key password/,
      );
      expect(await bench.refusal(sources, {url, secretName: 'unknown'})).toContain('add it there');
    },
    timeoutMs,
  );

  test(
    'are for the hosts of their entry only',
    async () => {
      server.repository('a.git').commit({file: 'x'});
      const url = server.url('a.git', {host: 'localhost'});
      expect(await bench.refusal(sources, {url, secretName: 'user'})).toMatch(
        /^SOURCE_INVALID: .* other hosts than localhost:\d+: add "localhost:\d+" to its hosts$/,
      );
      expect(
        await bench.refusal(sources, {url: server.url('a.git', {protocol: 'http'}), secretName: 'user'}),
      ).toContain('never sent over http');
      expect(server.requests).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'do not follow a redirect; nothing does',
    async () => {
      await using other = await GitServer.start({authority: server.authority});
      server.credentials = 'ann:s3cret+/word';
      server.repository('a.git').commit({file: 'x'});
      other.repository('a.git').commit({file: 'y'});
      server.intercept = (request, response) => {
        response.writeHead(302, {location: other.url((request.url ?? '').slice(1))}).end();
        return true;
      };
      expect(await bench.refusal(sources, {url: server.url('a.git'), secretName: 'user'})).toMatch(
        /^GIT_FAILED: .*redirects are not followed/,
      );
      expect(other.requests).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'never show in a message, whatever the server says',
    async () => {
      server.intercept = (request, response) => {
        const {authorization = ''} = request.headers;
        if (authorization === '') response.writeHead(401, {'www-authenticate': 'Basic realm="git"'}).end();
        else {
          response.writeHead(500, {'content-type': 'text/plain'});
          response.end(`you said ${authorization} that is ${atob(authorization.slice(6))} \u001b[2J https://a:b@c/`);
        }
        return true;
      };
      const message = await bench.refusal(sources, {url: server.url('a.git'), secretName: 'user'});
      expect(message).toMatch(/^GIT_FAILED: .*500/);
      for (const secret of ['s3cret', btoa('ann:s3cret+/word'), 'a:b@', '\u001b'])
        expect(message).not.toContain(secret);
    },
    timeoutMs,
  );

  test(
    'an authority that nobody trusts is told',
    async () => {
      server.repository('a.git').commit({file: 'x'});
      expect(await bench.refusal(sources, {url: server.url('a.git')})).toMatch(/^GIT_FAILED: .*certificate.*ca\.crt/);
    },
    timeoutMs,
  );

  test(
    'http goes without them',
    async () => {
      await using plain = await GitServer.start({protocol: 'http'});
      plain.repository('a.git').commit({file: 'x'});
      const url = plain.url('a.git', {protocol: 'http'});
      expect(textOf(await bench.layOut(sources, {url}), 'file')).toBe('x');
      plain.credentials = 'ann:x';
      expect(await bench.refusal(sources, {url})).toMatch(/^GIT_FAILED: .*name an entry of gitCredentials/);
    },
    timeoutMs,
  );

  test.each([
    'file:///etc',
    '/etc',
    'ext::sh -c id',
    'git://example.com/a',
    'https://ann:pw@example.com/a',
    'https://example.com',
    'https://-x/a',
    'ssh://-oProxyCommand=id/a',
    'ssh://git@-oProxyCommand=id/a',
    'https://good.example.com\\@evil.example.com/a',
    'https://a.example.com:99999/a',
    'https://example.com/a b',
  ])('the URL %s is refused', async (url) => {
    expect(await bench.refusal(sources, {url})).toMatch(/^SOURCE_INVALID: source.git.url must be/);
  });
});

describe('the cache', () => {
  const fetches = (): number => server.requests.filter(({path}) => path.endsWith('/git-upload-pack')).length;
  const repositories = (): string[] => bench.cached().filter((name) => name.startsWith('r-'));

  test(
    'spares the second fetch, but never the question',
    async () => {
      server.credentials = 'ann:s3cret+/word';
      server.repository('a.git').commit({file: 'x'});
      const git = {url: server.url('a.git'), secretName: 'user'};
      await bench.layOut(sources, git);
      const first = fetches();
      await bench.layOut(sources, git);
      // ls-refs, and no fetch.
      expect(fetches() - first).toBe(1);
      expect(await bench.refusal(sources, {...git, secretName: 'wrong'})).toMatch(
        /^GIT_FAILED: .*Authentication failed/,
      );
      server.credentials = 'ann:changed';
      expect(await bench.refusal(sources, git)).toMatch(/^GIT_FAILED: .*Authentication failed/);
      const id = 'revision' in git ? '' : server.repository('b.git').commit({file: 'y'});
      expect(await bench.refusal(sources, {...git, revision: id})).toMatch(/^GIT_FAILED: .*Authentication failed/);
    },
    timeoutMs,
  );

  test(
    'is private, and left without scratch',
    async () => {
      server.repository('a.git').commit({file: 'x'});
      await bench.layOut(sources, {url: server.url('a.git'), secretName});
      expect(statSync(bench.cacheDirectory).mode & 0o777).toBe(0o700);
      expect(bench.cached()).toEqual(repositories());
      expect(repositories()).toHaveLength(1);
    },
    timeoutMs,
  );

  test(
    'serves many Runs of one repository at once',
    async () => {
      const repository = server.repository('a.git');
      const ids = ['1', '2', '3'].map((content) => repository.commit({file: content}));
      const url = server.url('a.git');
      const revisions = [...ids, ...ids, ...ids, 'main', 'main', 'main'];
      const all = await Promise.all(revisions.map((revision) => bench.layOut(sources, {url, secretName, revision})));
      expect(all.map((laidOut) => textOf(laidOut, 'file'))).toEqual([
        '1',
        '2',
        '3',
        '1',
        '2',
        '3',
        '1',
        '2',
        '3',
        '3',
        '3',
        '3',
      ]);
      for (const laidOut of all) expect(bench.gitIn(laidOut, ['fsck', '--full'])).toBe('');
    },
    timeoutMs,
  );

  test.each<[string, (directory: string) => void]>([
    ['a pack', (directory) => overwrite(directory, '.pack')],
    ['an index', (directory) => overwrite(directory, '.idx')],
    ['HEAD', (directory) => writeFileSync(join(directory, 'HEAD'), 'nonsense')],
    ['config', (directory) => writeFileSync(join(directory, 'config'), '[nonsense')],
  ])(
    'is thrown away where %s is broken',
    async (_what, damage) => {
      const repository = server.repository('a.git');
      repository.commit({file: 'x'.repeat(5_000), other: 'y'});
      const git = {url: server.url('a.git'), secretName};
      await bench.layOut(sources, git);
      const [name = ''] = repositories();
      damage(join(bench.cacheDirectory, name));
      expect(textOf(await bench.layOut(sources, git), 'other')).toBe('y');
      expect(bench.cached()).toEqual(repositories());
    },
    timeoutMs,
  );

  test(
    'goes on after a kill in the middle of a fetch',
    async () => {
      const repository = server.repository('a.git');
      repository.commit({file: 'x'});
      const git = {url: server.url('a.git'), secretName};
      await bench.layOut(sources, git);
      await sources.close();
      const [name = ''] = repositories();
      const directory = join(bench.cacheDirectory, name);
      // What git and we leave when nobody can clean up.
      for (const lock of ['shallow.lock', 'config.lock', 'packed-refs.lock', 'HEAD.lock'])
        writeFileSync(join(directory, lock), '');
      writeFileSync(join(directory, 'objects/pack/tmp_pack_abc'), 'half');
      writeFileSync(join(bench.cacheDirectory, 's-left'), 'a key');
      repository.commit({file: 'y'});
      const again = bench.sources({}, [{secretName, hosts: [`127.0.0.1:${server.port}`]}]);
      expect(textOf(await bench.layOut(again, git), 'file')).toBe('y');
      expect(bench.cached()).toEqual([name]);
      expect(readdirSync(join(directory, 'objects/pack')).filter((file) => file.startsWith('tmp_'))).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'keeps to its size, the least recently used first',
    async () => {
      const {randomBytes} = await import('node:crypto');
      const small = bench.sources({cacheMaxBytes: 250_000}, [{secretName, hosts: [`127.0.0.1:${server.port}`]}]);
      const use = (name: string) => bench.layOut(small, {url: server.url(name), secretName});
      for (const name of ['a.git', 'b.git', 'c.git']) server.repository(name).commit({file: randomBytes(100_000)});
      await use('a.git');
      await use('b.git');
      await use('a.git');
      await use('c.git');
      expect(repositories()).toHaveLength(2);
      const before = fetches();
      await use('a.git');
      expect(fetches() - before).toBe(1);
      await use('b.git');
      expect(fetches() - before).toBeGreaterThan(2);
    },
    timeoutMs,
  );
});

function overwrite(directory: string, ending: string): void {
  const packs = join(directory, 'objects/pack');
  for (const name of readdirSync(packs).filter((other) => other.endsWith(ending))) {
    const path = join(packs, name);
    const content = readFileSync(path);
    content.fill(0x55, Math.floor(content.length / 4));
    writeFileSync(`${path}.new`, content);
    // Packs are read-only.
    renameSync(`${path}.new`, path);
  }
}

/** Ids of processes that have a text in their command line. */
function processesWith(text: string): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text);
    } catch {
      return false;
    }
  });
}
