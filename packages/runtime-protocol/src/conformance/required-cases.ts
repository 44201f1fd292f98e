import assert from 'node:assert/strict';
import {Buffer} from 'node:buffer';
import {realpath} from 'node:fs/promises';
import {ClientError, Status} from 'nice-grpc-common';
import {ExecutionState, MAX_STATUS_STREAM_BYTES, StatusResponse} from '../index.ts';
import {isEnded} from './case-workbench.ts';
import type {CaseContext, ConformanceCase, StartedProgram} from './conformance-case.ts';

const waitsForGo = 'while [ ! -e go ]; do sleep 0.05; done';
const beats = '(while :; do echo x >> beat; sleep 0.05; done) & wait';
const source = {
  execute: 'Execute starts a program and returns at once.',
  request: 'Arguments, environment and working directory of ExecuteRequest reach the program.',
  status: 'Status describes one execution.',
  cancel: 'Cancel ends a running execution. It is idempotent.',
  forget: 'Forget drops a finished execution. An unknown id is NOT_FOUND, a running one FAILED_PRECONDITION.',
  utf8: 'StatusResponse.stdout and stderr are valid UTF-8 and bounded; what is not UTF-8 is replaced.',
  timeout: 'timeout_seconds: seconds until the server ends the execution, with error_message `timeout`.',
};

/** What every Runtime server does. */
export const requiredCases: readonly ConformanceCase[] = Object.freeze<ConformanceCase[]>([
  {
    id: 'health',
    level: 'required',
    title: 'Health says that the server accepts executions',
    source: 'Health says whether the server accepts executions.',
    async run(client) {
      const {healthy, message} = await client.health({});
      assert.ok(healthy, `Health says healthy=false: ${message}`);
    },
  },
  {
    id: 'execute-returns-at-once',
    level: 'required',
    title: 'Execute returns while the program runs; Status reaches SUCCEEDED with exit code 0',
    source: source.execute,
    async run(client, context) {
      const program = await context.start({program: waitsForGo});
      const before = await client.status({id: program.id});
      assert.ok(!isEnded(before.state), 'the program waits, but Status says that it has ended');
      await context.write(program, 'go');
      const end = await context.ended(program.id);
      assert.equal(end.id, program.id, 'Status answers with another id');
      assert.equal(end.state, ExecutionState.SUCCEEDED, 'exit code 0 is state SUCCEEDED');
      assert.equal(end.exitCode, 0);
    },
  },
  {
    id: 'exit-code',
    level: 'required',
    title: 'An exit code other than 0 is FAILED with that code',
    source: source.status,
    async run(_client, context) {
      const {id} = await context.start({program: 'exit 7'});
      const end = await context.ended(id);
      assert.equal(end.state, ExecutionState.FAILED, 'exit code 7 is state FAILED');
      assert.equal(end.exitCode, 7);
    },
  },
  {
    id: 'args-and-env',
    level: 'required',
    title: 'Arguments and environment reach the program unchanged',
    source: source.request,
    async run(_client, context) {
      const {id} = await context.start({
        program: `printf '%s|' "$#" "$@" "$CONFORMANCE"`,
        args: ['a b', '', '$HOME', 'ü'],
        env: {CONFORMANCE: 'x=y "z"'},
      });
      assert.equal((await context.ended(id)).stdout, '4|a b||$HOME|ü|x=y "z"|');
    },
  },
  {
    id: 'env-wins',
    level: 'required',
    title: 'A variable of the request wins over the one of the same name that the server has',
    source: source.request,
    async run(_client, context) {
      // Every server has these two; the program still finds its commands.
      const env = {HOME: '/conformance/home', PATH: '/conformance/bin:/usr/local/bin:/usr/bin:/bin'};
      const {id} = await context.start({program: `printf '%s|' "$HOME" "$PATH"`, env});
      assert.equal((await context.ended(id)).stdout, `${env.HOME}|${env.PATH}|`);
    },
  },
  {
    id: 'working-dir',
    level: 'required',
    title: 'The program starts in working_dir',
    source: source.request,
    async run(_client, context) {
      const {id, directory} = await context.start({program: 'pwd -P'});
      assert.equal((await context.ended(id)).stdout, `${await realpath(directory)}\n`);
    },
  },
  {
    id: 'streams-separate',
    level: 'required',
    title: 'Standard output and standard error are told apart',
    source: source.status,
    async run(_client, context) {
      const {id} = await context.start({program: 'echo out; echo err >&2'});
      const {stdout, stderr} = await context.ended(id);
      assert.deepEqual({stdout, stderr}, {stdout: 'out\n', stderr: 'err\n'});
    },
  },
  {
    id: 'empty-id',
    level: 'required',
    title: 'Execute with an empty id is INVALID_ARGUMENT',
    source: 'An empty id is INVALID_ARGUMENT.',
    run: (client) => answers(Status.INVALID_ARGUMENT, 'Execute with an empty id', client.execute({args: ['true']})),
  },
  {
    id: 'unknown-id',
    level: 'required',
    title: 'Status, Cancel and Forget of an unknown id are NOT_FOUND',
    source: 'An unknown id is NOT_FOUND.',
    async run(client, context) {
      const id = context.unusedId();
      await answers(Status.NOT_FOUND, 'Status of an unknown id', client.status({id}));
      await answers(Status.NOT_FOUND, 'Cancel of an unknown id', client.cancel({id}));
      await answers(Status.NOT_FOUND, 'Forget of an unknown id', client.forget({id}));
    },
  },
  {
    id: 'forget-running',
    level: 'required',
    title: 'Forget of a running execution is FAILED_PRECONDITION and leaves it alone',
    source: source.forget,
    async run(client, context) {
      const program = await context.start({program: waitsForGo});
      const {id} = program;
      await answers(Status.FAILED_PRECONDITION, 'Forget of a running execution', client.forget({id}));
      await context.write(program, 'go');
      assert.equal((await context.ended(id)).state, ExecutionState.SUCCEEDED);
    },
  },
  {
    id: 'cancel-ends-group',
    level: 'required',
    title: 'Cancel ends the program and its children, and may be repeated',
    source: source.cancel,
    async run(client, context) {
      const program = await context.start({program: beats});
      const {id} = program;
      await context.written(program, 'beat');
      await client.cancel({id});
      await client.cancel({id});
      assert.equal((await context.ended(id)).state, ExecutionState.FAILED, 'a cancelled execution is FAILED');
      await client.cancel({id});
      await hasNoSurvivor(context, program);
    },
  },
  {
    id: 'repeated-id',
    level: 'required',
    title: 'A repeated id never starts a second process, while the first runs and after it',
    source: 'A repeated id never starts a second process.',
    async run(_client, context) {
      const program = await context.start({program: `echo started >> ledger; ${waitsForGo}`});
      await context.written(program, 'ledger');
      // Whether the server answers alike or refuses is its choice.
      await Promise.allSettled(Array.from({length: 5}, () => program.repeat()));
      await context.settle();
      assert.equal(await context.read(program, 'ledger'), 'started\n', 'a second process was started while one runs');
      await context.write(program, 'go');
      assert.equal((await context.ended(program.id)).state, ExecutionState.SUCCEEDED, 'the first one went on');
      await Promise.allSettled([program.repeat()]);
      await context.settle();
      assert.equal(await context.read(program, 'ledger'), 'started\n', 'a second process was started after the first');
    },
  },
  {
    id: 'kept-until-forget',
    level: 'required',
    title: 'A finished execution is kept, with its output, until Forget',
    source: source.forget,
    async run(client, context) {
      const {id} = await context.start({program: 'echo kept'});
      const end = await context.ended(id);
      assert.equal(end.stdout, 'kept\n');
      await context.settle();
      assert.deepEqual(await client.status({id}), end, 'the answer of Status changed after the end');
      await client.forget({id});
      await answers(Status.NOT_FOUND, 'Status after Forget', client.status({id}));
      await answers(Status.NOT_FOUND, 'a second Forget', client.forget({id}));
    },
  },
  {
    id: 'list',
    level: 'required',
    title: 'List has every kept execution, running and finished, and none that was forgotten',
    source: 'List describes every execution the server keeps, finished ones included, with their output.',
    async run(client, context) {
      const running = await context.start({program: waitsForGo});
      const finished = await context.start({program: 'echo listed'});
      const forgotten = await context.start({program: 'true'});
      await context.ended(finished.id);
      await context.ended(forgotten.id);
      await client.forget({id: forgotten.id});
      const {entries} = await client.list({});
      const entry = (id: string) => entries.find((candidate) => candidate.id === id);
      const runningEntry = entry(running.id);
      assert.ok(runningEntry !== undefined && !isEnded(runningEntry.state), 'List lacks the running execution');
      assert.equal(entry(finished.id)?.stdout, 'listed\n', 'List lacks the finished execution or its output');
      assert.equal(entry(forgotten.id), undefined, 'List has an execution that was forgotten');
      await context.write(running, 'go');
      await context.ended(running.id);
    },
  },
  {
    id: 'status-utf8',
    level: 'required',
    title: 'Output that is not UTF-8 is replaced in Status, never sent',
    source: source.utf8,
    async run(_client, context) {
      const {id} = await context.start({program: String.raw`printf 'a\377\376b'; printf '\303(' >&2`});
      const end = await context.ended(id);
      assert.equal(end.state, ExecutionState.SUCCEEDED);
      const bytes = await context.statusBytes(id);
      // Decoding replaces what is not UTF-8, so that encoding again gives other bytes than came.
      for (const text of [StatusResponse.decode(bytes).stdout, StatusResponse.decode(bytes).stderr]) {
        assert.ok(Buffer.from(bytes).includes(text), 'the Status message holds invalid UTF-8');
      }
      assert.match(end.stdout, /^a.+b$/su, 'the valid part of the output is missing');
    },
  },
  {
    id: 'output-bounded',
    level: 'required',
    title: 'After 8 MiB of output Status answers with the beginning of it and at most 1 MiB',
    source: source.utf8,
    async run(_client, context) {
      const {id} = await context.start({program: `head -c 8388608 /dev/zero | tr '\\0' x`});
      const end = await context.ended(id);
      assert.equal(end.state, ExecutionState.SUCCEEDED);
      const size = Buffer.byteLength(end.stdout);
      assert.ok(size <= MAX_STATUS_STREAM_BYTES + 1_024, `Status carries ${size} bytes of standard output`);
      assert.ok(end.stdout.startsWith('x'), 'the beginning of the output is missing');
    },
  },
  {
    id: 'timeout',
    level: 'required',
    title: 'timeout_seconds ends the program and its children; the execution is FAILED with `timeout`',
    source: source.timeout,
    async run(_client, context) {
      const program = await context.start({program: beats, timeoutSeconds: 1});
      const end = await context.ended(program.id);
      assert.equal(end.state, ExecutionState.FAILED, 'an execution that ran out of time is FAILED');
      assert.equal(end.errorMessage, 'timeout');
      await hasNoSurvivor(context, program);
    },
  },
  {
    id: 'many-at-once',
    level: 'required',
    title: '50 executions at once each end with their own output',
    source: source.execute,
    async run(_client, context) {
      const programs = await Promise.all(
        Array.from({length: 50}, (_, index) => context.start({program: 'echo "$1"', args: [`${index}`]})),
      );
      const ends = await Promise.all(programs.map(({id}) => context.ended(id)));
      assert.deepEqual(
        ends.map(({stdout}) => stdout),
        programs.map((_, index) => `${index}\n`),
      );
    },
  },
]);

/** The call fails with a status code. */
async function answers(code: Status, what: string, call: Promise<unknown>): Promise<void> {
  const outcome = await call.then(
    () => 'success',
    (error: unknown) => {
      if (error instanceof ClientError) return Status[error.code] ?? `code ${error.code}`;
      throw error;
    },
  );
  assert.equal(outcome, Status[code], `${what} answers ${outcome}, not ${Status[code]}`);
}

/** Nothing of an ended program writes its heartbeat any more. */
async function hasNoSurvivor(context: CaseContext, program: StartedProgram): Promise<void> {
  const atEnd = await context.read(program, 'beat');
  assert.notEqual(atEnd, '', 'the program never ran');
  await context.settle();
  assert.equal((await context.read(program, 'beat')).length, atEnd.length, 'a process outlives the execution');
}
