import {describe, expect, test} from '@jest/globals';
import {ExecutionState} from '@kruntimes/runtime-protocol';
import {Status} from 'nice-grpc-common';
import {fakeExecutor} from './executor.fixture.ts';
import {settle} from './manual-clock.fixture.ts';
import {defineRuntime} from './runtime-definition.ts';

function failsWith(code: Status) {
  return expect.objectContaining({code});
}

describe('Execute', () => {
  test('starts the program of the Runtime in the environment of container, Run and Runtime', async () => {
    const runtime = defineRuntime({
      name: 'r',
      command: ({args}) => ({command: 'x', args: [...args, '!'], env: {C: 'runtime', B: 'runtime'}, cwd: '/elsewhere'}),
    });
    const {supervisor, execute} = fakeExecutor({runtime});
    expect(execute('a', {args: ['1'], env: {A: 'run', B: 'run'}})).toEqual({id: 'a'});
    await settle();
    expect(supervisor.of('a').spec).toEqual({
      command: 'x',
      args: ['1', '!'],
      cwd: '/elsewhere',
      env: {PATH: '/bin', A: 'run', B: 'runtime', C: 'runtime'},
    });
  });

  test('the same request again is answered alike and starts nothing, also after the end', async () => {
    const {supervisor, execute} = fakeExecutor();
    execute('a', {args: ['1'], env: {A: '1', B: '2'}});
    expect(execute('a', {args: ['1'], env: {B: '2', A: '1'}})).toEqual({id: 'a'});
    await settle();
    supervisor.of('a').finish({exitCode: 0});
    await settle();
    expect(execute('a', {args: ['1'], env: {A: '1', B: '2'}})).toEqual({id: 'a'});
    await settle();
    expect(supervisor.processes).toHaveLength(1);
  });

  test('another request with the same id is refused', () => {
    const {execute} = fakeExecutor();
    execute('a', {args: ['1']});
    expect(() => execute('a', {args: ['2']})).toThrow(failsWith(Status.ALREADY_EXISTS));
  });

  test('after Forget, an id is new', async () => {
    const {supervisor, execute, executor} = fakeExecutor();
    execute('a', {args: ['1']});
    await settle();
    supervisor.of('a').finish({exitCode: 0});
    await settle();
    executor.forget({id: 'a'});
    execute('a', {args: ['2']});
    await settle();
    expect(supervisor.processes).toHaveLength(2);
  });

  test('no more executions are kept than the limit', async () => {
    const {supervisor, execute, executor} = fakeExecutor({maxExecutions: 2});
    execute('a');
    execute('b');
    await settle();
    expect(() => execute('c')).toThrow(failsWith(Status.RESOURCE_EXHAUSTED));
    supervisor.of('a').finish({exitCode: 0});
    await settle();
    expect(() => execute('c')).toThrow(failsWith(Status.RESOURCE_EXHAUSTED));
    expect(execute('a')).toEqual({id: 'a'});
    executor.forget({id: 'a'});
    expect(execute('c')).toEqual({id: 'c'});
  });

  test.each<[string, () => never]>([
    [
      'no good',
      () => {
        throw new Error('no good');
      },
    ],
    [
      'not an error',
      () => {
        throw 'not an error'; // oxlint-disable-line no-throw-literal
      },
    ],
  ])('what the Runtime throws is why it was not started: %s', async (message, command) => {
    const {execute, status} = fakeExecutor({runtime: defineRuntime({name: 'r', command})});
    execute('a');
    await settle();
    expect(status('a')).toMatchObject({state: ExecutionState.FAILED, exitCode: -1, errorMessage: message});
  });
});

describe('Status and List', () => {
  test('show the state at one moment, which nothing changes', async () => {
    const {supervisor, execute, status, executor} = fakeExecutor();
    execute('a');
    const pending = status('a');
    await settle();
    supervisor.of('a').stdout.write('out');
    supervisor.of('a').stderr.write('err');
    await settle();
    const running = status('a');
    const [listed] = executor.list().entries;
    supervisor.of('a').finish({exitCode: 4});
    await settle();
    const base = {id: 'a', exitCode: 0, stdout: '', stderr: '', errorMessage: ''};
    expect(pending).toEqual({...base, state: ExecutionState.PENDING});
    expect(running).toEqual({...base, state: ExecutionState.RUNNING, stdout: 'out', stderr: 'err'});
    expect(listed).toEqual(running);
    const ended = status('a');
    expect(ended).toEqual({
      ...running,
      state: ExecutionState.FAILED,
      exitCode: 4,
      errorMessage: 'the program exited with code 4',
    });
    for (const snapshot of [pending, running, listed, ended]) expect(Object.isFrozen(snapshot)).toBe(true);
    expect(() => Object.assign(ended, {exitCode: 0})).toThrow(TypeError);
    expect(status('a')).toEqual(ended);
  });

  test('an unknown id is NOT_FOUND', () => {
    const {status, executor} = fakeExecutor();
    expect(() => status('a')).toThrow(failsWith(Status.NOT_FOUND));
    expect(() => executor.cancel({id: 'a'})).toThrow(failsWith(Status.NOT_FOUND));
    expect(() => executor.forget({id: 'a'})).toThrow(failsWith(Status.NOT_FOUND));
    expect(executor.list()).toEqual({entries: []});
  });

  test('output is bounded', async () => {
    const {supervisor, execute, status} = fakeExecutor({statusStreamBytes: 1_024});
    execute('a');
    await settle();
    supervisor.of('a').stdout.write(`${'x'.repeat(1_000)}${'y'.repeat(1_000)}`);
    await settle();
    expect(status('a').stdout).toBe(`${'x'.repeat(512)}\n[... 976 bytes truncated ...]\n${'y'.repeat(512)}`);
  });
});

describe('Cancel', () => {
  test('before the program is started, it never is', async () => {
    const {promise, resolve} = Promise.withResolvers<{command: string; args: string[]}>();
    const {supervisor, execute, executor, status} = fakeExecutor({
      runtime: defineRuntime({name: 'slow', command: () => promise}),
    });
    execute('a');
    executor.cancel({id: 'a'});
    expect(status('a')).toMatchObject({state: ExecutionState.FAILED, exitCode: -1, errorMessage: 'cancelled'});
    resolve({command: 'x', args: []});
    await settle();
    expect(supervisor.processes).toEqual([]);
  });

  test('while the program is being started, ends it at once', async () => {
    const {supervisor, execute, executor} = fakeExecutor();
    supervisor.beforeLaunch = async () => executor.cancel({id: 'a'});
    execute('a');
    await settle();
    expect(supervisor.of('a').ends).toEqual([10_000]);
  });

  test('the execution ends when every process is gone, whatever the program says', async () => {
    const {supervisor, execute, executor, status} = fakeExecutor();
    execute('a');
    await settle();
    executor.cancel({id: 'a'});
    executor.cancel({id: 'a'});
    supervisor.of('a').exit({exitCode: 0});
    await settle();
    expect(status('a').state).toBe(ExecutionState.RUNNING);
    expect(() => executor.forget({id: 'a'})).toThrow(failsWith(Status.FAILED_PRECONDITION));
    supervisor.of('a').vanish();
    await settle();
    expect(status('a')).toMatchObject({state: ExecutionState.FAILED, exitCode: -1, errorMessage: 'cancelled'});
    executor.cancel({id: 'a'});
    expect(status('a').errorMessage).toBe('cancelled');
  });
});

describe('time', () => {
  test('the timeout of a request ends it', async () => {
    const {clock, supervisor, execute, status} = fakeExecutor();
    execute('a', {timeoutSeconds: 30n});
    await clock.advance(29_999);
    expect(supervisor.of('a').ends).toEqual([]);
    await clock.advance(1);
    expect(supervisor.of('a').ends).toEqual([10_000]);
    supervisor.of('a').finish({signal: 'SIGTERM'});
    await settle();
    expect(status('a')).toMatchObject({state: ExecutionState.FAILED, exitCode: -1, errorMessage: 'timeout'});
  });

  test('executions end when no daemon was heard', async () => {
    const {clock, supervisor, execute, executor, status} = fakeExecutor();
    execute('a');
    await clock.advance(200_000);
    executor.heard();
    await clock.advance(239_000);
    expect(supervisor.of('a').ends).toEqual([]);
    await clock.advance(2_000);
    expect(supervisor.of('a').ends).toEqual([10_000]);
    supervisor.of('a').finish({signal: 'SIGTERM'});
    await settle();
    expect(status('a')).toMatchObject({errorMessage: 'no daemon was heard for 240 s'});
    expect(clock.pendingTimers).toBe(0);
  });

  test('a daemon that is heard right after a pause of the whole process is in time', async () => {
    const {clock, supervisor, execute, executor} = fakeExecutor();
    execute('a');
    await clock.advance(240_000);
    executor.heard();
    await clock.advance(200_000);
    expect(supervisor.of('a').ends).toEqual([]);
  });

  test('0 turns that off, and an idle server waits for nothing', async () => {
    const {clock, supervisor, execute} = fakeExecutor({daemonTimeoutMs: 0});
    execute('a');
    await clock.advance(10_000_000);
    expect(supervisor.of('a').ends).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('stop', () => {
  test('ends what runs, and takes nothing new', async () => {
    const {supervisor, execute, executor, status} = fakeExecutor();
    execute('a');
    await settle();
    supervisor.of('a').onEnd = () => supervisor.of('a').finish({signal: 'SIGTERM'});
    expect(executor.health()).toEqual({healthy: true, message: ''});
    await executor.stop(1_000);
    expect(supervisor.of('a').ends).toEqual([1_000]);
    expect(status('a')).toMatchObject({state: ExecutionState.FAILED, errorMessage: 'the Runtime server was stopped'});
    expect(executor.health()).toMatchObject({healthy: false});
    expect(() => execute('b')).toThrow(failsWith(Status.UNAVAILABLE));
  });
});
