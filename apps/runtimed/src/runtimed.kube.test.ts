import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {type Run, type RunSpec, type RunStatus, runKind} from '@kruntimes/api-types';
import {FaultProxy} from '@kruntimes/reconciler-kit/testing';
import {PodWorld} from './pod-world.fixture.ts';

let world: PodWorld;

beforeEach(async () => {
  world = await PodWorld.create();
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const runs = () => world.client.kind(runKind);
const inPhase = (phase: string) => (run: Run) => run.status?.phase === phase;
const cancel = (name: string) =>
  runs().patch({name, namespace: world.namespace}, {type: 'merge', body: {spec: {cancelRequested: true}}});

/** A file that scripts write to and tests read. */
const notes = () => join(world.directory, 'notes');
const readNotes = () => (existsSync(notes()) ? readFileSync(notes(), 'utf8') : '');

async function untilNoted(text: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!readNotes().includes(text)) {
    if (Date.now() > deadline) throw new Error(`not noted: ${text}; but ${readNotes()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function start(options: Parameters<PodWorld['startRuntimed']>[0] = {}) {
  await world.serveRuntime();
  return world.startRuntimed(options);
}

/** Writes of runtimed to a Run, in order, as `verb resource code`. */
async function writesTo(name: string): Promise<string[]> {
  const events = await world.controlPlane.auditEvents();
  const user = `system:serviceaccount:${world.namespace}:runtimed`;
  return events
    .filter(({user: {username}, objectRef, verb}) => username === user && objectRef?.name === name && verb !== 'get')
    .map(
      ({verb, objectRef, responseStatus}) =>
        `${verb} ${objectRef?.resource}/${objectRef?.subresource} ${responseStatus?.code}`,
    );
}

describe('a Run', () => {
  test('goes from its bind to Succeeded by one write', async () => {
    await start();
    const run = await world.execute('hello', 'echo hello\n');
    expect(run.status).toMatchObject({
      phase: 'Succeeded',
      reason: 'Completed',
      attempt: 1,
      exitCode: 0,
      output: {stdoutBytes: 6, stderrBytes: 0},
      conditions: [{type: 'Finished', status: 'True', reason: 'Completed'}],
    });
    const {startTime = '', completionTime = '', output} = run.status ?? {};
    expect(Date.parse(completionTime)).toBeGreaterThanOrEqual(Date.parse(startTime));
    expect(output?.tail).toBeUndefined();
    await world.untilClean();
    expect(world.log(run)).toEqual({
      stdout: Buffer.from('hello\n'),
      stderr: Buffer.alloc(0),
      end: {stdoutBytes: 6, stderrBytes: 0, truncatedBytes: 0},
    });
    expect(await writesTo('hello')).toEqual(['update runs/status 200']);
  });

  test('costs one write each, many at once too', async () => {
    await start();
    const names = Array.from({length: 20}, (_, i) => `run-${i}`);
    await Promise.all(names.map((name) => world.execute(name, 'echo hello\n')));
    await world.untilClean();
    for (const name of names) expect(await writesTo(name)).toEqual(['update runs/status 200']);
  });

  test('is written Running when it takes its time', async () => {
    await start({runningStatusDelayMs: 50});
    await world.run('slow', `until [ -e ${notes()} ]; do sleep 0.02; done\n`);
    const running = await world.until('slow', inPhase('Running'));
    expect(running.status?.startTime).toBeDefined();
    writeFileSync(notes(), '');
    const ended = await world.until('slow');
    expect(ended.status?.phase).toBe('Succeeded');
    expect(ended.status?.startTime).toBe(running.status?.startTime);
    expect(await writesTo('slow')).toEqual(['update runs/status 200', 'update runs/status 200']);
  });

  test('finds its own variables, its directories and those of kruntimes', async () => {
    await start();
    const run = await world.execute('env', 'pwd\nenv -0\n', {env: {MESSAGE: 'multi\nline', HOME_TOO: '1'}});
    const {stdout} = world.log(run);
    const lineEnd = stdout.indexOf('\n');
    const env = Object.fromEntries(
      stdout
        .subarray(lineEnd + 1)
        .toString()
        .split('\0')
        .filter((entry) => entry !== '')
        .map((entry) => {
          const equals = entry.indexOf('=');
          return [entry.slice(0, equals), entry.slice(equals + 1)];
        }),
    );
    const workspace = join(world.workspaceRoot, `${run.metadata?.uid}-1`);
    expect(stdout.subarray(0, lineEnd).toString()).toBe(join(workspace, 'work'));
    expect(env).toMatchObject({
      MESSAGE: 'multi\nline',
      HOME: join(workspace, 'home'),
      TMPDIR: join(workspace, 'tmp'),
      KRUNTIME_OUTPUTS: join(workspace, 'outputs'),
      KRUNTIME_ARTIFACTS_DIR: join(workspace, 'artifacts'),
      KRUNTIME_RUN_NAME: 'env',
      KRUNTIME_RUN_NAMESPACE: world.namespace,
      KRUNTIME_RUN_UID: run.metadata?.uid,
      KRUNTIME_RUN_ATTEMPT: '1',
    });
    expect(stdout.includes(world.token)).toBe(false);
  });

  test.each<[string, Partial<RunSpec>, string]>([
    [
      'an entrypoint of several files',
      {
        source: {
          files: [
            {path: 'bin/main', content: '. lib/a; echo "$A $1"'},
            {path: 'lib/a', content: 'A=a'},
          ],
        },
        entrypoint: 'bin/main',
        args: ['x y'],
      },
      'a x y\n',
    ],
    ['nothing but a command line', {args: ['printf', '%s-', 'a', 'b']}, 'a-b-'],
  ])('executes %s', async (_, spec, stdout) => {
    await start();
    const bound = await world.bind(await world.createRun('run', spec));
    const run = await world.until('run');
    expect(run.status?.message).toBeUndefined();
    expect(world.log(bound).stdout.toString()).toBe(stdout);
  });

  test('says how it failed', async () => {
    await start();
    const run = await world.execute('fail', 'echo some; echo words >&2; exit 3\n');
    expect(run.status).toMatchObject({
      phase: 'Failed',
      reason: 'NonZeroExit',
      message: 'the program ended with exit code 3',
      exitCode: 3,
      output: {stdoutBytes: 5, stderrBytes: 6},
    });
    expect(run.status?.output?.tail?.split('\n').toSorted()).toEqual(['', 'some', 'words']);
    const killed = await world.execute('signal', 'kill -SEGV $$\n');
    expect(killed.status).toMatchObject({phase: 'Failed', reason: 'Signaled', signal: 'SIGSEGV', exitCode: 139});
  });

  test('says what is wrong with its source', async () => {
    await start();
    const git = await world.createRun('git', {source: {git: {url: 'https://example.com/x'}}, entrypoint: 'x'});
    await world.bind(git);
    expect((await world.until('git')).status).toMatchObject({phase: 'Failed', reason: 'SourceError'});
    const files = [
      {path: 'a', content: ''},
      {path: 'a/b', content: ''},
    ];
    await world.bind(await world.createRun('collide', {source: {files}, entrypoint: 'a'}));
    expect((await world.until('collide')).status).toMatchObject({
      reason: 'SourceError',
      message: 'two files of the source collide at a/b',
    });
    await world.bind(await world.createRun('missing', {args: ['no-such-program']}));
    expect((await world.until('missing')).status).toMatchObject({phase: 'Failed', reason: 'StartFailed'});
    await world.untilClean();
  });

  test('ends at its timeout', async () => {
    await start();
    const run = await world.execute('slow', 'echo begun; sleep 60\n', {timeoutSeconds: 1});
    expect(run.status).toMatchObject({phase: 'Timeout', reason: 'TimeoutExceeded', output: {tail: 'begun\n'}});
    const {startTime = '', completionTime = ''} = run.status ?? {};
    expect(Date.parse(completionTime) - Date.parse(startTime)).toBeGreaterThanOrEqual(1_000);
    await world.untilClean();
  });

  test('prints output that is not UTF-8 as it is, and reports it as text', async () => {
    await start();
    const run = await world.execute('bytes', String.raw`printf 'a\xff\x00\xc3\xa9'; exit 1` + '\n');
    expect(run.status?.output).toEqual({stdoutBytes: 5, stderrBytes: 0, tail: 'a\uFFFD\u0000é'});
    expect(world.log(run).stdout).toEqual(Buffer.from([0x61, 0xff, 0x00, 0xc3, 0xa9]));
  });

  test('prints much output completely', async () => {
    await start();
    const run = await world.execute('much', 'seq 1 300000; seq 1 1000 >&2\n');
    const {stdout, stderr, end} = world.log(run);
    expect(stdout.toString()).toBe(Array.from({length: 300_000}, (_, i) => `${i + 1}\n`).join(''));
    expect(stderr.toString()).toBe(Array.from({length: 1_000}, (_, i) => `${i + 1}\n`).join(''));
    expect(end).toEqual({stdoutBytes: stdout.length, stderrBytes: stderr.length, truncatedBytes: 0});
  });
});

describe('outputs', () => {
  test('stand in the status, of a failed Run too', async () => {
    await start();
    const script =
      'echo "result=ok" >> "$KRUNTIME_OUTPUTS"\nprintf "text<<END\\none\\ntwo\\nEND\\n" >> "$KRUNTIME_OUTPUTS"\nexit ';
    for (const code of ['0', '1']) {
      const run = await world.execute(`exit-${code}`, `${script}${code}\n`);
      expect(run.status?.outputs).toEqual({result: 'ok', text: 'one\ntwo'});
    }
  });

  test('that are malformed are left out, with a message', async () => {
    await start();
    const run = await world.execute('bad', 'printf "a=1\\nnonsense\\n" > "$KRUNTIME_OUTPUTS"\n');
    expect(run.status).toMatchObject({
      phase: 'Succeeded',
      outputs: {a: '1'},
      message: 'outputs left out: line 2 is not KEY=VALUE or KEY<<DELIMITER',
    });
  });

  test.each([
    ['a FIFO', 'mkfifo "$KRUNTIME_OUTPUTS"', 'it is not a regular file'],
    ['a symlink to a secret', 'ln -s "$SECRET" "$KRUNTIME_OUTPUTS"', 'it is not a regular file'],
    ['a directory', 'mkdir "$KRUNTIME_OUTPUTS"', 'it is not a regular file'],
    ['10 GiB of holes', 'truncate -s 10G "$KRUNTIME_OUTPUTS"', 'it is larger than 262144 bytes'],
  ])('replaced by %s stop and leak nothing', async (_, replace, problem) => {
    await start();
    const secret = join(world.directory, 'token');
    writeFileSync(secret, 'TOKEN=secret\n');
    const run = await world.execute('bad', `rm "$KRUNTIME_OUTPUTS"; ${replace}\n`, {env: {SECRET: secret}});
    expect(run.status).toMatchObject({phase: 'Succeeded', message: `outputs left out: ${problem}`});
    expect(run.status?.outputs).toBeUndefined();
    await world.untilClean();
    expect(readFileSync(secret, 'utf8')).toBe('TOKEN=secret\n');
  });
});

describe('an attempt that must not go on', () => {
  test('is cancelled while it waits for a slot', async () => {
    await start({capacity: {runs: 1}});
    await world.run('first', `echo begun > ${notes()}; until [ -e ${notes()}.go ]; do sleep 0.02; done\n`);
    await untilNoted('begun');
    await world.run('second', `echo second > ${notes()}.second\n`);
    await cancel('second');
    expect((await world.until('second')).status).toMatchObject({
      phase: 'Cancelled',
      reason: 'CancelRequested',
      message: 'cancelled before it was started',
    });
    writeFileSync(`${notes()}.go`, '');
    expect((await world.until('first')).status?.phase).toBe('Succeeded');
    expect(existsSync(`${notes()}.second`)).toBe(false);
  });

  test('is cancelled while it runs', async () => {
    await start();
    const bound = await world.run('run', `echo output; echo begun > ${notes()}; sleep 60\n`);
    await untilNoted('begun');
    await cancel('run');
    const run = await world.until('run');
    expect(run.status).toMatchObject({phase: 'Cancelled', reason: 'CancelRequested', output: {tail: 'output\n'}});
    await world.untilClean();
    expect(world.log(bound)).toMatchObject({stdout: Buffer.from('output\n'), end: {stdoutBytes: 7}});
  });

  test('ends when its Run is deleted', async () => {
    await start();
    await world.run('run', `echo $$ > ${notes()}; exec sleep 60\n`);
    await untilNoted('\n');
    await runs().delete({name: 'run', namespace: world.namespace});
    await world.untilClean();
    expect(existsSync(`/proc/${readNotes().trim()}`)).toBe(false);
    expect(await writesTo('run')).toEqual([]);
  });

  test('ends, and writes nothing, when its Run was bound to another Pod', async () => {
    await start();
    const bound = await world.run('run', `echo begun > ${notes()}; exec sleep 60\n`);
    await untilNoted('begun');
    const status: RunStatus = {
      ...bound.status,
      phase: 'Scheduled',
      attempt: 2,
      assignedPod: 'other',
      assignedPodUID: 'other-uid',
    };
    const stolen = await runs().updateStatus({...bound, status});
    await world.untilClean();
    expect(await writesTo('run')).toEqual([]);
    expect((await runs().get('run', {namespace: world.namespace})).metadata?.resourceVersion).toBe(
      stolen.metadata?.resourceVersion,
    );
  });

  test('ends before the next attempt of its Run begins on the same Pod', async () => {
    await start();
    const script = `echo "begin $KRUNTIME_RUN_ATTEMPT" >> ${notes()}\ntrap 'echo "end $KRUNTIME_RUN_ATTEMPT" >> ${notes()}; exit' TERM\n[ $KRUNTIME_RUN_ATTEMPT = 2 ] || { sleep 60 & wait; }\n`;
    const bound = await world.run('run', script);
    await untilNoted('begin 1');
    await runs().updateStatus({...bound, status: {...bound.status, phase: 'Scheduled', attempt: 2}});
    expect((await world.until('run')).status).toMatchObject({phase: 'Succeeded', attempt: 2});
    expect(readNotes()).toBe('begin 1\nend 1\nbegin 2\n');
    await world.untilClean();
  });

  test('gives way to another that follows by the retry policy', async () => {
    await start();
    const script = '[ "$KRUNTIME_RUN_ATTEMPT" = 2 ] && [ ! -e left ] || { touch left; exit 1; }\n';
    await world.run('run', script, {retryPolicy: {maxAttempts: 2, backoffSeconds: 0}});
    const waiting = await world.until('run', (run) => run.status?.reason === 'NonZeroExit');
    expect(waiting.status).toMatchObject({phase: 'Pending', attempt: 1, attempts: [{number: 1, exitCode: 1}]});
    await world.bind(waiting);
    expect((await world.until('run')).status).toMatchObject({phase: 'Succeeded', attempt: 2});
    await world.untilClean();
  });
});

test('never executes more at once than the Pod has room for', async () => {
  await start({capacity: {runs: 2}});
  const names = Array.from({length: 8}, (_, i) => `run-${i}`);
  const script = `echo + >> ${notes()}; sleep 0.05; echo - >> ${notes()}\n`;
  await Promise.all(names.map((name) => world.execute(name, script)));
  let active = 0;
  for (const sign of readNotes().trim().split('\n')) {
    active += sign === '+' ? 1 : -1;
    expect(active).toBeLessThanOrEqual(2);
  }
  expect(readNotes().match(/\+/g)).toHaveLength(8);
});

/** With a proxy between runtimed and the API server. */
async function throughProxy() {
  const proxy = await FaultProxy.start(world.config);
  world.defer(() => proxy.close());
  await start({config: proxy.config});
  return proxy;
}

describe('the terminal write', () => {
  test('is repeated until an API server that was away is back', async () => {
    const proxy = await throughProxy();
    const bound = await world.run('run', `echo begun > ${notes()}; until [ -e ${notes()}.go ]; do sleep 0.02; done\n`);
    await untilNoted('begun');
    await proxy.offline();
    writeFileSync(`${notes()}.go`, '');
    const ended = Date.now();
    while (world.log(bound).end === undefined || Date.now() - ended < 2_000) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await runs().get('run', {namespace: world.namespace})).status?.phase).toBe('Scheduled');
    expect(world.workspaces()).toHaveLength(1);
    await proxy.online();
    expect((await world.until('run')).status?.phase).toBe('Succeeded');
    await world.untilClean();
    expect(await writesTo('run')).toEqual(['update runs/status 200']);
  });

  test('is done once when only its answer was lost', async () => {
    const proxy = await throughProxy();
    proxy.inject({kind: 'lose-answer'}, {match: {method: 'PUT', path: /\/runs\/run\/status$/}, times: 1});
    const run = await world.execute('run', 'true\n');
    await world.untilClean();
    expect((await writesTo('run')).filter((write) => write.endsWith(' 200'))).toEqual(['update runs/status 200']);
    expect((await runs().get('run', {namespace: world.namespace})).metadata?.resourceVersion).toBe(
      run.metadata?.resourceVersion,
    );
  });

  test.each([429, 500, 503])('is repeated after %d', async (status) => {
    const proxy = await throughProxy();
    proxy.inject({kind: 'answer', status, retryAfterSeconds: 0}, {match: {method: 'PUT', path: /\/status$/}, times: 3});
    expect((await world.execute('run', 'true\n')).status?.phase).toBe('Succeeded');
    await world.untilClean();
  });

  test('looks again after a conflict', async () => {
    const proxy = await throughProxy();
    const fault = proxy.inject({kind: 'delay', ms: 300}, {match: {method: 'PUT', path: /\/status$/}, times: 1});
    await world.run('run', 'true\n');
    await proxy.nextRequest({method: 'PUT', path: /\/status$/});
    await runs().patch(
      {name: 'run', namespace: world.namespace},
      {type: 'merge', body: {metadata: {labels: {a: 'b'}}}},
    );
    expect((await world.until('run')).status?.phase).toBe('Succeeded');
    expect(fault.hits).toBe(1);
    await world.untilClean();
    expect(await writesTo('run')).toEqual(['update runs/status 409', 'update runs/status 200']);
  });

  test('is not done when the fence was lost while the API server could not be reached', async () => {
    const proxy = await throughProxy();
    const bound = await world.run('run', `echo begun > ${notes()}; until [ -e ${notes()}.go ]; do sleep 0.02; done\n`);
    await untilNoted('begun');
    await proxy.offline();
    const status: RunStatus = {
      ...bound.status,
      phase: 'Scheduled',
      attempt: 2,
      assignedPod: 'other',
      assignedPodUID: 'u',
    };
    const stolen = await runs().updateStatus({...bound, status});
    writeFileSync(`${notes()}.go`, '');
    await proxy.online();
    await world.untilClean();
    expect((await runs().get('run', {namespace: world.namespace})).metadata?.resourceVersion).toBe(
      stolen.metadata?.resourceVersion,
    );
  });

  test('is smaller when the API server takes the full one for invalid', async () => {
    const proxy = await throughProxy();
    const body = JSON.stringify({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      reason: 'Invalid',
      code: 422,
      message: 'too much',
    });
    proxy.inject({kind: 'answer', status: 422, body}, {match: {method: 'PUT', path: /\/status$/}, times: 1});
    const run = await world.execute('run', 'echo a=1 > "$KRUNTIME_OUTPUTS"\n');
    expect(run.status).toMatchObject({phase: 'Succeeded', message: expect.stringContaining('too much')});
    expect(run.status?.outputs).toBeUndefined();
  });
});

test('gives its Runs back when it is told to stop', async () => {
  const {stop} = await start({capacity: {runs: 1}, runningStatusDelayMs: 10});
  await world.run('running', `echo begun > ${notes()}; exec sleep 60\n`);
  await untilNoted('begun');
  await world.until('running', inPhase('Running'));
  await world.run('waiting', 'true\n');
  await stop();
  for (const name of ['running', 'waiting']) {
    const {status} = await runs().get(name, {namespace: world.namespace});
    expect(status).toMatchObject({phase: 'Pending', reason: 'PodTerminating', disruptions: 1});
  }
  expect(world.workspaces()).toEqual([]);
});

test('leaves alone what is bound to an older Pod of the same name', async () => {
  await start();
  const run = await world.createRun('run', {source: {inline: `echo begun > ${notes()}\n`}});
  await world.bind(run, {name: world.pod.name, uid: 'older'});
  await world.execute('other', 'true\n');
  expect(readNotes()).toBe('');
  expect(await writesTo('run')).toEqual([]);
});
