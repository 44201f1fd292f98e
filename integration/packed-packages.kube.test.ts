import {execFileSync, spawn} from 'node:child_process';
import {mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {command} from '@kruntimes/command';
import {kubeModule} from '@kruntimes/krt-cli/dev';
import {Client, kinds, Transport} from '@kruntimes/reconciler-kit';
import {type ControlPlane, freePorts, startControlPlane, waitForObject} from '@kruntimes/reconciler-kit/testing';
import {RuntimeDefinition} from '@kruntimes/runtime-protocol';
import {createChannel, createClient} from 'nice-grpc';
import {blocksOf} from './support/guide.ts';

const list = execFileSync(process.execPath, ['tools/publishable.mjs'], {encoding: 'utf8'});
const publishable = JSON.parse(list) as {name: string; folder: string}[];

/** As much of one as the server's program writes. */
interface Kubeconfig {
  clusters: [{cluster: {server: string; 'certificate-authority-data': string}}];
  users: [{user: {token: string}}];
}

/** A stranger's folder: nothing is there but what `npm install` made of the packed packages. */
let folder: string;
/** Its own: the controller of the README works in fixed namespaces. */
let controlPlane: ControlPlane;
let transport: Transport;

const program = async (readme: string): Promise<string> => {
  const block = (await blocksOf(readme)).find(({language}) => language === 'ts');
  return block?.text ?? '';
};

/** Starts a README's program; `stop` ends it and gives what it wrote. */
async function start(name: string, text: string, args: readonly string[]) {
  await writeFile(join(folder, name), text);
  const child = spawn(process.execPath, [name, ...args], {cwd: folder, stdio: ['ignore', 'ignore', 'pipe']});
  const log: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => log.push(chunk));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return async (): Promise<{code: number | null; log: string}> => {
    child.kill('SIGTERM');
    const code = await ended;
    return {code, log: Buffer.concat(log).toString('utf8')};
  };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'krt-stranger-'));
  for (const {folder: source} of publishable) {
    const {code, stderr} = await command('pnpm', ['--dir', source, 'pack', '--silent', '--pack-destination', folder]);
    if (code !== 0) throw new Error(stderr);
  }
  const archives = (await readdir(folder)).filter((name) => name.endsWith('.tgz')).map((name) => `./${name}`);
  await writeFile(join(folder, 'package.json'), '{"private": true, "type": "module"}\n');
  const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', ...archives];
  const {code, stderr} = await command('npm', install, {cwd: folder, timeoutMs: 240_000});
  if (code !== 0) throw new Error(stderr);
  controlPlane = await startControlPlane({resolve: {goModule: kubeModule}});
  transport = new Transport(controlPlane.config);
}, 300_000);
afterAll(async () => {
  await transport?.close();
  await controlPlane?.stop();
  await rm(folder, {recursive: true, force: true});
});

describe('installed into an empty folder', () => {
  test('api-types: the README program tells the life of a Run', async () => {
    await writeFile(join(folder, 'life.ts'), await program('packages/api-types/README.md'));
    const {code, stdout} = await command(process.execPath, [join(folder, 'life.ts')]);
    expect(code).toBe(0);
    expect(stdout).toContain('Scheduled on bash-runtime-x7k2p attempt 1');
  });

  test('artifact-store: the README program stores, reads and deletes', async () => {
    await writeFile(join(folder, 'artifacts.ts'), await program('packages/artifact-store/README.md'));
    const {code, stdout} = await command(process.execPath, [join(folder, 'artifacts.ts')], {
      env: {...process.env, TMPDIR: folder},
    });
    expect(code).toBe(0);
    expect(stdout).toContain('stored runs/1/report.txt sha256:');
    expect(stdout).toContain('all is well\ndeleted 1\n');
  });

  test('apiserver-kit: the README program is an API server', async () => {
    const [port] = await freePorts(1);
    const stop = await start('server.ts', await program('packages/apiserver-kit/README.md'), [`${port}`]);
    const {clusters, users} = await eventually(
      async () => JSON.parse(await readFile(join(folder, 'kubeconfig'), 'utf8')) as Kubeconfig,
    );
    await using readers = new Transport({
      server: clusters[0].cluster.server,
      ca: Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64').toString(),
      authorization: async () => `Bearer ${users[0].user.token}`,
      namespace: 'default',
    });
    const names = (await new Client(readers).kind(kinds.Namespace).list()).items.map(({metadata}) => metadata?.name);
    expect(names).toEqual(['default', 'kube-node-lease', 'kube-public', 'kube-system']);
    expect((await stop()).code).toBe(0);
  });

  test('runtime-sdk: the README program is a Runtime server', async () => {
    const socket = join(folder, 'r.sock');
    const flags = ['--listen', `unix://${socket}`, '--workspace-root', folder];
    const stop = await start('runtime.ts', await program('packages/runtime-sdk/README.md'), flags);
    const channel = createChannel(`unix://${socket}`);
    try {
      const client = createClient(RuntimeDefinition, channel);
      await expect(eventually(() => client.health({}))).resolves.toMatchObject({healthy: true});
      const unknown = client.status({id: 'nobody'});
      await expect(unknown).rejects.toMatchObject({code: 5});
    } finally {
      channel.close();
      expect((await stop()).code).toBe(0);
    }
  });

  test('the Runtime development guide: its Runtime passes its own test and the conformance cases', async () => {
    const blocks = await blocksOf('docs/runtime-development.md');
    const programs = blocks.filter(({language}) => language === 'ts').map(({text}) => text);
    expect(programs).toHaveLength(2);
    for (const text of programs) await writeFile(join(folder, /^\/\/ (\S+\.ts)/.exec(text)?.[1] ?? ''), text);
    const [install, ...snippets] = blocks.filter(({language}) => language === 'sh').map(({text}) => text);
    // Installed above, from the packed packages.
    expect(install).toBe('npm install @kruntimes/runtime-sdk @kruntimes/runtime-protocol\n');
    expect(snippets).toHaveLength(2);
    const place = await mkdtemp(join(tmpdir(), 'krt-guide-'));
    try {
      for (const snippet of snippets) {
        const text = snippet.replaceAll('/tmp/krt-guide', place);
        const {code, stdout, stderr} = await command('bash', ['-euo', 'pipefail', '-c', text], {
          cwd: folder,
          timeoutMs: 120_000,
        });
        expect({code, output: stdout + stderr}).toMatchObject({code: 0});
      }
    } finally {
      await rm(place, {recursive: true, force: true});
    }
  }, 240_000);

  test('reconciler-kit: the README program is a controller', async () => {
    const configMaps = new Client(transport).kind(kinds.ConfigMap);
    const namespaces = new Client(transport).kind(kinds.Namespace);
    const namespace = await controlPlane.createNamespace();
    await configMaps.apply(
      {metadata: {name: 'company-ca', namespace: 'default'}, data: {'ca.crt': 'packed'}},
      {fieldManager: 'test', force: true},
    );
    await namespaces.patch({name: namespace}, {type: 'merge', body: {metadata: {labels: {trust: 'company'}}}});
    const flags = ['--kubeconfig', controlPlane.kubeconfigPath, '--metrics-bind-address', '0'];
    const stop = await start('controller.ts', await program('packages/reconciler-kit/README.md'), [
      ...flags,
      '--health-probe-bind-address',
      '127.0.0.1:0',
    ]);
    const copy = await waitForObject(
      configMaps,
      {name: 'company-ca', namespace},
      ({data}) => data?.['ca.crt'] === 'packed',
      {
        timeoutMs: 30_000,
      },
    );
    expect(copy.data).toEqual({'ca.crt': 'packed'});
    expect((await stop()).code).toBe(0);
  });

  test('krt-cli: krt runs, also as kubectl plugin', async () => {
    const krt = join(folder, 'node_modules', '.bin', 'krt');
    const {version} = JSON.parse(await readFile(new URL('../apps/krt-cli/package.json', import.meta.url), 'utf8'));
    const client = await command(krt, ['version', '--client']);
    expect(client).toMatchObject({code: 0, stderr: ''});
    expect(client.stdout).toContain(version);
    const plugin = await command(join(folder, 'node_modules', '.bin', 'kubectl-krt'), ['run', '--help']);
    expect(plugin).toMatchObject({code: 0});
    expect(plugin.stdout).toContain('kubectl krt run');
  });

  test.each(publishable.map(({name}) => name))('%s hides its internals', async (name) => {
    const attempt = `import('${name}/src/index.ts').then(() => process.exit(0), (e) => { console.log(e.code); process.exit(3) })`;
    const {code, stdout} = await command(process.execPath, ['--input-type=module', '-e', attempt], {
      cwd: folder,
    });
    expect({code, stdout}).toEqual({code: 3, stdout: 'ERR_PACKAGE_PATH_NOT_EXPORTED\n'});
  });
});

/** Asks again as soon as an answer fails, until the server is up; bounded by the test's own time. */
async function eventually<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (attempt >= 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
