import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {command} from '@kruntimes/command';
import {freePorts} from '@kruntimes/reconciler-kit/testing';
import {pythonRuntime} from './support/python-runtime.ts';
import {System} from './support/system.ts';

const conformance = fileURLToPath(new URL('../packages/runtime-protocol/dist/conformance/main.js', import.meta.url));

let system: System;
let namespace: string;

beforeAll(async () => {
  system = await System.start({images: {'python-runtime': {command: await pythonRuntime()}}});
  namespace = await system.createNamespace();
  const [port = 0] = await freePorts(1);
  await system.createRuntime(namespace, {
    replicas: 1,
    runs: 4,
    container: {image: 'python-runtime:v1', args: [`127.0.0.1:${port}`], ports: [{containerPort: port}]},
  });
}, 600_000);
afterAll(() => system?.stop());

test('passes the required conformance cases', async () => {
  const workspaceRoot = await mkdtemp(join(tmpdir(), 'krt-python-'));
  const [port = 0] = await freePorts(1);
  const [program = '', ...args] = await pythonRuntime();
  const server = spawn(program, [...args, `127.0.0.1:${port}`], {
    env: {...process.env, KRUNTIME_WORKSPACE_ROOT: workspaceRoot},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(server.stdout, 'data'); // it says that it listens
    const report = await command(process.execPath, [
      conformance,
      '-o',
      'json',
      '--workspace-root',
      workspaceRoot,
      `127.0.0.1:${port}`,
    ]);
    const {results: cases} = JSON.parse(report.stdout) as {results: {id: string; passed: boolean; message: string}[]};
    expect(cases.filter(({passed}) => !passed)).toEqual([]);
    expect(cases.length).toBeGreaterThanOrEqual(17);
    expect(report.code).toBe(0);
  } finally {
    server.kill('SIGKILL');
    await rm(workspaceRoot, {recursive: true, force: true});
  }
}, 120_000);

describe('a Runtime server in another language, without event stream', () => {
  test('executes a Run, whose result and log are complete', async () => {
    const script = 'echo "out $GREETING $1"\necho err >&2\necho "answer=42" >> "$KRUNTIME_OUTPUTS"\n';
    const run = await system.finish(namespace, {source: {inline: script}, args: ['world'], env: {GREETING: 'hello'}});
    expect(run.status).toMatchObject({phase: 'Succeeded', exitCode: 0, attempt: 1, outputs: {answer: '42'}});
    expect(run.status?.output).toMatchObject({stdoutBytes: 16, stderrBytes: 4});
    expect(await system.logs(run)).toEqual({code: 0, stdout: 'out hello world\n', stderr: 'err\n'});
  });

  test('fails with the exit code', async () => {
    const run = await system.finish(namespace, {source: {inline: 'exit 7\n'}});
    expect(run.status).toMatchObject({phase: 'Failed', reason: 'NonZeroExit', exitCode: 7});
  });

  test('is timed out and cancelled, and nothing of it is left', async () => {
    const marker = system.marker();
    const source = {inline: `exec -a ${marker} sleep 600 & wait\n`};
    const late = await system.finish(namespace, {source, timeoutSeconds: 1});
    expect(late.status).toMatchObject({phase: 'Timeout'});
    const {metadata} = await system.create(namespace, {source});
    await system.phase(namespace, metadata?.name ?? '', 'Running');
    await system.cancel(namespace, metadata?.name ?? '');
    expect((await system.ended(namespace, metadata?.name ?? '')).status).toMatchObject({phase: 'Cancelled'});
    expect(system.processes(marker)).toEqual([]);
  });

  test('retries in a fresh execution', async () => {
    const run = await system.finish(namespace, {
      source: {inline: 'test "$KRUNTIME_RUN_ATTEMPT" = 2\n'},
      retryPolicy: {maxAttempts: 3, backoffSeconds: 0},
    });
    expect(run.status).toMatchObject({phase: 'Succeeded', attempt: 2});
  });

  test('executes 40 Runs on 4 slots', async () => {
    const inline = Array.from({length: 40}, (_, index) => `echo ${index}`);
    const ended = await Promise.all(inline.map((script) => system.finish(namespace, {source: {inline: script}})));
    expect(ended.map(({status}) => status?.phase)).toEqual(ended.map(() => 'Succeeded'));
    expect(await system.workspacesLeft()).toEqual([]);
  });

  test('is killed in mid-Run: the Run is executed again', async () => {
    const {metadata} = await system.create(namespace, {source: {inline: 'sleep 2; echo done\n'}});
    const running = await system.phase(namespace, metadata?.name ?? '', 'Running');
    await system.killRuntimeServer(namespace, running.status?.assignedPod ?? '');
    const run = await system.ended(namespace, metadata?.name ?? '', 120_000);
    expect(run.status).toMatchObject({phase: 'Succeeded', attempt: 2, disruptions: 1});
  });
});
