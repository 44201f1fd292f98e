import {afterEach, describe, expect, test} from '@jest/globals';
import {type Clock, silentLogger, systemClock} from '@kruntimes/reconciler-kit';
import {ManualClock} from '@kruntimes/reconciler-kit/testing';
import {EndReason, ExecutionState} from '@kruntimes/runtime-protocol';
import {Status} from 'nice-grpc';
import {Execution} from './execution.ts';
import {ExecutionControl} from './execution-control.ts';
import {FakeRuntimeServer} from './fake-runtime-server.fixture.ts';
import {MemoryLineWriter} from './memory-line-writer.fixture.ts';
import {RuntimeConnection} from './runtime-connection.ts';

const open: (() => Promise<void>)[] = [];
const never = new AbortController().signal;

afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

async function setUp({sessions = true, clock = systemClock}: {sessions?: boolean; clock?: Clock} = {}) {
  const server = await FakeRuntimeServer.start({sessions});
  open.push(() => server[Symbol.asyncDispose]());
  const stop = new AbortController();
  const parts = {clock, random: () => 0, lostAfterMs: 300_000};
  const connection = new RuntimeConnection({
    ...parts,
    endpoints: [server.endpoint],
    logger: silentLogger,
    metrics: {runtimeConnected: {set: () => {}}, runtimeConnections: {inc: () => {}}},
  });
  const running = connection.run(stop.signal);
  open.push(async () => {
    stop.abort();
    await running;
  });
  const header = {run: {namespace: 'default', name: 'hello', uid: 'uid'}, attempt: 1};
  const execution = new Execution('uid', header, new MemoryLineWriter(), (...ack) => connection.acknowledge(...ack));
  connection.follow(execution);
  await connection.connected(never);
  const control = new ExecutionControl({...parts, connection});
  let sent = 0;
  const start = (signal = never) => control.start(execution, request, () => void sent++, signal);
  const calls = (kind: string) => server.calls.filter((call) => call === `${kind} uid`).length;
  return {server, connection, execution, control, start, calls, sent: () => sent};
}

const request = {id: 'uid', args: [], env: {}, timeoutSeconds: 0n, workingDir: '/', entrypoint: '', handler: ''};

describe('start', () => {
  test('sends Execute once', async () => {
    const {execution, start, calls, sent} = await setUp();
    expect(await start()).toBeUndefined();
    expect([execution.accepted, sent(), calls('execute'), calls('status')]).toEqual([true, 1, 1, 0]);
  });

  test.each([
    ['UNAVAILABLE', Status.UNAVAILABLE],
    ['DEADLINE_EXCEEDED', Status.DEADLINE_EXCEEDED],
  ])('tries again after %s when the server has started nothing', async (_, code) => {
    const {server, execution, start, calls} = await setUp();
    server.fail('execute', code, {times: 2});
    expect(await start()).toBeUndefined();
    expect([execution.accepted, calls('execute'), calls('status')]).toEqual([true, 3, 2]);
  });

  test.each([
    ['UNAVAILABLE', Status.UNAVAILABLE],
    ['DEADLINE_EXCEEDED', Status.DEADLINE_EXCEEDED],
    ['INTERNAL', Status.INTERNAL],
  ])('does not execute again after %s when the answer only was lost', async (_, code) => {
    const {server, execution, start, calls} = await setUp();
    server.fail('execute', code, {afterwards: true});
    expect(await start()).toBeUndefined();
    expect([execution.accepted, calls('execute'), calls('status')]).toEqual([true, 1, 1]);
  });

  test('goes on asking while Status has no answer either', async () => {
    const {server, start, calls} = await setUp();
    server.fail('execute', Status.UNAVAILABLE, {afterwards: true});
    server.fail('status', Status.UNAVAILABLE, {times: 3});
    expect(await start()).toBeUndefined();
    expect([calls('execute'), calls('status')]).toEqual([1, 4]);
  });

  test('does not execute again at another server', async () => {
    const {server, start, calls} = await setUp();
    server.fail('execute', Status.UNAVAILABLE, {afterwards: true});
    server.fail('status', Status.UNAVAILABLE);
    const started = start();
    await server.until(() => calls('status') === 1);
    await server.crash();
    expect(await started).toMatchObject({kind: 'lost', reason: 'ExecutionLost'});
    expect(calls('execute')).toBe(1);
  });

  test.each([
    ['ALREADY_EXISTS', Status.ALREADY_EXISTS],
    ['FAILED_PRECONDITION', Status.FAILED_PRECONDITION],
  ])('lets Status decide after %s', async (_, code) => {
    const {server, execution, start, calls} = await setUp();
    server.fail('execute', code, {afterwards: true});
    expect(await start()).toBeUndefined();
    expect([execution.accepted, calls('execute')]).toEqual([true, 1]);
  });

  test.each([
    ['ALREADY_EXISTS', Status.ALREADY_EXISTS, 'StartFailed'],
    ['FAILED_PRECONDITION', Status.FAILED_PRECONDITION, 'StartFailed'],
    ['INTERNAL', Status.INTERNAL, 'RuntimeError'],
    ['UNIMPLEMENTED', Status.UNIMPLEMENTED, 'RuntimeError'],
  ])('fails after %s when the server has started nothing', async (name, code, reason) => {
    const {server, start} = await setUp();
    server.fail('execute', code);
    expect(await start()).toEqual({
      kind: 'failed',
      reason,
      message: `the Runtime server answered execute with ${name}: as the test wants it`,
    });
  });

  test('fails after INVALID_ARGUMENT', async () => {
    const {server, start, calls} = await setUp();
    server.fail('execute', Status.INVALID_ARGUMENT);
    expect(await start()).toMatchObject({kind: 'failed', reason: 'StartFailed'});
    expect([calls('execute'), calls('status')]).toEqual([1, 0]);
  });

  test('tries again after RESOURCE_EXHAUSTED', async () => {
    const {server, start, calls} = await setUp();
    server.fail('execute', Status.RESOURCE_EXHAUSTED, {times: 3});
    expect(await start()).toBeUndefined();
    expect([calls('execute'), calls('status')]).toEqual([4, 0]);
  });

  test('fails when the server has no room for a minute', async () => {
    const clock = new ManualClock();
    const {server, start} = await setUp({clock});
    server.fail('execute', Status.RESOURCE_EXHAUSTED, {times: 1_000});
    const started = start();
    const stop = keepAdvancing(clock, 1_000);
    expect(await started).toMatchObject({kind: 'failed', reason: 'StartFailed'});
    stop();
    expect(clock.monotonic()).toBeGreaterThanOrEqual(60_000);
  });

  test('gives the Run back when no server is there for a minute', async () => {
    const clock = new ManualClock();
    const {server, start, connection, sent} = await setUp({clock});
    const gone = new Promise<void>((resolve) => connection.onChange(resolve));
    await server.stop();
    await gone;
    const started = start();
    const stop = keepAdvancing(clock, 1_000);
    expect(await started).toMatchObject({
      kind: 'lost',
      message: 'the Runtime server did not answer for 60 s; the program was not started',
    });
    stop();
    expect(sent()).toBe(0);
  });

  test('ends with the signal', async () => {
    const {server, start} = await setUp();
    server.fail('execute', Status.RESOURCE_EXHAUSTED, {times: 1_000});
    const abort = new AbortController();
    const started = start(abort.signal);
    abort.abort();
    expect(await started).toBeUndefined();
  });
});

describe('attach', () => {
  test('finds what the server has', async () => {
    const {server, control, execution, start} = await setUp();
    await start();
    execution.accepted = false;
    server.fail('status', Status.DEADLINE_EXCEEDED);
    expect(await control.attach(execution, never)).toBe(true);
    expect(execution.accepted).toBe(true);
  });

  test('knows what the server does not have', async () => {
    const {control, execution} = await setUp();
    expect(await control.attach(execution, never)).toBe(false);
  });
});

describe('stop', () => {
  test('cancels and waits for the end', async () => {
    const {server, control, execution, start} = await setUp();
    await start();
    server.fail('cancel', Status.UNAVAILABLE);
    expect(await control.stop(execution, 30_000)).toMatchObject({kind: 'cancelled'});
  });

  test('tells the result of a program that was faster', async () => {
    const {server, control, execution, start} = await setUp();
    await start();
    server.cancelEnds = false;
    const stopped = control.stop(execution, 30_000);
    server.end('uid', {exitCode: 7});
    expect(await stopped).toMatchObject({kind: 'exited', exitCode: 7});
  });

  test('does not wait for ever', async () => {
    const clock = new ManualClock();
    const {server, control, execution, start} = await setUp({clock});
    await start();
    server.cancelEnds = false;
    const stopped = control.stop(execution, 30_000);
    const stop = keepAdvancing(clock, 1_000);
    expect(await stopped).toBeUndefined();
    stop();
  });

  test('has nothing to wait for when the server does not know it', async () => {
    const {control, execution} = await setUp();
    expect(await control.stop(execution, 30_000)).toMatchObject({kind: 'lost'});
  });
});

describe('forget', () => {
  test('takes an unknown execution for forgotten', async () => {
    const {control, calls} = await setUp();
    expect(await control.forget('uid', never)).toBe(true);
    expect(calls('forget')).toBe(1);
  });

  test('ends first what still runs', async () => {
    const {server, control, start, calls} = await setUp();
    await start();
    server.fail('forget', Status.UNAVAILABLE);
    expect(await control.forget('uid', never)).toBe(true);
    expect(server.executions.size).toBe(0);
    expect([calls('cancel'), calls('forget')]).toEqual([1, 3]);
  });

  test('goes on until the signal ends it', async () => {
    const {server, control, start} = await setUp();
    await start();
    server.cancelEnds = false;
    const abort = new AbortController();
    const forgotten = control.forget('uid', abort.signal);
    await server.until(() => server.calls.filter((call) => call === 'forget uid').length === 3);
    abort.abort();
    expect(await forgotten).toBe(false);
    server.end('uid', {endReason: EndReason.CANCELLED, state: ExecutionState.FAILED});
  });
});

/** Moves time on while real sockets do their part. */
function keepAdvancing(clock: ManualClock, ms: number): () => void {
  const stop = new AbortController();
  const step = async (): Promise<void> => {
    while (!stop.signal.aborted) await clock.advance(ms);
  };
  void step();
  return () => stop.abort();
}
