/** The local cluster of a user, by the commands that he types. */
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {parse} from 'yaml';
import {startOfProcess} from './dev/service/process-identity.ts';
import {KrtProcess, type KrtResult} from './testing/krt-process.ts';

const limitMs = 240_000;

let home: string;
let kubeconfig: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'krt-dev-'));
  kubeconfig = join(home, 'config');
});

afterEach(async () => {
  await krt('dev', 'down');
  await rm(home, {recursive: true});
}, limitMs);

function start(...args: string[]): KrtProcess {
  return new KrtProcess(args, {kubeconfig, env: {HOME: home, XDG_DATA_HOME: join(home, 'data')}});
}

async function krt(...args: string[]): Promise<KrtResult> {
  return await start(...args).result();
}

interface Status {
  phase: string;
  pid: number;
  server: string;
  kubeconfig: string;
  directory: string;
}

function statusOf({stdout, stderr}: KrtResult): Status {
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Status;
}

test(
  'a cluster in the background runs Runs, keeps them over down and up, and is gone after reset',
  async () => {
    const mine = '# mine\ncurrent-context: prod\ncontexts: []\nclusters: []\nusers: []\n';
    await writeFile(kubeconfig, mine);
    const down = await krt('dev', 'status', '-o', 'json');
    expect(down.code).toBe(1);
    expect(statusOf(down)).toMatchObject({phase: 'down'});

    const up = await krt('dev', 'up', '--detach', '-o', 'json');
    expect(up).toMatchObject({code: 0, stderr: ''});
    const {kubeconfig: own, server, pid, directory} = statusOf(up);
    expect(directory).toBe(join(home, 'data', 'kruntimes', 'dev'));
    expect(await readFile(kubeconfig, 'utf8')).toBe(mine);

    const run = ['run', '--kubeconfig', own, '--runtime', 'bash', '--name', 'hello', '--follow'];
    expect(await krt(...run, '--', 'echo', 'from here')).toMatchObject({code: 0, stdout: 'from here\n'});

    const again = await krt('dev', 'up', '--detach', '--merge', '-o', 'json');
    expect(statusOf(again)).toMatchObject({phase: 'ready', pid, server});
    const merged = await readFile(kubeconfig, 'utf8');
    expect(merged).toContain('# mine\n');
    expect(parse(merged)).toMatchObject({'current-context': 'prod', contexts: [{name: 'kruntimes-dev'}]});
    expect(await krt('get', '--context', 'kruntimes-dev', '-o', 'name')).toMatchObject({
      stdout: 'run.kruntimes.io/hello\n',
    });

    expect((await krt('dev', 'logs', 'apiserver')).stdout).toContain(`serves on ${server}\n`);
    expect((await krt('dev', 'logs', 'scheduler', '--tail', '1')).stdout).toMatch(/^\{.*\}\n$/);
    expect((await krt('dev', 'logs')).stdout).toMatch(/^scheduler +\| .*"message":"scheduling"/m);
    expect(await krt('dev', 'logs', 'nobody')).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('no log of nobody'),
    });

    const stopped = await krt('dev', 'down', '-o', 'json');
    expect(JSON.parse(stopped.stdout)).toMatchObject({phase: 'down', stopped: true, kubeconfig: own, directory});
    expect(await startOfProcess(pid)).toBeUndefined();
    expect(parse(await readFile(kubeconfig, 'utf8'))).toEqual(parse(mine));
    expect((await krt('dev', 'down')).stdout).toBe('no local cluster is up\n');

    const back = statusOf(await krt('dev', 'up', '--detach', '-o', 'json'));
    expect(back).toMatchObject({phase: 'ready', server});
    expect((await krt('get', '--kubeconfig', own, '-o', 'name')).stdout).toBe('run.kruntimes.io/hello\n');
    const second = ['run', '--kubeconfig', own, '--runtime', 'bash', '--follow', '--', 'echo', 'again'];
    expect(await krt(...second)).toMatchObject({code: 0, stdout: 'again\n'});

    expect(await krt('dev', 'up', '--detach', '--merge')).toMatchObject({code: 0});
    const reset = await krt('dev', 'reset', '-o', 'yaml');
    expect(parse(reset.stdout)).toMatchObject({phase: 'down', stopped: true});
    await expect(readFile(own)).rejects.toMatchObject({code: 'ENOENT'});
    expect(parse(await readFile(kubeconfig, 'utf8'))).toEqual(parse(mine));
  },
  limitMs,
);

test(
  'in the foreground it ends at Ctrl-C, and a second one is told that there is one',
  async () => {
    const foreground = start('dev', 'up', '--merge');
    await foreground.printed('stdout', 'krt run --runtime bash');
    expect((await krt('dev', 'up', '--detach')).stdout).toMatch(/^Cluster: +ready/);
    expect(await readFile(kubeconfig, 'utf8')).toContain('kruntimes-dev');
    const following = start('dev', 'logs', '-f', 'scheduler', 'controller');
    await following.printed('stdout', '"message":"scheduling"');
    foreground.kill('SIGINT');
    expect((await foreground.result()).code).toBe(0);
    following.kill('SIGINT');
    expect((await following.result()).code).toBe(0);
    expect(await readFile(kubeconfig, 'utf8')).not.toContain('name: kruntimes-dev');
    expect((await krt('dev', 'status')).code).toBe(1);
  },
  limitMs,
);

test(
  'after kill -9 the next start goes on with what was there',
  async () => {
    const first = statusOf(await krt('dev', 'up', '--detach', '-o', 'json'));
    const created = ['run', '--kubeconfig', first.kubeconfig, '--runtime', 'none', '--name', 'waits', '--', 'true'];
    expect((await krt(...created)).code).toBe(0);
    process.kill(first.pid, 'SIGKILL');
    const second = statusOf(await krt('dev', 'up', '--detach', '-o', 'json'));
    expect(second.pid).not.toBe(first.pid);
    expect((await krt('get', '--kubeconfig', second.kubeconfig, '-o', 'name')).stdout).toBe('run.kruntimes.io/waits\n');
  },
  limitMs,
);

test('where nothing can be kept, it says so', async () => {
  await writeFile(join(home, 'data'), '');
  for (const flags of [['--detach'], []]) {
    const up = await krt('dev', 'up', ...flags);
    expect(up).toMatchObject({code: 125, stdout: ''});
    expect(up.stderr).toBe(
      `error: cannot keep the local cluster in ${home}/data/kruntimes/dev: ${home}/data is a file; XDG_DATA_HOME chooses another place\n`,
    );
  }
});

test(
  'a kubeconfig that cannot be understood is left alone',
  async () => {
    await writeFile(kubeconfig, '- a list\n');
    const up = await krt('dev', 'up', '--detach', '--merge');
    expect(up.code).toBe(125);
    expect(up.stderr).toMatch(/^error: cannot change .*\/config: it is no kubeconfig/);
    expect(await readFile(kubeconfig, 'utf8')).toBe('- a list\n');
  },
  limitMs,
);
