import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {conformanceCases, runConformance} from '@kruntimes/runtime-protocol/conformance';

let directory = '';
let server: ChildProcess;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'krt-conformance-'));
  const main = join(import.meta.dirname, 'main.ts');
  server = spawn(
    process.execPath,
    [
      '--conditions=development',
      '--disable-warning=ExperimentalWarning',
      main,
      ...['--listen', `unix://${join(directory, 'runtime.sock')}`],
      ...['--workspace-root', join(directory, 'workspace')],
      ...['--log-format', 'json'],
    ],
    {stdio: ['ignore', 'ignore', 'pipe']},
  );
  if (server.stderr === null) throw new Error('the server has no standard error');
  const lines = createInterface(server.stderr);
  for await (const line of lines) {
    if (line.includes('runtime server listens')) break;
  }
  server.stderr.resume();
}, 30_000);

afterAll(async () => {
  const exited = once(server, 'exit');
  if (server.kill('SIGTERM')) await exited;
  await rm(directory, {recursive: true, force: true});
}, 30_000);

describe('the program bash-runtime conforms', () => {
  test.each(conformanceCases.map((conformanceCase) => [conformanceCase.id, conformanceCase] as const))(
    '%s',
    async (_id, conformanceCase) => {
      const report = await runConformance(`unix://${join(directory, 'runtime.sock')}`, {
        level: 'optional',
        workspaceRoot: join(directory, 'workspace'),
        cases: [conformanceCase],
      });
      expect(report.results.map(({message}) => message)).toEqual(['']);
    },
    60_000,
  );
});
