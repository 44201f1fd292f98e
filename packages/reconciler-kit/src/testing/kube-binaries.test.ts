import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {once} from 'node:events';
import {chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {delimiter, join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {resolveKubeBinaries} from './kube-binaries.ts';
import {chooseRelease} from './kube-binaries-download.ts';

const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;

describe('resolveKubeBinaries', () => {
  let directory: string;
  let cacheDirectory: string;
  let server: Server;
  let url: string;
  let answers: Map<string, Buffer | 'hang'>;
  let asked: string[];
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kube-binaries-'));
    cacheDirectory = join(directory, 'cache');
    answers = new Map();
    asked = [];
    lines.length = 0;
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      const answer = answers.get(request.url ?? '');
      if (answer === 'hang') return;
      response.writeHead(answer === undefined ? 404 : 200).end(answer);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await rm(directory, {recursive: true});
  });

  async function programsIn(folder: string, names = ['etcd', 'kube-apiserver']): Promise<void> {
    await mkdir(folder, {recursive: true});
    for (const name of names) {
      await writeFile(join(folder, name), `#!/bin/sh\necho ${name}\n`);
      await chmod(join(folder, name), 0o755);
    }
  }

  /** An archive as the official ones are, and the index that lists it. */
  async function offerDownload(hash?: string): Promise<void> {
    await programsIn(join(directory, 'pack', 'controller-tools', 'envtest'));
    const archive = execFileSync('tar', ['-cz', '-C', join(directory, 'pack'), 'controller-tools']);
    const name = `envtest-v1.36.3-${platform}.tar.gz`;
    answers.set('/archive.tar.gz', archive);
    const sha512 = hash ?? createHash('sha512').update(archive).digest('hex');
    answers.set(
      '/index.yaml',
      Buffer.from(
        `releases:\n  v1.36.3:\n    ${name}:\n      hash: ${sha512}\n      selfLink: ${url}/archive.tar.gz\n`,
      ),
    );
  }

  /** A folder with a `go` that writes the programs, and a module for it. */
  async function offerGo(body: string): Promise<{goModule: string; env: NodeJS.ProcessEnv}> {
    const goModule = join(directory, 'module');
    const bin = join(directory, 'bin');
    await mkdir(goModule, {recursive: true});
    await mkdir(bin, {recursive: true});
    await writeFile(join(goModule, 'go.mod'), 'module test\n');
    await writeFile(join(goModule, 'go.sum'), '');
    await writeFile(join(bin, 'go'), `#!/bin/sh\n${body}\n`);
    await chmod(join(bin, 'go'), 0o755);
    return {goModule, env: {PATH: `${bin}${delimiter}${process.env['PATH']}`}};
  }
  const fakeGo = `
    echo "$CGO_ENABLED $*" > "$PWD/calls"
    for last; do case "$previous" in -o) out=$last;; esac; previous=$last; done
    printf '#!/bin/sh\\n' > "$out/server"; cp "$out/server" "$out/kube-apiserver"; chmod +x "$out/server" "$out/kube-apiserver"`;

  test('KUBEBUILDER_ASSETS comes first, and is an error when there is nothing in it', async () => {
    const assets = join(directory, 'assets');
    await programsIn(assets);
    const env = {KUBEBUILDER_ASSETS: assets};
    const found = await resolveKubeBinaries({env, cacheDirectory, indexUrl: `${url}/index.yaml`, log});
    expect(found).toEqual({
      etcd: join(assets, 'etcd'),
      kubeApiserver: join(assets, 'kube-apiserver'),
      source: 'KUBEBUILDER_ASSETS',
    });
    await rm(join(assets, 'etcd'));
    await expect(resolveKubeBinaries({env, cacheDirectory, log})).rejects.toMatchObject({
      code: 'KUBE_BINARIES_MISSING',
      message: expect.stringContaining(assets),
    });
    expect(asked).toEqual([]);
  });

  test('downloads once for any number of callers, then the cache has it', async () => {
    await offerDownload();
    const options = {env: {}, cacheDirectory, indexUrl: `${url}/index.yaml`, log};
    await mkdir(join(cacheDirectory, `kubernetes-1.36.3-${platform}.Ab3dE9`), {recursive: true});
    const found = await Promise.all([1, 2, 3].map(() => resolveKubeBinaries(options)));
    expect(found.map(({source}) => source).toSorted()).toEqual(['cache', 'cache', 'download']);
    expect(asked).toEqual(['/index.yaml', '/archive.tar.gz']);
    expect(execFileSync(found[0]!.etcd, {encoding: 'utf8'})).toBe('etcd\n');
    expect(await readdir(cacheDirectory)).toEqual([`kubernetes-1.36.3-${platform}`]);
  });

  test('an archive with another checksum is thrown away', async () => {
    await offerDownload('f'.repeat(128));
    const resolved = resolveKubeBinaries({env: {}, cacheDirectory, indexUrl: `${url}/index.yaml`, log});
    await expect(resolved).rejects.toThrow(/SHA-512/);
    expect(await readdir(cacheDirectory)).toEqual([]);
  });

  test('builds when nothing can be downloaded, with the version in the programs', async () => {
    const {goModule, env} = await offerGo(fakeGo);
    const found = await resolveKubeBinaries({env, cacheDirectory, goModule, indexUrl: `${url}/nothing`, log});
    expect(found.source).toBe('go build');
    expect(await readFile(join(goModule, 'calls'), 'utf8')).toMatch(/^0 build .*gitVersion=v1\.36\.3/);
    expect(lines[0]).toMatch(/^building/);
    expect(await resolveKubeBinaries({env, cacheDirectory, goModule, indexUrl: false, log})).toMatchObject({
      source: 'cache',
    });
    // Other pins, other programs.
    await writeFile(join(goModule, 'go.sum'), 'changed\n');
    expect(await resolveKubeBinaries({env, cacheDirectory, goModule, indexUrl: false, log})).toMatchObject({
      source: 'go build',
    });
  });

  test('says in one sentence what to do when nothing works, and why nothing did', async () => {
    answers.set('/index.yaml', 'hang');
    const {goModule} = await offerGo('echo "compile: no space left" >&2; exit 1');
    const env = {PATH: join(directory, 'bin')};
    const resolved = resolveKubeBinaries({
      env,
      cacheDirectory,
      goModule,
      indexUrl: `${url}/index.yaml`,
      downloadTimeoutMs: 20,
      log,
    });
    await expect(resolved).rejects.toMatchObject({
      code: 'KUBE_BINARIES_MISSING',
      message: expect.stringMatching(/install Go .*KUBEBUILDER_ASSETS.*no answer in time.*no space left/),
    });
    await expect(
      resolveKubeBinaries({env: {PATH: ''}, cacheDirectory, goModule, indexUrl: false, log}),
    ).rejects.toThrow(/no go on PATH/);
  });
});

describe('chooseRelease', () => {
  test('takes the version itself, else the newest patch of the minor version', () => {
    const releases = ['v1.35.4', 'v1.36.0', 'v1.36.10', 'v1.36.2', 'v1.36.11-rc.0'];
    expect(chooseRelease(releases, '1.36.2')).toBe('v1.36.2');
    expect(chooseRelease(releases, '1.36.3')).toBe('v1.36.10');
    expect(chooseRelease(releases, '1.37.0')).toBeUndefined();
  });
});
