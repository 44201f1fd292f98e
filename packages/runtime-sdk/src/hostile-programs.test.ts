import {randomInt} from 'node:crypto';
import {afterEach, describe, expect, jest, test} from '@jest/globals';
import {livingProcesses} from './living-processes.fixture.ts';
import {defineRuntime} from './runtime-definition.ts';
import {startRuntime, type TestRequest, type TestRuntime, type TestRuntimeOptions} from './testing/test-runtime.ts';

// Real processes on a machine that may be busy.
jest.setTimeout(30_000);

const commandLine = defineRuntime({
  name: 'command-line',
  command: ({args: [command = '', ...args]}) => ({command, args}),
});

let runtime: TestRuntime | undefined;
/** Seconds that only programs of one test sleep, to find them by. */
let forever = '';

/** A runtime for one test. */
async function serve(options: TestRuntimeOptions = {}): Promise<TestRuntime> {
  forever = String(randomInt(100_000_000, 999_999_999));
  runtime = await startRuntime(commandLine, {graceMs: 300, ...options});
  return runtime;
}

/** A bash script as a request; `$forever` in it is a number of seconds. */
function bash(script: string): TestRequest {
  return {args: ['bash', '-c', script], env: {forever}};
}

function survivors(): number[] {
  return livingProcesses({text: forever, ...(runtime === undefined ? {} : {directory: runtime.directory})});
}

afterEach(async () => {
  const left = survivors();
  await runtime?.close();
  left.push(...survivors());
  if (left.length > 0) throw new Error(`processes outlived their execution: ${left.join(' ')}`);
  runtime = undefined;
});

describe('programs that do not want to end', () => {
  test('one that ignores SIGTERM is killed after the grace period', async () => {
    const {start} = bind(await serve());
    const execution = await start(`trap '' TERM; echo ready; while :; do sleep $forever; done`);
    await execution.printed('ready');
    const begin = performance.now();
    await execution.cancel();
    expect(await execution.result).toMatchObject({reason: 'cancelled', exitCode: -1, errorMessage: 'cancelled'});
    expect(performance.now() - begin).toBeGreaterThan(290);
    expect(survivors()).toEqual([]);
  });

  test('one that ends by SIGTERM is not waited for', async () => {
    const {start} = bind(await serve({graceMs: 10_000}));
    const execution = await start('echo ready; sleep $forever');
    await execution.printed('ready');
    const begin = performance.now();
    await execution.cancel();
    await execution.cancel();
    expect(await execution.result).toMatchObject({reason: 'cancelled'});
    expect(performance.now() - begin).toBeLessThan(9_000);
  });

  test('one that cleans up on SIGTERM runs commands for it in peace', async () => {
    const {start} = bind(await serve({graceMs: 10_000}));
    const execution = await start(
      `trap 'sleep 0.2 && sleep 0.2 && echo cleaned; exit 3' TERM; echo ready; while :; do sleep 0.05; done`,
    );
    await execution.printed('ready');
    await execution.cancel();
    expect(await execution.result).toMatchObject({reason: 'cancelled', stdout: 'ready\ncleaned\n'});
  });

  test('one that stopped itself ends', async () => {
    const {start} = bind(await serve({graceMs: 10_000}));
    const execution = await start('echo ready; kill -STOP $$');
    await execution.printed('ready');
    await execution.cancel();
    expect(await execution.result).toMatchObject({reason: 'cancelled'});
  });

  test('the timeout of the request ends one', async () => {
    const server = await serve();
    expect(await server.run({...bash('sleep $forever'), timeoutSeconds: 1})).toMatchObject({
      reason: 'timeout',
      exitCode: -1,
      errorMessage: 'timeout',
    });
    expect(survivors()).toEqual([]);
  });
});

describe('programs that leave something behind', () => {
  test.each([
    ['a background child that holds the output', 'sleep $forever &'],
    ['one that ignores SIGTERM too', `(trap '' TERM; sleep $forever) & echo done`],
    ['a child in a session of its own', 'setsid sleep $forever & sleep 0.05'],
    ['one in a session of its own, without output', 'setsid sleep $forever >/dev/null 2>&1 & sleep 0.05'],
    ['an orphan with an empty environment', '(env -i setsid sleep $forever >/dev/null 2>&1 &); sleep 0.05'],
    [
      'an orphan with an empty environment elsewhere that holds the output',
      '(cd /; env -i setsid sleep $forever 2>/dev/null &); sleep 0.05',
    ],
    ['an orphan elsewhere that kept its environment', '(cd /; setsid sleep $forever >/dev/null 2>&1 &); sleep 0.05'],
    ['two hundred children', 'for i in {1..200}; do sleep $forever & done'],
    [
      'children that start children',
      'f() { for i in 1 2 3; do (setsid sleep $forever; sleep $forever) & done; }; f; f',
    ],
  ])('%s', async (_, script) => {
    const server = await serve();
    const begin = performance.now();
    expect(await server.run(bash(`${script}\nexit 3`))).toMatchObject({reason: 'exited', exitCode: 3});
    expect(survivors()).toEqual([]);
    expect(performance.now() - begin).toBeLessThan(9_000);
  });

  test('a child that hides while its parent lives is found by its ancestry', async () => {
    const {start} = bind(await serve());
    const execution = await start(
      'cd /; env -i setsid sh -c "trap : TERM; echo hidden; exec sleep $forever >/dev/null 2>&1" & sleep $forever',
    );
    await execution.printed('hidden');
    await execution.cancel();
    await execution.result;
    expect(survivors()).toEqual([]);
  });

  test('one that starts itself again and again, each time in a new session', async () => {
    const server = await serve();
    const files = {hop: '#!/bin/bash\nsetsid ./hop "$1" > /dev/null 2>&1 &\n'};
    expect(await server.run({files, args: ['./hop', forever]})).toMatchObject({reason: 'exited', exitCode: 0});
    expect(survivors()).toEqual([]);
  });

  test('what belongs to another execution lives on', async () => {
    const {start, server} = bind(await serve());
    const other = await start('setsid sh -c "echo ready; exec sleep $forever" & wait');
    await other.printed('ready');
    await server.run(bash('setsid sleep $forever & exit 0'));
    expect(livingProcesses({directory: other.workingDir})).toHaveLength(2);
    await other.cancel();
    await other.result;
  });
});

describe('programs and their output', () => {
  test('one that closes its outputs runs on', async () => {
    const server = await serve();
    const result = await server.run(bash('exec >&- 2>&-; sleep 0.1; exit 7'));
    expect(result).toMatchObject({reason: 'exited', exitCode: 7, stdout: '', stderr: ''});
  });

  test('output needs no newline', async () => {
    const server = await serve();
    expect(await server.run(bash('printf out; printf err >&2'))).toMatchObject({stdout: 'out', stderr: 'err'});
  });

  test('outputs can be opened by name', async () => {
    const server = await serve();
    const result = await server.run(bash('echo out > /dev/stdout; echo err > /dev/stderr; echo tee | tee /dev/stderr'));
    expect(result).toMatchObject({exitCode: 0, stdout: 'out\ntee\n', stderr: 'err\ntee\n'});
  });

  test('standard input is empty', async () => {
    const server = await serve();
    expect(await server.run(bash('cat; readlink /proc/self/fd/0'))).toMatchObject({stdout: '/dev/null\n'});
  });

  test('bytes that are not UTF-8 arrive as they are, and are replaced in Status', async () => {
    const {start, server} = bind(await serve());
    const execution = await start(String.raw`printf 'a\xff\xfe\x00\xe2\x82b'`);
    const {stdoutBytes} = await execution.result;
    expect(stdoutBytes.toString('hex')).toBe('61fffe00e28262');
    expect(await server.client.status({id: execution.id})).toMatchObject({stdout: 'a\uFFFD\uFFFD\0\uFFFDb'});
  });

  test('200 MB are read to the end; what is beyond the limit is counted, and the end is kept', async () => {
    const server = await serve({maxOutputBytes: 1024 * 1024});
    const result = await server.run(bash('head -c 200000000 /dev/zero; printf end'));
    expect(result.reason).toBe('exited');
    expect(result.stdoutBytes).toHaveLength(1024 * 1024 + 64 * 1024);
    expect(result.stdoutBytes.subarray(-4).toString()).toBe('\0end');
    expect(result.truncatedBytes).toBe(200_000_003 - 1024 * 1024 - 64 * 1024);
  });

  test('what a program wrote before it was killed is not lost', async () => {
    const server = await serve();
    const result = await server.run(bash('head -c 1000000 /dev/zero | tr "\\0" x; kill -KILL $$'));
    expect(result).toMatchObject({reason: 'exited', signal: 'SIGKILL', exitCode: 137});
    expect(result.stdoutBytes).toHaveLength(1_000_000);
  });
});

describe('how programs end', () => {
  test.each([
    ['HUP', 1],
    ['INT', 2],
    ['QUIT', 3],
    ['ILL', 4],
    ['TRAP', 5],
    ['ABRT', 6],
    ['BUS', 7],
    ['FPE', 8],
    ['KILL', 9],
    ['USR1', 10],
    ['SEGV', 11],
    ['USR2', 12],
    ['PIPE', 13],
    ['ALRM', 14],
    ['TERM', 15],
    ['STKFLT', 16],
    ['XCPU', 24],
    ['XFSZ', 25],
    ['VTALRM', 26],
    ['PROF', 27],
    ['IO', 29],
    ['PWR', 30],
    ['SYS', 31],
  ])('SIG%s shows as 128 + %i', async (name, number) => {
    const server = await serve();
    const result = await server.run({args: ['sh', '-c', `ulimit -c 0; kill -${number} $$; sleep 60`]});
    expect(result).toMatchObject({
      reason: 'exited',
      exitCode: 128 + number,
      signal: `SIG${name}`,
      errorMessage: `the program was ended by SIG${name}`,
    });
  });

  test('an exit code shows as it is', async () => {
    const server = await serve();
    expect(await server.run(bash('exit 255'))).toMatchObject({
      exitCode: 255,
      signal: '',
      errorMessage: 'the program exited with code 255',
    });
  });
});

describe('programs that cannot be started', () => {
  test.each<[string, TestRequest, string]>([
    ['no such command', {args: ['no-such-command']}, '"no-such-command" does not exist in PATH'],
    [
      'a command line in one string',
      {args: ['echo hello']},
      '"echo hello" does not exist in PATH; arguments are list items of their own, and no shell splits them',
    ],
    [
      'no such file',
      {args: ['./missing']},
      '"./missing" does not exist, or the interpreter in its first line does not',
    ],
    ['a directory', {args: ['/tmp']}, '"/tmp" is not executable'],
    ['no interpreter', {args: ['./x'], files: {x: '#!/no/such/interpreter\n'}}, 'interpreter in its first line'],
    ['an argument that is too long', {args: ['echo', 'x'.repeat(200_000)]}, 'more than the operating system takes'],
    [
      'an environment that is too large',
      {args: ['env'], env: Object.fromEntries(Array.from({length: 40}, (_, i) => [`E${i}`, 'x'.repeat(80_000)]))},
      'more than the operating system takes',
    ],
  ])('%s', async (_, request, message) => {
    const server = await serve();
    expect(await server.run(request)).toMatchObject({
      reason: 'start failed',
      exitCode: -1,
      errorMessage: expect.stringContaining(message),
    });
  });

  test('no such working directory', async () => {
    const server = await serve();
    await server.client.execute({id: 'a', args: ['true']});
    expect((await server.client.status({id: 'a'})).errorMessage).toBe(
      `cannot start the program: the working directory ${server.workspaceRoot}/a does not exist`,
    );
  });
});

function bind(server: TestRuntime) {
  return {server, start: (script: string) => server.start(bash(script))};
}
