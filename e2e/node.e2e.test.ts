import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync} from 'node:fs';
import {readdir, readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';
import {expect, jest, test} from '@jest/globals';
import {command} from '@kruntimes/command';
import {startCluster} from './cluster/cluster.ts';
import {clusterLayout, MAX_CLUSTERS} from './cluster/layout.ts';

jest.setTimeout(900_000);

const program = fileURLToPath(new URL('cluster/main.ts', import.meta.url));
// Beside the node that the other suites use.
const index = MAX_CLUSTERS - 1;
const layout = clusterLayout(index);

/** Everything on this machine that bears the name of the cluster. */
async function traces(): Promise<string[]> {
  const output = async (name: string, ...args: string[]): Promise<string[]> =>
    (await command(name, args)).stdout.split('\n');
  const links = await output('ip', '-oneline', 'link');
  const routes = await output('ip', 'route', 'show', 'root', layout.range);
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  const groups = await output('find', '/sys/fs/cgroup', '-maxdepth', '2', '-name', layout.name);
  const processes: string[] = [];
  for (const pid of await readdir('/proc')) {
    const line = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (line.split('\0').includes(`KRUNTIMES_E2E_NODE=${layout.name}`)) processes.push(`process ${pid}`);
  }
  return [
    ...links.filter((line) => line.includes(` ${layout.name}@`)),
    ...routes.filter((line) => line !== ''),
    ...mounts.filter((line) => line.includes(layout.directory)),
    ...groups.filter((line) => line !== ''),
    ...processes,
    ...(existsSync(layout.directory) ? [layout.directory] : []),
  ];
}

test('a node starts after one whose start was killed, and leaves nothing on the machine', async () => {
  const settings = ['vm/overcommit_memory', 'kernel/panic', 'kernel/panic_on_oops'].map((name) =>
    join('/proc/sys', name),
  );
  const before = await Promise.all(settings.map((path) => readFile(path, 'utf8')));
  expect(await traces()).toEqual([]);

  const args = ['--conditions=development', '--disable-warning=ExperimentalWarning', program, 'up'];
  const env = {...process.env, KRUNTIMES_E2E_CLUSTER: String(index)};
  const launcher = spawn(process.execPath, args, {env, stdio: ['ignore', 'ignore', 'pipe']});
  const ended = once(launcher, 'exit');
  // Its servers are running by then, but not the kubelet.
  for await (const line of createInterface(launcher.stderr)) if (line.startsWith('API server ready')) break;
  launcher.kill('SIGKILL');
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(await traces()).not.toEqual([]);

  const lines: string[] = [];
  const cluster = await startCluster({index, log: (line) => lines.push(line)});
  expect(lines).toContainEqual(expect.stringMatching(/^node ready: /));
  expect((await cluster.inside(['hostname'])).stdout).toBe(`${layout.name}\n`);
  // No way leads out of it: not to another machine, and not to another network of this one.
  expect((await cluster.inside(['ip', 'route', 'get', '192.0.2.1'])).code).not.toBe(0);

  await cluster.stop();
  expect(await traces()).toEqual([]);
  expect(await Promise.all(settings.map((path) => readFile(path, 'utf8')))).toEqual(before);
});
