import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {conformanceCommand} from './conformance-command.ts';
import {SimpleRuntime} from './simple-runtime.fixture.ts';

let workspaceRoot = '';

beforeAll(async () => {
  workspaceRoot = await mkdtemp(join(tmpdir(), 'krt-conformance-'));
});

afterAll(() => rm(workspaceRoot, {recursive: true, force: true}));

async function run(...argv: string[]) {
  let stdout = '';
  let stderr = '';
  const code = await conformanceCommand(argv, {
    out: (text) => {
      stdout += text;
    },
    err: (text) => {
      stderr += text;
    },
  });
  return {code, stdout, stderr};
}

describe('krt-conformance', () => {
  test('--help shows examples', async () => {
    const {code, stdout} = await run('--help');
    expect(code).toBe(0);
    expect(stdout).toContain('Examples:\n  krt-conformance unix:///run/kruntimes/runtime.sock');
  });

  test.each([
    [[], 'missing required argument'],
    [['nonsense'], 'expected unix:///absolute/path or host:port'],
    [['127.0.0.1:1', '--level', 'all'], 'Allowed choices are required, optional'],
    [['127.0.0.1:1', '--workspace-root', 'here'], 'not an absolute path'],
    [['127.0.0.1:1', '--case-timeout-seconds', '0'], 'not an integer'],
  ])('%j is a wrong command line', async (argv, message) => {
    const {code, stdout, stderr} = await run(...argv);
    expect({code, stdout}).toEqual({code: 2, stdout: ''});
    expect(stderr).toContain(message);
  });

  test('a server that fails gives exit code 1 and a report', async () => {
    await using runtime = new SimpleRuntime('accepts an empty id');
    const {code, stdout} = await run(await runtime.listen(), '--workspace-root', workspaceRoot, '-o', 'json');
    expect(code).toBe(1);
    const report: {passed: boolean; results: {id: string; passed: boolean}[]} = JSON.parse(stdout);
    expect(report.passed).toBe(false);
    expect(report.results.filter(({passed}) => !passed).map(({id}) => id)).toEqual(['empty-id']);
  }, 60_000);

  test('a server that passes gives exit code 0 and a line for each case', async () => {
    await using runtime = new SimpleRuntime();
    const {code, stdout} = await run(await runtime.listen(), '--workspace-root', workspaceRoot);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ok {6}health \(\d+ ms\): Health says/);
    expect(stdout).toMatch(/\n\d+ passed, 0 failed\n$/);
  }, 60_000);
});
