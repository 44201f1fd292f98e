import {mkdtemp, readdir, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {conformanceCases, runConformance} from './conformance-run.ts';
import {type SessionFlaw, SessionRuntime} from './session-runtime.fixture.ts';
import {type Flaw, SimpleRuntime} from './simple-runtime.fixture.ts';

let workspaceRoot = '';

beforeAll(async () => {
  workspaceRoot = await mkdtemp(join(tmpdir(), 'krt-conformance-'));
});

afterAll(() => rm(workspaceRoot, {recursive: true, force: true}));

function casesOf(...ids: string[]) {
  return conformanceCases.filter(({id}) => ids.includes(id));
}

describe('runConformance', () => {
  test('ids are unique', () => {
    expect(new Set(conformanceCases.map(({id}) => id)).size).toBe(conformanceCases.length);
  });

  test.each(['script', 'args'] as const)(
    'an independent server passes the level required with programs as %s',
    async (commandStyle) => {
      await using runtime = new SimpleRuntime();
      const report = await runConformance(await runtime.listen(), {workspaceRoot, commandStyle});
      expect(report.results.filter(({passed}) => !passed)).toEqual([]);
      expect(report.results).toHaveLength(conformanceCases.filter(({level}) => level === 'required').length);
      expect(report.passed).toBe(true);
      expect(await readdir(workspaceRoot)).toEqual([]);
    },
    60_000,
  );

  test.each<[Flaw, string, string]>([
    ['starts a repeated id again', 'repeated-id', 'a second process was started while one runs'],
    ['forgets what runs', 'forget-running', 'answers success, not FAILED_PRECONDITION'],
    ['says SUCCEEDED for every exit code', 'exit-code', 'exit code 7 is state FAILED'],
    ['mixes streams', 'streams-separate', 'err'],
    ['cancels the first process only', 'cancel-ends-group', 'a process outlives the execution'],
    ['accepts an empty id', 'empty-id', 'answers success, not INVALID_ARGUMENT'],
    ['waits in Execute', 'execute-returns-at-once', 'not done after 3000 ms'],
    ['loses finished executions', 'kept-until-forget', 'NOT_FOUND'],
    ['keeps all output', 'output-bounded', 'Status carries 8388608 bytes'],
    ['ignores timeouts', 'timeout', 'not done after 3000 ms'],
  ])(
    'a server that %s fails %s',
    async (flaw, id, message) => {
      await using runtime = new SimpleRuntime(flaw);
      const report = await runConformance(await runtime.listen(), {
        workspaceRoot,
        // A flaw that shows by waiting needs a short time, any other as much as a busy machine takes.
        caseTimeoutMs: message.startsWith('not done') ? 3_000 : 30_000,
        cases: casesOf(id, 'health'),
      });
      expect(report.passed).toBe(false);
      expect(report.results).toMatchObject([
        {id: 'health', passed: true, message: ''},
        {id, passed: false, message: expect.stringContaining(message)},
      ]);
    },
    90_000,
  );

  test('an independent server with sessions passes the level optional', async () => {
    await using runtime = new SessionRuntime();
    const cases = conformanceCases.filter(({level}) => level === 'optional');
    const report = await runConformance(await runtime.listen(), {workspaceRoot, level: 'optional', cases});
    expect(report.results.filter(({passed}) => !passed)).toEqual([]);
    expect(report.results).toHaveLength(7);
  }, 90_000);

  test.each<[SessionFlaw, string, string]>([
    ['does not say Opened', 'session-opened-first', 'not done after'],
    ['leaves out sequence numbers', 'session-events-in-order', 'do not count from 1 without gaps'],
    ['goes on after the end', 'session-events-in-order', 'an event follows the end'],
    ['sends text', 'session-byte-exact', '61fffe00c362'],
    ['forgets what it has sent', 'session-replay', 'not done after'],
    ['repeats what was acknowledged', 'session-acknowledged-not-repeated', '2 comes first'],
    ['lets two sessions live', 'session-newer-replaces-older', 'not done after'],
    ['ignores the window', 'session-window', 'in a window of 131072'],
  ])(
    'a server that %s fails %s',
    async (flaw, id, message) => {
      await using runtime = new SessionRuntime(flaw);
      const report = await runConformance(await runtime.listen(), {
        workspaceRoot,
        level: 'optional',
        caseTimeoutMs: message.startsWith('not done') ? 3_000 : 30_000,
        cases: casesOf(id, 'health'),
      });
      expect(report.results).toMatchObject([
        {id: 'health', passed: true, message: ''},
        {id, passed: false, message: expect.stringContaining(message)},
      ]);
    },
    90_000,
  );

  test('a server without RuntimeEvents fails the cases of a session', async () => {
    await using runtime = new SimpleRuntime();
    const cases = casesOf('session-opened-first');
    const report = await runConformance(await runtime.listen(), {workspaceRoot, level: 'optional', cases});
    expect(report.results).toMatchObject([{passed: false, message: expect.stringContaining('UNIMPLEMENTED')}]);
  });
});
