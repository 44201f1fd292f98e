import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterEach, beforeEach, describe, expect, jest, test} from '@jest/globals';

// Starts processes, and machines that run tests are busy.
jest.setTimeout(60_000);

let directory: string;
let children: ChildProcess[];
beforeEach(async () => {
  children = [];
  directory = await mkdtemp(join(tmpdir(), 'server-app-'));
  const cluster = {name: 'c', cluster: {server: 'http://127.0.0.1:1'}};
  const context = {name: 'x', context: {cluster: 'c', user: 'u', namespace: 'home'}};
  const user = {name: 'u', user: {token: 't'}};
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [cluster],
    contexts: [context],
    users: [user],
    'current-context': 'x',
  };
  await writeFile(join(directory, 'config'), JSON.stringify(kubeconfig));
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(directory, {recursive: true});
});

/** Runs the sample server; `onLine` hears of each line of its log. */
async function run(
  args: string[],
  onLine: (line: string, child: ChildProcess) => void = () => {},
  env: NodeJS.ProcessEnv = {},
) {
  const program = fileURLToPath(new URL('sample-server.fixture.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=development', program, ...args], {
    env: {PATH: process.env.PATH, HOME: directory, KUBECONFIG: join(directory, 'config'), ...env},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let stdout = '';
  let stderr = '';
  let seen = 0;
  child.stdout?.on('data', (data: Buffer) => {
    stdout += data.toString();
  });
  child.stderr?.on('data', (data: Buffer) => {
    stderr += data.toString();
    for (let end = stderr.indexOf('\n', seen); end >= 0; end = stderr.indexOf('\n', seen)) {
      const line = stderr.slice(seen, end);
      seen = end + 1;
      onLine(line, child);
    }
  });
  const [code] = await once(child, 'close');
  return {code, stdout, stderr};
}

const whenRunning = (then: (child: ChildProcess) => void) => (line: string, child: ChildProcess) => {
  if (line.includes('"running"')) then(child);
};

describe('runServerApp', () => {
  test('--help explains each flag, with examples', async () => {
    const {code, stdout, stderr} = await run(['--help']);
    expect({code, stderr}).toEqual({code: 0, stderr: ''});
    for (const flag of [
      '--kubeconfig',
      '--context',
      '--namespace',
      '--metrics-bind-address',
      '--health-probe-bind-address',
      '--leader-elect',
      '--log-level',
      '--log-format',
      '--version',
      '--scenario',
    ]) {
      expect(stdout).toContain(`  ${flag} `);
    }
    expect(stdout).toContain('Examples:\n  sample --scenario reject\n  sample --log-format text\n');
  });

  test('--version prints the version and nothing else', async () => {
    expect(await run(['--version'])).toEqual({code: 0, stdout: '1.2.3\n', stderr: ''});
  });

  test.each([
    [['--leader-elec'], '(Did you mean --leader-elect?)'],
    [['--log-level', 'loud'], 'Allowed choices are debug, info, warn, error.'],
    [['--metrics-bind-address', '8080'], 'write HOST:PORT, such as :8080'],
    [['--namespace', 'No_Such'], 'not a valid name of a namespace'],
    [['surplus'], 'too many arguments'],
    [['--kubeconfig'], 'argument missing'],
  ])('wrong flags %j end with exit code 2 and a hint', async (args, hint) => {
    const {code, stdout, stderr} = await run(args);
    expect({code, stdout}).toEqual({code: 2, stdout: ''});
    expect(stderr).toContain(hint);
    expect(stderr).toContain("Run 'sample --help' for all flags.");
  });

  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s stops it with exit code 0, after JSON lines on standard error',
    async (signal) => {
      const {code, stdout, stderr} = await run(
        ['--leader-elect'],
        whenRunning((child) => child.kill(signal)),
      );
      expect({code, stdout}).toEqual({code: 0, stdout: ''});
      const lines = stderr
        .trim()
        .split('\n')
        .map((line): unknown => JSON.parse(line));
      expect(lines).toEqual([
        expect.objectContaining({
          level: 'info',
          message: 'starting',
          logger: 'sample',
          version: '1.2.3',
          server: 'http://127.0.0.1:1',
        }),
        expect.objectContaining({message: 'running', namespace: 'home', scenario: 'wait', leaderElect: true}),
        expect.objectContaining({message: 'signalled, stopping', signal}),
      ]);
    },
  );

  test('a rejection with the reason of the stop is a stop', async () => {
    const {code} = await run(
      ['--scenario', 'reject when stopped'],
      whenRunning((child) => child.kill('SIGTERM')),
    );
    expect(code).toBe(0);
  });

  test('a second signal ends it at once with exit code 1', async () => {
    const {code, stderr} = await run(['--scenario', 'hang'], (line, child) => {
      if (line.includes('"running"') || line.includes('"signalled, stopping"')) child.kill('SIGINT');
    });
    expect(code).toBe(1);
    expect(stderr).toContain('"signalled again, ending at once"');
  });

  test('the end of the program ends the process', async () => {
    expect((await run(['--scenario', 'return'])).code).toBe(0);
  });

  test.each([
    ['reject', 'failed', 'it went wrong'],
    ['leave rejected', 'unhandled rejection', 'nobody listens'],
    ['throw later', 'uncaught exception', 'nobody catches'],
  ])('a program that does "%s" ends with exit code 1 and a log line', async (then, message, error) => {
    const {code, stderr} = await run(['--scenario', then]);
    expect(code).toBe(1);
    expect(JSON.parse(stderr.trim().split('\n').at(-1) ?? '')).toMatchObject({
      level: 'error',
      message,
      error: {message: error},
    });
  });

  test('without any configuration it says what to do', async () => {
    const {code, stderr} = await run([], undefined, {KUBECONFIG: join(directory, 'none')});
    expect(code).toBe(1);
    expect(stderr).toContain('name one with --kubeconfig');
  });

  test('in a Pod it uses the service account, and loads nothing that reads kubeconfigs', async () => {
    await writeFile(join(directory, 'token'), 'the token');
    await writeFile(join(directory, 'namespace'), 'pods-namespace');
    const pod = {KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '1', SAMPLE_SERVICE_ACCOUNT: directory};
    const watchImports = `import {registerHooks} from 'node:module';
      registerHooks({resolve(specifier, context, next) {
        const resolved = next(specifier, context);
        if (/client-node|[/]yaml[/]|[/]undici[/]/.test(resolved.url)) console.log('loaded', resolved.url);
        return resolved;
      }});`;
    const env = {...pod, NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(watchImports)}`};
    const inPod = await run(['--scenario', 'return'], undefined, env);
    expect(inPod).toMatchObject({code: 0, stdout: '', stderr: expect.stringContaining('"namespace":"pods-namespace"')});
    const chosen = await run(['--scenario', 'return', '--kubeconfig', join(directory, 'config')], undefined, env);
    expect(chosen).toMatchObject({code: 0, stderr: expect.stringContaining('"namespace":"home"')});
    expect(chosen.stdout).toContain('loaded file:');
  });

  test('--context chooses, and an unknown one is an error', async () => {
    const {code, stderr} = await run(['--context', 'nowhere']);
    expect(code).toBe(1);
    expect(stderr).toContain('nowhere');
  });

  test('text lines are for people, without colours when nobody looks', async () => {
    const {stderr} = await run(['--log-format', 'text', '--scenario', 'reject']);
    expect(stderr).not.toContain('\u001b');
    expect(stderr).toMatch(
      /^\d{2}:\d{2}:\d{2}\.\d{3} INFO {2}sample: running namespace=home scenario=reject leaderElect=false$/m,
    );
    expect(stderr).toMatch(/ERROR sample: failed\n {4}error: TypeError: it went wrong\n {8}at /);
    expect(stderr).toMatch(/\n {4}caused by: Error: deep down\n/);
  });
});
