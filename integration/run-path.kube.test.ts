import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {System} from './support/system.ts';

let system: System;
let namespace: string;

beforeAll(async () => {
  system = await System.start();
  namespace = await system.createNamespace();
  await system.createRuntime(namespace, {replicas: 2, runs: 4});
}, 120_000);
afterAll(() => system?.stop());

describe('a Run', () => {
  test('succeeds, and its status tells the whole story', async () => {
    const run = await system.finish(namespace, {source: {inline: 'echo hello\n'}, entrypoint: 'script'});
    expect(run.status).toMatchObject({
      phase: 'Succeeded',
      reason: 'Completed',
      attempt: 1,
      exitCode: 0,
      output: {stdoutBytes: 6, stderrBytes: 0},
    });
    expect(run.status?.output?.tail ?? '').toBe('');
    const {scheduledTime = '', startTime = '', completionTime = ''} = run.status ?? {};
    expect([scheduledTime, startTime, completionTime].toSorted()).toEqual([scheduledTime, startTime, completionTime]);
    expect(await system.logs(run)).toEqual({code: 0, stdout: 'hello\n', stderr: ''});
  });

  test('fails with the exit code and the end of what the program wrote', async () => {
    const run = await system.finish(namespace, {source: {inline: 'echo fine\necho "no such thing" >&2\nexit 7\n'}});
    expect(run.status).toMatchObject({phase: 'Failed', exitCode: 7, output: {stdoutBytes: 5, stderrBytes: 14}});
    expect(run.status?.output?.tail).toContain('no such thing');
    expect(await system.logs(run)).toEqual({code: 0, stdout: 'fine\n', stderr: 'no such thing\n'});
  });

  test('gets its arguments, its environment and directories of its own', async () => {
    const script = [
      'printf "%s|" "$@"; echo',
      'echo "$GREETING $KRUNTIME_RUN_NAME $KRUNTIME_RUN_NAMESPACE $KRUNTIME_RUN_UID $KRUNTIME_RUN_ATTEMPT"',
      'for d in "$HOME" "$TMPDIR" "$KRUNTIME_ARTIFACTS_DIR" "$PWD"; do test -d "$d" && test -w "$d" || exit 3; done',
    ].join('\n');
    const run = await system.finish(namespace, {
      source: {inline: script},
      args: ['a b', '', '$HOME', "it's"],
      env: {GREETING: 'good day'},
    });
    const {name, uid} = run.metadata ?? {};
    expect(run.status?.phase).toBe('Succeeded');
    const {stdout} = await system.logs(run);
    expect(stdout).toBe(`a b||$HOME|it's|\ngood day ${name} ${namespace} ${uid} 1\n`);
  });

  test('without source and entrypoint runs its arguments as the command line', async () => {
    const run = await system.finish(namespace, {args: ['printf', '%s-%s', 'x', 'y z']});
    expect(run.status?.phase).toBe('Succeeded');
    expect((await system.logs(run)).stdout).toBe('x-y z');
  });

  test('keeps outputs, those of a failed program too', async () => {
    const script = 'echo "result=ok" >> "$KRUNTIME_OUTPUTS"\necho "url=a=b" >> "$KRUNTIME_OUTPUTS"\n';
    const good = await system.finish(namespace, {source: {inline: script}});
    expect(good.status?.outputs).toEqual({result: 'ok', url: 'a=b'});
    const bad = await system.finish(namespace, {source: {inline: `${script}exit 1\n`}});
    expect(bad.status).toMatchObject({phase: 'Failed', outputs: {result: 'ok', url: 'a=b'}});
  });

  test('carries bytes that are not UTF-8 to krt logs unchanged', async () => {
    const run = await system.finish(namespace, {source: {inline: "printf 'a\\377\\376b\\n'; exit 1"}});
    expect(run.status?.phase).toBe('Failed');
    expect(run.status?.output?.tail).toBe('a\uFFFD\uFFFDb\n');
    expect(await system.logBytes(run)).toEqual(Buffer.from([0x61, 0xff, 0xfe, 0x62, 0x0a]));
  });

  test('ends in Timeout, and nothing of it is left', async () => {
    const marker = system.marker();
    const run = await system.finish(namespace, {
      source: {inline: `exec -a ${marker} sleep 600 & sleep 600`},
      timeoutSeconds: 1,
    });
    expect(run.status).toMatchObject({phase: 'Timeout', attempt: 1});
    expect(system.processes(marker)).toEqual([]);
  });

  test('is cancelled before it got a slot', async () => {
    const {metadata} = await system.create(namespace, {runtime: 'nobody', source: {inline: 'echo never'}});
    await system.cancel(namespace, metadata?.name ?? '');
    const run = await system.ended(namespace, metadata?.name ?? '');
    expect(run.status).toMatchObject({phase: 'Cancelled'});
    expect(run.status?.attempt ?? 0).toBe(0);
  });

  test('is cancelled while it runs, and nothing of it is left', async () => {
    const marker = system.marker();
    const {metadata} = await system.create(namespace, {source: {inline: `exec -a ${marker} sleep 600`}});
    await system.phase(namespace, metadata?.name ?? '', 'Running');
    await system.cancel(namespace, metadata?.name ?? '');
    const run = await system.ended(namespace, metadata?.name ?? '');
    expect(run.status).toMatchObject({phase: 'Cancelled', attempt: 1});
    expect(system.processes(marker)).toEqual([]);
  });

  test('says once why it waits', async () => {
    const {metadata} = await system.create(namespace, {runtime: 'nobody', source: {inline: 'echo never'}});
    const name = metadata?.name ?? '';
    const waiting = await system.until(namespace, name, (run) => (run.status?.conditions ?? []).length > 0);
    expect(waiting.status?.conditions).toMatchObject([{type: 'Scheduled', status: 'False', reason: 'RuntimeNotFound'}]);
    expect(waiting.status?.conditions?.[0]?.message).toContain('nobody');
    await system.cancel(namespace, name);
    await system.ended(namespace, name);
  });

  test('takes its turn when there are more Runs than slots', async () => {
    const runs = await Promise.all(
      Array.from({length: 40}, (_, i) => system.create(namespace, {source: {inline: `echo ${i}`}})),
    );
    const ended = await Promise.all(runs.map(({metadata}) => system.ended(namespace, metadata?.name ?? '')));
    expect(ended.map(({status}) => [status?.phase, status?.attempt])).toEqual(ended.map(() => ['Succeeded', 1]));
    expect(new Set(ended.map(({status}) => status?.assignedPod)).size).toBe(2);
  });

  test('leaves no workspace behind', async () => {
    await system.finish(namespace, {source: {inline: 'mkdir -p a/b; chmod 500 a; echo done'}});
    expect(await system.workspacesLeft()).toEqual([]);
  });

  test('never uses a Runtime of the same name in another namespace', async () => {
    const other = await system.createNamespace();
    const {metadata} = await system.create(other, {source: {inline: 'echo never'}});
    const name = metadata?.name ?? '';
    const waiting = await system.until(other, name, (run) => (run.status?.conditions ?? []).length > 0);
    expect(waiting.status).toMatchObject({phase: 'Pending', conditions: [{reason: 'RuntimeNotFound'}]});
    await system.createRuntime(other, {replicas: 1, runs: 1});
    const run = await system.ended(other, name);
    expect(run.status?.phase).toBe('Succeeded');
    expect(await system.podNames(other)).toContain(run.status?.assignedPod);
    expect(await system.podNames(namespace)).not.toContain(run.status?.assignedPod);
  });
});
