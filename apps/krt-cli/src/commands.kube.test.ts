import {afterAll, beforeAll, describe, expect, jest, test} from '@jest/globals';
import {runKind, runtimeKind} from '@kruntimes/api-types';
import {KrtCluster} from './testing/krt-cluster.ts';

// Each test starts processes, on machines that may have a lot to do.
jest.setTimeout(60_000);

let cluster: KrtCluster;
beforeAll(async () => {
  cluster = await KrtCluster.start();
  await cluster.finishedRun('hello', async (player) => {
    player.output('stdout', 'hello\n');
    player.output('stderr', 'careful\n');
    await player.end({outcome: {kind: 'exited', exitCode: 0}, outputs: {result: 'ok', lines: 'a b'}});
  });
  await cluster.finishedRun('broken', async (player) => {
    await player.end({
      outcome: {kind: 'exited', exitCode: 3},
      output: {stdoutBytes: 4, stderrBytes: 0, truncated: false, tail: 'oops\u001b[31m'},
    });
  });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const runs = () => cluster.client.kind(runKind);

describe('krt get', () => {
  test("prints the server's columns", async () => {
    const {code, stdout} = await cluster.krt(['get']);
    expect(code).toBe(0);
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^NAME {5}RUNTIME {3}PHASE {7}REASON {8}EXIT {3}AGE$/);
    expect(lines[1]).toMatch(/^broken {3}bash {6}Failed {6}NonZeroExit {3}3 {6}\d+s$/);
    expect(lines[2]).toMatch(/^hello {4}bash {6}Succeeded {3}Completed {5}0 {6}\d+s$/);
  });

  test('finds by name and selector, in every format', async () => {
    expect((await cluster.krt(['get', 'hello', '-o', 'name'])).stdout).toBe('run.kruntimes.io/hello\n');
    expect((await cluster.krt(['get', 'hello', '-o=jsonpath={.status.phase}'])).stdout).toBe('Succeeded');
    expect(JSON.parse((await cluster.krt(['get', 'hello', '-o', 'json'])).stdout)).toMatchObject({
      kind: 'Run',
      metadata: {name: 'hello'},
    });
    expect((await cluster.krt(['get', 'hello', '-o', 'yaml'])).stdout).not.toContain('managedFields');
    const list = JSON.parse((await cluster.krt(['get', '-o', 'json'])).stdout) as {kind: string; items: unknown[]};
    expect([list.kind, list.items.length]).toEqual(['List', 2]);
    const failed = await cluster.krt(['get', '--field-selector', 'status.phase=Failed', '--no-headers', '-A']);
    expect(failed.stdout).toMatch(new RegExp(`^${cluster.namespace} +broken +bash`, 'm'));
    const none = await cluster.krt(['get', '-l', 'no=such']);
    expect([none.code, none.stdout, none.stderr]).toEqual([
      0,
      '',
      `No Runs found in ${cluster.namespace} namespace.\n`,
    ]);
  });

  test('prints what exists before it fails for what does not', async () => {
    const {code, stdout, stderr} = await cluster.krt(['get', 'helo', 'broken']);
    expect(code).toBe(125);
    expect(stdout).toContain('broken');
    expect(stderr).toBe(
      `error: Run "helo" does not exist in namespace "${cluster.namespace}"; did you mean "hello"?\n`,
    );
  });

  test('-w shows changes', async () => {
    const krt = cluster.start(['get', '-w']);
    await krt.printed('stdout', 'hello');
    await runs().create({metadata: {name: 'watched', namespace: cluster.namespace}, spec: {runtime: 'bash'}});
    await krt.printed('stdout', 'watched   bash');
    await runs().delete({name: 'watched', namespace: cluster.namespace});
    krt.kill('SIGKILL');
    const {stdout} = await krt.result();
    expect(stdout.match(/NAME/g)).toHaveLength(1);
  });
});

describe('krt runtime', () => {
  test('lists and gets', async () => {
    const template = {spec: {containers: [{name: 'runtime', image: 'kruntimes-bash-runtime:latest'}]}};
    await cluster.client
      .kind(runtimeKind)
      .create({metadata: {name: 'bash', namespace: cluster.namespace}, spec: {replicas: 2, template}});
    expect((await cluster.krt(['runtime', 'list'])).stdout).toMatch(/^NAME .*\nbash +2 /);
    expect((await cluster.krt(['rt', 'get', 'bash', '-o', 'jsonpath={.spec.replicas}'])).stdout).toBe('2');
    const missing = await cluster.krt(['runtime', 'get', 'bahs']);
    expect(missing.stderr).toContain('Runtime "bahs" does not exist');
    expect(missing.stderr).toContain('did you mean "bash"?');
  });
});

describe('krt result', () => {
  test('shows what a Run gave', async () => {
    const {stdout} = await cluster.krt(['result', 'hello']);
    expect(stdout).toContain('Phase:       Succeeded\n');
    expect(stdout).toContain('Exit code:   0\n');
    expect(stdout).toContain('Outputs:\n  lines=a b\n  result=ok\n');
    const json = JSON.parse((await cluster.krt(['result', 'hello', '-o', 'json'])).stdout) as object;
    expect(json).toMatchObject({
      name: 'hello',
      phase: 'Succeeded',
      exitCode: 0,
      outputs: {result: 'ok'},
      artifacts: [],
    });
  });

  test('KEY prints the bare value', async () => {
    expect((await cluster.krt(['result', 'hello', 'lines'])).stdout).toBe('a b\n');
    const missing = await cluster.krt(['result', 'hello', 'resutl']);
    expect([missing.code, missing.stdout]).toEqual([125, '']);
    expect(missing.stderr).toBe('error: Run "hello" has no output "resutl"; did you mean result?\n');
  });

  test('shows the end of the output of a Run that failed, without letting it drive the terminal', async () => {
    expect((await cluster.krt(['result', 'broken'])).stdout).toContain('Last output:\n  oops^[[31m\n');
  });
});

describe('krt wait', () => {
  test('waits for all, exits with the first code that is not 0 in the order given', async () => {
    const {code, stdout} = await cluster.krt(['wait', 'hello', 'broken']);
    expect(code).toBe(3);
    expect(stdout).toBe('run.kruntimes.io/hello Succeeded\nrun.kruntimes.io/broken Failed (exit code 3)\n');
  });

  test('--for a phase: also one that is over already, or that cannot come any more', async () => {
    expect((await cluster.krt(['wait', 'broken', '--for', 'phase/Running'])).code).toBe(0);
    const never = await cluster.krt(['wait', 'broken', '--for=phase=succeeded']);
    expect([never.code, never.stdout]).toEqual([1, 'run.kruntimes.io/broken Failed (exit code 3), never Succeeded\n']);
  });

  test('--for delete and --timeout', async () => {
    await cluster.krt(['run', '-r', 'bash', '--name', 'going', '--', 'x']);
    const late = await cluster.krt(['wait', 'going', '--timeout', '200ms']);
    expect(late.code).toBe(122);
    const gone = cluster.start(['wait', 'going', '--for', 'delete']);
    await runs().delete({name: 'going', namespace: cluster.namespace});
    expect(await gone.result()).toMatchObject({code: 0, stdout: 'run.kruntimes.io/going deleted\n'});
    expect((await cluster.krt(['wait', 'going'])).code).toBe(125);
  });
});

describe('krt cancel', () => {
  test('asks for cancellation and waits if told to', async () => {
    await cluster.krt(['run', '-r', 'bash', '--name', 'busy', '--', 'x']);
    const player = cluster.player('busy');
    await player.bind(cluster.pod);
    const krt = cluster.start(['cancel', 'busy', '--wait']);
    await player.appeared((run) => run.spec.cancelRequested === true);
    await player.end({outcome: {kind: 'cancelled'}});
    expect(await krt.result()).toMatchObject({
      code: 0,
      stdout: 'run.kruntimes.io/busy cancel requested\nrun.kruntimes.io/busy Cancelled\n',
    });
    expect((await cluster.krt(['cancel', 'busy'])).stdout).toBe('run.kruntimes.io/busy had ended: Cancelled\n');
  });

  test('of many, those that had ended are not listed', async () => {
    await cluster.krt(['run', '-r', 'bash', '--name', 'over', '-l', 'batch=over', '--', 'x']);
    const player = cluster.player('over');
    await player.bind(cluster.pod);
    await player.end({outcome: {kind: 'exited', exitCode: 0}});
    expect(await cluster.krt(['cancel', '-l', 'batch=over'])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: `No Runs to cancel in ${cluster.namespace} namespace.\n`,
    });
    await runs().delete({name: 'over', namespace: cluster.namespace});
  });
});

describe('krt delete', () => {
  test('cancels, waits, deletes', async () => {
    await cluster.krt(['run', '-r', 'bash', '--name', 'doomed', '--', 'x']);
    const player = cluster.player('doomed');
    await player.bind(cluster.pod);
    const krt = cluster.start(['delete', 'doomed']);
    await player.appeared((run) => run.spec.cancelRequested === true);
    await player.end({outcome: {kind: 'cancelled'}});
    expect(await krt.result()).toMatchObject({code: 0, stdout: 'run.kruntimes.io/doomed deleted\n', stderr: ''});
    await expect(runs().get('doomed', {namespace: cluster.namespace})).rejects.toMatchObject({status: 404});
  });

  test('says that there is nothing to delete', async () => {
    const nothing = {code: 0, stdout: '', stderr: `No Runs found in ${cluster.namespace} namespace.\n`};
    expect(await cluster.krt(['delete', '-l', 'batch=none'])).toMatchObject(nothing);
  });

  test('stops waiting for a finalizer with the way to what holds it', async () => {
    const metadata = {name: 'held', namespace: cluster.namespace, finalizers: ['example.com/hold']};
    await runs().create({metadata, spec: {runtime: 'bash'}});
    const player = cluster.player('held');
    await player.bind(cluster.pod);
    await player.end({outcome: {kind: 'exited', exitCode: 0}});
    expect(await cluster.krt(['delete', 'held', '--timeout', '10s'])).toMatchObject({
      code: 122,
      stdout: 'run.kruntimes.io/held deleted\n',
      stderr:
        'error: waited 10s (--timeout); Run held (Succeeded) is still there; krt describe held shows what keeps it\n',
    });
    const patch = {type: 'merge' as const, body: {metadata: {finalizers: null}}};
    await runs().patch({name: 'held', namespace: cluster.namespace}, patch);
  });

  test('waits for finalizers', async () => {
    const metadata = {name: 'kept', namespace: cluster.namespace, finalizers: ['example.com/hold']};
    await runs().create({metadata, spec: {runtime: 'bash'}});
    const player = cluster.player('kept');
    await player.bind(cluster.pod);
    await player.end({outcome: {kind: 'exited', exitCode: 0}});
    const krt = cluster.start(['delete', 'kept']);
    await player.appeared((run) => run.metadata?.deletionTimestamp !== undefined);
    await runs().patch(
      {name: 'kept', namespace: cluster.namespace},
      {type: 'merge', body: {metadata: {finalizers: null}}},
    );
    expect((await krt.result()).code).toBe(0);
  });

  test('--wait=false deletes at once', async () => {
    await cluster.krt(['run', '-r', 'bash', '--name', 'quick', '--', 'x']);
    expect(await cluster.krt(['delete', 'quick', '--wait=false'])).toMatchObject({code: 0});
    const missing = await cluster.krt(['delete', 'run.kruntimes.io/quick']);
    expect(missing.code).toBe(125);
    expect(await cluster.krt(['delete', 'quick', '--ignore-not-found'])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    });
  });
});

describe('krt version and completion', () => {
  test('versions of client and server', async () => {
    const {stdout} = await cluster.krt(['version', '-o', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({
      client: {apiVersion: 'kruntimes.io/v1alpha1'},
      server: {kubernetes: expect.stringMatching(/^v1\./), kruntimes: ['v1alpha1']},
    });
  });

  test('completes names from the cluster', async () => {
    expect((await cluster.krt(['__complete', 'logs', 'hel'])).stdout).toBe('hello\tSucceeded\n:4\n');
    expect((await cluster.krt(['__complete', 'result', 'hello', ''])).stdout).toBe('lines\nresult\n:4\n');
    const unreachable = await cluster.krt(['__complete', '--server', 'https://127.0.0.1:1', 'logs', '']);
    expect([unreachable.code, unreachable.stdout, unreachable.stderr]).toEqual([0, ':4\n', '']);
  });
});

describe('errors are one line that says what to do', () => {
  test('no permission', async () => {
    const kubeconfig = await cluster.kubeconfigOf('reader', [
      {apiGroups: ['kruntimes.io'], resources: ['runs'], verbs: ['get', 'list']},
    ]);
    expect((await cluster.krt(['get', 'hello'], {kubeconfig})).code).toBe(0);
    const refused = await cluster.krt(['run', '-r', 'bash', '--', 'x'], {kubeconfig});
    expect([refused.code, refused.stderr]).toEqual([
      125,
      `error: user "reader" may not create runs.kruntimes.io in namespace "${cluster.namespace}"; ask for a Role with verbs: ["create"], apiGroups: ["kruntimes.io"], resources: ["runs"]\n`,
    ]);
    const watch = await cluster.krt(['wait', 'hello', '--for', 'delete'], {kubeconfig});
    expect(watch.stderr).toContain('may not watch runs.kruntimes.io');
    const logs = await cluster.krt(['logs', 'hello'], {kubeconfig});
    expect(logs.stderr).toContain('may not get pods/log');
  });

  test('exists already, not there, not valid', async () => {
    const twice = await cluster.krt(['run', '-r', 'bash', '--name', 'hello', '--', 'x']);
    expect([twice.code, twice.stderr]).toEqual([
      125,
      'error: Run "hello" exists already; choose another --name, use --generate-name, or first: krt delete hello\n',
    ]);
    const namespace = await cluster.krt(['run', '-n', 'no-such', '-r', 'bash', '--', 'x']);
    expect(namespace.stderr).toBe(
      'error: there is no namespace "no-such"; kubectl get namespaces shows what there is\n',
    );
    const typo = `apiVersion: kruntimes.io/v1alpha1\nkind: Run\nmetadata: {name: typo}\nspec: {runtime: bash, argz: [x]}\n`;
    const unknown = await cluster.krt(['run', '-f', '-'], {stdin: typo});
    expect([unknown.code, unknown.stderr]).toEqual([
      125,
      expect.stringMatching(/^error: the cluster rejected the Run: .*unknown field "spec\.argz"\n$/),
    ]);
  });

  test('no cluster, no credentials, no kubeconfig', async () => {
    const away = await cluster.krt(['get', '--server', 'https://127.0.0.1:1']);
    expect(away.code).toBe(125);
    expect(away.stderr).toMatch(
      /^error: cannot reach the API server https:\/\/127\.0\.0\.1:1: .*\(ECONNREFUSED\); --context.*\n$/,
    );
    const token = await cluster.krt(['get', '--token', 'wrong']);
    expect(token.stderr).toMatch(/^error: https:\S+ does not accept your credentials; log in again.*\n$/);
    const none = await cluster.krt(['get'], {kubeconfig: '/no/such/file'});
    expect([none.code, none.stderr]).toEqual([
      125,
      expect.stringMatching(/^error: no kubeconfig at \/no\/such\/file.*\n$/),
    ]);
  });

  test('usage', async () => {
    for (const args of [
      ['get', '--nope'],
      ['frobnicate'],
      ['logs'],
      ['run', '-r', 'bash', 'echo'],
      ['get', '-o', 'csv'],
    ]) {
      const {code, stdout, stderr} = await cluster.krt(args);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(/^error: [^\n]+\n$/);
    }
  });
});
