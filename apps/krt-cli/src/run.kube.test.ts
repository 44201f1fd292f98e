import {afterAll, beforeAll, describe, expect, jest, test} from '@jest/globals';
import {runKind} from '@kruntimes/api-types';
import {KrtCluster} from './testing/krt-cluster.ts';

// Each test starts processes, on machines that may have a lot to do.
jest.setTimeout(60_000);

let cluster: KrtCluster;
beforeAll(async () => {
  cluster = await KrtCluster.start();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const runs = () => cluster.client.kind(runKind);
const exited = (exitCode: number) => ({outcome: {kind: 'exited' as const, exitCode}});

const document = (name: string): string =>
  `apiVersion: kruntimes.io/v1alpha1\nkind: Run\nmetadata:\n  name: ${name}\nspec:\n  runtime: bash\n  args: [x]\n`;

describe('krt run', () => {
  test('creates a Run and says its name', async () => {
    const {code, stdout, stderr} = await cluster.krt(['run', '-r', 'bash', '--name', 'made', '--', 'echo', '-n', 'hi']);
    expect([code, stdout, stderr]).toEqual([0, 'run.kruntimes.io/made created\n', '']);
    const run = await runs().get('made', {namespace: cluster.namespace});
    expect(run.spec).toEqual({runtime: 'bash', args: ['echo', '-n', 'hi']});
    expect(run.metadata?.managedFields?.[0]?.manager).toBe('krt');
  });

  test('lets the cluster complete the name, and hands it to scripts', async () => {
    const {stdout} = await cluster.krt(['run', '-r', 'bash', '-o', 'name', '--script', 'exit 0']);
    expect(stdout).toMatch(/^run\.kruntimes\.io\/bash-[a-z0-9]{5}\n$/);
  });

  test('--wait: waits for the end, prints it, exits with the code of the program', async () => {
    const krt = cluster.start(['run', '-r', 'bash', '--name', 'waited', '--wait', '--', 'false']);
    const player = cluster.player('waited');
    await player.appeared();
    await player.bind(cluster.pod);
    await player.running();
    await player.end(exited(7));
    const {code, stdout, stderr} = await krt.result();
    expect(stdout).toBe('run.kruntimes.io/waited created\nrun.kruntimes.io/waited Failed (exit code 7)\n');
    expect([code, stderr]).toEqual([7, '']);
  });

  test.each([
    ['timeout', {kind: 'timeout'}, 124, 'Timeout (after 5s)'],
    ['cancelled', {kind: 'cancelled'}, 123, 'Cancelled'],
    [
      'start',
      {kind: 'failed', reason: 'StartFailed', message: 'no such file'},
      126,
      'Failed (StartFailed: no such file)',
    ],
    ['signal', {kind: 'exited', exitCode: 139, signal: 'SIGSEGV'}, 139, 'Failed (signal SIGSEGV)'],
  ] as const)('--wait: %s has a code of its own', async (name, outcome, expected, words) => {
    const krt = cluster.start(['run', '-r', 'bash', '--name', name, '--timeout', '5s', '--wait', '--', 'x']);
    const player = cluster.player(name);
    await player.appeared();
    await player.bind(cluster.pod);
    if (name === 'cancelled') await cluster.krt(['cancel', name]);
    await player.end({outcome});
    const {code, stdout} = await krt.result();
    expect(code).toBe(expected);
    expect(stdout).toContain(`run.kruntimes.io/${name} ${words}\n`);
  });

  test('--wait says once, also into a pipe, that there is no such Runtime', async () => {
    const krt = cluster.start(['run', '-r', 'nosuch', '--name', 'lost', '--wait', '--', 'true']);
    await cluster.player('lost').appeared();
    const ref = {name: 'lost', namespace: cluster.namespace};
    const condition = (message: string) => ({
      type: 'Scheduled',
      status: 'False',
      reason: 'RuntimeNotFound',
      message,
      lastTransitionTime: '2026-01-01T12:00:00Z',
    });
    const body = {status: {phase: 'Pending', conditions: [condition('there is no Runtime "nosuch"')]}};
    await runs().patchStatus(ref, {type: 'merge', body});
    await krt.printed('stderr', 'krt: Run lost waits (RuntimeNotFound: there is no Runtime "nosuch")\n');
    await runs().patch(ref, {type: 'merge', body: {metadata: {labels: {changed: 'yes'}}}});
    await runs().patchStatus(ref, {type: 'merge', body: {status: {phase: 'Cancelled'}}});
    const {code, stderr} = await krt.result();
    expect(code).toBe(123);
    expect(stderr.match(/waits/g)).toHaveLength(1);
  });

  test('--wait -o jsonpath prints what a script wants of the finished Run, and nothing else', async () => {
    const args = [
      'run',
      '-r',
      'bash',
      '--name',
      'outputs',
      '--wait',
      '-o',
      'jsonpath={.status.outputs.result}',
      '--',
      'x',
    ];
    const krt = cluster.start(args);
    const player = cluster.player('outputs');
    await player.appeared();
    await player.bind(cluster.pod);
    await player.end({...exited(0), outputs: {result: 'ok'}});
    const {code, stdout, stderr} = await krt.result();
    expect([code, stdout, stderr]).toEqual([0, 'ok', '']);
  });

  test('--follow: stdout to stdout, stderr to stderr, each byte once, also over a connection that breaks', async () => {
    const krt = cluster.start(['run', '-r', 'bash', '--name', 'followed', '--follow', '--script', 'x']);
    const player = cluster.player('followed');
    await player.appeared();
    await player.unschedulable('NoReadyPods', 'no Pod of Runtime bash is ready');
    await player.bind(cluster.pod);
    const binary = Buffer.from(Array.from({length: 40_000}, (_, i) => (i * 7919) % 256));
    player.output('stdout', 'one\n');
    player.output('stderr', 'warning\n');
    await krt.printed('stdout', 'one\n');
    cluster.node.cut();
    player.output('stdout', 'two\n');
    await krt.printed('stdout', 'two\n');
    await player.running();
    cluster.node.cut();
    player.output('stdout', binary);
    player.output('stderr', '日本');
    await player.end(exited(3));
    const result = await krt.result();
    expect(result.code).toBe(3);
    expect(result.stdoutBytes.equals(Buffer.concat([Buffer.from('one\ntwo\n'), binary]))).toBe(true);
    expect(result.stderr).toBe('warning\n日本');
  });

  test('--follow: goes on with the next attempt, on another Pod', async () => {
    const second = await cluster.node.createPod(cluster.namespace, 'bash-runtime-2', 'bash');
    const krt = cluster.start([
      'run',
      '-r',
      'bash',
      '--name',
      'retried',
      '--max-attempts',
      '2',
      '--follow',
      '--script',
      'x',
    ]);
    const player = cluster.player('retried');
    await player.appeared();
    await player.bind(cluster.pod);
    player.output('stdout', 'first\n');
    await player.end(exited(1));
    await player.bind(second);
    player.output('stdout', 'second\n');
    await player.end(exited(0));
    const {code, stdout, stderr} = await krt.result();
    expect([code, stdout, stderr]).toEqual([0, 'first\nsecond\n', '']);
  });

  test('--follow: a timeout is explained, since its exit code is not the program its own', async () => {
    const krt = cluster.start(['run', '-r', 'bash', '--name', 'late', '--timeout', '1', '--follow', '--script', 'x']);
    const player = cluster.player('late');
    await player.appeared();
    await player.bind(cluster.pod);
    await player.end({outcome: {kind: 'timeout'}});
    const {code, stderr} = await krt.result();
    expect(code).toBe(124);
    expect(stderr).toBe('krt: Run late Timeout (after 1s)\n');
  });

  test('Ctrl-C leaves the Run alone and says how to go on', async () => {
    const krt = cluster.start(['run', '-r', 'bash', '--name', 'interrupted', '--wait', '--', 'x']);
    await krt.printed('stdout', 'created');
    krt.kill('SIGINT');
    const {code, stderr} = await krt.result();
    expect(code).toBe(130);
    expect(stderr).toBe(
      'krt: stopped waiting; Run interrupted goes on (krt logs -f interrupted, krt wait interrupted, krt cancel interrupted)\n',
    );
    expect((await runs().get('interrupted', {namespace: cluster.namespace})).spec.cancelRequested).toBeUndefined();
  });

  test('--cancel-on-interrupt: Ctrl-C cancels and waits, again stops waiting', async () => {
    const krt = cluster.start(['run', '-r', 'bash', '--name', 'stopped', '--wait', '--cancel-on-interrupt', '--', 'x']);
    const player = cluster.player('stopped');
    await krt.printed('stdout', 'created');
    await player.bind(cluster.pod);
    krt.kill('SIGINT');
    await player.appeared((run) => run.spec.cancelRequested === true);
    await player.end({outcome: {kind: 'cancelled'}});
    expect((await krt.result()).code).toBe(123);

    const stubborn = cluster.start([
      'run',
      '-r',
      'bash',
      '--name',
      'stubborn',
      '--wait',
      '--cancel-on-interrupt',
      '--',
      'x',
    ]);
    await stubborn.printed('stdout', 'created');
    stubborn.kill('SIGINT');
    await stubborn.printed('stderr', 'cancelling');
    stubborn.kill('SIGINT');
    expect((await stubborn.result()).code).toBe(130);
  });

  test('--wait-timeout stops waiting with a code of its own', async () => {
    const args = ['run', '-r', 'bash', '--name', 'slow', '--wait', '--wait-timeout', '200ms', '--', 'x'];
    const {code, stderr} = await cluster.krt(args);
    expect(code).toBe(122);
    expect(stderr).toMatch(
      /^error: waited 200ms \(--wait-timeout\); Run slow \(Pending\) goes on; krt logs -f slow, .*\n$/,
    );
  });

  test('a Run that is deleted meanwhile is an error', async () => {
    const krt = cluster.start(['run', '-r', 'bash', '--name', 'vanished', '--wait', '--', 'x']);
    await krt.printed('stdout', 'created');
    await runs().delete({name: 'vanished', namespace: cluster.namespace});
    const {code, stderr} = await krt.result();
    expect([code, stderr]).toEqual([125, 'error: Run "vanished" was deleted\n']);
  });

  test('--rm leaves nothing behind', async () => {
    const krt = cluster.start(['run', '-r', 'bash', '--name', 'removed', '--wait', '--rm', '--', 'x']);
    const player = cluster.player('removed');
    await player.appeared();
    await player.bind(cluster.pod);
    await player.end(exited(0));
    expect((await krt.result()).code).toBe(0);
    await expect(runs().get('removed', {namespace: cluster.namespace})).rejects.toMatchObject({status: 404});
  });

  test('-f: several Runs of a manifest, flags over it, the first code that is not 0', async () => {
    const stdin = `${document('m-a')}---\n${document('m-b')}`;
    const krt = cluster.start(['run', '-f', '-', '--env', 'A=1', '--wait'], {stdin});
    for (const [name, exitCode] of [
      ['m-b', 4],
      ['m-a', 0],
    ] as const) {
      const player = cluster.player(name);
      expect((await player.appeared()).spec.env).toEqual({A: '1'});
      await player.bind(cluster.pod);
      await player.end(exited(exitCode));
    }
    const {code, stdout} = await krt.result();
    expect(code).toBe(4);
    expect(stdout.split('\n').toSorted()).toEqual([
      '',
      'run.kruntimes.io/m-a Succeeded',
      'run.kruntimes.io/m-a created',
      'run.kruntimes.io/m-b Failed (exit code 4)',
      'run.kruntimes.io/m-b created',
    ]);
  });

  test('--dry-run keeps nothing; server checks', async () => {
    const client = await cluster.krt([
      'run',
      '-r',
      'bash',
      '--name',
      'dry',
      '--dry-run=client',
      '-o',
      'yaml',
      '--',
      'x',
    ]);
    expect(client.stdout).toBe(
      'apiVersion: kruntimes.io/v1alpha1\nkind: Run\nmetadata:\n  name: dry\nspec:\n  runtime: bash\n  args:\n  - x\n',
    );
    const server = await cluster.krt([
      'run',
      '-r',
      'bash',
      '--name',
      'dry',
      '--dry-run=server',
      '-o',
      'json',
      '--',
      'x',
    ]);
    expect(JSON.parse(server.stdout)).toMatchObject({
      metadata: {name: 'dry', uid: expect.any(String)},
      status: {phase: 'Pending'},
    });
    const bad = await cluster.krt(['run', '-r', 'bash', '--entrypoint', '../x', '--dry-run=server', '--script', 'x']);
    expect(bad.code).toBe(125);
    expect(bad.stderr).toMatch(/^error: the cluster rejected the Run: .*spec\.entrypoint.*\n$/);
    await expect(runs().get('dry', {namespace: cluster.namespace})).rejects.toMatchObject({status: 404});
  });
});
